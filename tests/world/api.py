"""An API server in memory: compare-and-swap, the transition rules of CredentialVersion, finalizers, garbage collection."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
from tests.world.vault import envelope_digest

from keyward.domain.model import Commands, Identity, Wish
from keyward.domain.version import Version
from keyward.domain.writes import Json, NewVersion, RecordChange, SecretContent, StoredSecret, StoredVersion
from keyward.errors import Conflict, Reason
from keyward.sensitive import Sensitive

COMMANDS = ("rotate", "promote", "takeover")


def refused(text: str) -> Conflict:
    return Conflict(Reason.WRITTEN_BY_ANOTHER, text)


@dataclass
class CredentialObject:
    """A Credential as it is stored: `spec` is a wish whose metadata does not count."""

    spec: Wish
    uid: str
    generation: int = 1
    annotations: dict[str, str] = field(default_factory=dict)
    finalizer: bool = False
    deleting_since: datetime | None = None
    status: Json = field(default_factory=dict)
    _read: tuple[object, Wish] | None = field(default=None, init=False, repr=False, compare=False)

    def wish(self) -> Wish:
        """Read as often as a Credential is passed, and parsed once for each of its editions, as a cache does."""
        edition = (self.spec, self.generation, self.finalizer, self.deleting_since, *self.annotations.items())
        if self._read is None or self._read[0] != edition:
            self._read = (edition, self._parsed())
        return self._read[1]

    def _parsed(self) -> Wish:
        texts = {c: self.annotations.get(f"keyward.dev/{c}") for c in COMMANDS}
        return replace(
            self.spec,
            uid=self.uid,
            generation=self.generation,
            lineage=self.annotations.get("keyward.dev/lineage"),
            finalizer=self.finalizer,
            deleting_since=self.deleting_since,
            commands=Commands(**texts),
        )


class ApiServer:
    def __init__(self, clock: Any, cluster: str) -> None:
        self.clock = clock
        self.cluster = cluster
        self.credentials: dict[str, CredentialObject] = {}
        self.versions: dict[str, StoredVersion] = {}
        self.secrets: dict[str, StoredSecret] = {}
        self.writes: list[str] = []
        self._counter = itertools.count(1)

    def fresh(self) -> str:
        return str(next(self._counter))

    # --- Credentials ---

    def put_credential(self, name: str, spec: Wish, *, annotations: Mapping[str, str] = {}) -> CredentialObject:
        """A person applies a manifest: made anew, or the spec changed in place."""
        found = self.credentials.get(name)
        if found is None:
            found = CredentialObject(spec, uid=f"{self.cluster}-{name}-{self.fresh()}")
            self.credentials[name] = found
        elif found.spec != spec:
            found.spec = spec
            found.generation += 1
        found.annotations.update(annotations)
        return found

    def delete_credential(self, name: str) -> None:
        found = self.credentials[name]
        found.deleting_since = found.deleting_since or self.clock.real
        self._collect(name)

    def _collect(self, name: str) -> None:
        found = self.credentials[name]
        if found.deleting_since is not None and not found.finalizer:
            del self.credentials[name]
            self.garbage_collect()

    def garbage_collect(self) -> None:
        live = {c.uid for c in self.credentials.values()}
        for name, secret in list(self.secrets.items()):
            owners = secret.metadata.get("ownerReferences", [])
            if owners and not any(o["uid"] in live for o in owners):
                del self.secrets[name]

    def _live(self, wish: Wish | Identity) -> CredentialObject | None:
        found = self.credentials.get(wish.name)
        return found if found is not None and found.uid == wish.uid else None

    def annotate(self, wish: Wish, lineage: str, finalizer: bool) -> None:
        found = self._live(wish)
        if found is None:
            raise refused("the Credential is not there any more")
        if finalizer and not found.finalizer and found.deleting_since is not None:
            raise refused("no finalizer can be added to an object that is being deleted")
        if found.annotations.get("keyward.dev/lineage") == lineage and found.finalizer == finalizer:
            return  # a patch that changes nothing is no write
        self.writes.append(f"annotate {wish.name}")
        found.annotations["keyward.dev/lineage"] = lineage
        found.finalizer = finalizer
        self._collect(wish.name)

    def release(self, of: Identity) -> None:
        found = self._live(of)
        if found is None:
            return
        self.writes.append(f"release {of.name}")
        found.finalizer = False
        self._collect(of.name)

    def write_status(self, of: Identity, status: Json) -> None:
        found = self._live(of)
        if found is not None and found.status != status:
            self.writes.append(f"status {of.name}")
            found.status = orjson.loads(orjson.dumps(status))

    # --- versions ---

    def list_versions(self, credential: str) -> tuple[Version, ...]:
        return tuple(s.version for s in self.versions.values() if s.version.credential == credential)

    def create_version(self, new: NewVersion) -> StoredVersion:
        name = f"{new.credential}-{new.lineage[:8]}-{new.sequence}"
        if name in self.versions:
            raise refused(f"CredentialVersion {name} exists")
        version = Version(
            name=name,
            namespace=new.namespace,
            credential=new.credential,
            lineage=new.lineage,
            sequence=new.sequence,
            version_id=new.version_id,
            type=new.type,
            cluster=new.cluster,
            cause=new.cause,
            mode=new.mode,
            origin=new.origin,
            created_at=self.clock.real,
            resource_version=self.fresh(),
            account=new.account,
            accounts=new.accounts,
            target=new.target,
            source_digest=new.source_digest,
            previous=new.previous,
            digest=envelope_digest(new.envelope),
            wraps=_wraps(new.wraps),
            promoted=new.promotion,
            absent=new.absent,
            made=new.made,
            known=new.known,
            since=new.since,
        )
        self.writes.append(f"create {name}")
        self.versions[name] = StoredVersion(version, new.envelope, new.wraps)
        return self.versions[name]

    def update_version(self, judged: Version, change: RecordChange) -> Version:
        stored = self.versions.get(judged.name)
        if stored is None or stored.version.resource_version != judged.resource_version:
            raise refused(f"CredentialVersion {judged.name} was changed")
        before, wraps, envelope = stored.version, stored.wraps, stored.envelope
        after = _change(before, change)
        if change.issued is not None:
            assert not envelope, "a value is set once"
            envelope, wraps = change.issued.sealed.envelope, change.issued.sealed.wraps
            assert change.issued.digest == envelope_digest(envelope)
            after = replace(after, digest=change.issued.digest, issued_at=change.issued.at, wraps=_wraps(wraps))
        if change.wraps is not None:
            wraps, after = change.wraps, replace(after, wraps=_wraps(change.wraps))
        self.writes.append(f"update {judged.name}")
        after = replace(after, resource_version=self.fresh())
        self.versions[judged.name] = StoredVersion(after, envelope, wraps)
        return after

    def delete_version(self, judged: Version) -> None:
        stored = self.versions.get(judged.name)
        if stored is None:
            return
        if stored.version.resource_version != judged.resource_version:
            raise refused(f"CredentialVersion {judged.name} was changed")
        self.writes.append(f"delete {judged.name}")
        del self.versions[judged.name]

    # --- Secrets ---

    def create_secret(self, content: SecretContent) -> StoredSecret:
        if content.name in self.secrets:
            raise refused(f"Secret {content.name} exists")
        metadata: Json = {"name": content.name, "namespace": content.namespace, "uid": f"secret-{self.fresh()}"}
        return self._store_secret("post", content, metadata)

    def replace_secret(self, content: SecretContent, judged: StoredSecret) -> StoredSecret:
        found = self.secrets.get(content.name)
        if found is None or found.metadata["resourceVersion"] != judged.metadata["resourceVersion"]:
            raise refused(f"Secret {content.name} was changed")
        if found.type != content.type:
            raise AssertionError("a Secret's type is immutable")
        return self._store_secret("put", content, copy.deepcopy(found.metadata))

    def _store_secret(self, verb: str, content: SecretContent, metadata: Json) -> StoredSecret:
        others = [o for o in metadata.get("ownerReferences", []) if o["kind"] != "Credential"]
        ours = [{"kind": "Credential", "name": content.owner[0], "uid": content.owner[1]}] if content.owner else []
        metadata["labels"] = {**metadata.get("labels", {}), **content.labels}
        metadata["annotations"] = {**metadata.get("annotations", {}), **content.annotations}
        metadata["ownerReferences"] = others + ours
        metadata.pop("edited", None)
        metadata["booked"] = self.clock().replace(microsecond=0).isoformat()  # as in managedFields
        metadata["resourceVersion"] = self.fresh()
        self.writes.append(f"{verb} {content.name}")
        self.secrets[content.name] = StoredSecret(metadata, content.type, dict(content.data))
        return self.secrets[content.name]

    def delete_secret(self, name: str, resource_version: str) -> None:
        found = self.secrets.get(name)
        if found is None:
            return
        if found.metadata["resourceVersion"] != resource_version:
            raise refused(f"Secret {name} was changed")
        self.writes.append(f"delete secret {name}")
        del self.secrets[name]

    def edit_secret(self, name: str, data: Mapping[str, str]) -> None:
        """Somebody else writes into a Secret of ours."""
        found = self.secrets[name]
        metadata = copy.deepcopy(found.metadata)
        metadata["resourceVersion"] = self.fresh()
        metadata["edited"] = True  # the server's book says who wrote it
        self.secrets[name] = StoredSecret(metadata, found.type, {k: Sensitive(v) for k, v in data.items()})

    # --- backups ---

    def snapshot(self) -> tuple[dict[str, CredentialObject], dict[str, StoredVersion], dict[str, StoredSecret]]:
        return copy.copy(_copied(self.credentials)), dict(self.versions), dict(self.secrets)

    def restore_version(self, stored: StoredVersion) -> None:
        """As backup tools do: created anew unless it is there, so with a new resourceVersion and creation time."""
        if stored.version.name not in self.versions:
            version = replace(stored.version, resource_version=self.fresh(), created_at=self.clock.real)
            self.versions[version.name] = replace(stored, version=version)

    def restore_credential(self, name: str, saved: CredentialObject) -> None:
        """A new uid, no status, annotations and finalizers kept."""
        if name not in self.credentials:
            self.credentials[name] = CredentialObject(
                saved.spec,
                uid=f"{self.cluster}-{name}-{self.fresh()}",
                annotations=dict(saved.annotations),
                finalizer=saved.finalizer,
            )

    def restore_secret(self, name: str, saved: StoredSecret) -> None:
        if name not in self.secrets:
            metadata = copy.deepcopy(saved.metadata)
            metadata["resourceVersion"] = self.fresh()
            metadata["uid"] = f"secret-{self.fresh()}"
            metadata.pop("booked", None)  # the book names the tool now
            self.secrets[name] = StoredSecret(metadata, saved.type, saved.data)


def _copied(credentials: dict[str, CredentialObject]) -> dict[str, CredentialObject]:
    return {
        name: replace(c, annotations=dict(c.annotations), status=copy.deepcopy(c.status))
        for name, c in credentials.items()
    }


def _wraps(wraps: tuple[Json, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((str(w["key"]), str(w["keyVersion"])) for w in wraps)


def _change(before: Version, change: RecordChange) -> Version:
    """The record's transition rules: forward only, but for the two that a return clears."""
    after = before
    if change.promotion is not None:
        old = before.promoted
        assert old is None or change.promotion.number > old.number, "a promotion's number only grows"
        assert before.retired is None, "a retired version is never promoted"
        after = replace(after, promoted=change.promotion)
    if change.retired is not None:
        assert before.retired is None, "a version is retired once"
        after = replace(after, retired=change.retired[0])
    if change.applying_at is not None:
        after = replace(after, applying=True, applying_at=change.applying_at)
    if change.closed_at is not None:
        after = replace(after, closed=True)
    if change.disabled_by is not None:
        assert not before.disabled_by_us, "disabledByUs is set once until it is cleared"
        after = replace(after, disabled_by_us=change.disabled_by[0])
    if change.enabled:
        after = replace(after, disabled_by_us="")
    if change.orphaned_at is not None:
        assert before.orphaned_at is None, "orphanedAt is set once until it is cleared"
        after = replace(after, orphaned_at=change.orphaned_at)
    if change.returned:
        after = replace(after, orphaned_at=None)
    return after
