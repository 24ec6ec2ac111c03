"""Follows what other programs print: each writes into a file of its own, and new whole lines are taken from there.

One that ends is started again: its first lines may then be old ones, which the play knows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import Cluster
from tests.cluster.process import Running, Server, ServerError, start

from demo import seen
from demo.objects import NAMESPACE
from demo.seen import Seen

_AGAIN_SECONDS = 1.0


class Tail:
    """New whole lines of a file that somebody else appends to."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def lines(self) -> Iterator[str]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                # The last one may be half written.
                if not line.endswith(b"\n"):
                    break
                self._at += len(line)
                yield line.decode(errors="replace").rstrip("\n")


@dataclass(slots=True)
class Feed:
    """A program, and how one of its lines is read."""

    server: Server
    read: Callable[[str], Seen | None]
    _tail: Tail = field(init=False)
    _running: Running | None = None
    _started_at: float = 0.0

    def __post_init__(self) -> None:
        self._tail = Tail(self.server.log)

    def poll(self) -> Iterator[Seen]:
        """What it said since the last time; it is started first when it is not running."""
        if (
            self._running is None or not self._running.alive()
        ) and time.monotonic() > self._started_at + _AGAIN_SECONDS:
            self.stop()
            self._started_at = time.monotonic()
            try:
                self._running = start(self.server)
            except ServerError:
                self._running = None  # It ended at once, as kubectl does without an API server: again in a second.
        for line in self._tail.lines():
            found = self.read(line)
            if found is not None:
                yield found

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None


def watches(cluster: Cluster, folder: Path) -> list[Feed]:
    """The API server's side: versions, Secrets' metadata and Credentials' status."""
    return [
        _watch(cluster, folder, "credentialversions", seen.STORED_FIELDS, seen.stored),
        _watch(cluster, folder, "secrets", seen.WRITTEN_FIELDS, seen.written),
        _watch(cluster, folder, "credentials", seen.STATUS_FIELDS, seen.status),
    ]


def pod_log(cluster: Cluster, folder: Path, credential: str) -> Feed:
    """The lines of the pod that logs in with this Credential."""
    argv = ["logs", "-f", f"deployment/{credential}", "-n", NAMESPACE, "--pod-running-timeout=1s"]
    return Feed(_kubectl(cluster, folder, f"logs-{credential}", argv), lambda line: seen.login(credential, line))


def _watch(
    cluster: Cluster, folder: Path, what: str, fields: Sequence[str], read: Callable[[str], Seen | None]
) -> Feed:
    selector = ["-l", "app.kubernetes.io/managed-by=keyward"] if what == "secrets" else []
    shown = "|".join(f"{{{one}}}" for one in fields)
    argv = ["get", what, "-n", NAMESPACE, "--watch", *selector, "-o", f"jsonpath={shown}{{'\\n'}}"]
    return Feed(_kubectl(cluster, folder, what, argv), read)


def _kubectl(cluster: Cluster, folder: Path, name: str, argv: Sequence[str]) -> Server:
    return Server(
        name=f"kubectl {name}",
        argv=[str(cluster.kubectl_program), *argv],
        ready=lambda: True,
        log=folder / f"{name}.log",
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        stop_seconds=2.0,
    )
