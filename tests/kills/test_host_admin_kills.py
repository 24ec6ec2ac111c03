"""SIGKILL at each effect of a change of the very key by which a host's admin logs in: nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.sshd import SshServer
from tests.kills.chronicle import Chronicle, told
from tests.kills.hosts import HostLife, HostStage
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, ROTATION, Json, Kin, Life, Tale
from tests.kills.stage import led_on

TALE = Tale(Kin("overlap, key import", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION))


class Keeper(HostLife):
    """The Target's admin Secret is the one that the Credential projects; nobody makes it before."""

    __slots__ = ()

    def surroundings(self, trust: str) -> list[Json]:
        _, target, source = super().surroundings(trust)
        target["spec"]["admin"] = {"secretRef": {"name": self.name}}
        return [target, source]

    def _spec(self) -> Json:
        return super()._spec() | {"deletion": {"accounts": "Retain", "secrets": "Retain"}}


class KeeperStage(HostStage):
    """See `Stage`."""

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return Keeper(kin, name, self.namespace, "", self.server.port, through)

    def _have_accounts(self, life: Life) -> None:
        super()._have_accounts(life)
        self.server.may_be_root(life.role)


@pytest.fixture(scope="module")
def stage(control_plane) -> Iterator[KeeperStage]:
    with SshServer() as server, led_on(control_plane, lambda api: KeeperStage(api, server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, [TALE], "admins of hosts")


def test_undisturbed_one_key_of_ours_is_left_and_the_secret_outlives_its_credential(chronicle):
    for event in TALE.events:
        end = chronicle.of(TALE, event).end
        assert end["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert end["keys"] == 1
        assert end["secret"]["owner"] is None


def test_killed_at_any_point_nobody_is_locked_out(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, [TALE])
