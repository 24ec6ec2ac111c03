"""A Credential: what to keep, how to rotate it, where to project it, and what happens when it is deleted."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, WrapValidator

from keyward.api import rights_rules
from keyward.api.base import Model, Rule
from keyward.api.ecs import Ecs
from keyward.api.generic import Generic
from keyward.api.metadata import Conditions, Failures, Metadata
from keyward.api.polardb import Polardb
from keyward.api.projection import Projection
from keyward.api.ram import Ram
from keyward.api.rds import Rds
from keyward.api.redis import Redis
from keyward.api.rotation import Rotation
from keyward.api.values import Duration, ObjectName, Text, Time, within

_SET = {"x-kubernetes-list-type": "set"}
_DAY = timedelta(days=1)
Principal = Annotated[str, StringConstraints(min_length=1, max_length=253)]


class AccessPolicy(Model):
    """Who may read and manage the value, beyond the RBAC of the namespace. Not supported yet: it is refused, never ignored."""

    readers: Annotated[tuple[Principal, ...], Field(max_length=64, json_schema_extra=_SET)] = ()
    """Users and service accounts that may read the value."""
    managers: Annotated[tuple[Principal, ...], Field(max_length=64, json_schema_extra=_SET)] = ()
    """Users and service accounts that may manage the value."""


class Deletion(Model):
    """What happens when the Credential is deleted."""

    accounts: Literal["Retain", "Disable", "Drop"] | None = None
    """What becomes of the accounts. Absent: Retain for imported ones, Disable for those that were created."""
    secrets: Literal["Retain", "Delete"] = "Delete"
    """What becomes of the projected Secrets."""
    recovery_window: Duration = timedelta(days=30)
    """How long the versions are kept, so that the same Credential can be made again: 7d to 30d, or 0s for not at all."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.recoveryWindow) || self.recoveryWindow.matches('^0[dhms]?$') || "
            f"({within('self.recoveryWindow', 7 * _DAY, 30 * _DAY)})",
            "spec.deletion.recoveryWindow: must be between 7d and 30d, or 0s",
            lambda d: not d.recovery_window or 7 * _DAY <= d.recovery_window <= 30 * _DAY,
        ),
    )


def _scheduled_at_will(spec: Any) -> bool:
    rotation = spec.rotation
    if spec.generic is not None:
        return True
    return (rotation.automatic is not False) == (rotation.interval is not None or rotation.cron is not None)


def _generic_unscheduled(spec: Any) -> bool:
    rotation = spec.rotation
    return spec.generic is None or (not rotation.automatic and rotation.interval is None and rotation.cron is None)


_WEEKLY = r"^[0-9]+ +[0-9]+ +([*] +[^ ]+ +[0-7A-Za-z]+|[0-9]+ +[^ ]+ +[*])$"
_TYPES = ("generic", "rds", "polardb", "redis", "ecs", "ram")
_ONE_TYPE = f"[{', '.join(f'has(self.{block})' for block in _TYPES)}].filter(x, x).size() == 1"
_SAME_TYPE = " && ".join(f"has(self.spec.{block}) == has(oldSelf.spec.{block})" for block in _TYPES)


