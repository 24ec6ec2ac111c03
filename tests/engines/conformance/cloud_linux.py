"""An ECS instance as a stage: Cloud Assistant is a stand-in's, which runs what it accepts on a real host."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, NoReturn

import pytest
from tests.cloud.ecs import Ecs, LinuxHost
from tests.cloud.hosts import ECS_VERSION
from tests.cloud.standin import StandIn
from tests.cluster.sshd import SshServer
from tests.engines.conformance.cloud import REGION, CloudStage
from tests.engines.conformance.led import Real
from tests.engines.conformance.linux import LinuxKeysStage, LinuxStage, clock

from keyward.engines.alibaba.hosts import commands
from keyward.engines.alibaba.hosts import engine as hosts
from keyward.engines.base import AccountSet, CloudApi, Engine, Login
from keyward.engines.ssh import names
from keyward.sensitive import Sensitive

_HASHES = "a password goes there as a hash, which no policy looks into"
_LOGIN_ALONE = "a login that succeeds is all the proof, and the cloud is not asked for it"
_REFUSED_FIRST = (
    "the login comes first, at the host: that this is refused is told as it is, if the cloud cannot be asked why"
)


@pytest.fixture
def ecs_of_host(
    suites_cloud: StandIn, ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[StandIn, SshServer]:
    monkeypatch.setattr(commands, "_FIRST", 0.05)  # a stand-in has run a command before most clouds have begun it
    return suites_cloud, ssh_server


class EcsLinuxStage(CloudStage):
    """`wire` is the stage of the host itself."""

    wire: ClassVar[type[LinuxStage]] = LinuxStage
    name = "AlibabaCloud/Linux"
    server = "ecs_of_host"
    at_limit = "c" * names.MAX
    odd = ("_cloud", "Cloud.dot-and_dash", "cloud$")
    beyond = LinuxStage.beyond
    creates = False
    patience = LinuxStage.patience
    unfit: ClassVar[Mapping[str, str]] = {
        **LinuxStage.unfit,
        **CloudStage.unfit,
        "test_after_a_definite_refusal_the_next_candidate_is_taken": _HASHES,
        "test_a_refused_candidate_leaves_the_value_in_use": _HASHES,
        "test_each_answer_lost_of_a_login_is_tried_again": _LOGIN_ALONE,
        "test_a_login_at_a_server_that_is_down_is_tried_again": _REFUSED_FIRST,
        "test_a_login_that_is_cut_in_the_middle_of_an_answer_is_tried_again": _REFUSED_FIRST,
        "test_a_login_at_a_server_that_is_not_the_one_that_was_described_is_not_tried": _REFUSED_FIRST,
    }

    def __init__(self, server: tuple[StandIn, SshServer]) -> None:
        self.cloud, host = server
        self._wire = self.wire(host)
        self._ecs = Ecs(LinuxHost(host))
        self.cloud.products[ECS_VERSION] = self._ecs
        place = self._wire.place()
        self.real = Real(place, CloudApi({"ECS": place.primary}, "ECS", REGION, self._ecs.instance))
        self._engine = hosts.LinuxHost(clock)

    @property
    def inner(self) -> Engine:
        return self._engine

    def at_rest(self) -> bool:
        return not self._ecs.waits()

    def can_be(self, name: str) -> bool:
        return self._wire.can_be(name)

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
        return self._wire.value(text, account)

    def traces(self, text: str) -> tuple[bytes, ...]:
        return self._wire.traces(text)

    def made(self, admin: Login, *names: str) -> AccountSet:
        return self.imported(*names)

    def imported(self, *names: str) -> AccountSet:
        return self._wire.imported(*names)

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._wire.make(name, password)

    def forbid(self, name: str) -> None:
        self._wire.forbid(name)

    def stalled(self, name: str) -> AbstractContextManager[None]:
        return self._wire.stalled(name)

    def refusing(self, admin: Login, account: str) -> NoReturn:
        raise NotImplementedError(_HASHES)

    def make_mighty(self, name: str) -> None:
        self._wire.make_mighty(name)

    def hijack(self, name: str, password: str) -> None:
        self._wire.hijack(name, password)

    def take_right(self, accounts: AccountSet) -> None:
        self._wire.take_right(accounts)

    def make_object(self, name: str, password: str) -> None:
        self._wire.make_object(name, password)

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return self._wire.exists(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._wire.logs_in(name, password)

    def records(self) -> bytes:
        return self._wire.records()


class EcsKeysStage(EcsLinuxStage):
    title = "AlibabaCloud/Linux, keys"
    wire = LinuxKeysStage
    at_limit = "d" * names.MAX
    odd = ("_cloud_keys", "Cloud.dot-and_keys", "cloud-keys$")
    overlaps = True
    side_by_side = True
    unfit: ClassVar[Mapping[str, str]] = {**EcsLinuxStage.unfit, **LinuxKeysStage.unfit}
