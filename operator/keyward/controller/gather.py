"""One read of the world for one Credential, mostly from the cache: what the planner sees.

Nothing is decided here. A Target or key that cannot be used becomes an obstacle, for the planner to judge.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache

from keyward.api import managed, names
from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.api.encryption_key import EncryptionKey, allows
from keyward.api.metadata import Metadata
from keyward.controller.access import Engines, Sight, Targets, account_set
from keyward.controller.contents import Contents
from keyward.controller.effects import Effects
from keyward.controller.execute import Executor, Means, Stores
from keyward.controller.passes import Pass
from keyward.controller.platform import Platform
from keyward.controller.ports import Subject
from keyward.controller.queue import Key
from keyward.controller.reconcile import Orphans, Reconciler, Surroundings
from keyward.controller.subjects import Subjects
from keyward.controller.telling import Telling
from keyward.domain import lineage, located, nodes
from keyward.domain.model import (
    Failures,
    NodeView,
    Observed,
    Obstacle,
    Origin,
    SecretView,
    SourceView,
    TargetView,
    Version,
    Wish,
)
from keyward.domain.writes import Json
from keyward.engines import registry
from keyward.engines.base import Engine
from keyward.engines.guard import guarded
from keyward.errors import Blocked, Reason
from keyward.kube.client import METADATA
from keyward.kube.kinds import CREDENTIALS, NAMESPACES


class Gatherer:
    """The port of the Reconciler."""

    def __init__(self, platform: Platform, contents: Contents, engines: Engines) -> None:
        self._p, self._contents, self._engines = platform, contents, engines
        self._cache = platform.intake.cache
        self._targets = Targets(self._cache, platform.admins, platform.settings.namespace, platform.clock)
        self._subjects = Subjects(self._cache, self._targets)
        self._keys: dict[str, tuple[bytes, EncryptionKey]] = {}
        self._sources: dict[Key, tuple[str, SourceView]] = {}

    # --- the subject ---

    def subject(self, key: Key) -> Subject | None:
        """The Credential as it is known. Raises Blocked with INVALID_SPEC."""
        found = self._subjects.look(key)
        return found.subject if found else None

    def status(self, key: Key) -> Json:
        return self._cache.credential_status(key)

    # --- the world ---

    def metadata(self, key: Key) -> Metadata | None:
        """Of an object whose spec may be anything."""
        raw = self._cache.credential(key)
        return None if raw is None else parse(Metadata, raw["metadata"])

    async def gather(self, run: Pass) -> Observed | None:
        """One read. Raises Retry or Conflict as the API server answers."""
        key = (run.subject.wish.namespace, run.subject.wish.name)
        self._p.intake.queue.looked(key)
        found = self._subjects.look(key)
        if found is None or found.subject.wish.uid != run.subject.wish.uid:
            return None
        run.subject, wish = found.subject, found.subject.wish
        obstacle, target = await self._reach(run, found.sight)
        source, no_source = await self._source(run)
        seen = self._nodes(run, found.sight, target)
        versions, inputs = self._cache.versions(*key), self._inputs(wish, found.sight, seen)
        imports = await self._imports(run)
        self._forget_refusals(run, versions, imports, inputs)
        self._begin_drift(run, wish)
        return Observed(
            wish=wish,
            cluster=self._p.cluster(),
            versions=versions,
            secrets=self._secrets(wish),
            target=target,
            source=source,
            imports=imports,
            nodes=seen,
            memory=run.memory,
            failures=self._failures(key, inputs),
            obstacle=obstacle or self._own_obstacle(run.subject) or no_source,
            frozen=self._p.settings.freeze,
            writable_key=self._p.keeper.writable(wish.key),
            namespace_terminating=await self._terminating(wish),
            awake_since=self._p.awake_since,
            inputs=inputs,
        )

    async def _reach(self, run: Pass, sight: Sight | None) -> tuple[Obstacle | None, TargetView | None]:
        run.access = run.accounts = None
        if sight is None:
            return None, None
        if sight.obstacle is not None:
            return sight.obstacle, None
        wanted = managed.of(run.subject.credential.spec)
        assert wanted is not None
        assert sight.found is not None
        preset = managed.system(sight.found.spec).privileged_role
        if wanted.privileged and preset is None:
            return _no_preset(sight), None
        run.accounts = account_set(wanted, preset)
        try:
            if self._failing(run.subject.wish):
                self._targets.forget(sight.admin)
            view = await self._targets.view(sight, run.accounts.all_roles)
            run.access = await self._targets.access(sight, self._engines)
        except Blocked as error:
            found = located.at_field(error, run.subject.wish)
            return Obstacle(found.reason, found.message), None
        return None, view

    def _nodes(self, run: Pass, sight: Sight | None, target: TargetView | None) -> tuple[NodeView, ...] | None:
        """The nodes as they were seen last, where each keeps accounts by itself; from now on they are looked at."""
        wish, watches = run.subject.wish, self._p.nodes
        if sight is None or sight.identity is None:
            return None
        key, identity = (wish.namespace, wish.name), sight.identity
        place = (identity.kind, wish.namespace if identity.kind == "Target" else "", identity.name)
        usable = target is not None and target.is_approved and not target.suspended
        if run.access is None or sight.found is None or not usable or wish.deleting_since is not None:
            watches.leave(place, key)
            return None
        state = f"{sight.found.metadata.uid} {sight.found.metadata.generation} {self._targets.admin_state(sight.admin)}"
        watches.follow(place, run.access, state, (key, wish.accounts))
        seen = watches.seen(place, run.memory.nodes_changed_at)
        if seen is not None and run.memory.nodes is None:
            found = nodes.entries(seen, wish.accounts)
            if nodes.agree(found):
                run.learn(nodes=found)
        return seen

    def _failing(self, wish: Wish) -> bool:
        return bool(self.status((wish.namespace, wish.name)).get("failures"))

    def _secrets(self, wish: Wish) -> dict[str, SecretView]:
        seen = {view.name: view for view in self._cache.secrets_of(wish.namespace, wish.name)}
        for projection in wish.projections:
            view = self._cache.secret(wish.namespace, projection.secret_name)
            if view is not None:
                seen[projection.secret_name] = view
        return seen

    async def _source(self, run: Pass) -> tuple[SourceView | None, Obstacle | None]:
        """The digest of what the source holds; the Secret is read only when it is not the one that was read before."""
        generic, wish = run.subject.credential.spec.generic, run.subject.wish
        if generic is None or generic.source is None or wish.deleting_since is not None:
            return None, None
        key = (wish.namespace, wish.name)
        labelled = self._cache.source(wish.namespace, wish.name, generic.source.secret_ref.name)
        state = f"{wish.generation} {labelled.resource_version}" if labelled else ""
        known = self._sources.get(key)
        if known is not None and state and known[0] == state:
            return known[1], None
        try:
            view = SourceView(self._p.keeper.source_digest(await self._contents.source_of(run.subject, generic)))
        except Blocked as error:
            # A source that is not there now takes nothing from what was read of it before.
            return None, Obstacle(error.reason, error.message)
        self._sources[key] = (state, view)
        return view, None

    async def _imports(self, run: Pass) -> dict[str, str]:
        """Digests of the passwords that are given now for accounts whose imported one does not log in."""
        wish, found = run.subject.wish, {}
        if not wish.imported or wish.target is None or wish.deleting_since is not None:
            return {}
        for version in self._cache.versions(wish.namespace, wish.name):
            if (
                version.origin is Origin.IMPORTED
                and not version.settled
                and run.memory.denies(version, wish.target.digest)
            ):
                with suppress(Blocked):
                    given = await self._contents.imported(run.subject, version.account)
                    found[version.account] = self._p.keeper.source_digest(given)
        return found

    def _forget_refusals(self, run: Pass, versions: tuple[Version, ...], given: Mapping[str, str], inputs: str) -> None:
        """An import that was refused is tried again once somebody has changed something else than its password."""
        if not run.subject.wish.imported or run.memory.inputs == inputs:
            return
        again = {v.sequence for v in versions if not v.settled and given.get(v.account) == v.source_digest}
        denied = frozenset(d for d in run.memory.denied if d[0] not in again)
        run.learn(inputs=inputs, denied=denied, denied_early=run.memory.denied_early - again)

    def _inputs(self, wish: Wish, sight: Sight | None, seen: tuple[NodeView, ...] | None) -> str:
        """A digest of what a person may change to mend a failure, or writes to have it tried now, and of nodes' outages."""
        parts = [str(wish.generation), repr(wish.commands), self._cache.source_state(wish.namespace, wish.name)]
        if sight is not None and sight.found is not None:
            parts += [sight.found.metadata.uid, str(sight.found.metadata.generation)]
            parts.append(self._targets.admin_state(sight.admin))
        parts += sorted(node.name for node in seen or () if node.problem)
        return f"{zlib.crc32(' '.join(parts).encode()):08x}"

    def _failures(self, key: Key, inputs: str) -> Failures:
        """The recorded failures; whatever was changed since then is tried at once."""
        found = self.status(key).get("failures") or {}
        last = found.get("lastAt")
        if not last or found.get("inputs", inputs) != inputs:
            return Failures()
        return Failures(int(found.get("count", 0)), datetime.fromisoformat(last))

    async def _terminating(self, wish: Wish) -> bool:
        """Whether the namespace is going: asked only where a finalizer would hold it up."""
        if wish.deleting_since is None or not wish.finalizer:
            return False
        try:
            found = await self._p.client.get(NAMESPACES, "", wish.namespace, accept=METADATA)
        except Blocked:
            return False  # we may not look: the deadline lets go
        return found is None or bool(found["metadata"].get("deletionTimestamp"))

    def _own_obstacle(self, subject: Subject) -> Obstacle | None:
        if subject.wish.deleting_since is not None:
            return None  # what is undone needs no key
        return self._key_obstacle(subject.wish) or _policy_obstacle(subject.credential)

    def _key_obstacle(self, wish: Wish) -> Obstacle | None:
        key = self._encryption_key(wish.key)
        if key is None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: EncryptionKey {wish.key} is not there: create it, or name another one",
            )
        if key.metadata.deletion_timestamp is not None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: EncryptionKey {wish.key} is being deleted and wraps nothing new: name another one",
            )
        if not allows(key.spec.allowed_namespaces, wish.namespace):
            return Obstacle(
                Reason.KEY_NOT_ALLOWED,
                f"spec.encryptionKeyName: spec.allowedNamespaces of EncryptionKey {wish.key} does not list namespace "
                f"{wish.namespace}: add it there, or name another key",
            )
        if self._p.keeper.writable(wish.key) is None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: the keyring lacks EncryptionKey {wish.key}: restore the one that has it; what is "
                "new is added within a minute",
                transient=True,
            )
        return None

    def _encryption_key(self, name: str) -> EncryptionKey | None:
        state, known = self._cache.encryption_key_state(name), self._keys.get(name)
        if state is None:
            self._keys.pop(name, None)
            return None
        if known is None or known[0] != state:
            known = self._keys[name] = (state, parse(EncryptionKey, self._cache.encryption_key(name) or {}))
        return known[1]

    def _begin_drift(self, run: Pass, wish: Wish) -> None:
        if run.memory.drift_checked_at is None and wish.logs_in:
            # Spread over the interval by the uid, or a restart would log in everywhere at once.
            share = zlib.crc32(wish.uid.encode()) / 2**32
            run.learn(drift_checked_at=self._p.clock() - share * wish.drift_interval)

    # --- orphans ---

    async def orphans(self) -> Iterable[Orphans]:
        """Names whose versions have no live Credential, or are of more than one lineage, by quorum reads."""
        found = []
        for key in list(self._cache.version_owners()):
            lives = self.metadata(key)
            if lives is not None and {v.lineage for v in self._cache.versions(*key)} <= {_lineage(lives)}:
                continue
            there = await self._p.client.get(CREDENTIALS, *key, accept=METADATA)
            live = frozenset({_lineage(parse(Metadata, there["metadata"]))}) if there else frozenset[str]()
            found.append(Orphans(await self._p.versions.list(*key), live))
        return found


