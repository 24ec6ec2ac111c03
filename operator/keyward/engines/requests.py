"""What an engine's session has beside the contract where its system gives each call an id, which its support asks for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Requesting(Protocol):
    @property
    def requests(self) -> tuple[str, ...]:
        """The calls of this session that changed something, with the ids that the system gave them, the newest last."""
