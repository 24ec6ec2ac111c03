"""Failed logins are rationed: hosts count them, and lock out accounts, or our address, for everybody (PerSourcePenalties)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from keyward.engines.base import Endpoint, Login
from keyward.errors import Blocked, Reason, Retry

PAUSE: Final = 60.0
"""Seconds after a failed login in which no other login is tried on the same host."""


@dataclass(slots=True)
class Probes:
    """When a login failed last, by host. `clock` is in seconds, and never goes back."""

    clock: Callable[[], float]
    _failed: dict[tuple[str, int], float] = field(default_factory=dict)
    _admins: dict[bytes, tuple[float, Blocked]] = field(default_factory=dict)

    def held(self, endpoint: Endpoint) -> Retry | None:
        """Why no login is tried there by guess, while the host shall be left alone."""
        since = self._failed.get((endpoint.host, endpoint.port))
        left = PAUSE - (self.clock() - since) if since is not None else 0.0
        if left > 0:
            text = f"{endpoint}: a login failed less than a minute ago, and hosts shut out who fails too often: it is tried later"
            return Retry(Reason.BUSY, text, after=left)
        return None

    def failed(self, endpoint: Endpoint) -> None:
        self._failed[endpoint.host, endpoint.port] = self.clock()

    def refused(self, endpoint: Endpoint, admin: Login) -> Blocked | None:
        """What was said when this very login of an admin was refused there, while it need not be tried again; another one may."""
        since, error = self._admins.get(_digest(endpoint, admin), (-PAUSE, None))
        return Blocked(error.reason, error.message) if error is not None and self.clock() - since < PAUSE else None

    def refuse(self, endpoint: Endpoint, admin: Login, error: Blocked) -> None:
        now = self.clock()
        self._admins = {key: kept for key, kept in self._admins.items() if now - kept[0] < PAUSE}
        self._admins[_digest(endpoint, admin)] = (now, error)


def _digest(endpoint: Endpoint, login: Login) -> bytes:
    found = hashlib.sha256(f"{endpoint}\0{login.account}\0".encode("utf-8", "surrogatepass"))
    found.update(login.password.reveal())
    return found.digest()
