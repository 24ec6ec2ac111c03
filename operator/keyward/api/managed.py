"""What all types with accounts on a Target have in common, whichever block of the spec they are written in.

A further type is a further block and one function here; nothing outside of `api` asks which block is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keyward.api import accounts
from keyward.api.credential import CredentialSpec
from keyward.api.rds import PasswordReference, Privilege, Rds, TargetReference
from keyward.api.target import HASHED, Endpoint, TargetSpec, Tls

BLOCKS: dict[str, int] = {"rds": 5432}
"""The blocks of a Target, and the port that an endpoint without one has."""


@dataclass(frozen=True, slots=True)
class Managed:
    """Accounts that are rotated on a Target. `type` is the name of the block."""

    type: str
    target: TargetReference
    mode: Literal["Dual", "Single"]
    names: tuple[str, ...]  # that log in; the first-named first
    created: bool
    passwords: Mapping[str, PasswordReference] = field(default_factory=dict)  # of imported accounts
    database: str | None = None
    privileges: tuple[Privilege, ...] = ()
    privileged: bool = False
    engine: str = "PostgreSQL"
    hosts: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """Where the accounts are named."""
        return f"spec.{self.type}.create.name" if self.created else f"spec.{self.type}.import.accounts[].name"


def of(spec: CredentialSpec) -> Managed | None:
    """The accounts that a Credential manages; None if its value opens nothing that we manage."""
    return None if spec.rds is None else _rds(spec.rds)


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
        hosts=rds.hosts,
    )


@dataclass(frozen=True, slots=True)
class System:
    """What a Target leads to."""

    engine: str
    endpoints: tuple[Endpoint, ...]
    tls: Tls
    database: str  # that the admin connects to; empty where there is none to connect to
    privileged_role: str | None = None
    password_transport: str = HASHED


def system(spec: TargetSpec) -> System:
    """The system of a Target."""
    rds = spec.rds
    database = (rds.database_name or "postgres") if rds.engine == "PostgreSQL" else ""
    return System(rds.engine, rds.endpoints, rds.tls, database, rds.privileged_role, rds.password_transport)
