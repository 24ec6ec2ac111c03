"""A password policy that refuses every candidate: PostgreSQL's own passwordcheck, and an operator that draws weak ones.

A random candidate reaches the server as a verifier, of which passwordcheck can tell only whether it is the account's name: so
the operator of this test draws just that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.inputs.bait import repeated_in
from tests.inputs.desk import Desk
from tests.inputs.rigging import Rigging, rigged
from tests.whole_path.accounts import created, rds, refused
from tests.whole_path.world import until

from keyward.errors import Reason

LOAD = "ALTER ROLE rotator SET session_preload_libraries = 'passwordcheck'"
UNLOAD = "ALTER ROLE rotator RESET session_preload_libraries"


@pytest.fixture(scope="module")
def desk(control_plane, server) -> Iterator[Desk]:
    desk = Desk(control_plane, server, "inputs-policy")
    desk.prepare()
    yield desk
    server.sql(UNLOAD)
    desk.close()


@pytest.fixture
def rigging(desk, tmp_path: Path) -> Iterator[Rigging]:
    with rigged(desk, tmp_path) as found:
        yield found


def test_a_candidate_that_is_refused_is_told_tried_again_at_leisure_and_costs_nobody_anything(desk, rigging):
    desk.apply(rds(desk, "strict", created("orders_strict")))
    until("Ready", lambda: desk.ready("strict"))
    before, writes = desk.secret("strict"), desk.writes()
    desk.postgres.sql(LOAD)
    rigging.draw_weak_ones()
    desk.annotate("strict", "rotate", "now")
    said = until(
        "the refusal", lambda: (c := desk.conditions("strict"))["Rotated"]["reason"] == "PasswordRefused" and c
    )
    assert "spec.rds.endpoints of Target pg" in said["Rotated"]["message"]
    assert "policy refused the candidate" in said["Rotated"]["message"]
    assert "let SCRAM verifiers pass" in said["Rotated"]["message"]
    assert said["Ready"]["status"] == "True"

    until("two candidates", lambda: rigging.refusals() >= 2, 40)
    writes.read()
    mine = [write for write in writes.writes if write.name.startswith(f"{desk.namespace}/")]
    assert 0 < len(mine) <= 30
    events = [e for e in desk.events("strict") if e["reason"] == Reason.PASSWORD_REFUSED]
    assert [(e["type"], e["message"]) for e in events] == [("Warning", said["Rotated"]["message"])]
    assert len(desk.versions("strict")) <= 3
    assert desk.secret("strict") == before
    assert not refused(desk, before)

    rigging.draw_strong_ones()
    desk.annotate("strict", "rotate", "again")
    until("a rotation", lambda: desk.secret("strict") != before, 10)
    assert not refused(desk, desk.secret("strict"))
    assert not repeated_in(
        desk.everything_said(rigging.operator), before["password"], desk.secret("strict")["password"]
    )
