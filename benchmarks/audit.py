"""Reads the API server's own log of writes: who wrote what, and when it was done. The server's clock is this machine's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was answered. `at` is the Unix time of the answer."""

    at: float
    verb: str
    resource: str  # with its subresource after a slash
    name: str  # namespace/name
    code: int


class Tail:
    """The writes of one user, read on as the log grows."""

    def __init__(self, log: Path, user: str) -> None:
        self._log, self._user = log, user
        self._mark = f'"username":"{user}"'.encode()
        self._offset, self._rest = log.stat().st_size, b""
        self.writes: list[Write] = []

    def read(self) -> int:
        """Take in what is new; how many writes that were."""
        before = len(self.writes)
        with self._log.open("rb") as log:
            log.seek(self._offset)
            text = self._rest + log.read()
            self._offset = log.tell()
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            if self._mark in line:
                self._take(orjson.loads(line))
        return len(self.writes) - before

    def _take(self, event: dict[str, object]) -> None:
        write = parse(event, self._user)
        if write is not None:
            self.writes.append(write)

    def tally(self) -> dict[str, int]:
        """Number of writes by `verb resource`; refused ones carry their code."""
        return dict(sorted(Counter(label(w) for w in self.writes).items()))

    def done(self, verb: str, resource: str, namespaces: Container[str]) -> list[float]:
        """When each object of these namespaces got its first successful write of this kind, in order of time."""
        first: dict[str, float] = {}
        for write in self.writes:
            wanted = (write.verb, write.resource) == (verb, resource) and write.code < 300
            if wanted and write.name.partition("/")[0] in namespaces:
                first.setdefault(write.name, write.at)
        return sorted(first.values())


def label(write: Write) -> str:
    """How a write is counted."""
    text = f"{write.verb} {write.resource}"
    return text if write.code < 300 else f"{text} ({write.code})"


def parse(event: dict[str, object], user: str) -> Write | None:
    """An audit event as a write; None if it is another user's, or not the end of a request."""
    about, who, status = event.get("objectRef"), event.get("user"), event.get("responseStatus")
    if not isinstance(about, dict) or not isinstance(who, dict) or not isinstance(status, dict):
        return None
    if who.get("username") != user or event.get("stage") != "ResponseComplete":
        return None
    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
    return Write(
        at=datetime.fromisoformat(str(event["stageTimestamp"])).timestamp(),
        verb=str(event["verb"]),
        resource=resource,
        name=f"{about.get('namespace', '')}/{about.get('name', '')}",
        code=int(status.get("code", 0)),
    )
