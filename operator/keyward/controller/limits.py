"""How many rotations run at once: per target and in all. Never waits: who gets no token is looked at again when one is free."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Self

from keyward.controller.queue import Key

TargetKey = tuple[str, str, str]
"""Kind, namespace (empty for ClusterTarget) and name."""


class Token:
    """The right to run one rotation, until it is released. A context manager; releasing twice does no harm."""

    __slots__ = ("_limits", "_target")

    def __init__(self, limits: RotationLimits, target: TargetKey) -> None:
        self._limits: RotationLimits | None = limits
        self._target = target

    def release(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.give_back(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class RotationLimits:
    """Counts rotations. `on_free` gets the key of a Credential that was refused a token and may ask again."""

    def __init__(self, total: int = 32, per_target: int = 4, on_free: Callable[[Key], None] | None = None) -> None:
        self._total, self._per_target = total, per_target
        self._on_free = on_free
        self._running: dict[TargetKey, int] = {}
        self._waiting: OrderedDict[Key, tuple[TargetKey, int]] = OrderedDict()

    @property
    def running(self) -> int:
        return sum(self._running.values())

    def try_acquire(self, target: TargetKey, key: Key | None = None, limit: int | None = None) -> Token | None:
        """A token, or None if the target or the whole is busy; `key` is then told when it may ask again.

        `limit` is the Target's maxConcurrentRotations.
        """
        allowed = limit or self._per_target
        if not self._is_free(target, allowed):
            if key is not None:
                self._waiting[key] = (target, allowed)
            return None
        if key is not None:
            self._waiting.pop(key, None)
        self._running[target] = self._running.get(target, 0) + 1
        return Token(self, target)

    def forget(self, key: Key) -> None:
        """This Credential is gone and waits for nothing."""
        self._waiting.pop(key, None)

    def give_back(self, target: TargetKey) -> None:
        left = self._running[target] - 1
        if left:
            self._running[target] = left
        else:
            del self._running[target]
        for key, (wanted, allowed) in self._waiting.items():
            if self._is_free(wanted, allowed):
                del self._waiting[key]
                if self._on_free is not None:
                    self._on_free(key)
                return

    def _is_free(self, target: TargetKey, allowed: int) -> bool:
        return self.running < self._total and self._running.get(target, 0) < allowed
