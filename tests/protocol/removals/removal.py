"""How a guard is taken out, and the scenario that has to fail then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from keyward.domain import reserving, rotation

Play = Callable[[], object]


@dataclass(frozen=True)
class Removal:
    """A guard, how to take it out, and the scenario that shows it."""

    guard: str
    owner: Any
    name: str
    without: Any
    play: Play


def guard_of_rotation(name: str, play: Play) -> Removal:
    return Removal(name, rotation, "GUARDS", tuple(g for g in rotation.GUARDS if g.__name__ != name), play)


def guard_of_reserve(name: str, play: Play) -> Removal:
    guard = getattr(reserving, name)
    return Removal(name, reserving, "GUARDS", tuple(g for g in reserving.GUARDS if g is not guard), play)


def patched(guard: str, owner: Any, without: Any, play: Play) -> Removal:
    """What is named so in a module or class says something else."""
    return Removal(guard, owner, guard, without, play)


def asked_by(owner: Any, guard: str, without: Any, play: Play) -> Removal:
    """What several modules ask for, `module.function`, is not asked by this one any more."""
    module, _, function = guard.partition(".")
    return Removal(function, owner, module, SimpleNamespace(**{function: without}), play)


def never(*_args: object, **_kwargs: object) -> None:
    """A guard that has nothing to say."""
