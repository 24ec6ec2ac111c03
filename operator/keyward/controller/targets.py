"""What a raw Target says of its admin login and of where it points to: the same reading for the controller and the CLI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keyward.api import places
from keyward.api.places import BLOCKS
from keyward.errors import Blocked, Reason
from keyward.kube import targets
from keyward.kube.kinds import CLUSTER_TARGETS
from keyward.kube.targets import LoginKind

Json = dict[str, Any]
LoginOf = tuple[str, str, LoginKind]
"""Namespace and name of an admin Secret, and what of it is a login."""


@dataclass(frozen=True, slots=True)
class AdminOf:
    """Where a Target's admin login is, and the digest of its endpoints and CA."""

    namespace: str
    secret: str
    digest: str
    kind: LoginKind = LoginKind.ACCOUNT

    @property
    def login(self) -> LoginOf:
        return self.namespace, self.secret, self.kind


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
        cloud = _cloud(block, found)
        secret = str(spec["admin"]["secretRef"]["name"])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        raise Blocked(
            Reason.INVALID_SPEC,
            f"Target {metadata['name']} has no endpoints in spec.{' or spec.'.join(BLOCKS)} or no spec.admin.secretRef: add them",
        ) from None
    namespace = metadata.get("namespace") or operator_namespace
    if item.get("kind") == CLUSTER_TARGETS.name:
        namespace = operator_namespace
    digest = targets.digest(endpoints, proof, tls.get("serverName"), cloud)
    return AdminOf(namespace, secret, digest, _kind(block, found))


def _kind(block: str, found: Json) -> LoginKind:
    api = found if block == "ram" else found.get("openApi")
    if api is None:
        return LoginKind.ACCOUNT
    return LoginKind.NONE if places.uses_default_chain(api) else LoginKind.ACCESS_KEY


def _cloud(block: str, found: Json) -> targets.CloudPlace | None:
    """What the admin's AccessKey is used on, and where it is sent. Raises as `_endpoints`."""
    api = found.get("openApi")
    if api is None:
        return None
    hosts = places.of_services(block, str(api["regionId"]), _services(api))
    ca = (api.get("tls") or {}).get("ca")
    return targets.CloudPlace(str(api["instanceId"]), str(api["regionId"]), tuple(hosts.values()), ca)


def _services(api: Json) -> list[tuple[str, str, int]]:
    return [(str(e["service"]), str(e["host"]), int(e.get("port", places.PORT))) for e in api.get("endpoints") or ()]


def _endpoints(block: str, found: Json) -> list[tuple[str, int]]:
    """Where the admin's login is sent. Raises KeyError, TypeError or ValueError, if that cannot be told."""
    if block == "ram":
        return list(places.of_account(found.get("regionId"), _services(found)).values())
    return [(str(e["host"]), int(e.get("port", BLOCKS[block]))) for e in found["endpoints"]]
