"""What kopf is told to do without."""

from __future__ import annotations

import asyncio

from keyward.controller.source import NoMemories


def test_kopf_keeps_no_memory_of_any_object():
    memories = NoMemories()

    async def look(uid: str):
        return await memories.recall({"metadata": {"uid": uid}}, noticed_by_listing=True)

    first, again = asyncio.run(look("a")), asyncio.run(look("a"))
    assert first.noticed_by_listing
    assert first is not again
    assert list(memories.iter_all_memories()) == []
