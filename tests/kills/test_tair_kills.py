"""SIGKILL before and after every effect on a Tair instance, at every call of the cloud's API, and a new start.

The cloud is a stand-in that sets accounts on a real Redis. It has no lock and no transaction: what was sent stands in our
records, and the stored value is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cloud.standin import StandIn
from tests.kills.at_work import leaves_it_at_work
from tests.kills.chronicle import Chronicle, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, DELETION, ROTATION
from tests.kills.stage import led_on
from tests.kills.tair import TALES, TairStage

_CREATE, _RESET = "call create_account:after", "call reset_account_password:after"
_DESCRIBE, _DELETE = "call modify_account_description:after", "call delete_account:after"
# A call whose end is that of the whole step goes by the name of the step.
CALLS = {
    ("Retain", CREATION): {_CREATE, f"{_CREATE} #2", "apply:after"},
    ("Retain", ROTATION): {_DESCRIBE, "apply:after"},
    ("Disable", DELETION): {_RESET, _DESCRIBE, f"{_RESET} #2", "disable:after"},
    ("Drop", DELETION): {_DELETE, "drop:after"},
}


@pytest.fixture(scope="module")
def stage(control_plane, redis_server, tmp_path_factory) -> Iterator[TairStage]:
    with (
        StandIn(tmp_path_factory.mktemp("tair-kills")) as cloud,
        led_on(control_plane, lambda api: TairStage(api, redis_server, cloud)) as stage,
    ):
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "Tair")


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_undisturbed_each_life_goes_as_promised(chronicle, tale):
    """What all kills are compared with."""
    for event in tale.events:
        found = chronicle.of(tale, event).end
        accounts = list(found["roles"].values())
        if event is DELETION:
            assert found["credential"] is None
            assert len(accounts) == (0 if tale.kin.deletion == "Drop" else 2)
            assert not any(role["login"] for role in accounts)
            continue
        assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert [role["login"] for role in accounts] == [True, True]
        assert all(role["mark"]["live"] for role in accounts)


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_each_call_that_changes_something_is_a_point(chronicle, tale):
    for event in tale.swept:
        found = {str(point) for point in chronicle.of(tale, event).points}
        assert CALLS.get((tale.kin.deletion, event), set()) <= found


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle, tale):
    """One tale after the other: the stand-in has one thread, and each call is a handshake."""
    killed_at_each_point(stage, operator, chronicle, [tale])


def test_killed_while_the_cloud_is_at_work_nothing_is_sent_on_top_of_it(stage, operator, chronicle):
    """Right after each call, which is not done yet; the next operator is killed as well while it waits."""
    less = chronicle.only(leaves_it_at_work)
    with stage.taking_its_time():
        killed_at_each_point(stage, operator, less, less.tales)
