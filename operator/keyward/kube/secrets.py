"""Projected Secrets: POST, PUT and DELETE by name, and their metadata as the planner sees it (protocol §11).

Never a patch or an apply: they merge into a stranger's Secret. What others put on a Secret's metadata stays.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from sys import intern
from typing import Any, Final

import orjson

from keyward.api import names
from keyward.domain.model import SecretView
from keyward.domain.projection import written_at
from keyward.domain.writes import SecretContent, StoredSecret
from keyward.errors import Blocked, Reason
from keyward.kube import records
from keyward.kube.answers import Asked
from keyward.kube.client import JSON, MANAGER, METADATA, Call, Client
from keyward.kube.kinds import CREDENTIALS, GROUP, SECRETS
from keyward.sensitive import Sensitive

Json = dict[str, Any]

OUR_LABELS: Final = (names.LABEL_MANAGED_BY, names.LABEL_CREDENTIAL, names.LABEL_LINEAGE)
OUR_ANNOTATIONS: Final = (
    names.ANNOTATION_VERSION,
    names.ANNOTATION_SEQUENCE,
    names.ANNOTATION_PREVIOUS_SEQUENCE,
    names.ANNOTATION_WRITTEN_AT,
    names.ANNOTATION_SHAPE,
    names.ANNOTATION_KEYS,
)
_NOT_SENT: Final = ("managedFields", "selfLink", "generation")


class KubeSecretStore:
    """The port `SecretStore`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._trusted: dict[tuple[str, str], str] = {}  # (namespace, name) → resourceVersion

    def view(self, item: Json) -> SecretView:
        """A Secret's metadata as a watch or a read shows it, with what this process knows of its data."""
        found = view(item)
        place = (item["metadata"].get("namespace", ""), found.name)
        if found.intact:
            self._trusted.pop(place, None)
            return found
        return replace(found, intact=self._trusted.get(place) == found.resource_version)

    def trust(self, namespace: str, name: str, resource_version: str) -> None:
        """Its data was compared and is right, whoever wrote it: do not look again before it changes."""
        self._trusted[namespace, name] = resource_version

    def forget(self, namespace: str, name: str) -> None:
        """It is gone."""
        self._trusted.pop((namespace, name), None)

    async def read(self, namespace: str, name: str) -> StoredSecret | None:
        """The whole Secret, by a quorum read."""
        item = await self._client.get(SECRETS, namespace, name)
        return None if item is None else stored(item)

    async def create(self, content: SecretContent) -> SecretView:
        """POST; raises AlreadyExists (a Conflict) if the name is taken."""
        metadata: Json = {"name": content.name, "namespace": content.namespace} | _ours(content)
        return await self._send(Asked("create", SECRETS, content.namespace, content.name), content, metadata)

    async def replace(self, content: SecretContent, judged: StoredSecret) -> SecretView:
        """PUT on the judged metadata with its resourceVersion, data replaced as a whole.

        Raises:
            Conflict: it is not the Secret any more that was judged.
            Blocked: with SECRET_CONFLICT, if its type is another one: types are immutable.
        """
        if judged.type != content.type:
            raise Blocked(
                Reason.SECRET_CONFLICT,
                f"Secret {content.name} exists with type {judged.type}, which cannot be changed to {content.type}: delete it, "
                "or choose another secretName in spec.projections",
            )
        asked = Asked("update", SECRETS, content.namespace, content.name)
        return await self._send(asked, content, _merged(judged.metadata, content))

    async def delete(self, namespace: str, secret: SecretView) -> None:
        """Delete the Secret as it was seen. Absent is success; raises Conflict if it was changed."""
        await self._client.delete(SECRETS, namespace, secret.name, {"resourceVersion": secret.resource_version})

    async def _send(self, asked: Asked, content: SecretContent, metadata: Json) -> SecretView:
        data = {key: base64.b64encode(value.reveal()).decode() for key, value in content.data.items()}
        item = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": content.type, "data": data}
        # The answer comes as metadata alone: the value makes no second trip.
        call = Call(asked, orjson.dumps(item), f"fieldManager={MANAGER}", JSON, METADATA)
        found = view(await self._client.request(call))
        if not found.intact:
            # A value that was right before keeps its writer's name (a restored backup): we have just put it there, too.
            self.trust(content.namespace, content.name, found.resource_version)
        return replace(found, intact=True)


