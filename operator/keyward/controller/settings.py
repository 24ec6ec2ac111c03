"""What one run of the controller was asked to do. Frozen: a change of settings is a restart.

Read from the command line alone; nothing secret is in here, only the names of what holds secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_KEYRING: Final = "keyward-keyring"
DEFAULT_NAMESPACE: Final = "keyward-system"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server of ours listens. Port 0: a free one, which is logged."""

    host: str = "127.0.0.1"
    port: int = 8080

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST:PORT`, `:PORT` (every interface) or `[V6]:PORT`.

        Raises:
            ValueError: with a text that names the fix.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8080")
        return cls(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - an empty host is asked for in so many words

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much happens at once."""

    workers: int = 48
    connections: int = 16  # each keeps a third of a megabyte, most of it a buffer of TLS; a server is busy long before
    rotations: int = 32  # in all
    rotations_per_target: int = 4  # where the Target does not say
    releases_per_second: float = 50.0  # of due keys, so that missed runs do not come in one wave


@dataclass(frozen=True, slots=True)
class Periods:
    """All in seconds."""

    resync: float = 600.0
    sweep: float = 600.0
    drain: float = 20.0  # that a stop waits for steps in hand
    longest_sleep: float = 30.0  # of the schedule: bounds what a step of the wall clock can do
    call: float = 30.0  # deadline of one API call


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. `namespace` is the operator's own: its keyring lives there, unless `keyring_file` names another place."""

    namespace: str = DEFAULT_NAMESPACE
    keyring_secret: str = DEFAULT_KEYRING
    keyring_file: Path | None = None
    metrics_address: Address = Address()
    freeze: bool = False  # plan and project, but reserve and apply nothing new where there is a value
    per_credential_metrics: bool = True
    limits: Limits = Limits()
    periods: Periods = Periods()
