"""What the suite needs of a real server of one kind: a stage. Everything on it is done by a person, never by an engine.

An engine joins the suite by one module in this folder, with its stage and, unless other tests start it too, its server as a
fixture (see docs/engines.md).
"""

from __future__ import annotations

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tests.cluster import pki

from keyward.engines import registry
from keyward.engines.base import AccountSet, Engine, Login, Place
from keyward.errors import Reason
from keyward.sensitive import Sensitive

_numbers = itertools.count(1)


def number() -> int:
    """One that no other test has: tests share a server and work with names of their own."""
    return next(_numbers)


def digest8(text: str | bytes) -> str:
    """What tells a value from others, in the name of its version."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:8]


class Stage(ABC):
    """A server, its admin login, and what a person can do to it.

    Attributes:
        name: of the engine, as the registry has it.
        title: what tells it from another stage of the same engine.
        server: name of the fixture whose value the stage is made with.
        at_limit: a name as long as the server keeps it whole, and `beyond`, one character longer.
        odd: further names that this kind of server may have, beside those that the suite tries on all.
        creates: whether the engine makes accounts. Where it makes none, a person has made them, with a value that nobody knows.
        overlaps: whether an account can hold two values: see `Overlapping`.
        side_by_side: whether it always does for a while, so that a change is that and the end of the value before.
        patience: seconds in which this server answers for certain, and which a test can wait for.
        meanwhile: what a change is told that comes while one before it is still under way: where no lock can be held, only that
            its own outcome is not known.
        unfit: tests, or modules of them, that mean nothing on this kind of server, and why. They are not run on it.
    """

    name: str
    title: str = ""
    server: str
    at_limit: str
    beyond: str
    odd: tuple[str, ...] = ()
    creates: bool = True
    overlaps: bool = False
    side_by_side: bool = False
    patience: float = 1.0
    meanwhile: Reason = Reason.BUSY
    unfit: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def __init__(self, server: Any) -> None:
        """Make it of what the fixture gives."""

    @property
    def engine(self) -> Engine:
        return registry.get(self.name)

    @property
    @abstractmethod
    def port(self) -> int:
        """Of 127.0.0.1."""

    @abstractmethod
    def place(self, port: int | None = None) -> Place:
        """The server, or what forwards to it from another port."""

    def can_be(self, _name: str) -> bool:
        """Whether this kind of server can have an account of such a name, apart from its length."""
        return True

    @abstractmethod
    def admin(self) -> Login:
        """A new admin login with the rights that the engine's documentation asks for, and no more."""

    @abstractmethod
    def powerless(self) -> Login:
        """A login that may connect and nothing else."""

    def stranger(self, folder: Path) -> tuple[Place, Reason]:
        """The server as somebody describes it who has another one in mind, and the reason by which that is told."""
        authority = pki.authority(folder / "other")
        return replace(self.place(), ca_pem=authority.ca_file.read_text()), Reason.UNKNOWN_CA

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
        """The value that the suite calls by this text: of most servers the text itself, as a password.

        Where the server picks values, the one that it has told for this account when it was asked for what the suite calls so.
        """
        return Sensitive(text)

    def traces(self, text: str) -> tuple[bytes, ...]:
        """What would betray this value, wherever it stands."""
        return text.encode(), self.value(text).reveal()

    @abstractmethod
    def made(self, admin: Login, *names: str) -> AccountSet:
        """Accounts that the engine is to create, with rights that this admin can give and `take_right` can take.

        Where it creates none: those that a person made, as `imported`.
        """

    def imported(self, *names: str) -> AccountSet:
        """Accounts that a person made."""
        return AccountSet(names, created=False)

    def acts_as(self, _accounts: AccountSet, _account: str) -> str | None:
        """The role that a session of this account is to act as; None: itself."""
        return None

    # --- what a person does ---

    @abstractmethod
    def make(self, name: str, password: str) -> None:
        """Make an account that may log in and read the stage's database."""

    @abstractmethod
    def make_mighty(self, name: str) -> None:
        """Make an account with rights over the whole server."""

    @abstractmethod
    def forbid(self, name: str) -> None:
        """Take an account's right to log in."""

    @abstractmethod
    def hijack(self, name: str, password: str) -> None:
        """Have logins of this account, with this password, end as somebody else."""

    @abstractmethod
    def take_right(self, accounts: AccountSet) -> None:
        """Take a right that the accounts were given."""

    def widen(self, name: str) -> None:
        """Give an account that a person made more than reading; where a pair that a person made is kept alike."""
        raise NotImplementedError(f"nothing that {name!r} may do is given to another account")

    @abstractmethod
    def make_object(self, name: str, password: str) -> None:
        """As this account, make something that depends on it."""

    @abstractmethod
    def refusing(self, admin: Login, account: str) -> AbstractContextManager[str]:
        """While it lasts, the server's policy refuses the candidate that it yields, if this admin sets it on the account.

        `place` may be another one meanwhile.
        """

    @abstractmethod
    def stalled(self, name: str) -> AbstractContextManager[None]:
        """While it lasts, no statement that changes this account comes to its end."""

    # --- how a person looks ---

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether the server has the account."""

    @abstractmethod
    def logs_in(self, name: str, password: str) -> bool:
        """Whether an ordinary client is let in."""

    @abstractmethod
    def idle(self, admin: Login) -> bool:
        """Whether no session of this admin is left on the server."""

    def left_over(self) -> list[str]:
        """What is left of a change that has come to its end, by name: of most servers nothing can be."""
        return []

    @abstractmethod
    def records(self) -> bytes:
        """Everything that the server wrote down about statements: its logs and its statistics."""


class Overlapping(Stage):
    """A stage whose accounts can hold two values at once."""

    overlaps = True

    @abstractmethod
    def give_second(self, name: str, password: str) -> None:
        """Give an account a new value, while its old one goes on to log in."""

    @abstractmethod
    def set_by_hand(self, name: str, password: str) -> None:
        """Give an account a new value in place of its old one."""
