"""Ends work in time, also where its driver answers a cancellation by waiting for the server once more.

psycopg gives a silent server ten seconds to confirm; a second interruption makes it drop the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_PATIENCE: Final = 0.5


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns or raises; it is over when this is.

    Raises:
        TimeoutError: it did not end within so many seconds, and was cancelled.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE)
    # What it ended with after it was cancelled tells nothing that counts: it is looked at so that nobody logs it.
    if not task.cancelled():
        task.exception()
    raise TimeoutError
