"""One read of the world for one Credential, mostly from the cache: what the planner sees.

Nothing is decided here. A Target or key that cannot be used becomes an obstacle, for the planner to judge.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache

from keyward.api import managed, names
from keyward.api.base import parse
from keyward.api.metadata import Metadata
from keyward.controller import obstacles
from keyward.controller.access import Engines, Sight, Targets, account_set
from keyward.controller.admins import Admins
from keyward.controller.contents import Contents
from keyward.controller.effects import Effects
from keyward.controller.execute import Executor, Means, Stores
from keyward.controller.obstacles import Obstacles
from keyward.controller.passes import Pass
from keyward.controller.platform import Platform
from keyward.controller.ports import Subject
from keyward.controller.queue import Key
from keyward.controller.reconcile import Orphans, Reconciler, Surroundings
from keyward.controller.subjects import Subjects
from keyward.controller.telling import Telling
from keyward.domain import lineage, located, nodes
from keyward.domain.admins import not_the_admins
from keyward.domain.model import Failures, NodeView, Observed, Obstacle, SecretView, SourceView, TargetView, Wish
from keyward.domain.version import Origin, Version
from keyward.domain.writes import Json
from keyward.engines import registry
from keyward.engines.base import Engine
from keyward.engines.guard import guarded
from keyward.errors import Blocked, Conflict, Reason
from keyward.kube.client import METADATA
from keyward.kube.kinds import CREDENTIALS, NAMESPACES
from keyward.kube.targets import AdminSecret
from keyward.sensitive import Sensitive


class Gatherer:
    """The port of the Reconciler."""

    def __init__(self, platform: Platform, contents: Contents, engines: Engines) -> None:
        self._p, self._contents, self._engines = platform, contents, engines
        self._cache = platform.intake.cache
        self._targets = Targets(self._cache, platform.admins, platform.settings.namespace, platform.clock)
        self._admins = Admins(self._cache, platform.settings.namespace, contents.imported, self._opened)
        self._subjects = Subjects(self._cache, self._targets)
        self._obstacles = Obstacles(self._cache, platform.keeper)
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
            obstacle=obstacle or self._obstacles.of(run.subject) or no_source,
            frozen=self._p.settings.freeze,
            writable_key=self._p.keeper.writable(wish.key),
            namespace_terminating=await self._terminating(wish),
            awake_since=self._p.awake_since(),
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
            return obstacles.no_preset(sight), None
        run.accounts = account_set(wanted, preset)
        try:
            if self._failing(run.subject.wish):
                self._targets.forget(sight.admin)
            admin = await self._admin(run, sight)
            view = await self._targets.view(sight, run.accounts.all_roles, admin)
            allowed = sight.found.spec.admin.self_change
            found_admin = self._admins.view(_key(run), admin, self_change=allowed, hands_over=wanted.hands_over)
            view = replace(view, admin=found_admin)
            run.accounts = replace(run.accounts, admins=found_admin.projected and not wanted.created)
            given = not admin.resource_version and all(v.promoted is None for v in self._cache.versions(*_key(run)))
            run.access = replace(self._targets.access(sight, self._engines, admin), given=given)
        except Blocked as error:
            found = located.at_field(error, run.subject.wish)
            return Obstacle(found.reason, found.message), None
        return None, view

    async def _admin(self, run: Pass, sight: Sight) -> AdminSecret:
        assert sight.admin is not None
        assert sight.identity is not None
        found = await self._targets.admin(sight.admin)
        if found is not None:
            return found
        if not self._admins.keeps(_key(run), sight.admin):
            elsewhere = not_the_admins(run.subject.wish, sight.identity, sight.admin.secret)
            raise elsewhere or self._admins.absent(sight.admin)
        return await self._admins.stand_in(run.subject, sight.admin, sight.identity)

    async def _opened(self, version: Version) -> Sensitive:
        stored = await self._p.versions.read(version)
        if stored is None:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"CredentialVersion {version.name} is not there any more")
        return await self._p.keeper.open(stored)

    def _nodes(self, run: Pass, sight: Sight | None, target: TargetView | None) -> tuple[NodeView, ...] | None:
        """The nodes as they were seen last, where each keeps accounts by itself; from now on they are looked at."""
        wish, watches = run.subject.wish, self._p.nodes
        if sight is None or sight.identity is None:
            return None
        key, identity = (wish.namespace, wish.name), sight.identity
        place = (identity.kind, wish.namespace if identity.kind == "Target" else "", identity.name)
        usable = target is not None and target.is_approved and not target.suspended
        known = run.access is not None and not run.access.given
        if run.access is None or not known or sight.found is None or not usable or wish.deleting_since is not None:
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


def _key(run: Pass) -> Key:
    return run.subject.wish.namespace, run.subject.wish.name


def _lineage(metadata: Metadata) -> str:
    return metadata.annotations.get(names.ANNOTATION_LINEAGE) or lineage.derive(metadata.uid)


def build(platform: Platform) -> Reconciler:
    """The Reconciler of the service."""
    contents = Contents(platform.secrets)
    executor = Executor(
        Means(
            stores=Stores(platform.versions, platform.credentials, platform.secrets),
            vault=platform.keeper,
            effects=Effects(platform.keeper, platform.hook),
            contents=contents,
            clock=platform.clock,
            hook=platform.hook,
            known_lineages=platform.intake.cache.lineages,
            note_secret=platform.intake.wrote_secret,
        )
    )
    gatherer = Gatherer(platform, contents, _engine)
    telling = Telling(platform.metrics, platform.events.post, platform.target_health.note)
    around = Surroundings(platform.clock, telling, platform.intake.limits, platform.hook)
    return Reconciler(gatherer, executor, platform.credentials, around)


@cache
def _engine(name: str) -> Engine:
    return guarded(registry.get(name))
