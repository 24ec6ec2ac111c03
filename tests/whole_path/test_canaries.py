"""The promise: no value and no key is anywhere but in the Secrets that are to hold it.

Given values, made ones and the keys that they are sealed under are searched for wherever something could be left, in
every spelling that it could have got on the way. An operator that leaks on purpose shows that the search finds them in each
of these places.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.cluster import plain
from tests.cluster.postgres import PostgresServer
from tests.whole_path import canary_walk, sinks
from tests.whole_path.accounts import rotated
from tests.whole_path.canaries import GIVEN, SINKS, Canaries, Places
from tests.whole_path.detector import Detector
from tests.whole_path.running import limited, running
from tests.whole_path.world import Shop

Findings = dict[str, list[str]]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Findings]:
    """What was found after a walk through everything that handles values, and what after a leak into each place."""
    folder = tmp_path_factory.mktemp("canaries")
    with plain.serving(need_pods=False) as cluster, PostgresServer() as postgres:
        shop = Shop(cluster, postgres, "canaries")
        shop.prepare()
        shop.kubeconfig, shop.log = limited(cluster), folder / "operator.log"
        canaries = Canaries(shop)
        canary_walk.prepare(shop, canaries)
        postgres.sql("ALTER SYSTEM SET log_statement = 'all'")
        postgres.sql("SELECT pg_reload_conf()")
        with watched(canaries, folder / "json", "--verbose") as places:
            canary_walk.walk(shop, canaries)
            as_json, searched = places.search(), places.searched
        with watched(canaries, folder / "text", "--verbose", "--log-format", "text") as places:
            rotated(shop, "pair", "text")
            canaries.remember()
            as_text = places.search()
        searched += places.searched
        sys.stderr.write(f"{len(canaries.values)} values and keys were searched for in {searched / 1e6:.1f} MB\n")
        with watched(canaries, folder / "leaky", program="tests.whole_path.leaky") as places:
            canary_walk.leak(shop, canaries)
            leaky = places.search()
        shop.api.close()
    return {"json": as_json, "text": as_text, "leaky": leaky}


@contextlib.contextmanager
def watched(canaries: Canaries, folder: Path, *options: str, program: str = "keyward") -> Iterator[Places]:
    """The operator with a folder of its own for temporary files, and somebody who looks at its processes."""
    folder.mkdir()
    shop, own = canaries.shop, {"TMPDIR": str(folder), "HOME": str(folder)}
    with (
        running(shop.kubeconfig, shop.log, *options, program=program, environment=own) as operator,
        sinks.Processes(operator.pid).watched() as processes,
    ):
        operator.await_ready()
        yield Places(canaries, operator, processes, folder)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("run", ["json", "text"])
def test_no_value_and_no_key_is_found(found, run, sink):
    assert found[run][sink] == []


@pytest.mark.parametrize("sink", SINKS)
def test_a_leak_is_found(found, sink):
    assert any("of leaky-" in leak for leak in found["leaky"][sink]), found["leaky"]


def test_a_leak_is_found_in_each_object_page_log_and_process_that_had_one(found):
    leaks = "\n".join(leak for sink in SINKS for leak in found["leaky"][sink])
    for place in (
        "in Event/",
        "in Credential/",
        "in metrics",
        "in healthz",
        "operator.log",
        "in cmdline of",
        "left-behind",
    ):
        assert place in leaks, place


SPELT = {
    "plainly": lambda v: v.encode(),
    "in base64": lambda v: base64.b64encode(v.encode()),
    "in base64 within something": lambda v: base64.b64encode(b"x" + v.encode()),
    "in base64 within something longer": lambda v: base64.b64encode(b"xy" + v.encode() + b"z"),
    "in URL-safe base64": lambda v: base64.urlsafe_b64encode(v.encode()),
    "in hexadecimal": lambda v: v.encode().hex().encode(),
    "in capital hexadecimal": lambda v: v.encode().hex().upper().encode(),
    "in a URL": lambda v: quote(v, safe="").encode(),
    "in JSON": lambda v: json.dumps({"a": v}).encode(),
    "in JSON that is not ASCII": lambda v: json.dumps({"a": v}, ensure_ascii=False).encode(),
    "in JSON within JSON": lambda v: json.dumps({"a": json.dumps({"b": v})}).encode(),
    "in Python": lambda v: repr({"a": v}).encode(),
    "in SQL": lambda v: v.replace("'", "''").encode(),
    "cut off": lambda v: v[:18].encode(),
}


@pytest.mark.parametrize("spelling", SPELT)
def test_the_search_knows_every_spelling(spelling):
    value = GIVEN["source value"]
    detector = Detector({"it": value, "another": GIVEN["source text"]})
    assert detector.found_in(b"before " + SPELT[spelling](value) + b" after") == {"it"}
    assert detector.found_in(SPELT[spelling]("something else altogether")) == set()
