"""The contract between Keyward and one kind of system.

An engine knows statements, rights and error codes of its system. It decides nothing about versions: what may be
written is judged by the domain from an `Inspection`, and an engine refuses to write if the world no longer matches it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from keyward.domain.allowances import Allowance
from keyward.sensitive import Sensitive


class Role(StrEnum):
    PRIMARY = "Primary"
    REPLICA = "Replica"
    NODE = "Node"  # either of them, as the system itself decides


class Topology(StrEnum):
    """How the servers of a system belong together, where accounts are kept by each of them."""

    STANDALONE = "Standalone"
    REPLICATED = "Replicated"
    CLUSTER = "Cluster"


class Level(StrEnum):
    """Privilege levels of the source system."""

    DB_OWNER = "DBOwner"
    READ_WRITE = "ReadWrite"
    READ_ONLY = "ReadOnly"
    DDL_ONLY = "DDLOnly"
    DML_ONLY = "DMLOnly"
    READ_INDEX = "ReadIndex"  # PolarDB for MySQL, through the cloud's API alone


class Transport(StrEnum):
    """How a new password gets to the server: as what it stores of it, or, where it insists on judging it, in clear."""

    HASHED = "Hashed"
    PLAINTEXT = "Plaintext"


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    role: Role = Role.PRIMARY
    optional: bool = False  # nothing waits for it while it cannot be reached

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CloudApi:
    """The OpenAPI of a cloud, through which accounts are changed; they log in at the place's endpoints."""

    services: Mapping[str, Endpoint]  # RAM, STS, RDS, PolarDB, Tair, ECS, OOS: those that the product needs
    product: str = "RAM"  # RAM, RDS, PolarDB, Tair or ECS
    region: str = ""
    instance: str = ""  # what the product knows the system as
    kind: str = ""  # what the Target says that it is, where the product has several kinds: Tair, Redis
    default_chain: bool = False  # the SDK finds the admin's login itself
    ca_pem: str | None = None  # trusted beside the system's trust store; that of the place is of its endpoints


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system is and how its identity is proven."""

    endpoints: tuple[Endpoint, ...]
    database: str
    ca_pem: str | None = None  # None: the system's trust store
    server_name: str | None = None  # name in the certificate, where it differs from the endpoint's host
    transport: Transport = Transport.HASHED
    topology: Topology = Topology.STANDALONE
    host_keys: tuple[str, ...] = ()  # SSH: the public keys that the host may prove itself with
    cloud: CloudApi | None = None
    combined_auth: bool = False  # Redis: a login is one word, `user:password`, where the server knows no ACL users

    @property
    def primary(self) -> Endpoint:
        return next((e for e in self.endpoints if e.role is Role.PRIMARY), self.endpoints[0])


@dataclass(frozen=True, slots=True)
class Login:
    account: str
    password: Sensitive
    token: Sensitive | None = None  # of a cloud: what a temporary AccessKey is sent with


@dataclass(frozen=True, slots=True)
class Privilege:
    database: str
    level: Level
    schemas: tuple[str, ...] = ("public",)
    owner_roles: tuple[str, ...] = ()  # whose future objects are granted by default privileges


@dataclass(frozen=True, slots=True)
class Flip:
    """The change that a rotation is about to make, for its rights to be judged before anything is reserved."""

    account: str  # that is set next
    like: str | None = None  # imported pairs: the account in use, whose rights it would get
    refuse: bool = False  # whatever the change would give to it or take from it stops the rotation
    allowed: tuple[Allowance, ...] | None = None  # with `like`: the most that it may be given; None: no limit


@dataclass(frozen=True, slots=True)
class AccountSet:
    """The accounts of one credential on one system and the rights that they shall have.

    `created` sets: `names` get the rights in `privileges`; where an account can act as a role, through the NOLOGIN role
    `rights_role`. Imported sets: `rights_role` is None.
    """

    names: tuple[str, ...]
    created: bool
    rights_role: str | None = None
    privileges: tuple[Privilege, ...] = ()
    preset_role: str | None = None  # privileged accounts: the role that the Target names
    overlap: bool = False  # one account that holds two values for a while: `Change.keep` and `overlap.Ending`
    hosts: tuple[str, ...] = (
        "%",
    )  # where an account is user@host: the hosts of each; one that is not here is a conflict
    key_pair: bool = False  # its values are private keys, not passwords
    admins: bool = False  # the logins that the Target is worked on by: rights over the server are what they are for
    flip: Flip | None = None  # for `check` alone

    @property
    def all_roles(self) -> tuple[str, ...]:
        return self.names if self.rights_role is None else (*self.names, self.rights_role)


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the system says about one account."""

    exists: bool
    can_login: bool = False
    expired: bool = False
    superuser: bool = False
    mark: str | None = None  # the whole comment, marks and other people's text alike
    owns_objects: bool = False


