"""Which Credentials a CredentialSet shall have, and what is to be done to get there. Pure.

A Credential is of a set by its label, or if this set let it go itself. Any other one that is in the way is somebody's, and is
never touched.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from keyward.api import names, places
from keyward.api.credential_set import CredentialSet
from keyward.errors import Reason

Json = dict[str, Any]
LONGEST: Final = 63  # of a Credential's name


@dataclass(frozen=True, slots=True)
class Aim:
    """A Target that is in question. `granted`: Credentials of this namespace may use it."""

    name: str
    labels: Mapping[str, str]
    granted: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    target: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Member:
    """A Credential as the set wishes it."""

    name: str
    target: str
    spec: Json
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Make:
    member: Member


@dataclass(frozen=True, slots=True)
class Change:
    """`patch` is a JSON merge patch that turns the Credential into the member; the uid in it is a precondition."""

    member: Member
    patch: Json


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete it, or let it go on as nobody's: `patch` then takes our label from it."""

    name: str
    uid: str
    patch: Json | None


@dataclass(frozen=True, slots=True)
class Plan:
    """`current` are the members that need nothing."""

    steps: tuple[Make | Change | Remove, ...]
    current: tuple[str, ...]
    failures: tuple[Failure, ...]
    desired: int


def plan(wish: CredentialSet, raw: Json, aims: Iterable[Aim], there: Mapping[str, Json]) -> Plan:
    """What is to be done.

    Args:
        wish: the set.
        raw: the same as the API server gave it, with the template's defaults.
        aims: every Target of the kind that the set names.
        there: by name, the namespace's Credentials that are of this set or are named as one of it would be.
    """
    members, failures = _members(wish, raw, list(aims), there)
    desired = len(members) + len(failures)
    steps: list[Make | Change | Remove] = []
    current = []
    for member in members:
        found = there.get(member.name)
        if found is None:
            steps.append(Make(member))
        elif not (_is_of(found, wish.metadata.name) or _was_of(found, wish.metadata.name)):
            failures.append(Failure(member.target, Reason.CREDENTIAL_CONFLICT, _in_the_way(wish, member)))
        elif found["metadata"].get("annotations", {}).get(names.ANNOTATION_SET_DIGEST) == member.digest:
            current.append(member.name)
        elif not found["metadata"].get("deletionTimestamp"):
            steps.append(Change(member, _patch(found, member)))
    kept = {member.name for member in members} | {f"{wish.metadata.name}-{f.target}" for f in failures}
    steps += [
        _remove(wish, item) for name, item in there.items() if name not in kept and _is_of(item, wish.metadata.name)
    ]
    return Plan(tuple(steps), tuple(current), tuple(failures), desired)


def _members(
    wish: CredentialSet, raw: Json, aims: list[Aim], there: Mapping[str, Json]
) -> tuple[list[Member], list[Failure]]:
    members, failures = [], []
    known = {aim.name: aim for aim in aims}
    for name in sorted(wish.spec.targets.names) or _labelled(wish, aims, there):
        failure = _failure(wish, name, known.get(name))
        if failure is not None:
            failures.append(failure)
        else:
            members.append(_member(wish, raw, name))
    return members, failures


def _labelled(wish: CredentialSet, aims: list[Aim], there: Mapping[str, Json]) -> list[str]:
    """The Targets with the labels that this namespace may use, or has a Credential for: of others it is not told the names."""
    wanted, own = wish.spec.targets.match_labels, wish.metadata.name

    def is_ours(aim: Aim) -> bool:
        found = there.get(f"{own}-{aim.name}")
        return aim.granted or (found is not None and _is_of(found, own))

    fitting = (aim for aim in aims if all(aim.labels.get(key) == text for key, text in wanted.items()))
    return sorted(aim.name for aim in fitting if is_ours(aim))


def _failure(wish: CredentialSet, name: str, aim: Aim | None) -> Failure | None:
    kind = wish.spec.targets.kind
    if aim is None:
        return Failure(
            name, Reason.UNKNOWN_TARGET, f"spec.targets.names: there is no {kind} {name}: create it, or remove the name"
        )
    if not aim.granted:
        text = f"spec.allowedNamespaces of ClusterTarget {name} does not list namespace {wish.metadata.namespace}"
        return Failure(name, Reason.TARGET_NOT_ALLOWED, text)
    if len(f"{wish.metadata.name}-{name}") > LONGEST:
        text = f"metadata.name: the Credential's name, {wish.metadata.name}-{name}, would be longer than {LONGEST} characters"
        return Failure(name, Reason.INVALID_SPEC, text)
    return None


def _member(wish: CredentialSet, raw: Json, target: str) -> Member:
    template = raw["spec"]["template"]
    spec = copy.deepcopy(template["spec"])
    for block in places.BLOCKS:
        if block in spec:
            spec[block]["targetRef"] = {"kind": wish.spec.targets.kind, "name": target}
    for projection in spec.get("projections", []):
        projection["secretName"] = f"{projection['secretName']}-{target}"
    metadata = template.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    text = orjson.dumps([spec, labels, annotations, wish.spec.removal_policy], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(text).hexdigest()[:32]
    return Member(
        name=f"{wish.metadata.name}-{target}",
        target=target,
        spec=spec,
        labels={**labels, names.LABEL_SET: wish.metadata.name},
        annotations={**annotations, names.ANNOTATION_SET_DIGEST: digest},
        digest=digest,
    )


def _is_of(item: Json, name: str) -> bool:
    return bool((item["metadata"].get("labels") or {}).get(names.LABEL_SET) == name)


def _was_of(item: Json, name: str) -> bool:
    """Whether this set let it go, and nobody took it since."""
    metadata = item["metadata"]
    left = (metadata.get("annotations") or {}).get(names.ANNOTATION_SET_LEFT) == name
    return left and names.LABEL_SET not in (metadata.get("labels") or {})


def _in_the_way(wish: CredentialSet, member: Member) -> str:
    return (
        f"Credential {member.name} exists and is not of this set: delete it, or hand it over with `kubectl label credential "
        f"{member.name} -n {wish.metadata.namespace} {names.LABEL_SET}={wish.metadata.name}`, which gives it the template's spec"
    )


def _patch(found: Json, member: Member) -> Json:
    metadata: Json = {
        "uid": found["metadata"]["uid"],
        "labels": dict(member.labels),
        "annotations": {names.ANNOTATION_SET_LEFT: None, **member.annotations},
    }
    return {"metadata": metadata, "spec": difference(found.get("spec") or {}, member.spec)}


def difference(old: Json, new: Json) -> Json:
    """The JSON merge patch (RFC 7396) that turns one into the other: what the new one lacks is named with null."""
    patch: Json = {key: None for key in old if key not in new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            inner = difference(old[key], value)
            if inner:
                patch[key] = inner
        elif old.get(key) != value:
            patch[key] = value
    return patch


def _remove(wish: CredentialSet, item: Json) -> Remove:
    metadata = item["metadata"]
    if wish.spec.removal_policy == "Delete":
        return Remove(metadata["name"], metadata["uid"], None)
    none = {
        "uid": metadata["uid"],
        "labels": {names.LABEL_SET: None},
        "annotations": {names.ANNOTATION_SET_DIGEST: None, names.ANNOTATION_SET_LEFT: wish.metadata.name},
        "ownerReferences": None,
    }
    return Remove(metadata["name"], metadata["uid"], {"metadata": none})
