"""How many rotations run at once: per target and in all. Never waits: who gets no token is looked at again when one is free."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from keyward.controller.queue import Key

TargetKey = tuple[str, str, str]
"""Kind, namespace (empty for ClusterTarget) and name."""


@dataclass(frozen=True, slots=True)
class _Asked:
    target: TargetKey
    allowed: int
    alone: bool


class Token:
    """The right to run one rotation, until it is released. A context manager; releasing twice does no harm."""

    __slots__ = ("_alone", "_limits", "_target")

    def __init__(self, limits: RotationLimits, target: TargetKey, *, alone: bool = False) -> None:
        self._limits: RotationLimits | None = limits
        self._target, self._alone = target, alone

    def release(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.give_back(self._target, alone=self._alone)

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
        self._alone: set[TargetKey] = set()  # where one has the target to itself
        self._waiting: OrderedDict[Key, _Asked] = OrderedDict()
        self._next_alone: dict[TargetKey, Key] = {}  # who waits to have a target to itself: nobody else begins there

    @property
    def running(self) -> int:
        return sum(self._running.values())

    def try_acquire(
        self, target: TargetKey, key: Key | None = None, limit: int | None = None, *, alone: bool = False
    ) -> Token | None:
        """A token, or None if the target or the whole is busy; `key` is then told when it may ask again.

        `limit` is the Target's maxConcurrentRotations. `alone`: only while no other rotation runs there, and none begins
        before it has ended, nor once it has asked.
        """
        asked = _Asked(target, limit or self._per_target, alone)
        if not self._is_free(asked, key):
            if key is not None:
                self._waiting[key] = asked
                if alone:
                    self._next_alone[target] = key
            return None
        if key is not None:
            self.forget(key)
        self._running[target] = self._running.get(target, 0) + 1
        if alone:
            self._alone.add(target)
        return Token(self, target, alone=alone)

    def forget(self, key: Key) -> None:
        """This Credential is gone and waits for nothing."""
        asked = self._waiting.pop(key, None)
        if asked is not None and self._next_alone.get(asked.target) == key:
            del self._next_alone[asked.target]

    def give_back(self, target: TargetKey, *, alone: bool) -> None:
        left = self._running[target] - 1
        if left:
            self._running[target] = left
        else:
            del self._running[target]
        if alone:
            self._alone.discard(target)
        waits = self._next_alone.get(target)
        if waits is not None and self._is_free(self._waiting[waits], waits):
            self._tell(waits)
            return
        free = next((key for key, asked in self._waiting.items() if self._is_free(asked, key)), None)
        if free is not None:
            self._tell(free)

    def _tell(self, key: Key) -> None:
        self.forget(key)
        if self._on_free is not None:
            self._on_free(key)

    def _is_free(self, asked: _Asked, key: Key | None) -> bool:
        target, running = asked.target, self._running.get(asked.target, 0)
        if self.running >= self._total or target in self._alone:
            return False
        if self._next_alone.get(target) not in (None, key):
            return False
        return not running if asked.alone else running < asked.allowed
