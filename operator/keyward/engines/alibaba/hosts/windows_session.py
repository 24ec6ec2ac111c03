"""The admin session of a Windows host: inspect, check, apply. Users are never made, disabled or dropped."""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts import powershell
from keyward.engines.alibaba.hosts.commands import Commands, token
from keyward.engines.alibaba.hosts.errors import translate
from keyward.engines.alibaba.hosts.parameters import Parameters, Step
from keyward.engines.alibaba.hosts.sdk import POWERSHELL, Instance, Script
from keyward.engines.base import (
    ABSENT,
    AccountSet,
    AccountState,
    Action,
    BeforeSend,
    Change,
    Inspection,
    Removal,
)
from keyward.engines.deadline import within
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

T = TypeVar("T")
WINDOWS: Final = "Windows"
LEAST, MOST = 8, 30
"""Characters of a password, as the cloud has it for Windows instances."""
SPECIALS: Final = "()`~!@#$%^&*-_+=|{}[]:;'<>,.?/"
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SPECIALS)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,19}")
_ROLE: Final = (
    "has no RAM role to read the value with: attach one that may oos:GetSecretParameter and kms:GetSecretValue"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script ended with."""

    status: int
    said: str

    @property
    def number(self) -> str:
        """A code of the system, if that is what it said."""
        return self.said if self.said.isascii() and self.said.isdigit() and len(self.said) < 8 else "none"


@dataclass(frozen=True, slots=True)
class User:
    """What the host says of a user. `set` is when its password was set, in ticks; empty if never."""

    state: AccountState
    set: str = ""
    expired: str = ""


@dataclass(slots=True)
class WindowsSession:
    """Implements `AdminSession`."""

    commands: Commands
    parameters: Parameters
    seconds: float
    _sent: bool = False
    _users: dict[str, User] = field(default_factory=dict)

    @property
    def requests(self) -> tuple[str, ...]:
        """The calls of this session that may have changed something, with the ids that the cloud gave them."""
        return tuple(self.commands.requests)

    async def inspect(self, accounts: AccountSet) -> Inspection:
        for name in accounts.names:
            if not _NAME.fullmatch(name):
                text = (
                    f"user {name!r}: must have 1 to 20 of the characters A-Z, a-z, 0-9, _, . and -, no digit or - first"
                )
                raise Blocked(Reason.INVALID_SPEC, text)
        for name in accounts.names:
            said = await self._within(self.commands.look(Script(POWERSHELL, powershell.look(name))))
            self._users[name] = _user(answer_of(said))
        return Inspection({name: self._users[name].state for name in accounts.names}, keeps_marks=False)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """Whether the users are there, and the instance can read the value that a command names."""
        if accounts.created or accounts.key_pair:
            raise Blocked(
                Reason.INVALID_SPEC, "a Windows host's users are not made, and have passwords: name one that is there"
            )
        for name, state in inspection.accounts.items():
            if not state.exists:
                raise _missing(name)
        await self._within(role_of(self.commands.instance))

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        check_new_password(change.password)
        user = self._as_judged(change)
        version = change.comments.get(change.account, "")
        self._sent = False
        await self._within(self._apply(change, user, version, before_send))

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        """A user that was there before us stays as it is."""
        if removal.accounts.names:
            raise Blocked(Reason.INVALID_SPEC, "users of a host are neither disabled nor dropped: retain them")
        await before_send()
        return removal.action

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await within(self.seconds, work)
        except TimeoutError:
            pass
        text = f"{FIELD}{self.commands.instance.id}: did not finish within {self.seconds:g} s"
        raise Unsettled(Reason.UNKNOWN_OUTCOME, text) if self._sent else Retry(Reason.TIMEOUT, text)

    def _as_judged(self, change: Change) -> User:
        judged, user = change.expected.accounts[change.account], self._users.get(change.account)
        if not judged.exists:
            raise _missing(change.account)
        if user is None or (user.state.exists, user.state.can_login) != (judged.exists, judged.can_login):
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"user {change.account!r} changed after it was judged")
        if not user.state.can_login:
            text = f"user {change.account!r} is disabled; somebody did that on purpose: Enable-LocalUser"
            raise Blocked(Reason.ACCOUNT_DISABLED, text)
        if user.expired == "account":
            raise Blocked(Reason.ACCOUNT_DISABLED, f"user {change.account!r} has expired; that is never undone by us")
        return user

    async def _apply(self, change: Change, user: User, version: str, before_send: BeforeSend) -> None:
        name = change.account
        async with Step(self.parameters, self.commands.memory, version or name, change.password) as step:
            await before_send()
            self._sent = step.sent = True
            script = step.script(powershell.change(name, step.name, user.set))
            deed = token(version, self.commands.instance.id, "change", name, user.set)
            answer = answer_of(await self.commands.change(script, deed), sent=True)
        _judge(name, answer)


def _judge(name: str, answer: Answer) -> None:
    """Raise what the answer to a change means, unless it was done."""
    if answer.status == powershell.CHANGED:
        raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"the password of user {name!r} is not the one that was seen")
    if answer.status == powershell.REFUSED:
        raise Rejected(Reason.PASSWORD_REFUSED, "the host's password policy refused the password")
    if answer.status == powershell.MISSING:
        raise _missing(name)
    if answer.status == powershell.SHUT:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"user {name!r} was disabled just now")
    if answer.status == powershell.UNREAD:
        text = "the value was not put into the command: see that the instance's RAM role may oos:GetSecretParameter"
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text)
    if answer.status:
        raise Unsettled(Reason.UNKNOWN_OUTCOME, f"the password of user {name!r} may not have been set")


def check_new_password(value: Sensitive) -> None:
    """Raise Rejected for a password that the cloud's rule for Windows does not take."""
    try:
        text = value.reveal_text()
    except ValueError:
        text = ""
    allowed = set("".join(_CLASSES))
    used = sum(any(char in members for char in text) for members in _CLASSES)
    if not LEAST <= len(text) <= MOST or not set(text) <= allowed or used < 3 or text.startswith("/"):
        words = f"a password of Windows has {LEAST} to {MOST} characters, of three of lower case, upper case, digits, specials"
        raise Rejected(Reason.PASSWORD_REFUSED, words)


async def role_of(instance: Instance) -> str:
    """The RAM role of the instance. Raises Blocked if it has none, Retry or Blocked as the cloud answers."""
    failure: KeywardError
    try:
        role = await instance.role()
    except Failure as error:
        failure = translate(error)
    else:
        if role:
            return role
        failure = Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"{FIELD}{instance.id} {_ROLE}")
    raise failure


