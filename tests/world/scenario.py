"""A scenario: one Credential of a kind, controllers that run it, faults, and what must be so in the end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tests.world.api import ApiServer, CredentialObject
from tests.world.clock import START
from tests.world.controller import Process
from tests.world.executor import Controller
from tests.world.faults import Faults, Hit, Killed, Outage
from tests.world.issuer import Issuer
from tests.world.server import Account
from tests.world.world import GRACE, World, login_of

from keyward.domain import access_keys
from keyward.domain.history import History, by_lineage
from keyward.domain.model import DeletionWish, ProjectionWish, ScheduleWish, TargetView, Wish
from keyward.domain.version import Mode, TargetIdentity
from keyward.domain.writes import StoredSecret, StoredVersion
from keyward.sensitive import Sensitive

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
INTERVAL = 6 * HOUR
NAME = "orders"
_PLAIN = ("generic", "dual create", "dual import", "single create", "single import")
OVERLAPS = ("overlap create", "overlap import")
ISSUED = "issued import"
KINDS = (*_PLAIN, *OVERLAPS, ISSUED)
UNMARKED = tuple(f"{kind} unmarked" for kind in (*_PLAIN[1:], OVERLAPS[0]))  # on a server that has no place for a mark
EVERY = (*_PLAIN, OVERLAPS[0], UNMARKED[0], ISSUED)
PG = TargetIdentity("Target", "pg", "digest-1", "target-uid")


def wish_of(kind: str) -> Wish:
    imported = "import" in kind
    accounts = {"generic": (), "dual create": ("x", "x_clone"), "dual import": ("a", "b")}
    generic, kind = kind == "generic", kind.removesuffix(" unmarked")
    modes = {"dual": Mode.DUAL, "single": Mode.SINGLE, "generic": Mode.GENERIC}
    return Wish(
        namespace="shop",
        name=NAME,
        uid="",
        generation=1,
        type="generic" if generic else "ram" if kind == ISSUED else "rds",
        mode=modes.get(kind.partition(" ")[0], Mode.OVERLAP),
        key="default",
        schedule=ScheduleWish(automatic=not generic, interval=INTERVAL),
        projections=(ProjectionWish("orders", "shape-1"),),
        target=None if generic else PG,
        accounts=accounts.get(kind, ("a",) if imported else ("x",)),
        imported=imported,
        issued=kind == ISSUED,
        grace=GRACE,
        drift_interval=2 * HOUR,
        deletion=DeletionWish(),
    )


@dataclass
class Backup:
    """Objects of an earlier moment, to be restored one by one in any order."""

    credentials: dict[str, CredentialObject]
    versions: dict[str, StoredVersion]
    secrets: dict[str, StoredSecret]

    def parts(self) -> list[Callable[[ApiServer], None]]:
        found: list[Callable[[ApiServer], None]] = []
        found += [lambda api, n=n, c=c: api.restore_credential(n, c) for n, c in self.credentials.items()]
        found += [lambda api, s=s: api.restore_version(s) for s in self.versions.values()]
        found += [lambda api, n=n, s=s: api.restore_secret(n, s) for n, s in self.secrets.items()]
        return found

    def into(self, api: ApiServer) -> None:
        for part in self.parts():
            part(api)


class Scenario:
    """`at` a kind; then act on `world`, let time pass by `settle`, and end with `finish`."""

    def __init__(self, kind: str, *hits: Hit, outages: tuple[Outage, ...] = (), wish: Wish | None = None) -> None:
        self.kind = kind
        self.wish = wish or wish_of(kind)
        self.world = World(faults=Faults(tuple(hits), outages))
        self.world.target = TargetView(PG, (PG.digest,), self.wish.accounts)
        self.world.imports = {name: f"imported-{name}".encode() for name in self.wish.accounts}
        if kind == "generic":
            self.world.source = b"source-0"
        for server in self.world.network.values():
            server.keeps_marks = self.world.keeps_marks = "unmarked" not in kind
        if kind == ISSUED:
            self.world.network = {"pg": Issuer(now=lambda: self.world.clock.real.replace(microsecond=0))}
            self.world.keeps_marks = False
            self.world.imports = {name: self.issuer.by_a_person().value() for name in self.wish.accounts}
        elif self.wish.imported:
            for name, password in self.world.imports.items():
                self.world.server.accounts[name] = Account(password, can_login=True)
        self.controllers = [self.start(self.world.api)]
        self.ended = START  # when `finish` began to wait for its end

    @property
    def issuer(self) -> Issuer:
        assert isinstance(self.world.server, Issuer)
        return self.world.server

    def start(self, api: ApiServer) -> Controller:
        return Controller(Process(self.world, api))

    # --- what people do ---

    def apply(self, **annotations: str) -> None:
        texts = {f"keyward.dev/{key}": text for key, text in annotations.items()}
        self.world.api.put_credential(NAME, self.wish, annotations=texts)

    def edit(self, **changes: Any) -> None:
        self.wish = replace(self.wish, **changes)
        self.apply()

    def rotate(self) -> None:
        """What makes a next version due: a new source, or time."""
        if self.kind == "generic":
            self.world.source = f"source-{self.world.clock.real}".encode()
            self.settle(10 * MINUTE)
        else:
            self.settle(INTERVAL + 5 * MINUTE)

    def remove(self) -> None:
        """kubectl delete credential: its Secrets may go."""
        self.world.forget_secret("orders")
        self.world.api.delete_credential(NAME)

    def at(self, effect: str, act: Callable[[], object]) -> None:
        """Somebody does this right before the next effect of that name; to issue a value is to apply one."""
        if self.kind == ISSUED and effect.startswith("apply"):
            effect = "issue"
        self.world.faults.moments.append((effect, act))

    def lose_everything(self) -> Backup:
        """The namespace is wiped; what a backup tool had saved of it right before."""
        api = self.world.api
        saved = Backup(*api.snapshot())
        self.world.forget_secret("orders")
        api.credentials.clear()
        api.versions.clear()
        api.secrets.clear()
        self.controllers = [self.start(api)]
        return saved

    # --- time ---

    def settle(self, duration: timedelta) -> None:
        """Run all controllers for so long."""
        end = self.world.clock.real + duration
        while True:
            wake = self._round()
            if self.world.clock.real >= end:
                return
            arrival = min((at for at, _ in self.world.late), default=end)
            target = min(end, arrival, wake or end)
            self.world.clock.advance(max(target - self.world.clock.real, timedelta(seconds=1)))
            self.world.deliver()
            self.world.check()

    def _round(self) -> datetime | None:
        """Everybody works until nobody writes."""
        for _ in range(40):
            before = self._changes()
            wakes = [self._pass(n, name) for n, c in enumerate(self.controllers) for name in list(c.p.api.credentials)]
            wakes += [self._run(n, lambda c: c.sweep()) for n in range(len(self.controllers))]
            if self._changes() == before:
                return min((w - self.world.clock.skew for w in wakes if w is not None), default=None)
        raise AssertionError(
            f"no rest: {self.world.api.writes[-8:]}, {[c.status for c in self.world.api.credentials.values()]}"
        )

    def _pass(self, n: int, name: str) -> datetime | None:
        return self._run(n, lambda c: c.pass_once(name))

    def _run(self, n: int, work: Callable[[Controller], Coroutine[Any, Any, datetime | None]]) -> datetime | None:
        controller = self.controllers[n]
        try:
            return drive(work(controller))
        except Killed:
            self.controllers[n] = self.start(controller.p.api)
            return self.world.clock() + timedelta(seconds=1)

    def _changes(self) -> tuple[int, ...]:
        learnt = sum(len(server.learnt) for server in self.world.network.values())
        return (*(len(api.writes) for api in self.world.clusters.values()), learnt)

    def _written(self) -> tuple[int, ...]:
        """Attempts as well: what is refused every time is not quiet."""
        return (*self._changes(), len(self.world.faults.trace))

    # --- what must be so ---

    @property
    def history(self) -> History:
        groups = by_lineage(v.version for v in self.world.api.versions.values())
        live = self.world.api.credentials[NAME].annotations.get("keyward.dev/lineage")
        return groups[live] if live in groups else next(iter(groups.values()))

    def value(self) -> bytes:
        """What the Secret holds now."""
        data = self.world.api.secrets["orders"].data
        return data["value" if self.kind == "generic" else "password"].reveal()

    def state(self, api: ApiServer) -> str:
        """The words of the status, as a person reads them."""
        return str(api.credentials[NAME].status)

    def finish(self) -> None:
        """Converged, quiet, nothing left behind."""
        self.ended = self.world.clock.real
        over = max((o.end for o in self.world.faults.outages), default=self.world.clock.real)
        self.settle(max(over - self.world.clock.real, timedelta(0)) + 30 * MINUTE)
        self.be_quiet()
        self.check_end()

    def be_quiet(self) -> None:
        """An hour without a write; what falls due in the first one may disturb it once, and end a value after its grace."""
        for _ in range(3 if self.wish.mode is Mode.OVERLAP else 2):
            before = self._written()
            self.settle(HOUR)
            if self._written() == before:
                return
        raise AssertionError(f"not quiet: {self.world.api.writes[-5:]}")

    def check_end(self) -> None:
        history, secret = self.history, self.world.api.secrets["orders"]
        current = history.current
        assert current is not None
        assert current is history.highest or history.highest.retired
        value = self.world.stores["c1"].peek(self.world.api.versions[current.name])
        if self.kind == "generic":
            assert secret.data["value"].reveal() == value
        else:
            assert login_of(secret) == (current.account, value)
            for endpoint in self.world.place.endpoints:
                assert self.world.network[endpoint.host].would_let_in(current.account, value)
            if self.kind == ISSUED:
                self.check_keys(value)
            assert all(a.second is None for a in self.world.server.accounts.values())
            ours = {n for n, a in self.world.server.accounts.items() if a.by_us}
            assert ours <= {*self.wish.accounts, f"{self.wish.accounts[0]}_rights"}
        kept = [s.version for s in self.world.api.versions.values()]
        ended = {v.lineage for v in kept if v.orphaned_at is not None or v.closed}
        assert {v.lineage for v in kept} - ended == {history.lineage}
        wanted = 10 if self.kind == "generic" else 3
        assert len(history.versions) <= wanted, [v.name for v in history.versions]

    def check_keys(self, value: bytes) -> None:
        """One key that works, the one before it switched off, and none that nobody knows."""
        current = access_keys.ids(Sensitive(value))[0]
        assert self.issuer.most_ever <= 2
        assert [key.id for key in self.issuer.keys if key.active] == [current]
        rest = [key for key in self.issuer.keys if not key.active]
        assert all(key.used for key in rest), "an orphan was left behind"


def ran(kind: str, rotations: int = 1) -> Scenario:
    """One that was created and has rotated so often."""
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(rotations):
        s.rotate()
    return s


def drive(work: Coroutine[Any, Any, datetime | None]) -> datetime | None:
    """Run to the end what never really waits."""
    try:
        while True:
            work.send(None)
    except StopIteration as stop:
        return stop.value


class Interleaving:
    """Passes of fresh controllers over the Credential that take turns at every port call."""

    def __init__(self, scenario: Scenario, count: int) -> None:
        self._works: dict[int, Coroutine[Any, Any, datetime | None]] = {}
        self.controllers = [scenario.start(scenario.world.api) for _ in range(count)]
        for n, controller in enumerate(self.controllers):
            controller.p.yields = True
            controller.p.awake_since = START  # or what is due would be put off as missed
            self._works[n] = controller.pass_once(NAME)

    @property
    def done(self) -> bool:
        return not self._works

    def step(self, n: int, steps: int) -> bool:
        """Let one go on for so many port calls; whether it has ended."""
        for _ in range(steps):
            if n not in self._works:
                return True
            try:
                self._works[n].send(None)
            except StopIteration:
                del self._works[n]
        return n not in self._works

    def finish(self) -> None:
        """Let all go on to their end."""
        for work in self._works.values():
            drive(work)
        self._works.clear()
