"""A Windows instance of the cloud as a stage. No Windows can be had here: what runs its commands knows just those that are sent.

So the suite is asked of everything but PowerShell: of names and values on their way, of parameters, of what is told when an
answer is lost. That the commands do on Windows what the stand-in does, nobody has tried.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, NoReturn

import pytest
from tests.cloud.ecs import Ecs
from tests.cloud.hosts import ECS_VERSION, OOS_VERSION
from tests.cloud.oos import Oos
from tests.cloud.standin import StandIn
from tests.cloud.windows import Person, WindowsHost
from tests.engines.conformance.cloud import POLICY, REGION, CloudStage
from tests.engines.conformance.led import Real

from keyward.engines.alibaba.hosts import commands
from keyward.engines.alibaba.hosts.windows_session import check_new_password
from keyward.engines.base import AccountSet, CloudApi, Login, Place
from keyward.errors import Reason, Rejected
from keyward.sensitive import Sensitive

_MADE_BY_OTHERS = "users of a host are there before us: none is made, so none can be taken meanwhile"
_KEPT = "users of a host are never disabled or dropped by us: they are the host's own"
_MIGHTY = "Administrator is a user like others here: allowedAccounts of the Target says who may be managed"
_ONE_RIGHT = "the login is all that a user's value gives: rights are the host's business"
_HIMSELF = "the host is asked for a login of the user by its name, and makes it of no other one"
_WORDS = re.compile(r"[A-Za-z0-9+/]{4,}=*")


@pytest.fixture
def cloud_of_windows(suites_cloud: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setattr(commands, "_FIRST", 0.05)  # a stand-in has run a command before most clouds have begun it
    return suites_cloud


class WindowsStage(CloudStage):
    name = "AlibabaCloud/Windows"
    server = "cloud_of_windows"
    at_limit = "w" * 20
    beyond = "x" * 21
    odd = ("_under", "Upper.dot-and_dash", "W" * 19 + "0")
    creates = False
    patience = 5.0
    meanwhile = Reason.UNKNOWN_OUTCOME
    unfit: ClassVar[Mapping[str, str]] = {
        **CloudStage.unfit,
        "test_a_name_that_was_taken_meanwhile_is_a_conflict_and_stays_its_owners": _MADE_BY_OTHERS,
        "test_retire": _KEPT,
        "test_a_removal_is_written_down_without_a_value": _KEPT,
        "test_an_account_with_rights_over_the_server_is_never_touched": _MIGHTY,
        "test_a_right_that_was_taken_is_missed": _ONE_RIGHT,
        "test_a_right_that_was_taken_is_given_again_by_the_next_change": _ONE_RIGHT,
        "test_rights": _ONE_RIGHT,
        "test_a_login_that_ends_as_somebody_else_is_a_wrong_identity": _HIMSELF,
        "test_any_password_that_text_can_hold_is_set_whole": POLICY,
    }

    def __init__(self, server: StandIn) -> None:
        self.cloud = server
        self._host, self._oos = WindowsHost(), Oos()
        self._ecs = Ecs(self._host)
        self._ecs.role, self._ecs.parameters = "keyward-reader", self._oos.read
        self.cloud.products |= {ECS_VERSION: self._ecs, OOS_VERSION: self._oos}
        api = self._api().primary
        services = {"ECS": api, "OOS": api}
        self.real = Real(Place((api,), ""), CloudApi(services, "ECS", REGION, self._ecs.instance))

    def at_rest(self) -> bool:
        return not self._ecs.waits()

    def can_be(self, name: str) -> bool:
        return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name) is not None

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
        return Sensitive(_taken(text) if isinstance(text, str) else text)

    def made(self, admin: Login, *names: str) -> AccountSet:
        return self.imported(*names)

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._host.people[name] = Person(_taken(password))

    def forbid(self, name: str) -> None:
        self._host.people[name].enabled = False

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        candidate = "Of-no-use-here-1"
        self._host.refused.add(candidate)
        yield candidate

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        whose = base64.b64encode(name.encode()).decode()
        self._ecs.held = lambda script: "Set-LocalUser" in script and whose in script
        try:
            yield
        finally:
            self._ecs.release()

    def make_mighty(self, name: str) -> NoReturn:
        raise NotImplementedError(_MIGHTY)

    def hijack(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_HIMSELF)

    def take_right(self, accounts: AccountSet) -> NoReturn:
        raise NotImplementedError(_ONE_RIGHT)

    def make_object(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_KEPT)

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return name in self._host.people

    def logs_in(self, name: str, password: str) -> bool:
        person = self._host.people.get(name)
        return person is not None and person.enabled and person.password == _taken(password)

    def left_over(self) -> list[str]:
        return sorted(self._oos.secrets)

    def records(self) -> bytes:
        """The commands and their results, which the cloud keeps for weeks; with whatever stands there in base64."""
        kept = "\n".join(self._ecs.commands).encode()
        kept += b"\n".join(i.ran.output for i in self._ecs.invocations.values() if i.ran is not None)
        return kept + b"\n".join(_decoded(word) for word in _WORDS.findall(kept.decode("utf-8", "replace")))


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        return b""


def _taken(text: str) -> str:
    """The value that the suite calls by this text, as the cloud takes it for Windows."""
    if text == "" or "\0" in text:
        return text
    try:
        check_new_password(Sensitive(text))
    except Rejected:
        return f"Aa1-{re.sub('[^A-Za-z0-9]', '_', text)[:16]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text
