"""The simulated world: clusters, servers, controllers, consumers and time; the promises are checked after each effect.

A scenario acts as the people and the machinery around the operator do; `settle` lets time pass until all is quiet.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.world.api import ApiServer
from tests.world.clock import Clock
from tests.world.faults import Faults
from tests.world.server import Server
from tests.world.vault import ToyVault

from keyward.domain.model import TargetView
from keyward.domain.version import Mode
from keyward.domain.writes import StoredSecret
from keyward.engines.base import Change, Endpoint, Place, Removal
from keyward.errors import KeywardError

if TYPE_CHECKING:
    from tests.world.controller import Process

GRACE = timedelta(minutes=5)
# What may be missing of it: the time between the moment that a write carries and its effect, which a second holds.
LATENESS = timedelta(seconds=1)


class Broken(AssertionError):  # noqa: N818 - a promise that is broken
    """One of the promises does not hold; says which, and when."""


@dataclass
class Held:
    """What a consumer may hold: a value that a Secret had, and until when it had it."""

    secret: str
    account: str
    password: bytes
    mode: Mode
    until: datetime | None = None


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    network: dict[str, Server] = field(default_factory=lambda: {"pg": Server()})
    place: Place = field(default_factory=lambda: Place((Endpoint("pg", 5432),), "app"))
    former_places: list[Place] = field(default_factory=list)  # a step in hand may still speak of them
    target: TargetView | None = None
    keeps_admin: bool = False  # the Credential's own values are the admin login; else it is somebody else's
    keeps_marks: bool = True
    freeze: bool = False  # every operator runs with --freeze
    imports: dict[str, bytes] = field(default_factory=dict)
    source: bytes | None = None
    stores: dict[str, ToyVault] = field(default_factory=dict)  # by cluster
    clusters: dict[str, ApiServer] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    shapes: dict[tuple[str, str], StoredSecret] = field(
        default_factory=dict
    )  # by (cluster, name), as it was judged last
    removed: set[str] = field(default_factory=set)  # Secrets that may go: unwished, or their Credential deleted
    excused: set[str] = field(default_factory=set)  # accounts that a person broke
    late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)  # requests still on their way
    generated: int = 0
    promised: set[str] = field(default_factory=lambda: {"c1"})  # clusters whose consumers must never be refused

    def __post_init__(self) -> None:
        if not self.clusters:
            self.add_cluster("c1", "5a")

    def add_cluster(self, cluster: str, store: str) -> ApiServer:
        self.stores[cluster] = ToyVault(store)
        self.clusters[cluster] = ApiServer(self.clock, cluster)
        return self.clusters[cluster]

    @property
    def api(self) -> ApiServer:
        return self.clusters["c1"]

    @property
    def server(self) -> Server:
        return self.network["pg"]

    def new_value(self) -> bytes:
        self.generated += 1
        return f"generated-{self.generated}".encode()

    def deliver(self) -> None:
        """What was on its way arrives; nobody hears the answer."""
        for arrival in [a for a in self.late if a[0] <= self.clock.real]:
            self.late.remove(arrival)
            with suppress(KeywardError):
                arrival[1]()
            self.check()

    # --- promises ---

    def judge_apply(self, process: Process, change: Change) -> None:
        """Promise 1: what the system is about to learn is stored, and opens."""
        vault = self.stores[process.api.cluster]
        password = change.password.reveal()
        for stored in process.api.versions.values():
            if stored.version.account == change.account and vault.peek(stored) == password:
                return
        raise Broken(f"1: {change.account} is about to get a value that no version holds")

    def judge_removal(self, process: Process, removal: Removal) -> None:
        live = [c for c in process.api.credentials.values() if c.deleting_since is None]
        names = {n for c in live for n in c.spec.accounts}
        if removal.action.value != "Enable" and names & set(removal.accounts.names):
            raise Broken(f"{removal.action} of accounts whose Credential lives")

    def check(self) -> None:
        """All promises, at this moment."""
        for cluster, api in self.clusters.items():
            self._check_shapes(cluster, api)
            for name, secret in api.secrets.items():
                self._check_secret(api, name, secret)
        self._check_consumers()

    def _check_shapes(self, cluster: str, api: ApiServer) -> None:
        for (where, name), judged in list(self.shapes.items()):
            if where != cluster:
                continue
            secret = api.secrets.get(name)
            if secret is None:
                if name not in self.removed:
                    raise Broken(f"5: Secret {name} went away")
                del self.shapes[(where, name)]
                self.forget_secret(name)
                self.removed.discard(name)
            elif secret is not judged and not _filled(judged) <= _filled(secret):
                raise Broken(f"5: Secret {name} was shrunk or blanked")
        for name, secret in api.secrets.items():
            self.shapes[(cluster, name)] = secret

    def _check_secret(self, api: ApiServer, name: str, secret: StoredSecret) -> None:
        read = login_of(secret)
        if read is None:
            return
        account, password = read
        key = f"{api.cluster}/{name}"
        newest = next((h for h in reversed(self.held) if h.secret == key), None)
        if newest is not None and newest.until is None:
            if (newest.account, newest.password) == (account, password):
                return
            newest.until = self.clock.real
        if not any(self._has_logged_in(place, account, password) for place in [*self.former_places, self.place]):
            raise Broken(f"2: Secret {name} holds a value of {account} that never logged in")
        mode = next((c.spec.mode for c in api.credentials.values() if account in c.spec.accounts), Mode.SINGLE)
        self.held.append(Held(key, account, password, mode))

    def _has_logged_in(self, place: Place, account: str, password: bytes) -> bool:
        servers = [self.network.get(endpoint.host) for endpoint in place.endpoints]
        return all(server is None or (account, password) in server.logged_in for server in servers)

    def _check_consumers(self) -> None:
        """Promise 3: in dual and overlap mode whatever was read within the grace logs in."""
        for held in self.held:
            if (
                held.mode not in (Mode.DUAL, Mode.OVERLAP)
                or held.account in self.excused
                or not self._is_lived_in(held)
            ):
                continue
            if held.until is not None and self.clock.real - held.until >= GRACE - LATENESS:
                continue
            for endpoint in self.place.endpoints:
                server = self.network.get(endpoint.host)
                if server is not None and not server.would_let_in(held.account, held.password):
                    state = "is held" if held.until is None else "was held within the grace"
                    raise Broken(f"3: a value of {held.account} that {state} by Secret {held.secret} does not log in")

    def _is_lived_in(self, held: Held) -> bool:
        """Whether a Credential that is not being deleted still promises something about this account."""
        cluster = held.secret.partition("/")[0]
        if cluster not in self.promised:
            return False
        api = self.clusters[cluster]
        return any(held.account in c.spec.accounts and c.deleting_since is None for c in api.credentials.values())

    def forget_secret(self, name: str) -> None:
        """A person deleted it, or its Credential: what it held is nobody's any more."""
        self.removed.add(name)
        for held in self.held:
            if held.secret.endswith(f"/{name}"):
                held.until = datetime.min.replace(tzinfo=self.clock.real.tzinfo)


def _filled(secret: StoredSecret) -> set[str]:
    return {key for key, value in secret.data.items() if value}


def login_of(secret: StoredSecret) -> tuple[str, bytes] | None:
    """What a consumer logs in with; None for a Secret without a login."""
    if "password" not in secret.data or "username" not in secret.data:
        return None
    return secret.data["username"].reveal_text(), secret.data["password"].reveal()


Judge = Callable[[World], None]
