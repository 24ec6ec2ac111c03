"""Targets: managed servers, their admin login, and what of them Credentials may manage. Written by the platform's team."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from keyward.api import allowed
from keyward.api.allowed import Allowed
from keyward.api.base import Model, Rule
from keyward.api.ecs import EcsTarget
from keyward.api.generic import LocalReference
from keyward.api.metadata import Conditions, Metadata
from keyward.api.open_api import NAMESPACED as OPEN_API_NAMESPACED
from keyward.api.open_api import OpenApi, Provider, target_rules
from keyward.api.polardb import PolardbEngine
from keyward.api.ram import NAMESPACED, RamTarget
from keyward.api.rds import EngineName
from keyward.api.redis import RedisTarget
from keyward.api.tls import Host, Tls
from keyward.api.values import AccountName, DatabaseName, Namespace, RoleName, Text

HASHED: Final = "Hashed"
_TYPES: Final = ("rds", "polardb", "redis", "ecs", "ram")
_SET = {"x-kubernetes-list-type": "set"}


class Endpoint(Model):
    """One address of the server."""

    host: Host
    """Host name or IP address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 5432
    """TCP port; MySQL and MariaDB have no default here, theirs is 3306."""
    role: Literal["Primary", "Replica"] = "Primary"
    """Primary takes changes; there is exactly one. A value is proven on every endpoint before it is published."""


def server_rules(block: str, others: str) -> tuple[Rule, ...]:
    """What holds for a database server in this block, which is PostgreSQL or one of `others`."""
    need = (
        "need it, as 5432 is PostgreSQL's: 3306 is theirs" if " and " in others else "needs 3306 or its own port here"
    )
    return (
        Rule(
            "self.engine != 'PostgreSQL' || self.passwordTransport == 'Hashed'",
            f"spec.{block}.passwordTransport: PostgreSQL takes hashes whatever its policy: remove it",
            lambda r: r.engine != "PostgreSQL" or r.password_transport == HASHED,
        ),
        Rule(
            "self.engine == 'PostgreSQL' || self.endpoints.all(e, e.port != 5432)",
            f"spec.{block}.endpoints[].port: {others} {need}",
            lambda r: r.engine == "PostgreSQL" or all(e.port != 5432 for e in r.endpoints),
        ),
        Rule(
            "self.endpoints.filter(e, e.role == 'Primary').size() == 1",
            f"spec.{block}.endpoints: exactly one must have role Primary: give the others role Replica",
            lambda r: sum(e.role == "Primary" for e in r.endpoints) == 1,
        ),
        Rule(
            "self.endpoints.all(e, self.endpoints.exists_one(o, o.host == e.host && o.port == e.port))",
            f"spec.{block}.endpoints: the same host and port may be there once",
            lambda r: len({(e.host, e.port) for e in r.endpoints}) == len(r.endpoints),
        ),
        *target_rules(block),
        Rule(
            "!has(self.provider) || (self.passwordTransport == 'Hashed' && !has(self.databaseName))",
            f"spec.{block}.passwordTransport, databaseName: say how an admin logs in, and with provider none does: remove them",
            lambda r: r.provider is None or (r.password_transport == HASHED and r.database_name is None),
        ),
    )


class DatabaseServer(Model):
    """A database server, whatever its block."""

    engine: EngineName
    """Kind of server."""
    provider: Provider | None = None
    """AlibabaCloud: accounts are changed through the cloud's OpenAPI, by openApi. Absent: on the server itself. Values are
    proven at endpoints either way."""
    open_api: OpenApi | None = None
    """With provider: what the cloud knows it as, and how it is called."""
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Field(
            min_length=1,
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "port"]},
        ),
    ]
    """Where it is. A change has to be approved with `keyward target approve` before the admin's password is sent there."""
    tls: Tls = Tls()
    """How it proves its identity."""
    database_name: DatabaseName | None = None
    """Database that the admin login connects to, absent: postgres. PostgreSQL only."""
    password_transport: Literal["Hashed", "Plaintext"] = HASHED
    """How a new password gets to the server. Hashed: as what the server stores of it, so that no log of the server sees it.
    Plaintext: in clear, for MySQL and MariaDB with a password policy that insists on judging it."""
    allowed_privileges: Allowed | None = None
    """What Credentials may ask for: on a database what one of these entries allows, at their next rotation. Absent: whatever the
    admin can give. To an imported account no right is copied beyond it. privilegedRole is allowed by itself."""


