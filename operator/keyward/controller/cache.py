"""What the streams and our own writes have shown: the one memory that reconciliation reads, built for 10,000 Credentials.

It may lag behind other writers, never behind our own. Every write that follows from it is a compare-and-swap or a
create-only POST, so that acting on something stale ends in a Conflict. It holds no value and no envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from keyward.controller.claims import ClaimBook, claims_of
from keyward.controller.indexes import AdminLogins, SecretViews
from keyward.controller.limits import TargetKey
from keyward.controller.objects import Objects, Verdict, key_of, number
from keyward.controller.queue import Key
from keyward.controller.summary import Summary, summary_of
from keyward.domain.model import SecretView
from keyward.domain.version import Version
from keyward.kube.versions import VersionIndex

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A labelled Secret that is the source of a generic Credential: its name and state, never its data."""

    name: str
    resource_version: str


class Cache:
    """Credentials, Targets, EncryptionKeys, versions and Secrets' metadata. All methods take constant time per key."""

    def __init__(self, versions: VersionIndex | None = None, operator_namespace: str = "") -> None:
        self.version_index = versions or VersionIndex()
        self._credentials: Objects[Key] = Objects()
        self._targets: Objects[TargetKey] = Objects()
        self._keys: Objects[str] = Objects()
        self._sets: Objects[Key] = Objects()
        self._claims = ClaimBook()
        self._summaries: dict[Key, Summary] = {}
        self._by_admin = AdminLogins(operator_namespace)
        self.set_changed: Callable[[Key], None] = lambda _set: None
        """Is told of each CredentialSet of which a Credential came, changed or went, its status included."""
        self._secrets = SecretViews()
        self._sources: dict[Key, dict[str, str]] = {}
        self._source_of: dict[Key, str] = {}

    # --- Credentials ---

    def credential(self, key: Key) -> Json | None:
        """The object: metadata, spec, status. A copy, free to be changed."""
        return self._credentials.get(key)

    def credential_state(self, key: Key) -> bytes | None:
        """A token for metadata and spec, the same as long as neither changes; None if there is no such Credential."""
        return self._credentials.state(key)

    def credential_status(self, key: Key) -> Json:
        """The status as it stands; empty if there is none."""
        return self._credentials.status(key)

    def credentials(self) -> Iterator[Key]:
        return self._credentials.keys()

    def __len__(self) -> int:
        return len(self._credentials)

    def credential_version(self, key: Key) -> int:
        """The newest resourceVersion that is known, as a number."""
        return self._credentials.version(key)

    def put_credential(self, item: Json) -> Verdict:
        key = key_of(item)
        verdict = self._credentials.put(key, item)
        if verdict is Verdict.STALE:
            return verdict
        self._summaries[key] = summary_of(item.get("status") or {})
        if verdict is Verdict.CHANGED:
            self._claims.put(key, claims_of(item))
        self._tell_set(key)
        return verdict

    def _tell_set(self, key: Key) -> None:
        claims = self._claims.of(key)
        if claims is not None and claims.of_set:
            self.set_changed((key[0], claims.of_set))

    def drop_credential(self, key: Key, resource_version: str) -> bool:
        if not self._credentials.drop(key, resource_version):
            return False
        self._tell_set(key)
        self._claims.put(key, None)
        self._summaries.pop(key, None)
        return True

    def summaries(self) -> list[tuple[Key, Summary]]:
        """A snapshot for metrics."""
        return list(self._summaries.items())

    # --- who wants what ---

    def claim_account(self, target: TargetKey, account: str) -> Key | None:
        """The Credential that has this account of this target: the oldest one that names it."""
        return self._eldest(self._claims.by_account.of((target, account)))

    def elder_with_its_keys(self, key: Key) -> Key | None:
        """An older Credential of the same RAM user that knows a key which this one knows, through whichever Target."""
        claims, ids = self._claims.of(key), self._known_ids(key)
        if claims is None or not ids:
            return None
        others = set(self._claims.by_ram_user.of(claims.ram_user)) - {key} if claims.ram_user else set()
        kin = [other for other in others if ids & self._known_ids(other)]
        eldest = self._eldest((key, *kin))
        return None if eldest == key else eldest

    def _known_ids(self, key: Key) -> frozenset[str]:
        return frozenset(id_ for version in self.versions(*key) for id_ in version.known)

    def secret_claims(self, namespace: str, secret: str) -> Key | None:
        """The Credential that has this Secret: the oldest one that projects into it."""
        return self._eldest(self._claims.by_secret.of((namespace, secret)))

    def target_of(self, key: Key) -> TargetKey | None:
        """The Target that a Credential names."""
        claims = self._claims.of(key)
        return claims.target if claims is not None else None

    def rivals(self, key: Key) -> set[Key]:
        """Those that want an account or a Secret that this one wants as well."""
        claims = self._claims.of(key)
        if claims is None:
            return set()
        found: set[Key] = set()
        if claims.target is not None:
            for account in claims.accounts:
                found.update(self._claims.by_account.of((claims.target, account)))
        if claims.ram_user:
            found.update(self._claims.by_ram_user.of(claims.ram_user))
        for secret in claims.secrets:
            found.update(self._claims.by_secret.of((key[0], secret)))
        return found - {key}

    def _eldest(self, keys: tuple[Key, ...]) -> Key | None:
        if len(keys) < 2:
            return keys[0] if keys else None
        return min(keys, key=self._seniority)

    def _seniority(self, key: Key) -> tuple[str, str]:
        metadata = (self._credentials.get(key) or {"metadata": {}})["metadata"]
        # RFC 3339 in UTC sorts as text; one that is not there (gone meanwhile) comes last.
        return metadata.get("creationTimestamp", "~"), metadata.get("uid", "~")

    def credentials_using_target(self, kind: str, namespace: str | None, name: str) -> tuple[Key, ...]:
        return self._claims.by_target.of((kind, namespace or "", name))

    def credentials_using_key(self, name: str) -> tuple[Key, ...]:
        return self._claims.by_key.of(name)

    # --- sets ---

    def credential_set(self, key: Key) -> Json | None:
        return self._sets.get(key)

    def credential_set_version(self, key: Key) -> int:
        return self._sets.version(key)

    def sets(self) -> Iterator[Key]:
        return self._sets.keys()

    def put_set(self, item: Json) -> Verdict:
        return self._sets.put(key_of(item), item)

    def drop_set(self, key: Key, resource_version: str) -> bool:
        return self._sets.drop(key, resource_version)

    def credentials_of_set(self, key: Key) -> tuple[Key, ...]:
        """The Credentials that carry the set's label."""
        return self._claims.by_set.of(key)

    # --- Targets and keys ---

    def target(self, kind: str, namespace: str | None, name: str) -> Json | None:
        return self._targets.get((kind, namespace or "", name))

    def target_version(self, target: TargetKey) -> int:
        return self._targets.version(target)

    def targets(self) -> Iterator[TargetKey]:
        return self._targets.keys()

    def put_target(self, kind: str, item: Json) -> Verdict:
        target: TargetKey = (kind, *key_of(item))
        verdict = self._targets.put(target, item)
        if verdict is Verdict.CHANGED:
            self._by_admin.put(target, item.get("spec") or {})
        return verdict

    def drop_target(self, target: TargetKey, resource_version: str) -> bool:
        gone = self._targets.drop(target, resource_version)
        if gone:
            self._by_admin.drop(target)
        return gone

    def credentials_using_admin(self, namespace: str, secret: str) -> set[Key]:
        """Those that are worked on by the admin login in this Secret, whatever their Target."""
        return {key for target in self._by_admin.of(namespace, secret) for key in self._claims.by_target.of(target)}

    def encryption_key(self, name: str) -> Json | None:
        return self._keys.get(name)

    def encryption_key_state(self, name: str) -> bytes | None:
        """A token as `credential_state`."""
        return self._keys.state(name)

    def encryption_key_version(self, name: str) -> int:
        return self._keys.version(name)

    def encryption_keys(self) -> Iterator[str]:
        return self._keys.keys()

    def put_encryption_key(self, item: Json) -> Verdict:
        return self._keys.put(item["metadata"]["name"], item)

    def drop_encryption_key(self, name: str, resource_version: str) -> bool:
        return self._keys.drop(name, resource_version)

    # --- versions ---

    def versions(self, namespace: str, credential: str) -> tuple[Version, ...]:
        """All versions of that Credential's name, every lineage, in no order."""
        return self.version_index.list(namespace, credential)

    def version_owners(self) -> Iterator[Key]:
        """Every Credential's name that has versions, with a live object or without."""
        for text in self.version_index.credentials():
            namespace, _, name = text.partition("/")
            yield namespace, name

    def lineages(self) -> frozenset[str]:
        """Every lineage with versions or a live Credential: what carries its mark is somebody's."""
        return self.version_index.lineages() | frozenset(self._claims.by_lineage.things())

    # --- Secrets ---

    def secret(self, namespace: str, name: str) -> SecretView | None:
        return self._secrets.get((namespace, name))

    def secrets_of(self, namespace: str, credential: str) -> tuple[SecretView, ...]:
        """The Secrets that carry our labels for this Credential's name."""
        return self._secrets.of((namespace, credential))

    def put_secret(self, namespace: str, view: SecretView) -> bool:
        return self._secrets.put(namespace, view)

    def drop_secret(self, namespace: str, name: str, resource_version: str = "") -> SecretView | None:
        """It is gone; what was known of it, None if that is no news."""
        return self._secrets.drop((namespace, name), resource_version)

    def note_secret(self, namespace: str, view: SecretView | None, name: str) -> None:
        """We have written it, or deleted it: the watch will say so later."""
        if view is None:
            self.drop_secret(namespace, name)
        else:
            self.put_secret(namespace, view)

    def source(self, namespace: str, credential: str, name: str = "") -> Source | None:
        """The Secret that is labelled as the source of this Credential; `name`: that one only."""
        found = self._sources.get((namespace, credential), {})
        name = name or min(found, default="")
        return Source(name, found[name]) if name in found else None

    def source_state(self, namespace: str, credential: str) -> str:
        """Which Secrets are labelled as sources of this Credential, and in which state."""
        return " ".join(
            f"{name} {state}" for name, state in sorted(self._sources.get((namespace, credential), {}).items())
        )

    def put_source(self, namespace: str, credential: str, source: Source) -> list[Key]:
        """A Secret is labelled as the source of this Credential; the Credentials that this is news for."""
        before = self._source_of.get((namespace, source.name))
        moved = self.drop_source(namespace, source.name) if before not in (None, credential) else []
        of = self._sources.setdefault((namespace, credential), {})
        if number(of.get(source.name, "")) >= number(source.resource_version) > 0:
            return moved
        of[source.name] = source.resource_version
        self._source_of[namespace, source.name] = credential
        return [*moved, (namespace, credential)]

    def drop_source(self, namespace: str, name: str) -> list[Key]:
        """It is gone, or labelled otherwise; the Credentials that it was the source of."""
        credential = self._source_of.pop((namespace, name), None)
        if credential is None:
            return []
        of = self._sources[namespace, credential]
        del of[name]
        if not of:
            del self._sources[namespace, credential]
        return [(namespace, credential)]
