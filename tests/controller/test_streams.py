"""kopf's streams of the kinds that people write, when the API server refuses them for a while or has forgotten too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web
from tests.kube.fake_api import FakeApi, connection, serving, status
from tests.kube.waiting import eventually

from keyward.controller import source
from keyward.controller.cache import Cache
from keyward.controller.heap import Schedule
from keyward.controller.intake import Intake
from keyward.controller.limits import RotationLimits
from keyward.controller.queue import WorkQueue
from keyward.controller.resync import Resync, followed
from keyward.kube.client import Client
from keyward.kube.kinds import CREDENTIALS, GROUP, NAMESPACES
from keyward.kube.secrets import view

VERSION = CREDENTIALS.version


def resource(kind):
    names = {"name": kind.plural, "kind": kind.name, "singularName": kind.name.lower()}
    return names | {"namespaced": kind is CREDENTIALS, "verbs": ["list", "watch"]}


DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [resource(NAMESPACES)]},
    "/apis": {
        "groups": [{"name": GROUP, "versions": [{"version": VERSION}], "preferredVersion": {"version": VERSION}}]
    },
    f"/apis/{GROUP}/{VERSION}": {"resources": [resource(CREDENTIALS)]},
}


class Credentials(FakeApi):
    """An API server that has nothing but these."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        if request.path != CREDENTIALS.path():
            return web.json_response({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})
        return await super().handle(request)

    def asked(self, what: str) -> list[web.Request]:
        """The lists, or the watches, so far."""
        return [request for request in self.requests if bool(request.query.get("watch")) == (what == "watches")]


class Followed:
    """kopf at work, and what has come of it."""

    def __init__(self, api: Credentials, task: asyncio.Task[None], intake: Intake) -> None:
        self.api, self.task, self.intake = api, task, intake

    def put(self, name: str) -> None:
        self.api.put(name, generic={"generate": {}})

    async def streaming(self) -> None:
        await eventually(lambda: self.api.streams or self.task.done(), 30)
        assert not self.task.done()

    async def told(self, *names: str) -> None:
        """These are known as they are."""
        wanted = {("shop", name): int(self.api.objects[name]["metadata"]["resourceVersion"]) for name in names}
        cache = self.intake.cache
        await eventually(lambda: {key: cache.credential_version(key) for key in wanted} == wanted)


@pytest.fixture
async def seen() -> AsyncIterator[Followed]:
    intake = Intake(Cache(), WorkQueue(), Schedule(lambda: datetime.now(UTC)), RotationLimits(), view)
    async with serving(Credentials()) as api, running(api, intake) as seen:
        seen.put("a")
        await seen.told("a")
        yield seen


@asynccontextmanager
async def running(api: Credentials, intake: Intake) -> AsyncIterator[Followed]:
    """In a loop of its own: kopf takes all tasks for its own that are born while it runs, the API server's too."""
    stop, begun = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def work(outside: asyncio.AbstractEventLoop) -> None:
        outside.call_soon_threadsafe(begun.set_result, asyncio.get_running_loop())
        await source.run(intake, connection(api), asyncio.Event(), stop)

    task = asyncio.create_task(asyncio.to_thread(asyncio.run, work(asyncio.get_running_loop())))
    seen, inside = Followed(api, task, intake), await begun
    try:
        await seen.streaming()
        yield seen
    finally:
        if not task.done():
            inside.call_soon_threadsafe(stop.set)
        await asyncio.wait([task])


async def test_refused_for_a_while_it_waits_as_long_as_it_is_asked_to_and_goes_on_where_it_was(seen):
    last = seen.api.objects["a"]["metadata"]["resourceVersion"]
    seen.api.answers = [status(429, after=2), status(503)]
    began = asyncio.get_running_loop().time()
    seen.api.cut()
    await seen.streaming()
    assert asyncio.get_running_loop().time() - began >= 2
    assert seen.api.answers == []
    assert len(seen.api.asked("lists")) == 1
    assert {request.query["resourceVersion"] for request in seen.api.asked("watches")[1:]} == {last}
    seen.put("b")
    await seen.told("a", "b")


async def test_where_the_server_has_forgotten_too_much_it_lists_anew_and_what_came_meanwhile_is_told(seen):
    seen.api.muted = True
    seen.put("a")
    seen.put("b")
    seen.api.muted = False
    seen.api.send(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410}}).encode() + b"\n")
    await seen.told("a", "b")
    assert len(seen.api.asked("lists")) == 2


async def test_what_went_meanwhile_is_found_by_the_resync(seen):
    seen.put("goes")
    await seen.told("goes")
    seen.api.muted = True
    seen.api.remove("goes")
    seen.api.muted = False
    seen.api.send(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410}}).encode() + b"\n")
    await eventually(lambda: len(seen.api.asked("watches")) == 2)
    async with Client(connection(seen.api)) as client:
        await Resync(client, followed(seen.intake), lambda _count: None, grace=0).compare()
    assert set(seen.intake.cache.credentials()) == {("shop", "a")}


async def test_an_error_that_is_not_understood_ends_the_run_for_a_new_start(seen):
    seen.api.send(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 500}}).encode() + b"\n")
    await asyncio.wait([seen.task])
    assert "Error in the watch-stream" in str(seen.task.exception())
