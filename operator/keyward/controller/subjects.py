"""Credentials as they are wished: parsed when they change, not at each look of a pass. Bounded: passes come and go.

What is kept depends on nothing but metadata, spec and the Target; whatever else is asked for is read anew each time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from keyward.api import managed
from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.controller.access import Sight, Targets
from keyward.controller.cache import Cache
from keyward.controller.contents import server
from keyward.controller.ports import Subject
from keyward.controller.queue import Key
from keyward.domain import wishes
from keyward.domain.model import Wish

_KEPT: Final = 64  # about as many as there are passes at once


@dataclass(frozen=True, slots=True)
class Sighted:
    """A Credential and its Target, where it has one."""

    subject: Subject
    sight: Sight | None


@dataclass(slots=True)
class _Known:
    state: bytes
    credential: Credential
    wish: Wish | None = None
    wished_of: Any = None


class Subjects:
    """Looks at Credentials in the cache."""

    def __init__(self, cache: Cache, targets: Targets) -> None:
        self._cache, self._targets = cache, targets
        self._known: OrderedDict[Key, _Known] = OrderedDict()

    def look(self, key: Key) -> Sighted | None:
        """The Credential as it is known now; None if it is gone. Raises Blocked with INVALID_SPEC."""
        known = self._parsed(key)
        if known is None:
            return None
        sight = self._targets.look(known.credential) if managed.of(known.credential.spec) is not None else None
        # Targets change without their Credentials: only what the wish is made of says whether it is still the same.
        of = (sight.identity, sight.engine, sight.place) if sight is not None else None
        if known.wish is None or known.wished_of != of:
            place = server(sight.engine, sight.place) if sight and sight.place else None
            known.wish = wishes.wish(known.credential, sight.identity if sight else None, place)
            known.wished_of = of
        return Sighted(Subject(known.credential, known.wish), sight)

    def _parsed(self, key: Key) -> _Known | None:
        state, known = self._cache.credential_state(key), self._known.get(key)
        if state is None:
            self._known.pop(key, None)
            return None
        if known is None or known.state != state:
            known = self._known[key] = _Known(state, parse(Credential, self._cache.credential(key) or {}))
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known