def _lineage(metadata: Metadata) -> str:
    return metadata.annotations.get(names.ANNOTATION_LINEAGE) or lineage.derive(metadata.uid)


def _no_preset(sight: Sight) -> Obstacle:
    assert sight.identity is not None
    return Obstacle(
        Reason.INVALID_SPEC,
        f"spec.rds.create.privileged: {sight.identity.kind} {sight.identity.name} names no role for privileged accounts: name "
        "one in its spec.rds.privilegedRole",
    )


def _policy_obstacle(credential: Credential) -> Obstacle | None:
    if credential.spec.access_policy is None:
        return None
    return Obstacle(
        Reason.ACCESS_POLICY_UNSUPPORTED,
        "spec.accessPolicy: is not supported yet, and never silently ignored: remove it; the RBAC of the namespace says who "
        "reads",
    )


def build(platform: Platform) -> Reconciler:
    """The Reconciler of the service."""
    contents, known = Contents(platform.secrets), platform.intake.cache
    executor = Executor(
        Means(
            stores=Stores(platform.versions, platform.credentials, platform.secrets),
            vault=platform.keeper,
            effects=Effects(platform.keeper, platform.hook),
            contents=contents,
            clock=platform.clock,
            hook=platform.hook,
            known_lineages=known.version_index.lineages,
            note_secret=known.note_secret,
        )
    )
    gatherer = Gatherer(platform, contents, _engine)
    telling = Telling(platform.metrics, platform.events.post, platform.target_health.note)
    around = Surroundings(platform.clock, telling, platform.intake.limits, platform.hook)
    return Reconciler(gatherer, executor, platform.credentials, around)


@cache
def _engine(name: str) -> Engine:
    return guarded(registry.get(name))
