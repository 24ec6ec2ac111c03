"""A system that picks its values and tells each of them once, in memory: at most two per account, as RAM's AccessKeys.

What is new may be unknown for a while, to those who check it (`propagation`) and to those who list it (`listing`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.world.clock import START
from tests.world.engine import Session
from tests.world.faults import Side
from tests.world.server import Account, Server

from keyward.domain import access_keys
from keyward.domain.access_keys import Pair
from keyward.engines.base import BeforeSend
from keyward.engines.issuing import Held, Holdings, Issued
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, Reason, Rejected, Underway
from keyward.sensitive import Sensitive

if TYPE_CHECKING:
    from tests.world.controller import Process

MOST = 2


@dataclass
class Key:
    id: str
    secret: str
    created: datetime
    active: bool = True
    used: bool = False

    def value(self) -> bytes:
        return access_keys.encode([Pair(self.id, Sensitive(self.secret))]).reveal()


@dataclass
class Issuer(Server):
    """One user's keys; `now` is the system's clock."""

    now: Callable[[], datetime] = lambda: START
    keys: list[Key] = field(default_factory=list)
    propagation: timedelta = timedelta(0)
    listing: timedelta = timedelta(0)
    refusing: timedelta = timedelta(0)  # for so long a new key is refused as if it were wrong
    most_ever: int = 0
    theirs: set[str] = field(default_factory=set)  # ids of keys that a person made
    deleted: list[Key] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.keeps_marks = False
        self.accounts.setdefault("a", Account(can_login=True))

    def make(self) -> Key:  # type: ignore[override]  # nothing is made here but keys
        """A key, as a person makes one in the console."""
        number = next(self._numbers)
        made = Key(f"LTAI{number}", f"secret-{number}", self.now())
        self.keys.append(made)
        self.most_ever = max(self.most_ever, len(self.keys))
        return made

    def session(self, process: Process) -> IssuerSession:
        return IssuerSession(process, self)

    def by_a_person(self) -> Key:
        made = self.make()
        self.theirs.add(made.id)
        return made

    def _find(self, value: bytes) -> tuple[Pair, Key | None]:
        pair = access_keys.decode(Sensitive(value))[0]
        return pair, next((key for key in self.keys if key.id == pair.id), None)

    def would_let_in(self, name: str, password: bytes) -> bool:
        pair, key = self._find(password)
        return key is not None and key.active and key.secret == pair.secret.reveal_text()

    def login(self, name: str, password: bytes) -> None:
        pair, key = self._find(password)
        if key is None:
            self.refused_logins += 1
            raise Blocked(Reason.LOGIN_REFUSED, "there is no such key")
        if self.now() - key.created < self.refusing:
            raise Blocked(Reason.LOGIN_REFUSED, "the signature does not match")
        if self.now() - key.created < self.propagation:
            raise Underway(Reason.PROPAGATION_TIMEOUT, "the key is not known everywhere yet", 5.0)
        if key.secret != pair.secret.reveal_text():
            self.refused_logins += 1
            raise Blocked(Reason.LOGIN_REFUSED, "the secret is wrong")
        if not key.active:
            raise Blocked(Reason.ACCOUNT_DISABLED, "the key is off")
        key.used = True
        self.logged_in.add((name, password))

    def holdings(self) -> Holdings:
        shown = [key for key in self.keys if self.now() - key.created >= self.listing]
        return Holdings(tuple(Held(key.id, key.active, key.created) for key in shown), self.now())

    def issue(self) -> Issued:
        if len(self.keys) >= MOST:
            raise Rejected(Reason.UNKNOWN_ACCESS_KEY, "two keys already")
        made = self.make()
        self.learnt.append(("a", made.value()))
        return Issued(made.id, Sensitive(made.value()))

    def switch_off(self, id_: str) -> None:
        for key in self.keys:
            if key.id == id_:
                key.active = False

    def delete(self, id_: str) -> None:
        gone = [key for key in self.keys if key.id == id_]
        assert not any(key.active for key in gone), "a key is switched off before it is deleted"
        self.deleted += gone
        self.keys = [key for key in self.keys if key.id != id_]


class IssuerSession(Session):
    most = MOST
    requests: tuple[str, ...] = ()

    def __init__(self, process: Process, server: Issuer) -> None:
        super().__init__(process, server)
        self._issuer = server

    async def holdings(self, account: str) -> Holdings:
        self._alive()
        return await self._process.read(Side.ENGINE, "holdings", self._issuer.holdings)

    async def was_used(self, account: str, id_: str) -> bool:
        self._alive()
        used = {key.id for key in self._issuer.keys if key.used}
        return await self._process.read(Side.ENGINE, "was used", lambda: id_ in used)

    async def issue(self, account: str, before_send: BeforeSend) -> Issued:
        self._alive()
        await before_send()
        return await self._process.effect(Side.ENGINE, "issue", self._issuer.issue)

    async def withdraw(self, account: str, id_: str, before_send: BeforeSend) -> None:
        self._alive()
        await before_send()
        await self._process.effect(Side.ENGINE, "switch off", lambda: self._issuer.switch_off(id_))
        await self._process.effect(Side.ENGINE, "delete", lambda: self._issuer.delete(id_))

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        self._alive()
        await before_send()
        kept = access_keys.ids(ending.keep)
        for id_ in access_keys.ids(ending.old):
            if id_ not in kept:
                await self._process.effect(Side.ENGINE, "end", lambda id_=id_: self._issuer.switch_off(id_))
