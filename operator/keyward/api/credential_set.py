"""A CredentialSet: one template and many Targets, a Credential for each."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.credential import CredentialSpec
from keyward.api.ecs import Ecs
from keyward.api.metadata import Conditions, Metadata
from keyward.api.polardb import Polardb
from keyward.api.ram import Ram
from keyward.api.rds import Rds, TargetReference
from keyward.api.redis import Redis
from keyward.api.values import ObjectName, Text

_SET = {"x-kubernetes-list-type": "set"}
MOST: int = 1_000
LabelKey = Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]


class SetTargets(Model):
    """Which Targets get a Credential: a list of names, or labels."""

    kind: Literal["Target", "ClusterTarget"] = "Target"
    """Target: those of this namespace. ClusterTarget: those that allow this namespace."""
    names: Annotated[tuple[ObjectName, ...], Field(max_length=MOST, json_schema_extra=_SET)] = ()
    """Names of the Targets, at most 1,000."""
    match_labels: Annotated[dict[str, LabelKey], Field(max_length=16)] = Field(default_factory=dict)
    """Labels that a Target must have, all of them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.names) && size(self.names) > 0) != (has(self.matchLabels) && size(self.matchLabels) > 0)",
            "spec.targets: set exactly one of names and matchLabels",
            lambda t: bool(t.names) != bool(t.match_labels),
        ),
    )


def _filled_in(block: str) -> Rule:
    return Rule(
        "!has(self.targetRef)",
        f"spec.template.spec.{block}.targetRef: is filled in for each Target: remove it",
        lambda spec: spec.target_ref is None,
    )


class RdsTemplate(Rds):
    """An account on each of the servers, as in spec.rds of a Credential, but for the server."""

    target_ref: TargetReference | None = None  # type: ignore[assignment]
    """Is filled in for each Target: leave it out."""

    rules: ClassVar[tuple[Rule, ...]] = (*Rds.rules, _filled_in("rds"))


class PolardbTemplate(Polardb):
    """A pair of accounts on each of the clusters, as in spec.polardb of a Credential, but for the cluster."""

    target_ref: TargetReference | None = None  # type: ignore[assignment]
    """Is filled in for each Target: leave it out."""

    rules: ClassVar[tuple[Rule, ...]] = (*Polardb.rules, _filled_in("polardb"))


class RedisTemplate(Redis):
    """A pair of accounts on each of the systems, as in spec.redis of a Credential, but for the system."""

    target_ref: TargetReference | None = None  # type: ignore[assignment]
    """Is filled in for each Target: leave it out."""

    rules: ClassVar[tuple[Rule, ...]] = (*Redis.rules, _filled_in("redis"))


class EcsTemplate(Ecs):
    """A user of each of the hosts, as in spec.ecs of a Credential, but for the host."""

    target_ref: TargetReference | None = None  # type: ignore[assignment]
    """Is filled in for each Target: leave it out."""

    rules: ClassVar[tuple[Rule, ...]] = (*Ecs.rules, _filled_in("ecs"))


class RamTemplate(Ram):
    """A RAM user of each of the cloud accounts, as in spec.ram of a Credential, but for the account."""

    target_ref: TargetReference | None = None  # type: ignore[assignment]
    """Is filled in for each Target: leave it out."""

    rules: ClassVar[tuple[Rule, ...]] = (*Ram.rules, _filled_in("ram"))


class TemplateSpec(CredentialSpec):
    """The spec that each Credential gets. Each projection's secretName gets -<name of the Target> at its end."""

    rds: RdsTemplate | None = None
    """An account on a database server."""
    polardb: PolardbTemplate | None = None
    """A pair of accounts on a PolarDB cluster."""
    redis: RedisTemplate | None = None
    """A pair of accounts on a Redis."""
    ecs: EcsTemplate | None = None
    """The password or the SSH key pair of a user of a host."""
    ram: RamTemplate | None = None
    """The AccessKey of a RAM user of a cloud account."""


class TemplateMetadata(Model):
    """Labels and annotations of each Credential."""

    labels: Annotated[dict[str, LabelKey], Field(max_length=32)] = Field(default_factory=dict)
    """Labels of each Credential."""
    annotations: Annotated[dict[str, Annotated[str, StringConstraints(max_length=4_096)]], Field(max_length=32)] = (
        Field(default_factory=dict)
    )
    """Annotations of each Credential, such as the command keyward.dev/rotate."""


class Template(Model):
    """What each Credential is made of."""

    metadata: TemplateMetadata = TemplateMetadata()
    """Labels and annotations of each Credential."""
    spec: TemplateSpec
    """The spec that each Credential gets."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.spec.generic)",
            "spec.template.spec.generic: opens no Target: make single Credentials of it",
            lambda t: t.spec.generic is None,
        ),
    )


class CredentialSetSpec(Model):
    """Which Targets, and what each gets."""

    targets: SetTargets
    """Which Targets get a Credential."""
    template: Template
    """What each Credential is made of; its name is <name of the set>-<name of the Target>."""
    removal_policy: Literal["Orphan", "Delete"] = "Orphan"
    """What becomes of a Credential when its Target is no longer one of the set, or the set is deleted. Orphan: it stays, of no
    set; a wrong label costs nothing. Delete: it is deleted, and spec.deletion of the Credential says what becomes of accounts."""


class SetFailure(Model):
    """A Target whose Credential could not be made or changed."""

    target: Text
    """Name of the Target."""
    reason: Text = ""
    """Why, as one word."""
    message: Annotated[str, StringConstraints(max_length=1_024)] = ""
    """What happened and what to do."""


class CredentialSetStatus(Model):
    """How far the set is."""

    observed_generation: int = 0
    """Generation of the spec that this status speaks of."""
    desired: int = 0
    """How many Targets there are."""
    created: int = 0
    """How many of them have a Credential that is as the template says."""
    ready: int = 0
    """How many of those are Ready."""
    failed: int = 0
    """How many could not be made or changed."""
    failures: Annotated[
        tuple[SetFailure, ...],
        Field(
            max_length=50,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["target"]},
        ),
    ] = ()
    """The first 50 failures by name."""
    conditions: Conditions = ()
    """Ready: every Target has a Credential that is Ready."""


class CredentialSet(Model):
    """Credentials in bulk: one template, a Credential for each of many Targets."""

    metadata: Metadata
    spec: CredentialSetSpec
    """Which Targets, and what each gets."""
    status: CredentialSetStatus = CredentialSetStatus()
    """How far the set is."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "size(self.metadata.name) <= 40",
            "metadata.name: must have at most 40 characters: names of Targets are added to it",
            lambda s: len(s.metadata.name) <= 40,
        ),
    )
