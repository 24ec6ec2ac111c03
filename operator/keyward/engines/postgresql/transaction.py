"""One locked transaction: under the lock the world is as it was judged, or nothing is done.

What it must get right is the end: an error before COMMIT was sent changed nothing; one after it is unknown unless the
server itself says no on a connection that still lives.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg.pq import TransactionStatus

from keyward.engines.base import Inspection
from keyward.engines.postgresql import errors, inspect
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.inspect import rows
from keyward.errors import KeywardError, Reason, Unsettled


class Transaction:
    """The state that tells what an interruption means."""

    def __init__(self) -> None:
        self.committing = False

    def unsettled(self) -> Unsettled:
        return Unsettled(Reason.UNKNOWN_OUTCOME, "the connection was lost while the change was being committed")


@asynccontextmanager
async def locked(conn: Connection, expected: Inspection, state: Transaction) -> AsyncIterator[None]:
    """BEGIN, lock, compare; the body; COMMIT.

    Raises:
        Conflict: the world is not as judged.
        Unsettled: COMMIT was sent and its answer is not known.
        Retry, Blocked: nothing was changed by this transaction.
    """
    await errors.translated(conn.execute("BEGIN"))
    try:
        await rows(conn, "SELECT pg_advisory_xact_lock(%s)", [_key(expected)])
        inspect.compare(expected, await inspect.states(conn, tuple(expected.accounts)))
        yield
    except BaseException:
        await rollback(conn)
        raise
    await _commit(conn, state)


async def rollback(conn: Connection) -> None:
    """Give the lock back; a connection that is lost has given it back already."""
    if conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            await conn.execute("ROLLBACK")


async def _commit(conn: Connection, state: Transaction) -> None:
    failure: KeywardError
    state.committing = True
    try:
        await conn.execute("COMMIT")
    except psycopg.Error as error:
        # A server that shuts down may have committed already; only a connection that lives on has surely rolled back.
        alive = not conn.closed and bool(error.sqlstate)
        failure = errors.of_statement(error) if alive else state.unsettled()
    else:
        state.committing = False
        return
    state.committing = False
    raise failure


def _key(expected: Inspection) -> int:
    """The lock's number: the same in every process, for a created set and for what is left of it in a removal."""
    first = min(expected.accounts)
    digest = hashlib.sha256(b"keyward/1 accounts\0" + first.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
