"""The step that reserves: a version is stored, sealed, and opened again before the world outside learns its value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from keyward.controller import flips
from keyward.controller.effects import Effects
from keyward.controller.issuing import Issuing
from keyward.controller.passes import Pass
from keyward.controller.ports import Vault, VersionStore
from keyward.domain import making
from keyward.domain.history import of_lineage
from keyward.domain.issuing import Note
from keyward.domain.model import Observed
from keyward.domain.steps import Reserve
from keyward.domain.version import Origin, PreviousLink, Version
from keyward.domain.writes import NewVersion
from keyward.errors import Conflict, Reason
from keyward.sensitive import Sensitive


def place_of(version: Version) -> tuple[str, str]:
    """Under which a pass keeps the value that it has opened."""
    return version.name, version.digest


@dataclass(frozen=True, slots=True)
class Reserving:
    """The part of the executor that makes versions."""

    versions: VersionStore
    vault: Vault
    effects: Effects
    value_of: Callable[[Pass, Reserve], Awaitable[Sensitive]]
    issuing: Issuing

    async def reserve(self, run: Pass, seen: Observed, step: Reserve) -> None:
        wish, above = seen.wish, step.previous
        absent: tuple[str, ...] = ()
        top = of_lineage(seen, step.lineage).highest
        if wish.logs_in:
            found = (await self.effects.check(run, top, flips.of(seen, step))).accounts
            absent = () if wish.imported else tuple(sorted(name for name, state in found.items() if not state.exists))
        await self._prove_chain(run, above)
        value, note = await self._value(run, seen, step)
        new = NewVersion(
            namespace=wish.namespace,
            credential=wish.name,
            lineage=step.lineage,
            sequence=step.sequence,
            version_id=step.version_id,
            type=wish.type,
            cluster=seen.cluster,
            cause=step.cause,
            mode=wish.mode,
            origin=step.origin,
            account=step.account,
            accounts=wish.accounts,
            target=wish.target,
            source_digest=self._digest_of_source(seen, step, value) if value is not None else "",
            previous=PreviousLink(above.sequence, above.digest) if above else None,
            envelope={},
            wraps=(),
            promotion=step.promotion,
            absent=absent,
            made=making.carried(top, absent),
            known=note.known if note else (),
            since=note.since if note else None,
        )
        if value is not None:
            new = new.holding(await self.vault.seal(value, new, wish.key))
        stored = await self.versions.create(new)
        if wish.logs_in:
            run.learn(unsent=run.memory.unsent | {step.sequence})
        if value is None:
            return
        # What was stored is opened again before anybody learns it; the server's answer is the object as it now stands.
        run.values[place_of(stored.version)] = await self.vault.open(stored)

    async def _value(self, run: Pass, seen: Observed, step: Reserve) -> tuple[Sensitive | None, Note | None]:
        """The value of the next version, None where the system will issue it; and what it notes of values there."""
        if seen.wish.issued and step.origin is not Origin.IMPORTED:
            return None, await self.issuing.note(run, seen, step.lineage)
        value = await self.value_of(run, step)
        return value, await self.issuing.imported(run, value) if seen.wish.issued else None

    def _digest_of_source(self, seen: Observed, step: Reserve, value: Sensitive) -> str:
        """By which it is seen later that somebody else's value, the one that is read from a Secret, was changed."""
        if step.origin is Origin.IMPORTED:
            return self.vault.source_digest(value)
        return seen.source.digest if seen.source else ""

    async def _prove_chain(self, run: Pass, above: Version | None) -> None:
        """The version that the next one is chained to still has the envelope whose digest it names. Nothing is opened."""
        if above is None:
            return
        stored = await self.versions.read(above)
        if stored is None:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"CredentialVersion {above.name} is not there any more")
        if self.vault.digest(stored) != above.digest:
            run.learn(altered=run.memory.altered | {(above.name, stored.version.resource_version)})
            raise Conflict(Reason.ROLLBACK_DETECTED, f"CredentialVersion {above.name} was altered")
