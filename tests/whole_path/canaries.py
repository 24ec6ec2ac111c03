"""Values that are known, where they may be, and the search for them everywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.whole_path import sinks
from tests.whole_path.detector import Detector
from tests.whole_path.opened import keyring, opened
from tests.whole_path.running import Operator
from tests.whole_path.world import Shop

# What encodings and escapes change comes first: only the beginning is searched for.
_SPELT = "'\"\\/+&%é~"
GIVEN = {
    name: f"{mark}{_SPELT}-{mark}-7f3a91c2"
    for name, mark in {
        "imported password": "imp0rt",
        "guessed password": "gu3ss3",
        "admin password": "adm1n0",
        "other admin password": "adm1n1",
        "source value": "s0urc3",
        "source text": "t3xt01",
        "binary source": "b1nary",
        "large source": "l4rg32",
    }.items()
}
SINKS = ("objects", "etcd", "logs", "pages", "postgresql", "processes", "files")


@dataclass(slots=True)
class Canaries:
    """What is searched for, and which Secrets may hold it."""

    shop: Shop
    values: dict[str, str | bytes] = field(default_factory=lambda: dict(GIVEN))
    nowhere: set[str] = field(default_factory=set)  # names of those that no Secret ever held
    allowed: dict[str, set[str]] = field(default_factory=dict)  # name of a Secret → names of values

    def remember(self) -> None:
        """Note what all versions hold that are there now; most are pruned later."""
        for one in opened(self.shop):
            key = f"data key of {one.name}"
            self.values[key] = one.data_key
            self.nowhere.add(key)
            for number, value in enumerate(one.values):
                if value not in self.values.values():
                    name = f"value {number} of {one.name}"
                    self.values[name] = value
                    self._place(name, one.credential)

    def _place(self, name: str, credential: str) -> None:
        item = self.shop.get("credential", credential)
        assert item is not None
        projections = item["spec"].get("projections", [])
        for projection in projections:
            self.allowed.setdefault(projection["secretName"], set()).add(name)
        if not projections:
            self.nowhere.add(name)

    def remember_keys(self) -> None:
        ring = keyring(self.shop)
        keys = {f"key {name} {v.number}": v.key.reveal() for name, vs in ring.keys.items() for v in vs if v.key}
        self.values |= keys | {"secret of the keyring": ring.secret.reveal()}
        self.allowed["keyward-keyring"] = {*keys, "secret of the keyring"}

    def given(self, secret: str, *names: str) -> None:
        self.allowed.setdefault(secret, set()).update(names)


@dataclass(slots=True)
class Places:
    """Where is searched."""

    canaries: Canaries
    operator: Operator
    processes: sinks.Processes
    folder: Path
    searched: int = 0

    def search(self) -> dict[str, list[str]]:
        """What was found, by sink: names of values and places."""
        shop, detector = self.canaries.shop, Detector(self.canaries.values)
        # A Secret is in etcd's files as it is: there, only what no Secret ever held can be searched for.
        unheld = Detector({name: self.canaries.values[name] for name in self.canaries.nowhere})
        return {
            "objects": list(self._objects(detector)),
            "etcd": self._in(unheld, sinks.etcd(shop.cluster)),
            "logs": self._in(detector, sinks.logs(shop.cluster, shop.log)),
            "pages": self._in(detector, sinks.pages(self.operator)),
            "postgresql": self._in(detector, [(str(shop.postgres.log), shop.postgres.log.read_bytes())]),
            "processes": self._in(detector, self.processes.seen.copy()),
            "files": self._in(detector, sinks.files(self.folder)),
        }

    def _in(self, detector: Detector, found: Iterable[tuple[str, bytes]]) -> list[str]:
        leaks = []
        for place, data in found:
            self.searched += len(data)
            leaks += [f"{name} in {place}" for name in detector.found_in(data)]
        return leaks

    def _objects(self, detector: Detector) -> Iterator[str]:
        for place, item in sinks.objects(self.canaries.shop.api):
            data = sinks.as_bytes(item)
            self.searched += len(data)
            name = place.rpartition("/")[2]
            may_hold = self.canaries.allowed.get(name, set()) if place.startswith("Secret/") else set()
            yield from (f"{found} in {place}" for found in detector.found_in(data) - may_hold)
