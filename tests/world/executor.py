"""A controller as it runs: the real reconciler and executor, gathering from what a process's cache has shown it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from tests.world.controller import Process
from tests.world.vault import source_digest
from tests.world.views import secret_view
from tests.world.world import World, login_of

from keyward.api import names
from keyward.controller.effects import Effects
from keyward.controller.execute import Executor, Means, Stores
from keyward.controller.limits import RotationLimits
from keyward.controller.passes import Pass, no_hook
from keyward.controller.ports import Access, Subject
from keyward.controller.queue import Key
from keyward.controller.reconcile import Orphans, Reconciler, Surroundings
from keyward.domain import lineage
from keyward.domain.history import by_lineage
from keyward.domain.model import Failures, Observed, SecretView, SourceView, TargetView, Wish
from keyward.domain.steps import Project, Reserve
from keyward.domain.version import Mode, Origin
from keyward.domain.writes import Json, SecretContent, StoredSecret
from keyward.engines.base import AccountSet, Login
from keyward.errors import KeywardError
from keyward.sensitive import Sensitive

SOON = timedelta(seconds=30)
SOMEBODY_ELSE = Login("admin", Sensitive("admin"))


class Controller:
    """Lives as long as its process."""

    def __init__(self, process: Process) -> None:
        self.p = process
        vault = process.world.stores[process.api.cluster]
        means = Means(
            stores=Stores(process.versions, process.credentials, process.secrets),
            vault=vault,
            effects=Effects(vault, no_hook),
            contents=Contents(process.world),
            clock=process.world.clock,
            hook=no_hook,
            known_lineages=lambda: frozenset(s.version.lineage for s in process.api.versions.values()),
            note_secret=lambda _namespace, _view, _name: None,
        )
        self.limits = RotationLimits()
        around = Surroundings(process.world.clock, Silent(), self.limits, no_hook)
        self._reconciler = Reconciler(Gatherer(process), Executor(means), process.credentials, around)

    async def pass_once(self, name: str) -> datetime | None:
        return await self._reconciler.reconcile(("shop", name))

    async def sweep(self) -> datetime | None:
        try:
            await self._reconciler.sweep_orphans()
        except KeywardError:
            return self.p.world.clock() + SOON
        idle = self.p.api.versions and not self.p.api.credentials
        return self.p.world.clock() + timedelta(hours=12) if idle else None


class Silent:
    """Tells nobody."""

    def did(self, *_: object) -> None: ...

    def failed(self, *_: object) -> None: ...

    def warn(self, *_: object) -> None: ...

    def left_behind(self, *_: object) -> None: ...

    def found(self, *_: object, reached: bool) -> None: ...


class Gatherer:
    def __init__(self, process: Process) -> None:
        self._p, self._world = process, process.world
        self._views: dict[str, tuple[StoredSecret, SecretView]] = {}

    def subject(self, key: Key) -> Subject | None:
        found = self._p.cache.credentials.get(key[1])
        return None if found is None else Subject(None, found.wish())  # type: ignore[arg-type]

    def status(self, key: Key) -> Json:
        found = self._p.cache.credentials.get(key[1])
        return found.status if found else {}

    async def gather(self, run: Pass) -> Observed | None:
        world, subject = self._world, self.subject(("shop", run.subject.wish.name))
        if subject is None or subject.wish.uid != run.subject.wish.uid:
            return None
        run.subject, wish = subject, subject.wish
        run.access = Access(self._p.engine, world.place, self._admin(wish))
        run.accounts = accounts_of(wish, world.keeps_marks) if wish.logs_in else None
        versions = await self._p.versions.list(wish.namespace, wish.name)
        vault, source = world.stores[self._p.api.cluster], None
        if not wish.logs_in and world.source is not None:
            source = SourceView(source_digest(world.source))
        imports = {name: source_digest(value) for name, value in world.imports.items()} if wish.imported else {}
        return Observed(
            wish=wish,
            cluster=self._p.api.cluster,
            versions=versions,
            secrets={n: self._view(s) for n, s in self._p.cache.secrets.items()},
            target=self._target(run.access.admin) if wish.logs_in else None,
            source=source,
            imports=imports,
            memory=run.memory,
            failures=self._failures(wish),
            frozen=world.freeze,
            writable_key=(wish.key, vault.key_version),
            awake_since=self._p.awake_since,
        )

    def _view(self, stored: StoredSecret) -> SecretView:
        """Read once, as a cache does: who writes a Secret puts another one in its place."""
        name = stored.metadata["name"]
        known = self._views.get(name)
        if known is None or known[0] is not stored:
            known = self._views[name] = (stored, secret_view(stored))
        return known[1]

    def _admin(self, wish: Wish) -> Login:
        """What the admin Secret holds, or would hold while it is not there."""
        world, api = self._world, self._p.api
        if not world.keeps_admin:
            return SOMEBODY_ELSE
        secret = api.secrets.get(wish.projections[0].secret_name)
        if secret is not None:
            account, value = login_of(secret)
            return Login(account, Sensitive(value))
        found = by_lineage(s.version for s in api.versions.values())
        current = found[wish.lineage].current if wish.lineage in found else None
        if current is None:
            return Login(wish.accounts[0], Sensitive(world.imports[wish.accounts[0]]))
        return Login(current.account, Sensitive(world.stores[api.cluster].peek(api.versions[current.name])))

    def _target(self, admin: Login) -> TargetView | None:
        target = self._world.target
        if target is None or target.admin is None:
            return target
        return replace(target, admin=replace(target.admin, account=admin.account))

    def _failures(self, wish: Wish) -> Failures:
        found = self.status(("shop", wish.name)).get("failures", {})
        last = found.get("lastAt")
        return Failures(found.get("count", 0), datetime.fromisoformat(last) if last else None)

    async def orphans(self) -> Iterable[Orphans]:
        live = frozenset(
            c.annotations.get(names.ANNOTATION_LINEAGE) or lineage.derive(c.uid)
            for c in self._p.api.credentials.values()
        )
        found = sorted({s.version.credential for s in self._p.api.versions.values()})
        return [Orphans(await self._p.versions.list("shop", name), live) for name in found]


class Contents:
    """New values, and the plainest Secret there is."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def value_of(self, run: Pass, step: Reserve) -> Sensitive:
        if step.origin is Origin.IMPORTED:
            return Sensitive(self._world.imports[step.account])
        if step.origin is Origin.SOURCE:
            return Sensitive(self._world.source or b"")
        return Sensitive(self._world.new_value())

    def render(
        self, run: Pass, step: Project, values: tuple[Sensitive, Sensitive | None], at: datetime
    ) -> SecretContent:
        wish, data = run.subject.wish, {"value": values[0]}
        if wish.logs_in:
            data = {"username": Sensitive(step.version.account), "password": values[0]}
        return SecretContent(
            namespace=wish.namespace,
            name=step.projection.secret_name,
            type="Opaque",
            data=data,
            labels={
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_LINEAGE: step.version.lineage,
                names.LABEL_CREDENTIAL: wish.name,
            },
            annotations={
                names.ANNOTATION_SEQUENCE: str(step.version.sequence),
                names.ANNOTATION_PREVIOUS_SEQUENCE: str(step.previous.sequence if step.previous else 0),
                names.ANNOTATION_SHAPE: step.projection.shape,
                names.ANNOTATION_WRITTEN_AT: at.isoformat(),
            },
            owner=(wish.name, wish.uid) if wish.deletion.secrets == "Delete" else None,
        )


def accounts_of(wish: Wish, keeps_marks: bool = True) -> AccountSet:
    """Created accounts come with the role that holds their rights, where the server keeps marks: as PostgreSQL does."""
    rights = None if wish.imported or not keeps_marks else f"{wish.accounts[0]}_rights"
    overlap = wish.mode is Mode.OVERLAP
    return AccountSet(wish.accounts, created=not wish.imported, rights_role=rights, overlap=overlap)
