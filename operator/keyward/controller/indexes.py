"""Small reverse lookups of the cache: who wants a thing, which Secrets belong to a Credential, where an admin login is used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any, Final, Generic, TypeVar

from keyward.controller.limits import TargetKey
from keyward.controller.objects import number
from keyward.controller.queue import Key
from keyward.domain.model import SecretView

T = TypeVar("T", bound=Hashable)
_TOMBSTONES: Final = 4096


class Index(Generic[T]):
    """From a thing to the keys that want it; a tuple for the few, a set for the many."""

    def __init__(self) -> None:
        self._keys: dict[T, Key | set[Key]] = {}

    def of(self, thing: T) -> tuple[Key, ...]:
        found = self._keys.get(thing)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, set) else (found,)

    def things(self) -> Iterable[T]:
        return self._keys.keys()

    def add(self, thing: T, key: Key) -> None:
        found = self._keys.get(thing)
        if found is None or found == key:
            self._keys[thing] = key
        elif isinstance(found, set):
            found.add(key)
        else:
            self._keys[thing] = {found, key}

    def remove(self, thing: T, key: Key) -> None:
        found = self._keys.get(thing)
        if isinstance(found, set):
            found.discard(key)
            if len(found) == 1:
                self._keys[thing] = found.pop()
        elif found == key:
            del self._keys[thing]


class SecretViews:
    """Projected Secrets' metadata by name and by Credential."""

    def __init__(self) -> None:
        self._views: dict[Key, SecretView] = {}
        self._names: dict[Key, tuple[str, ...]] = {}
        self._gone: OrderedDict[Key, int] = OrderedDict()

    def get(self, place: Key) -> SecretView | None:
        return self._views.get(place)

    def of(self, credential: Key) -> tuple[SecretView, ...]:
        return tuple(self._views[credential[0], name] for name in self._names.get(credential, ()))

    def put(self, namespace: str, view: SecretView) -> bool:
        place = (namespace, view.name)
        version, known = number(view.resource_version), self._views.get(place)
        if version <= self._gone.get(place, 0) or (known is not None and number(known.resource_version) >= version):
            return False
        self._gone.pop(place, None)
        if known is not None and known.credential != view.credential:
            self._unlist(place, known)
        self._views[place] = view
        if view.credential:
            owner = (namespace, view.credential)
            names = self._names.get(owner, ())
            if view.name not in names:
                self._names[owner] = (*names, view.name)
        return True

    def drop(self, place: Key, resource_version: str) -> SecretView | None:
        known = self._views.get(place)
        version = number(resource_version)
        if known is None or (version and number(known.resource_version) > version):
            return None
        # Our own delete is answered without a version: whatever is not newer than what we knew stays gone.
        self._gone[place] = max(version, number(known.resource_version))
        while len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)
        del self._views[place]
        self._unlist(place, known)
        return known

    def _unlist(self, place: Key, known: SecretView) -> None:
        owner = (place[0], known.credential)
        left = tuple(name for name in self._names.get(owner, ()) if name != place[1])
        if left:
            self._names[owner] = left
        else:
            self._names.pop(owner, None)


class AdminLogins:
    """Which Targets have their admin login in a Secret; those of ClusterTargets are in the operator's namespace."""

    def __init__(self, operator_namespace: str) -> None:
        self._operators = operator_namespace
        self._secrets: dict[TargetKey, Key] = {}
        self._targets: dict[Key, set[TargetKey]] = {}

    def of(self, namespace: str, secret: str) -> tuple[TargetKey, ...]:
        return tuple(self._targets.get((namespace, secret), ()))

    def put(self, target: TargetKey, spec: dict[str, Any]) -> None:
        self.drop(target)
        secret = (spec.get("admin") or {}).get("secretRef", {}).get("name")
        if secret:
            place = self._secrets[target] = (target[1] or self._operators, str(secret))
            self._targets.setdefault(place, set()).add(target)

    def drop(self, target: TargetKey) -> None:
        place = self._secrets.pop(target, None)
        if place is not None:
            self._targets[place].discard(target)
            if not self._targets[place]:
                del self._targets[place]
