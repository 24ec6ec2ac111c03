"""Users of a real host, their values, and the calls of the engine in the order in which the executor makes them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import cache

import asyncssh
from tests.cluster.sshd import SshServer

from keyward.engines.base import (
    AccountSet,
    AdminSession,
    Change,
    Endpoint,
    Expectation,
    Inspection,
    Login,
    Place,
    Transport,
)
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.ssh.engine import SSH
from keyward.sensitive import Sensitive

_numbers = itertools.count(1)


async def go() -> None:
    """Nothing speaks against sending."""


def key_pair(kind: str = "ssh-ed25519", **options: int) -> Sensitive:
    """The private half of a new key pair."""
    return Sensitive(asyncssh.generate_private_key(kind, **options).export_private_key())


def public(value: Sensitive) -> str:
    """`kind blob` of a private key."""
    key = asyncssh.import_private_key(value.reveal())
    return " ".join(key.export_public_key().decode().split()[:2])


@cache
def admins_key() -> Sensitive:
    return key_pair()


@dataclass(slots=True)
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class HostUser:
    """One user of the host that is managed, with an admin of its own."""

    server: SshServer
    name: str = field(default_factory=lambda: f"person{next(_numbers)}")
    key_pair: bool = True
    timeout: float = 20.0
    clock: Clock = field(default_factory=Clock)
    transport: Transport = Transport.HASHED
    port: int | None = None
    admin: Login = field(init=False)
    engine: SSH = field(init=False)

    def __post_init__(self) -> None:
        name = f"boss{next(_numbers)}"
        self.server.admin(name, public(admins_key()))
        self.admin = Login(name, admins_key())
        self.engine = SSH(self.clock)

    @property
    def accounts(self) -> AccountSet:
        return AccountSet((self.name,), created=False, key_pair=self.key_pair)

    @property
    def comments(self) -> dict[str, str]:
        """What the version that is set would be marked by, if there were a place for it."""
        return {}

    @property
    def place(self) -> Place:
        endpoint = Endpoint("127.0.0.1", self.port or self.server.port)
        return Place((endpoint,), "", host_keys=self.server.host_keys(), transport=self.transport)

    def through(self, port: int, timeout: float) -> HostUser:
        """The same user, by way of what listens on this port."""
        other = replace(self, port=port, timeout=timeout)
        other.admin, other.engine = self.admin, self.engine
        return other

    async def inspect(self) -> Inspection:
        async with self.engine.open(self.place, self.admin, self.timeout) as session:
            return await session.inspect(self.accounts)

    async def apply(
        self, value: Sensitive, keep: Sensitive | None = None, *, seen: Inspection | None = None, send=go, forced=False
    ) -> None:
        async with self.engine.open(self.place, self.admin, self.timeout) as session:
            await self.apply_on(session, value, keep, seen=seen, send=send, forced=forced)

    async def apply_on(
        self,
        session: AdminSession,
        value: Sensitive,
        keep: Sensitive | None = None,
        *,
        seen: Inspection | None = None,
        send=go,
        forced: bool = False,
    ) -> None:
        seen = seen or await session.inspect(self.accounts)
        await session.check(self.accounts, seen)
        change = Change(self.name, value, self.accounts, seen, self.comments, keep=keep, terminate_sessions=forced)
        await session.apply(change, send)

    async def end(self, old: Sensitive, kept: Sensitive, send=go, *, forced: bool = False) -> None:
        async with self.engine.open(self.place, self.admin, self.timeout) as session:
            assert isinstance(session, OverlapSession)
            seen = await session.inspect(self.accounts)
            await session.end(Ending(self.name, self.accounts, seen, old, kept, forced), send)

    async def verify(self, value: Sensitive, *, admin: bool = True) -> str | None:
        expect = Expectation(self.accounts, admin=self.admin if admin else None)
        return await self.engine.verify(self.place, self.place.primary, Login(self.name, value), expect)

    def file(self) -> str:
        """authorized_keys as it stands."""
        return self.server.users.keys(self.name)

    def logs_in(self, value: Sensitive) -> bool:
        """Whether OpenSSH's own client is let in with this private key."""
        return self.server.lets_in(self.name, key=value.reveal())

    def password_works(self, password: str) -> bool:
        """Whether OpenSSH's own client is let in with this password."""
        return self.server.lets_in(self.name, password=password)
