"""Lockbox: accounts on a server that speaks JSON over TLS, one object a line. It knows transactions and has a place for marks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from keyward.engines import differences
from keyward.engines.base import (
    ABSENT,
    AccountSet,
    AccountState,
    Action,
    AdminSession,
    BeforeSend,
    Change,
    Endpoint,
    Expectation,
    Inspection,
    Level,
    Login,
    Place,
    Removal,
)
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

_LONGEST: Final = 64
_VERIFY_SECONDS: Final = 5.0
_LOCK: Final = 0.8  # of the timeout: the server says that it is busy before we stop listening
_RIGHTS: Final = {Level.READ_ONLY: ("read",), Level.READ_WRITE: ("read", "write")}


class Lockbox:
    """Implements `Engine`."""

    name = "Lockbox"

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return _opened(place, admin, timeout)

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
        async with _connected(place, endpoint, _VERIFY_SECONDS) as wire:
            await wire.login(login, Reason.LOGIN_REFUSED)
            found = await wire.ask(do="whoami")
        if found["name"] != (expect.current_user or login.account):
            raise Blocked(
                Reason.WRONG_IDENTITY, f"the login of {login.account!r} ends as another account: correct the server"
            )
        missing = [right for right in _rights(expect.accounts) if right not in found["rights"]]
        if missing:
            raise Blocked(Reason.PRIVILEGE_MISSING, f"account {login.account!r} lacks the right {missing[0]}")


@asynccontextmanager
async def _opened(place: Place, admin: Login, seconds: float) -> AsyncIterator[AdminSession]:
    async with _connected(place, place.primary, seconds) as wire:
        await wire.login(admin, Reason.ADMIN_LOGIN_REFUSED)
        yield _Session(wire)


@dataclass(frozen=True, slots=True)
class _Session:
    """Implements `AdminSession`."""

    wire: _Wire

    async def inspect(self, accounts: AccountSet) -> Inspection:
        _fit(accounts)
        found = await self.wire.ask(do="look", names=accounts.all_roles, wait=self.wire.seconds * _LOCK)
        return Inspection({name: _state(found.get(name)) for name in accounts.all_roles})

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """Whoever may look may change: there is no further right. What a flip would do to rights is named."""
        flip = accounts.flip
        if flip is None or not inspection.accounts[flip.account].exists:
            return
        names = [flip.account] if flip.like is None else [flip.account, flip.like]
        found = await self.wire.ask(do="rights", names=names, wait=self.wire.seconds * _LOCK)
        wanted, held = found[flip.like] if flip.like else _rights(accounts), found[flip.account]
        lacks, has = [[one for one in a if one not in b] for a, b in ((wanted, held), (held, wanted))]
        if flip.refuse:
            differences.refuse(flip, lacks, has)
        if flip.like is not None and flip.allowed is not None:
            allowed = {right for one in flip.allowed for level in one.levels for right in _RIGHTS[Level(level)]}
            differences.limit(flip, [right for right in lacks if right not in allowed])

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        _may_be_set(change)
        created = [name for name in change.accounts.names if not change.expected.accounts[name].exists]
        to = {
            "account": change.account,
            "hash": _hash(change.account, change.password),
            "create": created if change.create else [],
            "rights": _rights(change.accounts),
            "like": None if change.accounts.created else change.like,
            "marks": dict(change.comments),
        }
        await before_send()
        await self._send(change.expected, do="change", to=to)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        there = [name for name in removal.accounts.names if removal.expected.accounts[name].exists]
        await before_send()
        what = {"action": removal.action, "of": there, "marks": dict(removal.comments)}
        return Action(await self._send(removal.expected, do="remove", **what))

    async def _send(self, expected: Inspection, **asked: Any) -> Any:
        """The server compares under its own lock, and changes all or nothing."""
        world = {name: _plain(state) for name, state in expected.accounts.items() if state.exists}
        names, wait = list(expected.accounts), self.wire.seconds * _LOCK
        return await self.wire.ask(sent=True, names=names, expected=world, wait=wait, **asked)


@dataclass(frozen=True, slots=True)
class _Wire:
    """One connection, never opened again. Nothing foreign leaves it, and no error has another one as its context."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seconds: float

    async def ask(self, *, sent: bool = False, **asked: Any) -> Any:
        """The answer. With `sent`, to lose it is an unknown outcome."""
        kind = Unsettled if sent else Retry
        failure = kind(Reason.UNREACHABLE, "the connection broke off")
        try:
            async with asyncio.timeout(self.seconds):
                self.writer.write(json.dumps(asked).encode() + b"\n")
                await self.writer.drain()
                line = await self.reader.readline()
                if line.endswith(b"\n"):
                    return _told(json.loads(line))
        except TimeoutError:
            self.writer.transport.abort()  # an answer that comes later must not be taken for the next one's
            failure = kind(Reason.TIMEOUT, f"no answer came within {self.seconds:g} s")
        except OSError:
            pass
        raise failure

    async def login(self, login: Login, refused: Reason) -> None:
        try:
            password = login.password.reveal_text()
        except ValueError:
            password = None
        if password is None:
            raise Blocked(refused, f"the password of {login.account!r} is not valid UTF-8: correct it")
        said = await self._refusal(login.account, password)
        if said == "disabled":
            raise Blocked(Reason.ACCOUNT_DISABLED, f"account {login.account!r} is disabled: enable it on the server")
        if said:
            raise Blocked(refused, f"the server refuses the login of {login.account!r}: correct name and password")

    async def _refusal(self, name: str, password: str) -> str:
        try:
            await self.ask(do="login", name=name, password=password)
        except _NotLetInError as error:
            return str(error)
        return ""


