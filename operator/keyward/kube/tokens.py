"""Where the bearer token comes from: fixed, a file that is renewed under us, or a program (client-go's exec protocol).

Reading is cheap: a file is looked at again only every few seconds, a program runs again only when its token expires.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from keyward.errors import Blocked, Reason, Retry
from keyward.sensitive import Sensitive

_LOOK_AGAIN: Final = 5.0  # seconds between looks at a token's file
_EXEC_TIMEOUT: Final = 60.0
_EARLY: Final = 30.0  # seconds before its expiry that a program's token is renewed


class Source(Protocol):
    async def token(self) -> Sensitive | None: ...

    def expire(self) -> None:
        """The server refused the token: get another one before the next request."""


class FixedSource:
    def __init__(self, token: Sensitive | None) -> None:
        self._token = token

    async def token(self) -> Sensitive | None:
        return self._token

    def expire(self) -> None:
        """Nothing else is known."""


class TokenFile:
    """A file that the kubelet renews in place."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path, self._now = path, monotonic
        self._looked = float("-inf")
        self._token: Sensitive | None = None

    async def token(self) -> Sensitive | None:
        if self._now() - self._looked >= _LOOK_AGAIN:
            try:
                self._token = Sensitive(self._path.read_text().strip())
            except OSError:
                if self._token is None:
                    raise Retry(Reason.API_REFUSED, f"the token file {self._path} cannot be read") from None
            self._looked = self._now()
        return self._token

    def expire(self) -> None:
        self._looked = float("-inf")


@dataclass(frozen=True, slots=True)
class Command:
    """A kubeconfig's exec plugin."""

    api_version: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


class ExecSource:
    """A program that prints an ExecCredential with a token."""

    def __init__(self, command: Command, now: Callable[[], float]) -> None:
        self._command, self._now = command, now
        self._token: Sensitive | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> Sensitive | None:
        if self._token is None or self._now() >= self._until:
            async with self._lock:
                if self._token is None or self._now() >= self._until:
                    await self._refresh()
        return self._token

    def expire(self) -> None:
        self._until = 0.0

    async def _refresh(self) -> None:
        status = _status(await self._run())
        token = status.get("token")
        if not isinstance(token, str) or not token:
            raise Blocked(
                Reason.API_REFUSED,
                f"the kubeconfig's exec plugin {self._command.argv[0]} gave no token (client certificates from a plugin are "
                "not supported)",
            )
        self._token = Sensitive(token)
        self._until = _expiry(status.get("expirationTimestamp"))

    async def _run(self) -> bytes:
        info = {"apiVersion": self._command.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        env = {**os.environ, **dict(self._command.env), "KUBERNETES_EXEC_INFO": orjson.dumps(info).decode()}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command.argv,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            raise Blocked(
                Reason.API_REFUSED, f"the kubeconfig's exec plugin {self._command.argv[0]} cannot be started"
            ) from None
        try:
            out, _ = await asyncio.wait_for(process.communicate(), _EXEC_TIMEOUT)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise Retry(Reason.TIMEOUT, "the kubeconfig's exec plugin did not answer in time") from None
        if process.returncode:
            raise Retry(Reason.API_REFUSED, f"the kubeconfig's exec plugin ended with status {process.returncode}")
        return out


def _status(out: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(out)
    except orjson.JSONDecodeError:
        parsed = None
    status = parsed.get("status") if isinstance(parsed, dict) else None
    return status if isinstance(status, dict) else {}


def _expiry(text: object) -> float:
    if not isinstance(text, str):
        return float("inf")
    try:
        return datetime.fromisoformat(text).timestamp() - _EARLY
    except ValueError:
        return float("inf")
