"""Whoever calls the functions of `script` on a host as root: a shell over SSH, or a cloud that runs scripts there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from keyward.engines.ssh.connect import Way
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call ended with, and what it said."""

    status: int
    said: bytes


class Caller(Protocol):
    """`way` leads to the host; its login is the admin's."""

    way: Way

    async def call(self, function: str, *args: str) -> Answer:
        """The answer of one function, whatever its status.

        Raises:
            Retry: there is no answer; the function may have run.
        """

    async def calls(self, *calls: tuple[str, ...]) -> list[Answer]:
        """The answers of several, each a function and its arguments, which change nothing."""

    async def has_password(self, name: str, password: Sensitive) -> bool | None:
        """Whether /etc/shadow holds this password of a user; None if that cannot be told."""

    async def close(self) -> None:
        """End it; never raises."""
