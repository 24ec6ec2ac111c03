"""Each file of examples/ is applied by somebody, says what it needs, and together they show all that works."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.examples import manifests
from tests.examples.manifests import CLOUD_REDIS_SET, CREDENTIALS, REDIS_SET, SET, Item

MODES, ORIGINS = ("Dual", "Single"), ("create", "import")
FAMILY = ("MySQL", "MariaDB")
RDS = ("PostgreSQL", *FAMILY)
POLARDB = ("PostgreSQL", "MySQL")
DIRECT, CLOUD = "", "AlibabaCloud"
WORKS = {
    *itertools.product(["generic"], ("KeyValue", "PlainText"), ("source", "generate")),
    *itertools.product(["rds"], [DIRECT], RDS, MODES, ORIGINS),
    *itertools.product(["rds"], [DIRECT], ["MySQL"], ["Overlap"], ORIGINS),
    *itertools.product(["rds"], [CLOUD], FAMILY, MODES, ORIGINS),
    *itertools.product(["rds"], [CLOUD], ["PostgreSQL"], ["Single"], ORIGINS),
    *itertools.product(["rds"], (DIRECT, CLOUD), RDS, ["Single"], ["privileged"]),
    *itertools.product(["polardb"], (DIRECT, CLOUD), POLARDB, ["Dual"], ["create"]),
    ("redis", DIRECT, "Redis", "Dual", "create"),
    ("redis", DIRECT, "Redis", "Overlap", "create"),
    ("redis", CLOUD, "Redis", "Dual", "create"),
    *itertools.product(["ecs"], (DIRECT, CLOUD), ["Linux"], ("SSHKey", "Password")),
    ("ecs", CLOUD, "Windows", "Password"),
    ("ram", CLOUD),
    # Each engine, and each of the ways: a pair, a login that changes itself, and one that holds two values for a while.
    ("admin", "rds", "PostgreSQL", "Dual"),
    ("admin", "rds", "PostgreSQL", "Single"),
    ("admin", "rds", "MySQL", "Dual"),
    ("admin", "rds", "MariaDB", "Single"),
    ("admin", "redis", "Redis", "Overlap"),
    ("admin", "ecs", "Linux", "SSHKey"),
}
"""Every type and mode that README.md says works."""


def test_no_example_is_left_out():
    assert {*CREDENTIALS, *manifests.PREREQUISITES, SET, REDIS_SET, CLOUD_REDIS_SET} == set(manifests.FILES)


def test_each_example_says_what_it_is_and_what_it_needs():
    for file in manifests.FILES:
        head = file.read_text(encoding="utf-8")
        assert head.startswith("# "), file.name
        needed = [other for other in manifests.PREREQUISITES if other.name in head and other != file]
        if file in CREDENTIALS:
            assert manifests.FOLDER / "encryption-key.yaml" in needed, file.name


def test_every_type_and_mode_that_works_has_an_example_and_nothing_else_has_one():
    assert {_shown(item) for file in CREDENTIALS for item in _credentials(file)} == WORKS


def test_the_list_of_examples_names_each_file_once():
    listed = (manifests.FOLDER / "README.md").read_text(encoding="utf-8")
    for file in manifests.FILES:
        assert listed.count(f"]({file.name})") == 1, file.name


def _credentials(file: Path) -> list[Item]:
    return manifests.of_kind("Credential", manifests.read(file))


def _shown(credential: Item) -> tuple[str, ...]:
    spec = credential["spec"]
    kind = next(block for block in ("generic", "rds", "polardb", "redis", "ecs", "ram") if block in spec)
    block = spec[kind]
    if kind == "generic":
        return kind, block.get("type", "KeyValue"), "source" if "source" in block else "generate"
    if kind == "ram":
        return kind, CLOUD
    mode = block["secretType"] if kind == "ecs" else block.get("accountManagement", "Dual")
    engine = manifests.engine_of(credential)
    if _keeps_an_admin_login(credential):
        return "admin", kind, engine, mode
    about = (kind, block.get("provider", DIRECT), engine, mode)
    if kind == "ecs":
        return about
    if block.get("create", {}).get("privileged"):
        return *about, "privileged"
    return *about, "import" if "import" in block else "create"


def _keeps_an_admin_login(credential: Item) -> bool:
    """Whether its own Target names the Secret that it projects."""
    admins = {
        (target["metadata"]["name"], target["spec"]["admin"]["secretRef"]["name"])
        for file in manifests.PREREQUISITES
        for target in manifests.of_kind("Target", manifests.read(file))
    }
    block = manifests.accounts_of(credential["spec"])
    assert block is not None
    projected = {projection["secretName"] for projection in credential["spec"]["projections"]}
    return any((block["targetRef"]["name"], name) in admins for name in projected)
