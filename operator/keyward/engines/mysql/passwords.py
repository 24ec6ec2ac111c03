"""Proofs of passwords for the rows of an account, and whether the server keeps what it was told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from keyward.engines.base import Transport
from keyward.engines.mysql import check, hashing, rows
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.statements import Proof
from keyward.engines.mysql.wire import Wire, in_thread
from keyward.errors import KeywardError, Reason, Unsettled
from keyward.sensitive import Sensitive

Place = tuple[str, str]
"""Name and host of a row."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """For one session."""

    wire: Wire
    server: Server
    transport: Transport

    async def possible(self) -> None:
        """Raise Blocked if the server takes no hashes and shall get no password in clear."""
        if self.transport is Transport.HASHED:
            await check.takes_hashes(self.wire, self.server)

    async def unknown(self, places: Sequence[Place]) -> list[Proof]:
        """For rows that are made now: a password that nobody knows. One without any would let everybody in."""
        secret = Sensitive(f"aA1-{os.urandom(24).hex()}")  # in clear it has to please a policy too
        return [await self._proof(place, self.server.default_plugin, secret) for place in places]

    async def proofs(self, kept: Sequence[tuple[Place, Row | None]], password: Sensitive) -> list[Proof]:
        """For each row, by the plug-in that it has; for one that is made now, by the server's own choice."""
        return [
            await self._proof(place, row.plugin if row else self.server.default_plugin, password) for place, row in kept
        ]

    async def _proof(self, place: Place, plugin: str, password: Sensitive) -> Proof:
        if self.transport is Transport.PLAINTEXT:
            return Proof(*place, plugin, clear=password.reveal_text())
        fresh = hashing.salt(os.urandom)
        # Thousands of rounds of a hash: not on the loop.
        verifier = await in_thread(lambda: hashing.verifier(plugin, password, fresh, self.server.rounds))
        return Proof(*place, plugin, verifier=verifier)

    async def reread(self, proofs: Sequence[Proof], password: Sensitive, failure: KeywardError | None) -> None:
        """Look at what each row is let in with now.

        Raises:
            Unsettled: some rows have the new password and some have not, or none has although nothing failed.
            KeywardError: the failure, if none has.
        """
        found = {
            (row.name, row.host.lower()): row
            for row in await rows.read(self.wire, self.server, {p.name for p in proofs})
        }
        kept = [await self._has(found.get((proof.name, proof.host.lower())), proof, password) for proof in proofs]
        if failure is not None and not any(kept):
            raise type(failure)(failure.reason, failure.message)
        if not all(kept):
            raise Unsettled(Reason.UNKNOWN_OUTCOME, "not every user@host of the account has the new password yet")

    async def _has(self, row: Row | None, proof: Proof, password: Sensitive) -> bool:
        if row is None or (proof.retained is not None and row.second != proof.retained):
            return False
        if proof.verifier is not None:
            return row.stored == proof.verifier.encode()
        return await in_thread(lambda: hashing.matches(row.plugin, row.stored, password)) is not False
