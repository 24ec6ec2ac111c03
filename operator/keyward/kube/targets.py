"""A Target's identity and the admin Secret that vouches for it (protocol §9).

The admin's password is handed out only for endpoints and a CA that somebody who may write that Secret has approved: a
person who may only edit Targets must not be able to have it sent elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

import orjson

from keyward.api import names
from keyward.errors import Blocked, Reason
from keyward.kube import secrets
from keyward.kube.answers import Asked
from keyward.kube.client import Client
from keyward.kube.kinds import NAMESPACES, SECRETS
from keyward.sensitive import Sensitive

Json = dict[str, Any]
_KEPT: Final = 8  # digests per Target
_PLAIN: Final = ("username", "password")
_CLOUD: Final = ("accessKeyId", "accessKeySecret")
_TOKEN: Final = "securityToken"  # noqa: S105 - the name of a key


class LoginKind(Enum):
    """What of an admin Secret is the login."""

    ACCOUNT = "Account"  # a name and its password or private key
    ACCESS_KEY = "AccessKey"  # of a cloud
    NONE = "None"  # the Secret carries the approval alone


@dataclass(frozen=True, slots=True)
class CloudPlace:
    """What of a cloud is part of a Target's identity: what it calls the system, and where it is called."""

    instance: str
    region: str
    addresses: tuple[tuple[str, int], ...]
    ca_pem: str | None = None


@dataclass(frozen=True, slots=True)
class AdminSecret:
    """An admin login and the approvals beside it: `<kind>/<name>` of a Target → digests, the newest first."""

    namespace: str
    name: str
    resource_version: str
    username: str
    password: Sensitive
    approvals: Mapping[str, tuple[str, ...]]
    credential: str = ""  # that projects it; empty: somebody else writes it
    token: Sensitive | None = None  # of a temporary AccessKey

    def approved(self, kind: str, name: str) -> tuple[str, ...]:
        """The digest that is approved now, then those that it succeeds; empty before the first use."""
        return self.approvals.get(f"{kind}/{name}", ())

    def vouches(self, digest: str) -> bool:
        """Whether the first use of these endpoints needs nobody's word.

        It does not if the Secret vouches for nothing yet, or for these very endpoints under another Target's name. A
        second Target with other endpoints would otherwise collect the password that the first was given.
        """
        newest = [digests[0] for digests in self.approvals.values() if digests]
        return not newest or digest in newest


def digest(
    endpoints: Iterable[tuple[str, int]],
    ca_pem: str | None,
    server_name: str | None = None,
    cloud: CloudPlace | None = None,
) -> str:
    """The digest of where a system is and how it proves itself: order, case of hosts and white space do not count."""
    found: list[Any] = ["keyward/target/1", _places(endpoints), _lines(ca_pem), (server_name or "").lower()]
    if cloud is not None:
        found += [cloud.instance, cloud.region, _places(cloud.addresses), _lines(cloud.ca_pem)]
    return hashlib.sha256(orjson.dumps(found)).hexdigest()


def _places(endpoints: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted({(host.lower().rstrip("."), port) for host, port in endpoints})


def _lines(ca_pem: str | None) -> str:
    return "\n".join(line.strip() for line in (ca_pem or "").splitlines() if line.strip())


class AdminSecrets:
    """Reading admin Secrets by name and writing the approvals on them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, namespace: str, name: str, kind: LoginKind = LoginKind.ACCOUNT) -> AdminSecret:
        """The admin login; without one, what the Secret vouches for.

        Raises:
            Blocked: with ADMIN_SECRET_INVALID, naming the Secret and what it lacks.
        """
        found = await self.find(namespace, name, kind)
        if found is None:
            raise missing(namespace, name)
        return found

    async def find(self, namespace: str, name: str, kind: LoginKind = LoginKind.ACCOUNT) -> AdminSecret | None:
        """The same, or None if there is no such Secret."""
        item = await self._client.get(SECRETS, namespace, name)
        if item is None:
            return None
        found = secrets.stored(item)
        username, value = _login(f"{namespace}/{name}", found.data, kind)
        token = found.data.get(_TOKEN) if kind is LoginKind.ACCESS_KEY else None
        version = found.metadata["resourceVersion"]
        approvals = _approvals(found.metadata, name)
        return AdminSecret(namespace, name, version, username, value, approvals, _keeper(found.metadata), token)

    async def approve(self, admin: AdminSecret, kind: str, name: str, new: str) -> AdminSecret:
        """Put this digest first; what was approved before stays as what it succeeds. Raises Conflict."""
        kept = (new, *(d for d in admin.approved(kind, name) if d != new))[:_KEPT]
        approvals = {**admin.approvals, f"{kind}/{name}": kept}
        text = orjson.dumps(approvals, option=orjson.OPT_SORT_KEYS).decode()
        patch = {
            "metadata": {
                "resourceVersion": admin.resource_version,
                "annotations": {names.ANNOTATION_APPROVED: text},
            }
        }
        asked = Asked("patch", SECRETS, admin.namespace, admin.name)
        answer = await self._client.merge(asked, patch)
        return replace(admin, resource_version=answer["metadata"]["resourceVersion"], approvals=approvals)


def missing(namespace: str, name: str, keeper: str = "") -> Blocked:
    """There is no such Secret; `keeper`: the Credential that is going to make it."""
    mended = f"Credential {keeper} makes it, see what it waits for" if keeper else "create it"
    return _invalid(f"Secret {namespace}/{name}, the admin login, is not there: {mended}")


def _keeper(metadata: Json) -> str:
    labels = metadata.get("labels") or {}
    ours = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and labels.get(names.LABEL_LINEAGE)
    return str(labels.get(names.LABEL_CREDENTIAL, "")) if ours else ""


def _login(secret: str, data: Mapping[str, Sensitive], kind: LoginKind) -> tuple[str, Sensitive]:
    """Who logs in and with what: a cloud's AccessKey, or a name and its password or private key."""
    if kind is LoginKind.NONE:
        return "", Sensitive("")
    names_key, value_key = _CLOUD if kind is LoginKind.ACCESS_KEY else _PLAIN
    value = data.get(value_key) or (data.get("ssh-privatekey") if value_key == "password" else None)
    for key, there in ((names_key, data.get(names_key)), (value_key, value)):
        if not there:
            raise _invalid(f"Secret {secret}, the admin login, has no key {key!r}: add it")
    assert value is not None
    try:
        return data[names_key].reveal_text().strip("\r\n"), value
    except ValueError:
        raise _invalid(
            f"Secret {secret}, the admin login: the key {names_key!r} is not valid UTF-8: correct it"
        ) from None


def _approvals(metadata: Json, name: str) -> dict[str, tuple[str, ...]]:
    text = (metadata.get("annotations") or {}).get(names.ANNOTATION_APPROVED)
    if text is None:
        return {}
    try:
        parsed = orjson.loads(text)
        return {str(target): tuple(str(d) for d in digests) for target, digests in parsed.items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        # Read as "nothing approved yet", a damaged annotation would open the door that it guards.
        raise _invalid(
            f"Secret {name}: the annotation {names.ANNOTATION_APPROVED} is damaged: approve the Target again after removing it"
        ) from None


def _invalid(message: str) -> Blocked:
    return Blocked(Reason.ADMIN_SECRET_INVALID, message)


async def cluster_uid(client: Client) -> str:
    """The uid of kube-system: what this cluster is called in versions."""
    item = await client.get(NAMESPACES, "", "kube-system")
    if item is None:
        raise Blocked(Reason.API_REFUSED, "this cluster has no namespace kube-system")
    return str(item["metadata"]["uid"])