def answer_of(said: bytes, *, sent: bool = False) -> Answer:
    """The answer of a script. Raises Retry, or Unsettled if it changes something, where there is none."""
    for line in reversed(said.splitlines()):
        words = line.split()
        if len(words) in (2, 3) and words[0] == b"keyward":
            try:
                told = base64.b64decode(words[2] if len(words) == 3 else b"", validate=True)
                return Answer(int(words[1]), told.decode("utf-8", "replace"))
            except (ValueError, binascii.Error):
                break
    text = "what the host said is no answer to the command: it needs Windows PowerShell 5.1"
    raise Unsettled(Reason.UNKNOWN_OUTCOME, text) if sent else Retry(Reason.CLOUD_REFUSED, text)


def _user(answer: Answer) -> User:
    if answer.status == powershell.MISSING:
        return User(ABSENT)
    words = [line.partition(" ")[::2] for line in answer.said.splitlines()]
    told = dict(words)
    if answer.status or "enabled" not in told:
        raise Retry(Reason.CLOUD_REFUSED, "the host does not tell of its users: it needs Windows PowerShell 5.1")
    expired = next((what for key, what in words if key == "expired"), "")
    ticks = told.get("set", "")
    state = AccountState(exists=True, can_login=told["enabled"] == "True", expired=bool(expired))
    return User(state, ticks if ticks.isascii() and ticks.isdigit() else "", expired)


def _missing(name: str) -> Blocked:
    return Blocked(Reason.ACCOUNT_MISSING, f"user {name!r} is not on the host: create it, or correct the name")
