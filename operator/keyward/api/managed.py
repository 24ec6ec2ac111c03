"""What all types with accounts on a Target have in common, whichever block of the spec they are written in.

A further type is a further block and one function here; nothing outside of `api` asks which block is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from keyward.api import accounts, places
from keyward.api.credential import CredentialSpec
from keyward.api.ecs import KEY_PAIR, Ecs, EcsTarget, ValueReference
from keyward.api.open_api import OpenApi
from keyward.api.polardb import Polardb
from keyward.api.ram import Ram, RamTarget
from keyward.api.rds import PasswordReference, Privilege, Rds, TargetReference
from keyward.api.redis import COMBINED, Redis, RedisTarget
from keyward.api.target import HASHED, PolardbTarget, RdsTarget, TargetSpec
from keyward.api.tls import Tls

SUPER = "Super"
"""What the cloud calls a privileged account: in the place of a role of the server."""
IMPORTING = frozenset({"rds", "ecs", "ram"})
"""The types that take over accounts that exist."""


@dataclass(frozen=True, slots=True)
class Managed:
    """Accounts that are rotated on a Target. `type` is the name of the block."""

    type: str
    target: TargetReference
    mode: Literal["Dual", "Single", "Overlap"]
    names: tuple[str, ...]  # that log in; the first-named first
    created: bool
    passwords: Mapping[str, PasswordReference | ValueReference] = field(default_factory=dict)  # of imported accounts
    database: str | None = None
    privileges: tuple[Privilege, ...] = ()
    privileged: bool = False
    engine: str = "PostgreSQL"
    provider: str | None = None  # the cloud through whose API its accounts are changed
    hosts: tuple[str, ...] = ()
    key_pair: str = ""  # the algorithm, if its values are private keys
    access_keys: tuple[str, ...] = ()  # Secrets with the values of now, where the system issues the next ones

    @property
    def issued(self) -> bool:
        """Whether the system picks the values."""
        return bool(self.access_keys)

    @property
    def hands_over(self) -> bool:
        """Whether an imported account that is the admin's login can change itself: its old value is good until it is ended.

        An AccessKey of the cloud is none of a host's keys.
        """
        return not self.created and self.provider is None and (bool(self.key_pair) or self.type == "redis")

    @property
    def rights_role(self) -> str | None:
        """The role that holds the rights of accounts that are made, where they can act as one."""
        if self.created and self.engine == "PostgreSQL" and self.provider is None:
            return accounts.rights_of(self.names[0])
        return None

    @property
    def field(self) -> str:
        """Where the accounts are named."""
        if self.issued:
            return f"spec.{self.type}.userName"
        return f"spec.{self.type}.create.name" if self.created else f"spec.{self.type}.import.accounts[].name"


def of(spec: CredentialSpec) -> Managed | None:
    """The accounts that a Credential manages; None if its value opens nothing that we manage."""
    if spec.rds is not None:
        return _rds(spec.rds)
    if spec.polardb is not None:
        return _polardb(spec.polardb)
    if spec.redis is not None:
        return _redis(spec.redis)
    if spec.ecs is not None:
        return _ecs(spec.ecs)
    return None if spec.ram is None else _ram(spec.ram)


def _rds(rds: Rds) -> Managed:
    made, imported = rds.create, rds.import_
    names: tuple[str, ...]
    if made is not None:
        names = (made.name, accounts.clone_of(made.name)) if rds.account_management == "Dual" else (made.name,)
    else:
        names = tuple(a.name for a in imported.accounts) if imported else ()
    return Managed(
        type="rds",
        target=rds.target_ref,
        mode=rds.account_management,
        names=names,
        created=made is not None,
        passwords={a.name: a.password_from for a in imported.accounts} if imported else {},
        database=rds.database_name,
        privileges=made.privileges if made else (),
        privileged=made.privileged if made else False,
        engine=rds.engine,
        provider=rds.provider,
        hosts=rds.hosts,
    )


def _redis(redis: Redis) -> Managed:
    made, imported = redis.create, redis.import_
    names: tuple[str, ...]
    if made is not None:
        names = (made.name, accounts.clone_of(made.name)) if redis.account_management == "Dual" else (made.name,)
    else:
        names = tuple(a.name for a in imported.accounts) if imported else ()
    return Managed(
        type="redis",
        target=redis.target_ref,
        mode=redis.account_management,
        names=names,
        created=made is not None,
        passwords={a.name: a.password_from for a in imported.accounts} if imported else {},
        # Of every database of the server: rights of Redis know no difference between them.
        privileges=(Privilege(database="*", level=made.privilege),) if made else (),
        engine="Redis",
        provider=redis.provider,
    )


def _ecs(ecs: Ecs) -> Managed:
    users, is_pair = ecs.import_.accounts, ecs.secret_type == KEY_PAIR
    return Managed(
        type="ecs",
        target=ecs.target_ref,
        mode="Overlap" if is_pair else "Single",
        names=tuple(user.name for user in users),
        created=False,
        passwords={user.name: user.password_from for user in users},
        engine=ecs.engine,
        provider=ecs.provider,
        key_pair=ecs.key_algorithm if is_pair else "",
    )


def _ram(user: Ram) -> Managed:
    return Managed(
        type="ram",
        target=user.target_ref,
        mode="Overlap",
        names=(user.user_name,),
        created=False,
        engine="AlibabaCloud",
        access_keys=tuple(reference.secret_name for reference in user.access_keys_from),
    )


@dataclass(frozen=True, slots=True)
class Address:
    """One server of a system. `role` Node: the system itself decides which of them is the primary."""

    host: str
    port: int
    role: Literal["Primary", "Replica", "Node"]
    optional: bool = False


def _polardb(polardb: Polardb) -> Managed:
    made = polardb.create
    return Managed(
        type="polardb",
        target=polardb.target_ref,
        mode="Dual",
        names=(made.name, accounts.clone_of(made.name)),
        created=True,
        database=polardb.database_name,
        privileges=made.privileges,
        engine=polardb.engine,
        provider=polardb.provider,
    )


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """How a cloud's own API is reached, where values are changed through it."""

    product: str  # whose API it is: the first of its services
    services: Mapping[str, Address]
    region: str
    default_chain: bool
    instance: str = ""  # what the cloud knows the system as
    kind: str = ""  # what the Target says that the instance is, where one API has several kinds
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """What a Target leads to. `type` is the name of the block, `engine` that of what listens at its endpoints."""

    type: str
    engine: str
    endpoints: tuple[Address, ...]
    tls: Tls
    database: str = ""  # that the admin connects to; empty where there is none to connect to
    privileged_role: str | None = None
    password_transport: str = HASHED
    topology: str = "Standalone"
    host_keys: tuple[str, ...] = ()
    cloud: CloudAccount | None = None
    provider: str | None = None  # where accounts are changed through `cloud` and log in at `endpoints`
    combined_auth: bool = False  # a login is one word, `user:password`
    allowed: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] | None = None  # databases and levels; None: no limit


