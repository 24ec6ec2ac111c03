"""What both APIs say of an instance and its accounts, and do to them; RDS and PolarDB each in a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from keyward.sensitive import Sensitive

NORMAL: Final = "Normal"
SUPER: Final = "Super"
AVAILABLE: Final = "Available"
_OWNER: Final = "DBOwner"
# How RDS lists what it was asked for as DBOwner depends on the version of PostgreSQL.
_OWNERS: Final = frozenset({_OWNER, "ALL", "ALL PRIVILEGES"})


@dataclass(frozen=True, slots=True)
class About:
    """What the cloud says of the instance."""

    engine: str  # MySQL, MariaDB, PostgreSQL, or another one that we do not manage
    version: str
    status: str
    is_follower: bool = False  # a read-only instance, or one for disaster recovery: its accounts are its primary's

    @property
    def is_running(self) -> bool:
        return self.status == "Running"


@dataclass(frozen=True, slots=True)
class Account:
    """What the cloud says of one account; `privileges` are levels by database."""

    name: str
    status: str
    type: str
    privileges: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    is_locked: bool = False

    @property
    def is_available(self) -> bool:
        """Whether nothing is being done to it."""
        return self.status == AVAILABLE


@dataclass(frozen=True, slots=True)
class Making:
    """An account that is to be made."""

    name: str
    password: Sensitive
    is_super: bool
    privileges: Mapping[str, str]
    comment: str


class Instance(Protocol):
    """One instance, called with one login. Each call raises Failure, with what was called in `Failure.operation`.

    Calls that change something answer with the request's id.
    """

    id: str
    resets: str  # the operation that sets a password
    takes_all_at_once: bool  # an account is made with its rights, and made again by the same call

    async def about(self) -> About: ...

    async def account(self, name: str) -> Account | None: ...

    async def accounts(self) -> list[Account]: ...

    async def check_name(self, name: str) -> None:
        """Ask whether the name may be used, where there is a call for it."""

    async def create(self, made: Making) -> str: ...

    async def grant(self, name: str, privileges: Mapping[str, str]) -> str: ...

    async def revoke(self, name: str, databases: list[str]) -> str: ...

    async def reset(self, name: str, password: Sensitive) -> str: ...

    async def describe(self, name: str, comment: str) -> str: ...

    async def delete(self, name: str) -> str: ...


def level(said: str) -> str:
    """The level that the cloud lists, by the name that it is given under."""
    return _OWNER if said in _OWNERS else said