class RdsTarget(DatabaseServer):
    """A database server."""

    privileged_role: RoleName | None = None
    """Role that privileged accounts get, which the server has and which has no rights over the whole of it. At the next rotation
    they lose the one that was named before. Absent: none may be made."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.engine == 'PostgreSQL' || !has(self.databaseName)",
            "spec.rds.databaseName: is for PostgreSQL: remove it",
            lambda r: r.engine == "PostgreSQL" or r.database_name is None,
        ),
        *server_rules("rds", "MySQL and MariaDB"),
        *allowed.RDS,
        Rule(
            "!has(self.provider) || !has(self.privilegedRole)",
            "spec.rds.privilegedRole: the cloud has a privileged account of its own kind, and no role for it: remove it",
            lambda r: r.provider is None or r.privileged_role is None,
        ),
    )


class PolardbTarget(DatabaseServer):
    """A PolarDB cluster, reached through its own endpoints as MySQL or PostgreSQL."""

    engine: PolardbEngine
    """Kind of cluster."""
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Field(
            min_length=1,
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "port"]},
        ),
    ]
    """The primary endpoint with role Primary, and every cluster or custom endpoint that consumers use with role Replica. A change
    has to be approved with `keyward target approve` before the admin's password is sent there."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.engine == 'PostgreSQL' || !has(self.databaseName)",
            "spec.polardb.databaseName: is for PostgreSQL: remove it",
            lambda p: p.engine == "PostgreSQL" or p.database_name is None,
        ),
        *server_rules("polardb", "MySQL"),
        *allowed.POLARDB,
    )


class Admin(Model):
    """The admin login, which makes and changes accounts."""

    secret_ref: LocalReference
    """Secret with the keys username and password; for a host it may be ssh-privatekey in place of password. For a cloud account,
    and with provider, they are accessKeyId and accessKeySecret, and securityToken of a temporary one. In the same namespace; for
    a ClusterTarget in that of the operator. A Credential may project it: then the admin login rotates too."""
    self_change: bool = False
    """Whether a Single Credential that projects the admin Secret may change the very account that it logs in with. All other
    work on the server waits meanwhile. Not needed for Dual, where each account is changed by the other. Only with rds, without
    provider."""


class TargetSpec(Model):
    """What the server is and what of it may be managed. Set exactly one of rds, polardb, redis, ecs and ram."""

    rds: RdsTarget | None = None
    """A database server."""
    polardb: PolardbTarget | None = None
    """A PolarDB cluster."""
    redis: RedisTarget | None = None
    """A Redis system."""
    ecs: EcsTarget | None = None
    """A Linux host, or a Windows instance of a cloud."""
    ram: RamTarget | None = None
    """A cloud account with RAM users."""
    admin: Admin
    """The admin login."""
    allowed_accounts: Annotated[tuple[AccountName, ...], Field(max_length=64, json_schema_extra=_SET)] = ()
    """Names of accounts that Credentials may manage, with * and ? as wildcards, such as orders*. None: none. It has to cover
    whatever a Credential makes: name, with Dual name_clone, and on PostgreSQL without provider the role name_rights."""
    allow_unverified_import: Annotated[tuple[AccountName, ...], Field(max_length=64, json_schema_extra=_SET)] = ()
    """Accounts that may be imported with a password that does not log in; it is then replaced at once. It does not count
    for the login by which the Target itself is worked on."""
    suspend: bool = False
    """Stops all work on this server until it is false again."""
    max_concurrent_rotations: Annotated[int | None, Field(ge=1, le=64)] = None
    """How many Credentials are rotated at once on this server, 1 to 64. Absent: as the operator was started, with 4."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{block})' for block in _TYPES)}].filter(x, x).size() == 1",
            f"spec: set exactly one of {', '.join(_TYPES[:-1])} and {_TYPES[-1]}",
            lambda t: sum(getattr(t, block) is not None for block in _TYPES) == 1,
        ),
        Rule(
            "!self.admin.selfChange || (has(self.rds) && !has(self.rds.provider))",
            "spec.admin.selfChange: is for rds without provider: remove it",
            lambda t: not t.admin.self_change or (t.rds is not None and t.rds.provider is None),
        ),
    )


class ClusterTargetSpec(TargetSpec):
    """What the server is, what of it may be managed, and from which namespaces."""

    allowed_namespaces: Annotated[tuple[Namespace, ...], Field(max_length=256, json_schema_extra=_SET)] = ()
    """Namespaces whose Credentials may use it. Absent or empty: none. All: ["*"]."""


class TargetStatus(Model):
    """What is known of the server."""

    observed_generation: int = 0
    """Generation of the spec that this status speaks of."""
    digest: Text = ""
    """Digest of endpoints and CA as they are now."""
    approved_digest: Text = ""
    """Digest of endpoints and CA that was approved."""
    conditions: Conditions = ()
    """Ready: endpoints and CA are approved and the admin login works, as the Credentials that use it found out."""


class Target(Model):
    """A managed server, for Credentials of its namespace."""

    metadata: Metadata
    spec: TargetSpec
    """What the server is and what of it may be managed."""
    status: TargetStatus = TargetStatus()
    """What is known of the server."""

    rules: ClassVar[tuple[Rule, ...]] = (NAMESPACED, *OPEN_API_NAMESPACED)


class ClusterTarget(Model):
    """A managed server, for Credentials of the namespaces that it allows."""

    metadata: Metadata
    spec: ClusterTargetSpec
    """What the server is, what of it may be managed, and from which namespaces."""
    status: TargetStatus = TargetStatus()
    """What is known of the server."""
