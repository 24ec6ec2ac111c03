"""The type `redis`: a pair of ACL users that takes turns, the login of a Target's admin, and the servers that keep them."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from keyward.api import accounts
from keyward.api.base import Model, Rule
from keyward.api.open_api import OpenApi, Provider, target_rules
from keyward.api.places import BLOCKS
from keyward.api.rds import PasswordReference, TargetReference
from keyward.api.tls import Host, Tls

COMBINED: Final = "Combined"
_CREATED = re.compile(accounts.CREATED_IN_REDIS)
_IMPORTED = re.compile(accounts.IMPORTED_IN_REDIS)
_RESERVED = re.compile(accounts.RESERVED_BY_TAIR)


class RedisCreate(Model):
    """The accounts that are made for this Credential: name and, with Dual, name_clone, with the same rights."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=accounts.MAX_CREATED_IN_REDIS)]
    """Name of the account; Dual makes name_clone as well. At most 94 of a-z, 0-9 and _, a letter first."""
    privilege: Literal["ReadWrite", "ReadOnly"]
    """ReadWrite: every command on data, but none that rules the server. ReadOnly: those that read. Both on all keys."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.name.matches('{accounts.CREATED_IN_REDIS}')",
            "spec.redis.create.name: must begin with a-z, and go on with a-z, 0-9 or _",
            lambda c: _CREATED.fullmatch(c.name) is not None,
        ),
        Rule(
            f"self.name != '{accounts.DEFAULT_OF_REDIS}'",
            "spec.redis.create.name: default is the server's own account and never managed: choose another name",
            lambda c: c.name != accounts.DEFAULT_OF_REDIS,
        ),
    )


class ImportedAdmin(Model):
    """The account that the Target's admin logs in as, and its password of now."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=accounts.LONGEST)]
    """Name of the account, at most 100 characters that can be seen, no space."""
    password_from: PasswordReference
    """Where its password is read from, once."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.name.matches('{accounts.IMPORTED_IN_REDIS}')",
            "spec.redis.import.accounts[].name: must be characters of ASCII that can be seen, without a space",
            lambda a: _IMPORTED.fullmatch(a.name) is not None,
        ),
        Rule(
            f"self.name != '{accounts.DEFAULT_OF_REDIS}'",
            "spec.redis.import.accounts[].name: default is the server's own account and never managed: make the admin an account "
            "of its own with ACL SETUSER, and name that",
            lambda a: a.name != accounts.DEFAULT_OF_REDIS,
        ),
    )


class RedisImport(Model):
    """The login of the Target's admin, which this Credential keeps from then on."""

    accounts: Annotated[
        tuple[ImportedAdmin, ...],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """Exactly one."""


class Redis(Model):
    """An account, or a pair that takes turns, on a Redis, alone, replicated or a cluster; or the login of its admin."""

    target_ref: TargetReference
    """The system. It cannot be changed: use another Credential."""
    provider: Provider | None = None
    """AlibabaCloud: accounts are changed through the cloud's OpenAPI, as its Target says. It cannot be changed."""
    account_management: Literal["Dual", "Overlap"] = "Dual"
    """Dual rotates between two accounts without one refused login. Overlap does so with one account that holds old and new
    password during the grace period. It cannot be changed: use another Credential."""
    create: RedisCreate | None = None
    """Have the accounts made. Accounts that exist are not taken over."""
    import_: Annotated[RedisImport | None, Field(alias="import")] = None
    """Keep the login of the Target's admin, in the Secret that spec.admin.secretRef of the Target names and this Credential
    makes. Only with Overlap. No other account is taken over."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.create) != has(self.__import__)",
            "spec.redis: set exactly one of create and import",
            lambda r: (r.create is None) != (r.import_ is None),
        ),
        Rule(
            "!has(self.__import__) || self.accountManagement == 'Overlap'",
            "spec.redis.accountManagement: an admin that is imported changes itself, which is safe while it holds two passwords: "
            "set Overlap",
            lambda r: r.import_ is None or r.account_management == "Overlap",
        ),
        Rule(
            "!has(self.__import__) || !has(self.provider)",
            "spec.redis.import: is the login of an admin, which with provider is an AccessKey: rotate that with spec.ram",
            lambda r: r.import_ is None or r.provider is None,
        ),
        Rule(
            "!has(self.provider) || self.accountManagement != 'Overlap'",
            "spec.redis.accountManagement: Overlap is not to be had through the cloud's API, which knows one password per "
            "account: use Dual",
            lambda r: r.provider is None or r.account_management != "Overlap",
        ),
        Rule(
            f"!has(self.provider) || !has(self.create) || !self.create.name.matches('{accounts.RESERVED_BY_TAIR}')",
            "spec.redis.create.name: is one that the cloud keeps for itself: choose another name",
            lambda r: r.provider is None or r.create is None or _RESERVED.fullmatch(r.create.name) is None,
        ),
    )


class RedisEndpoint(Model):
    """One address of a server."""

    host: Host
    """Host name or IP address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = BLOCKS["redis"]
    """TCP port where it offers TLS."""
    optional: bool = False
    """Whether rotations go on while it cannot be reached. It is given what it missed once it is back; until then logins there
    may fail."""


class RedisTarget(Model):
    """A Redis system. Each of its servers keeps accounts for itself, so all of them are reached."""

    engine: Literal["Redis", "Tair"] = "Redis"
    """Kind of server. Redis: 6 or newer; with provider 4.0 or newer. Tair: with provider alone."""
    provider: Provider | None = None
    """AlibabaCloud: accounts are changed through the cloud's OpenAPI, by openApi. Absent: on the system itself. Values are
    proven at endpoints either way."""
    open_api: OpenApi | None = None
    """With provider: what the cloud knows it as, and how it is called."""
    authentication: Literal["ACL", "Combined"] = "ACL"
    """How accounts log in. ACL: AUTH with name and password. Combined, with provider: AUTH with the one word `user:password`, for
    instances that know no ACL users; the projected Secret then has that word as auth, and in its dsn."""
    topology: Literal["Standalone", "Replicated", "Cluster"] = "Standalone"
    """Standalone: one server. Replicated: a primary and its replicas, watched by Sentinel or not. Cluster: a Redis Cluster. The
    servers of the last two name each other, and whichever they name is used too. With provider it stays Standalone, whatever is
    behind its endpoints."""
    endpoints: Annotated[
        tuple[RedisEndpoint, ...],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "port"]},
        ),
    ]
    """Where it is: best all its servers, as one that is not listed and cannot be reached holds nothing up. A change has to be
    approved with `keyward target approve` before the admin's password is sent there."""
    allowed_privileges: Annotated[
        tuple[Literal["ReadWrite", "ReadOnly"], ...] | None,
        Field(min_length=1, max_length=2, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = None
    """Privileges that Credentials may ask for, at their next rotation. Absent: both."""
    tls: Tls = Tls()
    """How its servers prove their identity. A server that another one names is believed by the same CA alone."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.provider) || self.topology != 'Standalone' || size(self.endpoints) == 1",
            "spec.redis.endpoints: Standalone has exactly one: remove the others, or set spec.redis.topology to Replicated or "
            "Cluster",
            lambda r: r.provider is not None or r.topology != "Standalone" or len(r.endpoints) == 1,
        ),
        Rule(
            "!has(self.provider) || self.topology == 'Standalone'",
            "spec.redis.topology: the cloud gives accounts to each node itself: remove it, and list the addresses of consumers",
            lambda r: r.provider is None or r.topology == "Standalone",
        ),
        Rule(
            "has(self.provider) || self.engine == 'Redis'",
            "spec.redis.engine: Tair's accounts are changed through the cloud's API alone: set provider and openApi as well",
            lambda r: r.provider is not None or r.engine == "Redis",
        ),
        Rule(
            "has(self.provider) || self.authentication == 'ACL'",
            "spec.redis.authentication: Redis 6 and newer have ACL users, older ones need provider: remove it, or set that",
            lambda r: r.provider is not None or r.authentication == "ACL",
        ),
        Rule(
            "self.endpoints.exists(e, !e.optional)",
            "spec.redis.endpoints[].optional: at least one must not be optional",
            lambda r: any(not e.optional for e in r.endpoints),
        ),
        Rule(
            "self.endpoints.all(e, self.endpoints.exists_one(o, o.host == e.host && o.port == e.port))",
            "spec.redis.endpoints: the same host and port may be there once",
            lambda r: len({(e.host, e.port) for e in r.endpoints}) == len(r.endpoints),
        ),
        *target_rules("redis"),
    )