class _NotLetInError(Exception):
    """Does not leave this module."""


_SAID: Final[Mapping[str, KeywardError]] = {
    "right": Blocked(Reason.ADMIN_PRIVILEGE_MISSING, "the admin lacks the role Admin: give it to it"),
    "busy": Retry(Reason.BUSY, "another session changes these accounts"),
    "changed": Conflict(Reason.WRITTEN_BY_ANOTHER, "an account is not as it was judged"),
    "policy": Rejected(Reason.PASSWORD_REFUSED, "the server's policy refuses this password"),
}


def _told(answer: Mapping[str, Any]) -> Any:
    if "ok" in answer:
        return answer["ok"]
    known = _SAID.get(answer["no"])
    if known is None:
        raise _NotLetInError(answer["no"])
    raise type(known)(known.reason, known.message)


@asynccontextmanager
async def _connected(place: Place, endpoint: Endpoint, seconds: float) -> AsyncIterator[_Wire]:
    context = ssl.create_default_context(cadata=place.ca_pem)
    name = place.server_name or endpoint.host
    failure: KeywardError
    try:
        async with asyncio.timeout(seconds):
            streams = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context, server_hostname=name)
    except TimeoutError:
        failure = Retry(Reason.TIMEOUT, f"{endpoint} did not answer within {seconds:g} s")
    except ssl.SSLCertVerificationError:
        failure = Blocked(Reason.UNKNOWN_CA, f"the certificate of {endpoint} is not the Target's: correct spec.tls")
    except socket.gaierror:
        failure = Retry(Reason.NAME_RESOLUTION, f"{endpoint.host} has no address")
    except OSError:
        failure = Retry(Reason.UNREACHABLE, f"{endpoint} cannot be reached")
    else:
        try:
            yield _Wire(*streams, seconds)
        finally:
            streams[1].transport.abort()
        return
    raise failure


def _hash(name: str, password: Sensitive) -> str:
    return hashlib.sha256(name.encode() + b"\0" + password.reveal()).hexdigest()


def _rights(accounts: AccountSet) -> list[str]:
    return sorted({right for privilege in accounts.privileges for right in _RIGHTS[privilege.level]})


def _state(found: Mapping[str, Any] | None) -> AccountState:
    if found is None:
        return ABSENT
    return AccountState(
        True, can_login=found["may_login"], superuser=found["mighty"], mark=found["mark"], owns_objects=found["owns"]
    )


def _plain(state: AccountState) -> dict[str, Any]:
    return {
        "may_login": state.can_login,
        "mighty": state.superuser,
        "mark": state.mark,
        "owns": state.owns_objects,
    }


def _fit(accounts: AccountSet) -> None:
    for name in accounts.all_roles:
        if not 0 < len(name) <= _LONGEST or "\0" in name:
            raise Blocked(Reason.INVALID_SPEC, f"an account's name has 1 to {_LONGEST} characters, and no NUL")


def _may_be_set(change: Change) -> None:
    name, state = change.account, change.expected.accounts[change.account]
    if not state.exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {name!r} is not on the server: create it there")
    if any(change.expected.accounts[one].superuser for one in change.accounts.all_roles):
        raise Blocked(
            Reason.ACCOUNT_RESERVED, "an account with rights over the server is never touched: choose another"
        )
    if state.exists and not state.can_login and not change.enable:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"account {name!r} is disabled: enable it on the server, we never do")
