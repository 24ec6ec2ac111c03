"""What a raw Target says of its admin login and of where it points to: the same reading for the controller and the CLI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keyward.api import ram
from keyward.api.managed import BLOCKS
from keyward.errors import Blocked, Reason
from keyward.kube import targets
from keyward.kube.kinds import CLUSTER_TARGETS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AdminOf:
    """Where a Target's admin login is, and the digest of its endpoints and CA."""

    namespace: str
    secret: str
    digest: str
    has_login: bool = True  # False: the Secret carries the approval alone


def admin_of(item: Json, operator_namespace: str) -> AdminOf:
    """The admin Secret and the digest of a Target or ClusterTarget as it is now.

    A ClusterTarget's Secret is in the operator's namespace and nowhere else: no reference carries a namespace.

    Raises:
        Blocked: the object is not one that the CRD lets through.
    """
    metadata, spec = item["metadata"], item.get("spec") or {}
    try:
        block = next(name for name in BLOCKS if spec.get(name) is not None)
        found = spec[block]
        endpoints = _endpoints(block, found)
        tls = found.get("tls") or {}
        # What a host proves itself by stands in the place of a CA.
        proof = tls.get("ca") or "\n".join(sorted(found.get("hostKeys") or ()))
        secret = str(spec["admin"]["secretRef"]["name"])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        raise Blocked(
            Reason.INVALID_SPEC,
            f"Target {metadata['name']} has no endpoints in spec.{' or spec.'.join(BLOCKS)} or no spec.admin.secretRef: add them",
        ) from None
    namespace = metadata.get("namespace") or operator_namespace
    if item.get("kind") == CLUSTER_TARGETS.name:
        namespace = operator_namespace
    digest = targets.digest(endpoints, proof, tls.get("serverName"))
    return AdminOf(namespace, secret, digest, has_login=found.get("credentials") != ram.DEFAULT_CHAIN)


def _endpoints(block: str, found: Json) -> list[tuple[str, int]]:
    """Where the admin's login is sent. Raises KeyError, TypeError or ValueError, if that cannot be told."""
    if block == "ram":
        named = [
            (str(e["service"]), str(e["host"]), int(e.get("port", ram.PORT))) for e in found.get("endpoints") or ()
        ]
        return list(ram.addresses(found.get("regionId"), named).values())
    return [(str(e["host"]), int(e.get("port", BLOCKS[block]))) for e in found["endpoints"]]
