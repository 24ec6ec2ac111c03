"""One controller process: its ports onto the world, its memory, its death.

Every port call is either a read or an effect; both can fail, and at both another controller may come in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from tests.world.api import ApiServer, CredentialObject
from tests.world.engine import MemoryEngine
from tests.world.faults import Killed, Kind, Side, Switch, lost
from tests.world.views import secret_view

from keyward.domain.model import Identity, SecretView, Wish
from keyward.domain.version import Version
from keyward.domain.writes import Json, NewVersion, RecordChange, SecretContent, StoredSecret, StoredVersion
from keyward.errors import Blocked, Reason

if TYPE_CHECKING:
    from tests.world.world import World

T = TypeVar("T")
TICK = timedelta(milliseconds=20)


@dataclass
class Frozen:
    """A cache whose streams are silent."""

    credentials: dict[str, CredentialObject]
    versions: dict[str, StoredVersion]
    secrets: dict[str, StoredSecret]

    def list_versions(self, credential: str) -> tuple[Version, ...]:
        return tuple(s.version for s in self.versions.values() if s.version.credential == credential)


class Process:
    """`yields` makes every port call a point where the driver may run somebody else."""

    def __init__(self, world: World, api: ApiServer, *, yields: bool = False) -> None:
        self.world, self.api = world, api
        self.alive = True
        self.awake_since = world.clock()
        self.refuses_secrets = False  # admission, quota: Secrets cannot be written
        self.yields = yields
        self.frozen: Frozen | None = None
        self.engine = MemoryEngine(self)
        self.versions = Versions(self)
        self.credentials = Credentials(self)
        self.secrets = Secrets(self)

    @property
    def cache(self) -> ApiServer | Frozen:
        """What its streams have shown: the truth, or what was true when they fell silent, and its own writes since."""
        return self.frozen or self.api

    def freeze(self) -> None:
        """Its streams fall silent."""
        self.frozen = Frozen(*self.api.snapshot())

    def thaw(self) -> None:
        self.frozen = None

    def die(self) -> None:
        self.alive = False
        raise Killed

    async def _arrive(self, side: Side, name: str) -> None:
        if self.yields:
            await Switch(name)
        if not self.alive:
            raise Killed
        self.world.clock.advance(TICK)
        if self.world.faults.unavailable(side, self.world.clock.real):
            raise lost(side, sent=False)

    async def read(self, side: Side, name: str, look: Callable[[], T]) -> T:
        await self._arrive(side, name)
        return look()

    async def effect(self, side: Side, name: str, act: Callable[[], T]) -> T:
        await self._arrive(side, name)
        hit = self.world.faults.next_effect(name)
        fault = hit.kind if hit else None
        if fault is Kind.KILL_BEFORE:
            self.die()
        if hit is not None and fault is Kind.LATE:
            self.world.late.append((self.world.clock.real + hit.delay, act))
        if fault in (Kind.REQUEST_LOST, Kind.LATE):
            raise lost(side)
        result = act()
        self.world.check()
        if fault is Kind.KILL_AFTER:
            self.die()
        if fault is Kind.ANSWER_LOST:
            raise lost(side)
        return result


class Versions:
    def __init__(self, process: Process) -> None:
        self._p = process

    async def list(self, namespace: str, credential: str) -> tuple[Version, ...]:
        return await self._p.read(Side.API, "list versions", lambda: self._p.cache.list_versions(credential))

    async def read(self, version: Version) -> StoredVersion | None:
        return await self._p.read(Side.API, "read version", lambda: self._p.api.versions.get(version.name))

    async def create(self, new: NewVersion) -> StoredVersion:
        made = await self._p.effect(Side.API, f"create v{new.sequence}", lambda: self._p.api.create_version(new))
        self._note(made.version.name)
        return made

    def _note(self, name: str) -> None:
        """A cache is never behind its own process's writes."""
        if self._p.frozen is not None:
            stored = self._p.api.versions.get(name)
            if stored is None:
                self._p.frozen.versions.pop(name, None)
            else:
                self._p.frozen.versions[name] = stored

    async def update(self, version: Version, change: RecordChange) -> Version:
        what = next(k for k in change.__slots__ if getattr(change, k))
        name = f"record {what} v{version.sequence}"
        changed = await self._p.effect(Side.API, name, lambda: self._p.api.update_version(version, change))
        self._note(version.name)
        return changed

    async def delete(self, version: Version) -> None:
        name = f"prune v{version.sequence}"
        await self._p.effect(Side.API, name, lambda: self._p.api.delete_version(version))
        self._note(version.name)


class Credentials:
    def __init__(self, process: Process) -> None:
        self._p = process

    async def annotate(self, wish: Wish, lineage: str, finalizer: bool) -> None:
        await self._p.effect(Side.API, "annotate", lambda: self._p.api.annotate(wish, lineage, finalizer))
        self._note()

    def _note(self) -> None:
        if self._p.frozen is not None:
            self._p.frozen.credentials = self._p.api.snapshot()[0]

    async def release(self, of: Identity) -> None:
        await self._p.effect(Side.API, "release", lambda: self._p.api.release(of))

    async def write_status(self, of: Identity, status: Json) -> None:
        await self._p.effect(Side.API, "status", lambda: self._p.api.write_status(of, status))
        self._note()


class Secrets:
    def __init__(self, process: Process) -> None:
        self._p = process

    async def read(self, namespace: str, name: str) -> StoredSecret | None:
        return await self._p.read(Side.API, "read secret", lambda: self._p.api.secrets.get(name))

    def _admit(self) -> None:
        if self._p.refuses_secrets:
            raise Blocked(Reason.API_REFUSED, "Secrets cannot be written now")

    async def create(self, content: SecretContent) -> SecretView:
        self._admit()
        stored = await self._p.effect(
            Side.API, f"post secret {content.name}", lambda: self._p.api.create_secret(content)
        )
        self._note(stored)
        return secret_view(stored)

    def _note(self, stored: StoredSecret) -> None:
        if self._p.frozen is not None:
            self._p.frozen.secrets[stored.metadata["name"]] = stored

    async def replace(self, content: SecretContent, judged: StoredSecret) -> SecretView:
        self._admit()
        stored = await self._p.effect(
            Side.API, f"put secret {content.name}", lambda: self._p.api.replace_secret(content, judged)
        )
        self._note(stored)
        return secret_view(stored)

    async def delete(self, namespace: str, secret: SecretView) -> None:
        self._p.world.removed.add(secret.name)
        await self._p.effect(
            Side.API, "delete secret", lambda: self._p.api.delete_secret(secret.name, secret.resource_version)
        )
