"""Every connection to PostgreSQL is cut after some bytes, other ones each time, while rotations go on."""

from __future__ import annotations

import random
import sys
from contextlib import ExitStack

import pytest
from tests.cluster.proxy import FaultProxy
from tests.kills.lives import Kin, apply, rotate
from tests.kills.process import until_nothing_is_left

from keyward.kube.kinds import CREDENTIALS

ROUNDS, DUAL, SINGLE = 4, 8, 2
# The admin session of a rotation says about 16 kB and hears 6, a login says 6 and hears 2 (measured).
MOST_UP, MOST_DOWN = 16_000, 6_400


@pytest.fixture
def lives(stage, operator, server):
    """Each has a proxy to itself, by its name."""
    with ExitStack() as stack:
        found = {}
        for kin in [Kin("dual create")] * DUAL + [Kin("single create")] * SINGLE:
            proxy = stack.enter_context(FaultProxy(("127.0.0.1", server.port)))
            life = stage.life(kin, through=proxy.port)
            found[life.name] = (life, proxy)
            apply(stage, life)
        until_nothing_is_left("a first creation", lambda: _behind(stage, found, 1))
        yield found
        operator.end()
        stage.clear(life for life, _ in found.values())
        operator.start()


def test_connections_that_are_cut_anywhere_never_lead_to_an_unproven_value(stage, operator, server, lives):
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    dice = random.Random(seed)
    consumers = stage.consumers()
    hit = 0
    with consumers.at_work(life for life, _ in lives.values()):
        for number in range(2, ROUNDS + 2):
            for life, proxy in lives.values():
                if dice.random() < 0.5:
                    proxy.cut_up = dice.randint(1, MOST_UP)
                else:
                    proxy.cut_down = dice.randint(1, MOST_DOWN)
                rotate(stage, life)
            until_nothing_is_left("an end or a failure of each", lambda n=number: _unhurt(stage, lives, n))
            hit += len(_behind(stage, lives, number))
            for _, proxy in lives.values():
                proxy.cut_up = proxy.cut_down = None
            until_nothing_is_left("a rotation", lambda n=number: _behind(stage, lives, n))
    sys.stderr.write(f"{hit} of {ROUNDS * len(lives)} rotations failed first\n")
    assert hit > ROUNDS * len(lives) / 4, f"only {hit} of the cuts were met"
    for life, _ in lives.values():
        stage.proves(life)
        assert [v["spec"]["sequence"] for v in stage.versions(life)][-1] == ROUNDS + 1
        assert life.kin.is_dual or consumers.logins[life.name]
    consumers.never_refused()


def _behind(stage, lives, number: int) -> list[str]:
    """Whose Secret does not hold this version, or who is not Ready with it."""
    looks = stage.looks(life for life, _ in lives.values())
    return [
        name
        for name, look in looks.items()
        if look["secret"] is None
        or look["secret"]["sequence"] != str(number)
        or look["credential"]["current"] != f"v{number}"
        or look["credential"]["failures"]
        or not look["credential"]["conditions"].get("Ready", "").startswith("True")
    ]


def _unhurt(stage, lives, number: int) -> list[str]:
    """Who has neither failed nor come to the end of the rotation."""
    failed = {
        i["metadata"]["name"] for i in stage.api.list(CREDENTIALS, stage.namespace) if i["status"].get("failures")
    }
    return [name for name in _behind(stage, lives, number) if name not in failed]
