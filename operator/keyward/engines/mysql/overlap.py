"""One account that holds two passwords: what each row of it holds, and what may be sent (MySQL, RETAIN CURRENT PASSWORD).

The server has two places, and RETAIN moves what stands in the first one to the second. Sent twice, it would throw away the
password in use. So nothing is sent before both places were compared, under the lock that an earlier statement would hold too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keyward.engines.base import AccountSet
from keyward.engines.mysql import hashing
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.passwords import Passwords, Place
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.statements import Proof
from keyward.engines.mysql.wire import in_thread
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

Rows = Sequence[tuple[Place, Row | None]]


def supported(server: Server, accounts: AccountSet) -> None:
    """Raise Blocked for a server that is too old."""
    if accounts.overlap and not server.two_passwords:
        version = ".".join(map(str, server.version))
        text = f"an account holds two passwords from MySQL 8.0.14 on, and this is {version}: use Dual or Single"
        raise Blocked(Reason.ENGINE_UNSUPPORTED, text)


async def proofs(passwords: Passwords, kept: Rows, new: Sensitive, keep: Sensitive | None) -> list[Proof]:
    """For the rows that do not have the new password yet; the one in use is retained wherever a row has it.

    Raises:
        Blocked: SECOND_PASSWORD, a row holds what somebody else set.
    """
    found = []
    for place, row in kept:
        if row is not None and await _is(row.stored, row, new):
            continue
        if row is not None and row.second is not None:
            raise _strange(row)
        [proof] = await passwords.proofs([(place, row)], new)
        retained = row is not None and keep is not None and await _is(row.stored, row, keep)
        found.append(replace(proof, retained=row.stored if row is not None and retained else None))
    return found


@dataclass(frozen=True, slots=True)
class End:
    """What ends the old password: first `swapped` (the one to keep stands in the second place), then a discard of `rows`."""

    swapped: tuple[Proof, ...] = ()
    rows: tuple[Row, ...] = ()


async def ending(passwords: Passwords, found: Sequence[Row], wanted: Ending) -> End:
    """What to send. Raises Blocked: SECOND_PASSWORD, a row holds what somebody else set."""
    swapped: list[Proof] = []
    rows = [row for row in found if row.second is not None]
    for row in rows:
        assert row.second is not None
        if await _is(row.second, row, wanted.old):
            continue
        went_back = await _is(row.second, row, wanted.keep) and await _is(row.stored, row, wanted.old)
        if not went_back:
            raise _strange(row)
        [proof] = await passwords.proofs([((row.name, row.host), row)], wanted.keep)
        swapped.append(replace(proof, retained=row.stored))
    return End(tuple(swapped), tuple(rows))


async def _is(stored: bytes, row: Row, password: Sensitive) -> bool:
    return await in_thread(lambda: hashing.matches(row.plugin, stored, password)) is True


def _strange(row: Row) -> Blocked:
    return Blocked(
        Reason.SECOND_PASSWORD,
        f"{row.name!r}@{row.host!r} holds a second password that is not of this Credential, and a rotation would end one of the "
        "two: look who uses it, and end it with ALTER USER … DISCARD OLD PASSWORD",
    )
