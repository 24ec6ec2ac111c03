"""N generic Credentials with a generated value and one projection each, spread over namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from benchmarks.api import Api, each

NAMESPACES: Final = tuple(f"team-{n:02d}" for n in range(10))


@dataclass(frozen=True, slots=True)
class Member:
    """One Credential that is there."""

    namespace: str
    name: str
    uid: str


def manifest(namespace: str, name: str) -> dict[str, Any]:
    """The Credential, as a user would write it."""
    return {
        "apiVersion": "keyward.dev/v1alpha1",
        "kind": "Credential",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"generic": {"generate": {}}, "projections": [{"secretName": name}]},
    }


async def make(api: Api, count: int) -> list[Member]:
    """Create them all."""
    made: list[Member] = []

    async def create(number: int) -> None:
        namespace, name = NAMESPACES[number % len(NAMESPACES)], f"service-{number:05d}"
        path = f"/apis/keyward.dev/v1alpha1/namespaces/{namespace}/credentials"
        answer = orjson.loads(await api.send("POST", path, manifest(namespace, name)))
        made.append(Member(namespace, name, answer["metadata"]["uid"]))

    await each(range(count), create)
    return made