ABSENT = AccountState(exists=False)


@dataclass(frozen=True, slots=True)
class Inspection:
    """The accounts of a set, and whether the server has a place for our mark on them, and lets this admin write it.

    A mark is written in the same transaction as the change that it tells of, or it is none: without a place for it,
    whose an account is stands in our records alone, and the change is recorded right before it is sent.
    """

    accounts: Mapping[str, AccountState]
    keeps_marks: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One effect: give `account` this password, the rights of `accounts`, and the marks.

    `expected` is the world as it was judged; an engine re-reads it under its lock, within the same transaction, and
    raises `Conflict` if an account's existence, its right to log in or its comment differ. On a server that has no
    transactions, the lock is the session's, from `inspect` to its end.
    """

    account: str
    password: Sensitive
    accounts: AccountSet
    expected: Inspection
    comments: Mapping[str, str]  # account → comment to set, of the roles created now and of `account`
    create: bool = False  # absent roles of `accounts` may be created
    like: str | None = (
        None  # pairs: the account in use, to which this one has to be equal; imported, it gets its rights
    )
    enable: bool = False  # a LOGIN that we took away may be given back
    keep: Sensitive | None = None  # overlap: the value in use, which goes on to log in beside the new one
    terminate_sessions: bool = False


class Action(StrEnum):
    DISABLE = "Disable"
    ENABLE = "Enable"  # give back the LOGIN that DISABLE took, to accounts that carry our mark with "disabled"
    DROP = "Drop"


@dataclass(frozen=True, slots=True)
class Removal:
    """Disable, enable or drop accounts as a credential's life ends or resumes, if the world still is as judged."""

    action: Action
    accounts: AccountSet
    expected: Inspection
    comments: Mapping[str, str] = field(default_factory=dict)  # for DISABLE: the mark with "disabled"


BeforeSend = Callable[[], Awaitable[None]]
"""Called right before the first byte that changes anything; raises to prevent it (the lease's deadline)."""


class AdminSession(Protocol):
    """One connection of the admin login to the primary. It is never reconnected: a lost one ends the step."""

    async def inspect(self, accounts: AccountSet) -> Inspection:
        """Read the state of all accounts of the set; what another session of ours is still changing is waited for."""

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """Raise `Blocked` naming each right that the admin lacks for a change of these accounts.

        With `accounts.flip` also, if its account is there: by `differences.refuse` what the change would do to its rights, where
        the flip says `refuse`, and by `differences.limit` what it would give to it beyond `allowed`.
        """

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        """Do the change in one transaction where the system has them; elsewhere the password comes last.

        Raises:
            Rejected: the system refused the password for certain; it is not set. Accounts may have been made.
            Unsettled: sent, outcome unknown; something may have been changed.
            Conflict: the world is not as judged; nothing was changed.
            Retry, Blocked: nothing was changed. SECOND_PASSWORD: overlap, and the account holds a value of somebody else's.
        """

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        """Disable, enable or drop; the action that was done (a DROP of an owner of objects becomes DISABLE)."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a login must find to count as proof."""

    accounts: AccountSet
    current_user: str | None = None  # the role that the session must act as; None: the account itself
    admin: Login | None = (
        None  # to look at what a login does not reach, or is not told: rows of user@host, an account that is off
    )
    version: str = ""  # names the version whose value is proven among all, as a mark does


class Engine(Protocol):
    """One kind of system."""

    name: str

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        """Open the admin session; `timeout` in seconds bounds each statement on it as well.

        Raises (on entering): Retry or Blocked.
        """

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        """Log in anew to one endpoint and prove identity and effective rights.

        Returns:
            What proved the value in place of a login, where the system lets nobody in by it, such as `Shadow`.

        Raises:
            Blocked with LOGIN_REFUSED: the server refused the login for certain.
            Blocked with WRONG_IDENTITY or PRIVILEGE_MISSING: the login works, but not as consumers need it.
            Retry: no answer that tells anything.
        """
