"""Consumers of one Credential beside the cluster, and rotations that none of them may notice."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import process
from tests.whole_path.clients import Follower, Tally, logins
from tests.whole_path.world import Shop, until

GRACE = 2  # seconds, for who rotates while they work: the slowest file comes one behind
Client = Callable[[Path], AbstractContextManager[Path]]  # reads this file before each login; its log


@dataclass(frozen=True, slots=True)
class Consumers:
    """Clients with files of their own."""

    shop: Shop
    name: str
    follower: Follower
    logs: list[Path]

    def through(
        self, rotations: int, seconds: float = 60.0, events: dict[int, Callable[[str], object]] | None = None
    ) -> Tally:
        """All logins in so many rotations, to the last value's first use by each client.

        What `events` has for one of the rotations begins it, with the token that it is told.
        """
        version = self.follower.after("", seconds).version
        for number in range(rotations):
            begin = (events or {}).get(number, self.rotate)
            begin(f"t{number}")
            version = self.follower.after(version, seconds).version
        until("all clients' last version", lambda: all(version in _counted([log]).versions for log in self.logs))
        return _counted(self.logs)

    def rotate(self, token: str) -> None:
        self.shop.annotate(self.name, "rotate", token)


def side_by_side(crowds: Sequence[Consumers], rotations: int) -> list[Tally]:
    """The tally of each, rotated at the same time: who waits for the one waits for all."""
    with ThreadPoolExecutor(len(crowds)) as threads:
        return list(threads.map(lambda crowd: crowd.through(rotations), crowds))


def never_refused(tally: Tally, clients: int, rotations: int) -> None:
    """Each client went through all rotations, and not one login came to nothing."""
    assert not tally.refused
    assert not tally.failed
    assert len(tally.clients) == clients
    assert len(tally.versions) == rotations + 1


@contextlib.contextmanager
def consumers(shop: Shop, name: str, folder: Path, count: int, client: Client) -> Iterator[Consumers]:
    """Clients at work; the file of every other one comes a second late."""
    files = [folder / f"{name}-{n}.json" for n in range(count)]
    behind = {file: 1.0 * (n % 2) for n, file in enumerate(files)}
    follower = Follower(shop.cluster.kubectl_program, shop.cluster.kubeconfig, behind)
    with contextlib.ExitStack() as stack:
        stack.enter_context(follower.following(shop.namespace, name))
        until("the files", lambda: all(file.exists() for file in files))
        yield Consumers(shop, name, follower, [stack.enter_context(client(file)) for file in files])


@contextlib.contextmanager
def program(module: str, file: Path, *args: str) -> Iterator[Path]:
    """A program of this folder that reads the file before each login; its log."""
    log = file.with_suffix(".log")
    argv = [sys.executable, "-m", f"tests.whole_path.{module}", str(file), *args]
    cwd = Path(__file__).parents[2]
    env = os.environ | {"SSL_CERT_FILE": os.devnull}  # some libraries read all that the machine trusts for each login
    server = process.Server(name="client", argv=argv, ready=lambda: log.stat().st_size > 0, log=log, cwd=cwd, env=env)
    with process.serving(server):
        yield log


def _counted(logs: list[Path]) -> Tally:
    return Tally([one for log in logs for one in logins(log.stem, log.read_text().splitlines())])