class CredentialSpec(Model):
    """What is wished. Set exactly one of generic, rds, polardb, redis, ecs and ram."""

    description: Text = ""
    """What it is for, at most 256 characters."""
    encryption_key_name: ObjectName = "default"
    """EncryptionKey that protects the value. A change wraps all versions anew."""
    generic: Generic | None = None
    """A value that somebody gives or that is generated, such as an API token."""
    rds: Rds | None = None
    """An account on a database server."""
    polardb: Polardb | None = None
    """A pair of accounts on a PolarDB cluster."""
    redis: Redis | None = None
    """A pair of accounts on a Redis, or the login of its admin."""
    ecs: Ecs | None = None
    """The password or the SSH key pair of a user of a host."""
    ram: Ram | None = None
    """The AccessKey of a RAM user of a cloud account."""
    rotation: Rotation = Rotation()
    """When the value is replaced."""
    projections: Annotated[
        tuple[Projection, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["secretName"]},
        ),
    ] = ()
    """Secrets that hold the current value."""
    access_policy: AccessPolicy | None = None
    """Who may read and manage the value. Not supported yet: it is refused, never ignored. Absent: the RBAC of the namespace."""
    deletion: Deletion = Deletion()
    """What happens when the Credential is deleted."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            _ONE_TYPE,
            f"spec: set exactly one of {', '.join(_TYPES[:-1])} and {_TYPES[-1]}",
            lambda s: sum(getattr(s, block) is not None for block in _TYPES) == 1,
        ),
        Rule(
            "!has(self.generic) || !((has(self.rotation.automatic) && self.rotation.automatic) || "
            "has(self.rotation.interval) || has(self.rotation.cron))",
            "spec.rotation: a generic value is not replaced on schedule: remove automatic, interval and cron",
            _generic_unscheduled,
        ),
        Rule(
            "has(self.generic) || (!has(self.rotation.automatic) || self.rotation.automatic) == "
            "(has(self.rotation.interval) || has(self.rotation.cron))",
            "spec.rotation.interval: is needed if rotation is automatic, and only then: set it, or set "
            "spec.rotation.automatic to false and remove it",
            _scheduled_at_will,
        ),
        Rule(
            f"has(self.ecs) || !has(self.rotation.interval) || "
            f"({within('self.rotation.interval', timedelta(hours=6), 365 * _DAY)})",
            "spec.rotation.interval: must be between 6h and 365d, for ecs from 1h on",
            lambda s: s.ecs is not None or s.rotation.interval is None or s.rotation.interval >= timedelta(hours=6),
        ),
        Rule(
            f"!has(self.ram) || !has(self.rotation.interval) || ({within('self.rotation.interval', 7 * _DAY, 365 * _DAY)})",
            "spec.rotation.interval: must be between 7d and 365d for ram",
            lambda s: s.ram is None or s.rotation.interval is None or s.rotation.interval >= 7 * _DAY,
        ),
        Rule(
            f"!has(self.ram) || !has(self.rotation.cron) || self.rotation.cron.matches('{_WEEKLY}')",
            "spec.rotation.cron: must name one hour of one weekday, or of one day of the month, for ram: at most every 7d",
            lambda s: s.ram is None or s.rotation.cron is None or re.match(_WEEKLY, s.rotation.cron) is not None,
        ),
        Rule(
            "!has(self.ram) || !has(self.deletion.accounts) || self.deletion.accounts == 'Retain'",
            "spec.deletion.accounts: RAM users are neither disabled nor dropped: remove it, or set Retain",
            lambda s: s.ram is None or s.deletion.accounts in (None, "Retain"),
        ),
        Rule(
            "!has(self.ecs) || !has(self.deletion.accounts) || self.deletion.accounts == 'Retain'",
            "spec.deletion.accounts: users of a host are neither disabled nor dropped: remove it, or set Retain",
            lambda s: s.ecs is None or s.deletion.accounts in (None, "Retain"),
        ),
        Rule(
            "!has(self.projections) || "
            "self.projections.all(p, self.projections.exists_one(q, q.secretName == p.secretName))",
            "spec.projections: every secretName may be there once",
            lambda s: len({p.secret_name for p in s.projections}) == len(s.projections),
        ),
        *rights_rules.RULES,
    )


class ProjectedSecret(Model):
    """A Secret that holds a value of this Credential."""

    secret_name: ObjectName
    """Name of the Secret."""
    version: Text = ""
    """Version that it holds."""
    sequence: int = 0
    """Sequence of the version that it holds."""


class Waiting(Model):
    """What is waited for."""

    reason: Text = ""
    """Why nothing is done now, as one word."""
    until: Time | None = None
    """When it is looked at again."""


class CredentialStatus(Model):
    """What is. A summary for people and tools: everything in it can be derived again."""

    state: Literal["Enabled", "Disabled", "Invalid", "PendingDeletion"] | None = None
    """Enabled, Disabled (suspended), Invalid (the spec cannot be followed) or PendingDeletion."""
    type: Text = ""
    """Type and engine, such as rds/PostgreSQL."""
    current_version: Text = ""
    """Version that is published."""
    last_rotated: Time | None = None
    """When the current version was promoted."""
    last_gap: Text = ""
    """Single accounts: at the last rotation, how long no Secret held the value that logs in, from before it was sent until the
    last Secret was written. What a kubelet and a reader take to notice comes on top. Other modes have none."""
    next_rotation: Text = ""
    """When the next rotation is due, or why none is."""
    observed_generation: int = 0
    """Generation of the spec that this status speaks of."""
    lineage: Text = ""
    """Identity of the credential that survives deletion and restore."""
    conditions: Conditions = ()
    """Ready: what is published logs in. Rotated: the last rotation succeeded. Stalled, Reconciling and others as they apply."""
    projections: Annotated[tuple[ProjectedSecret, ...], Field(max_length=64)] = ()
    """The Secrets and what they hold."""
    secrets: Text = ""
    """Names of the Secrets, for a glance."""
    failures: Failures | None = None
    """Failures since the last success."""
    waiting: Waiting | None = None
    """What is waited for."""
    takeover: Text = ""
    """What keyward.dev/takeover has to say to go on here, where another cluster may be alive: see `keyward takeover`."""
    credential_name: Text = ""
    """ram: the name that the source system gives such a credential."""
    requests: Annotated[tuple[Text, ...], Field(max_length=8)] = ()
    """The last calls of a cloud's API that changed something, each with the cloud's id of it."""


def _status(found: Any, read: Any) -> CredentialStatus:
    # A status is a summary: one that is damaged must not stop the Credential that it speaks of.
    try:
        return read(found)  # type: ignore[no-any-return]
    except ValueError:
        return CredentialStatus()


_TYPE = "spec.{0} cannot be changed: delete the Credential and make another"


def _kept(parent: str, field: str) -> str:
    """CEL on the root: a field below an optional parent is as it was. It is required or has a default, so it is there."""
    new, old = f"self.{parent}", f"oldSelf.{parent}"
    return f"!(has({new}) && has({old})) || {new}.{field} == {old}.{field}"


def _kept_optional(parent: str, field: str) -> str:
    """As `_kept`, of a field that may be absent."""
    new, old = f"self.{parent}", f"oldSelf.{parent}"
    return (
        f"!(has({new}) && has({old})) || (has({new}.{field}) == has({old}.{field}) && "
        f"(!has({new}.{field}) || {new}.{field} == {old}.{field}))"
    )


def _kept_deep(path: tuple[str, str, str], compare: str) -> str:
    """CEL on the root for a value two optional levels down; that both levels stay is said by rules of their own."""
    top, block, _ = path
    there = " && ".join(f"has({root}.{top}) && has({root}.{top}.{block})" for root in ("self", "oldSelf"))
    return f"!({there}) || {compare}"


class Credential(Model):
    """A credential: an encrypted, numbered value that is rotated on the system that it opens and projected as a Secret."""

    metadata: Metadata
    spec: CredentialSpec
    """What is wished."""
    status: Annotated[CredentialStatus, WrapValidator(_status)] = CredentialStatus()
    """What is."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "size(self.metadata.name) <= 63",
            "metadata.name: must have at most 63 characters",
            lambda c: len(c.metadata.name) <= 63,
        ),
        Rule(
            _SAME_TYPE,
            f"spec.{', spec.'.join(_TYPES)}: the type cannot be changed: delete the Credential and make another",
        ),
        Rule(_kept("spec.polardb", "targetRef"), _TYPE.format("polardb.targetRef")),
        Rule(_kept("spec.ecs", "engine"), _TYPE.format("ecs.engine")),
        Rule(_kept("spec.polardb", "engine"), _TYPE.format("polardb.engine")),
        *(
            Rule(_kept_optional(f"spec.{block}", "provider"), _TYPE.format(f"{block}.provider"))
            for block in ("rds", "polardb", "redis", "ecs")
        ),
        Rule(_kept("spec.polardb", "create.name"), _TYPE.format("polardb.create.name")),
        Rule(_kept("spec.rds", "targetRef"), _TYPE.format("rds.targetRef")),
        Rule(_kept("spec.rds", "engine"), _TYPE.format("rds.engine")),
        Rule(_kept("spec.rds", "accountManagement"), _TYPE.format("rds.accountManagement")),
        Rule(
            "!(has(self.spec.rds) && has(oldSelf.spec.rds)) || has(self.spec.rds.create) == has(oldSelf.spec.rds.create)",
            "spec.rds.create, spec.rds.import: one cannot take the other's place: delete the Credential and make another",
        ),
        Rule(
            _kept_deep(
                ("spec.rds", "create", "name"),
                "(self.spec.rds.create.name == oldSelf.spec.rds.create.name && "
                "self.spec.rds.create.privileged == oldSelf.spec.rds.create.privileged)",
            ),
            "spec.rds.create.name, spec.rds.create.privileged cannot be changed: delete the Credential and make another",
        ),
        Rule(
            _kept_deep(
                ("spec.rds", "__import__", "accounts"),
                "self.spec.rds.__import__.accounts.map(a, a.name) == oldSelf.spec.rds.__import__.accounts.map(a, a.name)",
            ),
            "spec.rds.import.accounts[].name cannot be changed: delete the Credential and make another",
        ),
        Rule(_kept("spec.redis", "targetRef"), _TYPE.format("redis.targetRef")),
        Rule(_kept("spec.redis", "accountManagement"), _TYPE.format("redis.accountManagement")),
        Rule(
            "!(has(self.spec.redis) && has(oldSelf.spec.redis)) || has(self.spec.redis.create) == has(oldSelf.spec.redis.create)",
            "spec.redis.create, spec.redis.import: one cannot take the other's place: delete the Credential and make another",
        ),
        Rule(
            _kept_deep(
                ("spec.redis", "create", "name"), "self.spec.redis.create.name == oldSelf.spec.redis.create.name"
            ),
            _TYPE.format("redis.create.name"),
        ),
        Rule(
            _kept_deep(
                ("spec.redis", "__import__", "accounts"),
                "self.spec.redis.__import__.accounts.map(a, a.name) == oldSelf.spec.redis.__import__.accounts.map(a, a.name)",
            ),
            "spec.redis.import.accounts[].name cannot be changed: delete the Credential and make another",
        ),
        Rule(_kept("spec.ecs", "targetRef"), _TYPE.format("ecs.targetRef")),
        Rule(_kept("spec.ecs", "secretType"), _TYPE.format("ecs.secretType")),
        Rule(_kept("spec.ram", "targetRef"), _TYPE.format("ram.targetRef")),
        Rule(_kept("spec.ram", "userName"), _TYPE.format("ram.userName")),
        Rule(
            "!(has(self.spec.ecs) && has(oldSelf.spec.ecs)) || "
            "self.spec.ecs.__import__.accounts.map(a, a.name) == oldSelf.spec.ecs.__import__.accounts.map(a, a.name)",
            "spec.ecs.import.accounts[].name cannot be changed: delete the Credential and make another",
        ),
        Rule(
            "!has(self.spec.generic) || !has(oldSelf.spec.generic) || "
            "self.spec.generic.versionId == oldSelf.spec.generic.versionId",
            "spec.generic.versionId names the first version and cannot be changed",
        ),
        Rule(
            "!has(self.spec.projections) || !has(oldSelf.spec.projections) || self.spec.projections.all(p, "
            "!oldSelf.spec.projections.exists(o, o.secretName == p.secretName && o.type != p.type))",
            "spec.projections[].type cannot be changed, as that of a Secret cannot: use another secretName",
        ),
    )
