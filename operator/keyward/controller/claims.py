"""What one Credential lays claim to, read from its raw spec: accounts of a Target, Secrets, an EncryptionKey, a source.

Tolerant: a spec that is not valid claims what can be read of it. What is valid is judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import Any

from keyward.api import accounts, names
from keyward.api.places import BLOCKS
from keyward.controller.indexes import Index
from keyward.controller.limits import TargetKey
from keyward.controller.queue import Key

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claims:
    target: TargetKey | None = None
    accounts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    encryption_key: str = ""
    source: str = ""  # name of the Secret that the value is read from
    of_set: str = ""  # name of the CredentialSet that it is of
    lineage: str = ""  # that it lives in, whether versions of it are there or lost
    ram_user: str = ""  # whose AccessKeys it keeps: the same user may be reached through several Targets


class ClaimBook:
    """The claims of every Credential, and who lays claim to what."""

    def __init__(self) -> None:
        self._of: dict[Key, Claims] = {}
        self.by_target: Index[TargetKey] = Index()
        self.by_account: Index[tuple[TargetKey, str]] = Index()
        self.by_key: Index[str] = Index()
        self.by_secret: Index[Key] = Index()
        self.by_source: Index[Key] = Index()
        self.by_set: Index[Key] = Index()
        self.by_lineage: Index[str] = Index()
        self.by_ram_user: Index[str] = Index()

    def of(self, key: Key) -> Claims | None:
        return self._of.get(key)

    def put(self, key: Key, new: Claims | None) -> None:
        """What this Credential claims now; None: it is gone."""
        old = self._of.pop(key, None)
        if new is not None:
            self._of[key] = new
        if old == new:
            return
        if old is not None:
            self._index(key, old, Index.remove)
        if new is not None:
            self._index(key, new, Index.add)

    def _index(self, key: Key, claims: Claims, change: Any) -> None:
        namespace, target = key[0], claims.target
        if target is not None:
            change(self.by_target, target, key)
            for account in claims.accounts:
                change(self.by_account, (target, account), key)
        for secret in claims.secrets:
            change(self.by_secret, (namespace, secret), key)
        if claims.source:
            change(self.by_source, (namespace, claims.source), key)
        if claims.of_set:
            change(self.by_set, (namespace, claims.of_set), key)
        for index, text in (
            (self.by_key, claims.encryption_key),
            (self.by_lineage, claims.lineage),
            (self.by_ram_user, claims.ram_user),
        ):
            if text:
                change(index, text, key)


def claims_of(item: Json) -> Claims:
    """The claims of a raw Credential."""
    spec = _dict(item.get("spec"))
    type_, block = next(((name, found) for name in BLOCKS if (found := _dict(spec.get(name)))), ("", {}))
    return Claims(
        target=_target(block, item["metadata"].get("namespace") or ""),
        accounts=_accounts(block),
        secrets=tuple(_texts(spec.get("projections"), "secretName")),
        encryption_key=intern(_text(spec.get("encryptionKeyName"))),
        of_set=_text(_dict(item["metadata"].get("labels")).get(names.LABEL_SET)),
        lineage=_text(_dict(item["metadata"].get("annotations")).get(names.ANNOTATION_LINEAGE)),
        ram_user=intern(_text(block.get("userName"))) if type_ == "ram" else "",
        source=_text(_dict(_dict(_dict(spec.get("generic")).get("source")).get("secretRef")).get("name")),
    )


def _target(block: Json, namespace: str) -> TargetKey | None:
    reference = _dict(block.get("targetRef"))
    kind, name = _text(reference.get("kind")) or "Target", _text(reference.get("name"))
    if not name:
        return None
    return (intern(kind), "" if kind == "ClusterTarget" else intern(namespace), intern(name))


def _accounts(block: Json) -> tuple[str, ...]:
    created = _text(_dict(block.get("create")).get("name"))
    if created:
        # A single account's clone is claimed as well: somebody may make it dual later.
        return (created, accounts.clone_of(created), accounts.rights_of(created))
    user = _text(block.get("userName"))
    return (user,) if user else tuple(_texts(_dict(block.get("import")).get("accounts"), "name"))


def _texts(found: object, field: str) -> list[str]:
    items = found if isinstance(found, list) else []
    return [intern(text) for item in items if (text := _text(_dict(item).get(field)))]


def _dict(found: object) -> Json:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""
