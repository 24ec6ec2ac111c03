"""The places that a value could leak to, each as named bytes to be searched."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import Cluster
from tests.whole_path.api import Api, Json
from tests.whole_path.running import Operator

Found = Iterator[tuple[str, bytes]]


def objects(api: Api) -> Iterator[tuple[str, Json]]:
    """Every object of every kind that the API server lists, with its place as kind/namespace/name."""
    for path in ("/api/v1", *_groups(api)):
        for resource in (api.ask("GET", path) or {})["resources"]:
            if "list" not in resource["verbs"] or "/" in resource["name"]:
                continue
            for item in (api.ask("GET", f"{path}/{resource['name']}") or {}).get("items", []):
                metadata = item["metadata"]
                yield f"{resource['kind']}/{metadata.get('namespace', '')}/{metadata.get('name')}", item


def _groups(api: Api) -> Iterator[str]:
    for group in (api.ask("GET", "/apis") or {})["groups"]:
        for version in group["versions"]:
            yield f"/apis/{version['groupVersion']}"


def as_bytes(item: Json) -> bytes:
    return json.dumps(item, ensure_ascii=False).encode()


def files(folder: Path) -> Found:
    """Every file below a folder. Zeros at its end, which etcd sets aside by the megabyte, are left out."""
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield str(path), path.read_bytes().rstrip(b"\0")


def etcd(cluster: Cluster) -> Found:
    assert cluster.etcd_dir is not None
    yield from files(cluster.etcd_dir)


def logs(cluster: Cluster, log: Path) -> Found:
    """What the operator said, and the cluster's own programs."""
    yield str(log), log.read_bytes()
    assert cluster.log_dir is not None
    yield from files(cluster.log_dir)
    assert cluster.audit_log is not None
    yield str(cluster.audit_log), cluster.audit_log.read_bytes()


def pages(operator: Operator) -> Found:
    for name in ("metrics", "healthz", "readyz"):
        yield name, (operator.page(name) or "").encode()


@dataclass(slots=True)
class Processes:
    """Looks at command lines and environments of a process and its descendants, again and again, until its end."""

    pid: int
    seen: set[tuple[str, bytes]] = field(default_factory=set)
    looks: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Processes]:
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            self._ended.set()
            watcher.join(10)

    def _watch(self) -> None:
        while not self._ended.wait(0.03):
            self.looks += 1
            for pid in self._family(self.pid):
                for name in ("cmdline", "environ"):
                    # One that has ended has neither; that of another user may not be read by anybody but root.
                    with contextlib.suppress(OSError):
                        self.seen.add((f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()))

    def _family(self, pid: int) -> Iterator[int]:
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in children.read_text().split():
                    yield from self._family(int(child))
