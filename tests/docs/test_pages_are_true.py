"""What the pages say is there: links, anchors, commands, names, reasons, metrics; and every manifest in them is valid."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml
from tests.cluster import definitions
from tests.docs.pages import ROOT, all_pages, first_cells, page, table
from typer.main import get_command

from keyward import domain
from keyward.api import names
from keyward.cli.later import Later
from keyward.cli.main import app
from keyward.controller import passes, source
from keyward.controller.metrics import Metrics
from keyward.controller.settings import Settings
from keyward.engines.guard import Guard
from keyward.engines.postgresql import engine as postgresql
from keyward.errors import Reason

PAGES = all_pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


# --- links ---


@each_page
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page):
    by_path = {known.path: known for known in PAGES}
    for goal in page.links:
        if re.match(r"[a-z]+:", goal):
            continue
        where, _, anchor = goal.partition("#")
        path = (page.path.parent / where).resolve() if where else page.path
        assert path.exists(), f"{page.name}: {goal}"
        if anchor:
            assert anchor in by_path[path].anchors, f"{page.name}: {goal}"


@each_page
def test_every_path_that_is_named_exists(page):
    for said in page.code:
        if re.fullmatch(r"(operator|tests|docs|examples|crds|demo|benchmarks)(/[\w.*<>-]*)+", said):
            assert list(ROOT.glob(said.rstrip("/"))), f"{page.name}: {said}"


@each_page
def test_no_page_speaks_of_anything_outside_of_the_project(page):
    assert not re.search(r"(?<![\w-])shared/", page.text)
    assert not re.search(r"/(work|tmp|root)/", page.text)


# --- commands ---


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@each_page
def test_every_make_target_that_is_named_exists(page):
    said = [*page.code, *page.commands]
    for target in {t for text in said for t in re.findall(r"(?:^|[^\w-])make ([a-z][a-z-]*)", text)}:
        assert target in _targets(), f"{page.name}: make {target}"


@each_page
def test_every_command_and_option_of_keyward_that_is_named_exists(page):
    for text in [*page.code, *page.commands]:
        found = re.match(r"(?:\$ )?keyward ([a-z].*)", text)
        if found:
            _check_command(page.name, shlex.split(found[1], comments=True))


def _check_command(where: str, words: list[str]) -> None:
    command = get_command(app)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{where}: keyward … {words[0]}"
        command = command.commands[words.pop(0)]
        command = command.loaded() if isinstance(command, Later) else command
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        option = word.partition("=")[0]
        assert not option.startswith("-") or option in known | {"-h", "--help"}, f"{where}: {option}"


# --- names ---


@each_page
def test_every_label_and_annotation_that_is_named_is_one_of_ours(page):
    ours = {value for value in vars(names).values() if isinstance(value, str)}
    ours |= {f"{names.GROUP}/{names.VERSION}"}
    formats = {"keyward.dev/keyring", "keyward.dev/credential-version", "keyward.dev/CredentialVersion"}
    for name in set(re.findall(r"keyward\.dev/[A-Za-z-]+(?![A-Za-z0-9/-])", page.text)):
        assert name in ours | formats, f"{page.name}: {name}"


def test_every_guard_that_the_protocol_names_exists():
    modules = {path.stem for path in Path(domain.__path__[0]).glob("[a-z]*.py")}
    named = 0
    for said in page("docs/protocol.md").code:
        module, dot, rest = said.partition(".")
        if dot and module in modules and re.fullmatch(r"[A-Za-z_.]+", rest):
            found = importlib.import_module(f"keyward.domain.{module}")
            for part in rest.split("."):
                found = getattr(found, part)
            named += 1
    assert named > 40


@each_page
def test_every_test_that_is_named_exists(page):
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    for said in page.code:
        if re.fullmatch(r"test_\w+", said):
            assert said in there, f"{page.name}: {said}"


def test_every_reason_has_its_line_and_every_line_its_reason():
    listed = first_cells(page("docs/operations.md"), "Troubleshooting by reason")
    assert len(listed) == len(set(listed))
    assert set(listed) == {str(reason) for reason in Reason}


def test_every_metric_has_its_line_and_every_line_its_metric():
    listed = first_cells(page("docs/operations.md"), "Metrics")
    families = {
        family.name: family.type for family in Metrics().registry.collect() if family.name.startswith("keyward_")
    }
    there = {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}
    assert set(listed) == there
    for known in PAGES:
        for name in re.findall(r"keyward_[a-z_]+", known.text):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in there, f"{known.name}: {name}"


def test_the_limits_are_those_that_the_operator_has():
    limits, periods = Settings().limits, Settings().periods
    login, statement = postgresql._VERIFY_SECONDS, passes.ADMIN_TIMEOUT
    call = Guard.__dataclass_fields__["deadline"].default
    assert table(page("docs/architecture.md"), "Limits") == {
        "Credentials worked on at once": f"{limits.workers}",
        "rotations at once, in all / on one Target": f"{limits.rotations} / {limits.rotations_per_target}",
        "requests to the API server at once": f"{limits.connections}; streams and {source._CONNECTIONS} connections "
        "of kopf's come on top",
        "one call of the API server": f"{periods.call:.0f} s",
        "one login; one statement of the admin; one call of an engine": f"{login:.0f} s; {statement:.0f} s; {call:.0f} s",
        "due Credentials let into the queue": f"{limits.releases_per_second:.0f} per second",
    }


# --- manifests ---


@pytest.fixture(scope="module")
def kubectl(control_plane):
    definitions.install(control_plane)
    return control_plane.kubectl


@each_page
def test_every_manifest_in_a_page_is_one_that_the_api_server_takes(page, kubectl):
    for body in page.fences("yaml"):
        for item in filter(None, yaml.safe_load_all(body)):
            if "namespace" in item["metadata"]:
                item["metadata"]["namespace"] = "default"
            kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=yaml.safe_dump(item))


def test_every_section_that_the_code_names_is_in_the_protocol():
    sections = set(re.findall(r"^## (\d+)\. ", page("docs/protocol.md").text, re.MULTILINE))
    named = 0
    for file in [*(ROOT / "operator").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "demo").rglob("*.py")]:
        for document, numbers in re.findall(r"\b(\w+) (§[\d.]+(?:, §[\d.]+)*)", file.read_text()):
            known = document == "protocol" and set(re.findall(r"\d+", numbers)) <= sections
            assert known or document.isdigit(), f"{file.relative_to(ROOT)}: {document} {numbers}"
            named += 1
    assert named > 20
