"""SIGKILL at each effect of a change of the very password by which a Redis' admin logs in: nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.kills.chronicle import Chronicle, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, IMPORTED, LEAK, ROTATION, Json, Kin, Life, Tale
from tests.kills.redis import RedisLife, RedisStage, is_everybodys
from tests.kills.stage import led_on

TALE = Tale(Kin("overlap import", "Retain"), (CREATION, ROTATION, LEAK), (CREATION, ROTATION, LEAK))


class Keeper(RedisLife):
    """The Target's admin Secret is the one that the Credential projects; nobody makes it before."""

    __slots__ = ()

    def surroundings(self, ca_pem: str) -> list[Json]:
        _, target, source = super().surroundings(ca_pem)
        target["spec"]["admin"] = {"secretRef": {"name": self.name}}
        return [target, source]

    def _spec(self) -> Json:
        spec = super()._spec() | {"deletion": {"accounts": "Retain", "secrets": "Retain"}}
        del spec["redis"]["create"]
        spec["redis"]["import"] = {"accounts": self._given()}
        return spec


class KeeperStage(RedisStage):
    """See `Stage`."""

    def _databases(self) -> None:
        """No admin is made for all of them: each has its own."""

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return Keeper(kin, name, self.namespace, "0", self.server.port, through)

    def _have_accounts(self, life: Life) -> None:
        self.server.admin(life.role, password=IMPORTED + life.role)

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert secret["username"] == life.role
        with self.server.client(secret["username"], secret["password"]) as client:
            assert client.execute_command("ACL", "LIST")


@pytest.fixture(scope="module")
def stage(control_plane, redis_server) -> Iterator[KeeperStage]:
    with led_on(control_plane, lambda api: KeeperStage(api, redis_server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, [TALE], "admins of Redis", is_everybodys)


def test_undisturbed_one_value_is_left_and_the_secret_outlives_its_credential(chronicle):
    for event in TALE.events:
        end = chronicle.of(TALE, event).end
        assert end["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert not end["two passwords"]
        assert end["secret"]["owner"] is None
    assert {"apply:send", "end:send", "end:after"} < {point.name for point in chronicle.of(TALE, ROTATION).points}


def test_killed_at_any_point_nobody_is_locked_out(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, [TALE])
