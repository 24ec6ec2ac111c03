"""SIGKILL before and after every effect on a Tair instance, at every call of the cloud's API, and a new start.

The cloud is a stand-in that sets accounts on a real Redis. It has no lock and no transaction: what was sent stands in our
records, and the stored value is sent again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Self

import pytest
from tests.cloud.signatures import Call
from tests.cloud.standin import StandIn
from tests.kills.chronicle import Chronicle, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, DELETION, ROTATION
from tests.kills.process import Operator, until_nothing_is_left
from tests.kills.stage import led_on
from tests.kills.tair import TALES, TairStage

CALLS = ("CreateAccount", "ModifyAccountDescription", "ResetAccountPassword")


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
def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle, tale):
    """One tale after the other: the stand-in has one thread, and each call is a handshake."""
    killed_at_each_point(stage, operator, chronicle, [tale])


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_at_each_call_of_the_cloud_the_stored_value_is_sent_again(stage, operator, chronicle, done):
    """`done`: the cloud has done what it was asked for, and nobody is there to be told."""
    tale = TALES[0]
    lives = {action: stage.life(tale.kin) for action in CALLS}
    try:
        for action, life in lives.items():
            end = chronicle.of(tale, ROTATION).end
            killing = _Killing(stage, operator, action, done=done)
            with killing:
                CREATION.act(stage, life)
                killing.until(lambda life=life: bool(stage.secret(life)))
                ROTATION.act(stage, life)
                killing.until(lambda life=life, end=end: stage.looks([life])[life.name] == end)
            assert killing.killed, action
            stage.proves(life)
    finally:
        operator.end()
        stage.clear(lives.values())
        operator.start()
    sys.stderr.write(f"kills of Tair: {len(CALLS)} calls, {'after' if done else 'before'} they were done\n")


class _Killing:
    """The operator dies the first time that the cloud is called so."""

    def __init__(self, stage: TairStage, operator: Operator, action: str, *, done: bool) -> None:
        self._stage, self._operator, self._action, self._done = stage, operator, action, done
        self.killed = False

    def __enter__(self) -> Self:
        self._stage.cloud.before = self._before
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.cloud.before = lambda _call: None

    def _before(self, call: Call) -> None:
        if call.action != self._action or self.killed:
            return
        self.killed = True
        if self._done:
            self._stage.fleet.answer(call)
        self._operator.kill()
        raise ConnectionResetError  # nobody is there to be answered

    def until(self, holds: Callable[[], bool]) -> None:
        def left() -> str:
            if self.killed and not self._operator.alive:
                self._operator.start()
            return "" if holds() else "not as recorded"

        until_nothing_is_left(f"a kill at {self._action}", left)
