"""The yardstick: the three writes of one generic credential, of the size that the operator's have, and nothing else.

No watch, no cache, no plan, no sealing: random bytes stand where the operator puts an envelope. Each object's writes follow
one another, as its own do.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.api import Api, each
from benchmarks.fleet import Member

Json = dict[str, Any]
JSON_PATCH: Final = "application/json-patch+json"
_API: Final = "keyward.dev/v1alpha1"
_PADDED: Final = 256 + 16  # a sealed short value and its tag
_WRAPPED: Final = 76  # check value, nonce, data key and tag
_QUERY: Final = "fieldManager=keyward"


async def write_all(api: Api, fleet: list[Member]) -> None:
    """Version, Secret and status of every member."""

    async def one(member: Member) -> None:
        lineage = os.urandom(16).hex()
        place = f"namespaces/{member.namespace}"
        await api.send("POST", f"/apis/{_API}/{place}/credentialversions?{_QUERY}", version(member, lineage))
        await api.send("POST", f"/api/v1/{place}/secrets?{_QUERY}", secret(member, lineage))
        path = f"/apis/{_API}/{place}/credentials/{member.name}/status?{_QUERY}"
        await api.send("PATCH", path, status(member, lineage), JSON_PATCH)

    await each(fleet, one)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _noise(size: int) -> str:
    return base64.b64encode(os.urandom(size)).decode()


def version(member: Member, lineage: str) -> Json:
    """A CredentialVersion with its promotion set."""
    labels = {"keyward.dev/credential": member.name, "keyward.dev/lineage": lineage}
    name = f"{member.name}-{lineage[:8]}-1"
    return {
        "apiVersion": _API,
        "kind": "CredentialVersion",
        "metadata": {"name": name, "namespace": member.namespace, "labels": labels},
        "spec": {
            "credential": member.name,
            "lineage": lineage,
            "sequence": 1,
            "versionId": "v1",
            "type": "generic",
            "cluster": member.uid,
            "cause": {"kind": "Initial", "dueAt": _now(), "recoveryWindowSeconds": 2592000},
            "mode": "Generic",
            "origin": "Generated",
            "envelopeDigest": os.urandom(32).hex(),
        },
        "envelope": {
            "v": 1,
            "suite": "A256GCM-HKDFSHA512-COMMIT",
            "salt": _noise(32),
            "commit": _noise(32),
            "nonce": _noise(12),
            "ct": _noise(_PADDED),
        },
        "wraps": [{"key": "default", "keyVersion": "1", "provider": "Local", "wrapped": _noise(_WRAPPED)}],
        "record": {"promoted": {"number": 1, "at": _now()}},
    }


def secret(member: Member, lineage: str) -> Json:
    """A projected Secret."""
    value = _noise(24)
    data = {"password": value, "credential.json": f'{{"password":"{value}","version":"v1"}}'}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": member.name,
            "namespace": member.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "keyward",
                "keyward.dev/credential": member.name,
                "keyward.dev/lineage": lineage,
            },
            "annotations": {
                "keyward.dev/version": "v1",
                "keyward.dev/sequence": "1",
                "keyward.dev/written-at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                "keyward.dev/shape": os.urandom(8).hex(),
                "keyward.dev/keys": os.urandom(8).hex(),
            },
            "ownerReferences": [{"apiVersion": _API, "kind": "Credential", "name": member.name, "uid": member.uid}],
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }


def status(member: Member, lineage: str) -> list[Json]:
    """The status as a whole, for this very Credential and no other of its name."""
    at = _now()

    def condition(kind: str, reason: str, message: str) -> Json:
        return {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "observedGeneration": 1,
            "lastTransitionTime": at,
        }

    found = {
        "observedGeneration": 1,
        "type": "generic",
        "state": "Enabled",
        "lineage": lineage,
        "currentVersion": "v1",
        "nextRotation": "",
        "projections": [{"secretName": member.name, "version": "v1", "sequence": 1}],
        "secrets": member.name,
        "conditions": [
            condition("Ready", "Projected", "version v1 is current"),
            condition("Rotated", "UpToDate", ""),
        ],
        "lastRotated": at,
    }
    return [
        {"op": "test", "path": "/metadata/uid", "value": member.uid},
        {"op": "add", "path": "/status", "value": found},
    ]