def stored(item: Json) -> StoredSecret:
    """A Secret as the API server gave it. Raises Blocked if its data is not base64, which the server never sends."""
    try:
        data = {key: Sensitive(base64.b64decode(text, validate=True)) for key, text in (item.get("data") or {}).items()}
    except (binascii.Error, ValueError, TypeError):
        name = item.get("metadata", {}).get("name")
        raise Blocked(Reason.SECRET_INVALID, f"Secret {name} holds data that cannot be decoded") from None
    return StoredSecret(item["metadata"], item.get("type", "Opaque"), data)


def view(item: Json) -> SecretView:
    """A Secret's metadata in the planner's words, from the object or its PartialObjectMetadata."""
    metadata = item["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    lineage = intern(labels.get(names.LABEL_LINEAGE, ""))
    return SecretView(
        name=intern(metadata["name"]),
        resource_version=metadata["resourceVersion"],
        managed=labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and bool(lineage),
        lineage=lineage,
        credential=intern(labels.get(names.LABEL_CREDENTIAL, "")),
        sequence=_number(annotations.get(names.ANNOTATION_SEQUENCE)),
        previous_sequence=_number(annotations.get(names.ANNOTATION_PREVIOUS_SEQUENCE)),
        shape=intern(annotations.get(names.ANNOTATION_SHAPE, "")),  # the same for all that look alike
        written_at=written_at(_moment(annotations.get(names.ANNOTATION_WRITTEN_AT)), _booked_at(metadata)),
        owner_uid=next((intern(o["uid"]) for o in metadata.get("ownerReferences") or () if _is_ours(o)), ""),
        intact=_intact(metadata, annotations.get(names.ANNOTATION_KEYS, "")),
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _moment(text: str | None) -> datetime | None:
    try:
        return records.moment(text) if text else None
    except ValueError:
        return None


def _is_ours(reference: Json) -> bool:
    return reference.get("kind") == CREDENTIALS.name and str(reference.get("apiVersion", "")).startswith(f"{GROUP}/")


# --- who wrote the data: told by metadata alone ---


def _intact(metadata: Json, keys: str) -> bool:
    """Whether every key of the data was last set by us, and none of ours is missing.

    The server keeps book of who set which field. A Secret without that book was written by somebody who erased it.
    """
    ours: set[str] = set()
    for manager, fields in _written(metadata):
        if manager != MANAGER:
            return False
        ours |= fields
    return keys_digest(ours) == keys


def _written(metadata: Json) -> Iterator[tuple[str, set[str]]]:
    for entry in metadata.get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        keys = {key[2:] for key in fields.get("f:data") or () if key.startswith("f:")}
        if keys:
            yield str(entry.get("manager")), keys


def _booked_at(metadata: Json) -> datetime | None:
    """When the API server last did what we asked for."""
    ours = [e.get("time") for e in metadata.get("managedFields") or () if e.get("manager") == MANAGER]
    times = [at for text in ours if (at := _moment(text)) is not None]
    return max(times, default=None)


def keys_digest(keys: set[str] | Mapping[str, Sensitive]) -> str:
    """A digest of the names of the keys; of no value."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16]


# --- metadata to send ---


def _ours(content: SecretContent) -> Json:
    owners = [] if content.owner is None else [_reference(content.owner)]
    annotations = {**content.annotations, names.ANNOTATION_KEYS: keys_digest(content.data)}
    return {"labels": dict(content.labels), "annotations": annotations, "ownerReferences": owners}


def _reference(owner: tuple[str, str]) -> Json:
    # Not `controller` and not blocking: others may own it as well, and a deletion must not wait for it.
    return {"apiVersion": CREDENTIALS.api_version, "kind": CREDENTIALS.name, "name": owner[0], "uid": owner[1]}


def _merged(judged: Json, content: SecretContent) -> Json:
    """The judged metadata with ours put in place: others' labels, annotations, owners and finalizers stay."""
    ours = _ours(content)
    metadata = {key: value for key, value in judged.items() if key not in _NOT_SENT}
    others = [o for o in judged.get("ownerReferences") or () if not _is_ours(o)]
    metadata["labels"] = _without(judged.get("labels"), OUR_LABELS) | ours["labels"]
    metadata["annotations"] = _without(judged.get("annotations"), OUR_ANNOTATIONS) | ours["annotations"]
    metadata["ownerReferences"] = others + ours["ownerReferences"]
    return metadata


def _without(found: Mapping[str, str] | None, keys: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in (found or {}).items() if key not in keys}
