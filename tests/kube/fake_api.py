"""A small API server over HTTP that lists, watches and answers as it is told: for faults that a real one makes seldom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from keyward.kube.connection import Connection

Json = dict[str, Any]


class FakeApi:
    """Objects of one kind, whatever the path. `answers` are given before anything else, in order."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.version = 100
        self.answers: list[web.Response] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.streams: list[tuple[web.StreamResponse, asyncio.Event]] = []
        self.muted = False  # changes are not told on streams
        self.oldest = 0  # watches from before this resourceVersion are answered with 410
        self.page = 1000
        self.hanging = False
        self.url = ""

    # --- the world ---

    def put(self, name: str, **spec: Any) -> Json:
        self.version += 1
        kind = "MODIFIED" if name in self.objects else "ADDED"
        metadata = {"name": name, "namespace": "shop", "uid": f"u-{name}", "resourceVersion": str(self.version)}
        self.objects[name] = {"metadata": metadata, "spec": spec}
        self.tell(kind, self.objects[name])
        return self.objects[name]

    def remove(self, name: str) -> None:
        self.version += 1
        item = self.objects.pop(name)
        item["metadata"]["resourceVersion"] = str(self.version)
        self.tell("DELETED", item)

    def tell(self, kind: str, item: Json) -> None:
        if not self.muted:
            self.send(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def send(self, raw: bytes) -> None:
        for stream, _ in self.streams:
            stream._queue.put_nowait(raw)

    def cut(self) -> None:
        """End every stream without a word."""
        for stream, ended in self.streams:
            ended.set()
            stream._queue.put_nowait(None)
        self.streams.clear()

    # --- HTTP ---

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if self.hanging:
            await asyncio.sleep(0.5)
        if self.answers:
            return self.answers.pop(0)
        if request.query.get("watch"):
            return await self.watch(request)
        names = sorted(self.objects)
        start = int(request.query.get("continue", 0))
        shown = [self.objects[n] for n in names[start : start + self.page]]
        more = str(start + self.page) if start + self.page < len(names) else ""
        metadata = {"resourceVersion": str(self.version), "continue": more}
        return web.json_response({"kind": "List", "metadata": metadata, "items": shown})

    async def watch(self, request: web.Request) -> web.StreamResponse:
        if int(request.query["resourceVersion"]) < self.oldest:
            return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        response = web.StreamResponse()
        response._queue = asyncio.Queue()
        ended = asyncio.Event()
        await response.prepare(request)
        self.streams.append((response, ended))
        while (raw := await response._queue.get()) is not None:
            await response.write(raw)
        if request.transport is not None:
            request.transport.abort()
        return response


def status(code: int, reason: str = "", message: str = "", **details: Any) -> web.Response:
    headers = {"Retry-After": str(details.pop("after"))} if "after" in details else {}
    body = {
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
        "details": details,
    }
    return web.json_response(body, status=code, headers=headers)


@asynccontextmanager
async def serving(api: FakeApi | None = None) -> AsyncIterator[FakeApi]:
    api = api or FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    api.url = f"http://127.0.0.1:{port}"
    try:
        yield api
    finally:
        api.cut()
        await runner.cleanup()


def connection(api: FakeApi) -> Connection:
    return Connection(server=api.url)
