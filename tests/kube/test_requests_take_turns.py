"""With more who ask than connections, whoever waits longest is next: nobody is passed by until the deadline."""

from __future__ import annotations

import asyncio

import pytest
from tests.kube.fake_api import connection, serving
from tests.kube.waiting import eventually

from keyward.errors import Retry
from keyward.kube.answers import Asked
from keyward.kube.client import Call, Client
from keyward.kube.kinds import NAMESPACES


async def test_a_worker_that_asks_again_at_once_does_not_pass_one_that_waits():
    async with serving() as api, Client(connection(api), limit=2) as client:

        async def worker(name: str) -> None:
            for _ in range(5):
                await client.get(NAMESPACES, "", name)

        await asyncio.gather(*(worker(name) for name in "abcdef"))
        asked = [request.path[-1] for request in api.requests]
    assert len(asked) == 30
    for begin in range(0, 30, 6):
        assert sorted(asked[begin : begin + 6]) == list("abcdef")


async def test_a_stream_takes_no_turn_from_requests():
    async with serving() as api, Client(connection(api), limit=1) as client:
        call = Call(Asked("watch", NAMESPACES), query="watch=1&resourceVersion=100")
        streams = [asyncio.create_task(anext(client.stream(call, 60.0))) for _ in range(3)]
        await eventually(lambda: len(api.streams) == 3)
        async with asyncio.timeout(5):
            assert await client.get(NAMESPACES, "", "a") is not None
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def test_waiting_for_a_turn_is_part_of_the_deadline():
    async with serving() as api, Client(connection(api), limit=1) as client:
        api.hanging = True
        slow = asyncio.create_task(client.get(NAMESPACES, "", "slow"))
        await asyncio.sleep(0)
        with pytest.raises(Retry) as late:
            await client.request(Call(Asked("get", NAMESPACES, "", "late"), timeout=0.05))
        assert "did not answer in time" in late.value.message
        await slow
        assert [r.path[-4:] for r in api.requests] == ["slow"]
        # A turn that was given up is nobody's: the next one gets it.
        api.hanging = False
        assert await client.get(NAMESPACES, "", "next") is not None