def system(spec: TargetSpec) -> System:
    """The system of a Target."""
    if spec.redis is not None:
        return _redis_system(spec.redis)
    if spec.polardb is not None:
        return _database_server("polardb", spec.polardb)
    if spec.ecs is not None:
        return _ecs_system(spec.ecs)
    if spec.ram is not None:
        return _ram_system(spec.ram)
    assert spec.rds is not None
    return _database_server("rds", spec.rds, spec.rds.privileged_role)


def _database_server(block: str, server: RdsTarget | PolardbTarget, privileged_role: str | None = None) -> System:
    allowed = server.allowed_privileges
    return System(
        type=block,
        engine=server.engine,
        endpoints=tuple(Address(e.host, e.port, e.role) for e in server.endpoints),
        tls=server.tls,
        database=(server.database_name or "postgres") if server.engine == "PostgreSQL" else "",
        privileged_role=privileged_role if server.provider is None else SUPER,
        password_transport=server.password_transport,
        cloud=_cloud(block, server.open_api),
        provider=server.provider,
        allowed=None if allowed is None else tuple((one.databases, one.levels) for one in allowed),
    )


def _redis_system(redis: RedisTarget) -> System:
    role: Literal["Primary", "Node"] = "Primary" if redis.topology == "Standalone" else "Node"
    cloud = _cloud("redis", redis.open_api)
    return System(
        type="redis",
        engine="Redis",  # which Tair speaks
        endpoints=tuple(Address(e.host, e.port, role, e.optional) for e in redis.endpoints),
        tls=redis.tls,
        topology=redis.topology,
        cloud=cloud and replace(cloud, kind=redis.engine),
        provider=redis.provider,
        combined_auth=redis.authentication == COMBINED,
        allowed=None if redis.allowed_privileges is None else ((("*",), redis.allowed_privileges),),
    )


def _ecs_system(ecs: EcsTarget) -> System:
    return System(
        type="ecs",
        engine=ecs.engine,
        endpoints=tuple(Address(e.host, e.port, "Primary") for e in ecs.endpoints),
        tls=Tls(),  # SSH has none: the host proves itself by its keys
        password_transport=ecs.password_transport,
        host_keys=ecs.host_keys,
        cloud=_cloud("ecs", ecs.open_api),
        provider=ecs.provider,
    )


def _ram_system(account: RamTarget) -> System:
    named = ((e.service, e.host, e.port) for e in account.endpoints)
    found = places.of_account(account.region_id, named)
    services = {service: Address(*place, "Primary") for service, place in found.items()}
    return System(
        type="ram",
        engine=account.provider,
        endpoints=(services[places.STS],),  # where AccessKeys log in
        tls=account.tls,
        cloud=CloudAccount(
            product=places.RAM,
            services=services,
            region=account.region_id or "",
            default_chain=account.credentials == places.DEFAULT_CHAIN,
            ca=account.tls.ca,
        ),
    )


def _cloud(block: str, api: OpenApi | None) -> CloudAccount | None:
    if api is None:
        return None
    named = ((e.service, e.host, e.port) for e in api.endpoints)
    found = places.of_services(block, api.region_id, named)
    return CloudAccount(
        product=places.SERVICES[block][0],
        services={service: Address(*place, "Primary") for service, place in found.items()},
        region=api.region_id,
        default_chain=api.credentials == places.DEFAULT_CHAIN,
        instance=api.instance_id,
        ca=api.tls.ca,
    )
