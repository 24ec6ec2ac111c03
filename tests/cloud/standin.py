"""The cloud's HTTPS endpoints on loopback, in a thread of the test's process: the real SDK calls them, nothing is patched.

Faults are rules that a test appends: which action, what happens, how often.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Literal, Protocol, Self

from aiohttp import web
from tests.cloud.ram import Json, Ram
from tests.cloud.signatures import Call, Refused
from tests.cluster import pki

HOST = "127.0.0.1"
_TRUST_STORE = "SSL_CERT_FILE"
_PAUSE = 0.02  # seconds
_LINE = 128 * 1024  # bytes: parameters are in the query, a command of 24 KB among them


def without_a_trust_store() -> Callable[[], None]:
    """From now on, this process and those that it starts have no certificates of the machine's. Returns how that ends.

    The SDK reads them all for each call, which is four fifths of what a call costs; a stand-in has a CA of its own.
    """
    before = os.environ.get(_TRUST_STORE)
    os.environ[_TRUST_STORE] = os.devnull

    def end() -> None:
        if before is None:
            os.environ.pop(_TRUST_STORE, None)
        else:
            os.environ[_TRUST_STORE] = before

    return end


@dataclass
class Fault:
    """What happens to the next `times` calls of an action.

    AnswerLost: done, and the connection is cut. Lost: not done, and the connection is cut. Failed: not done, 500 in words
    that are no JSON. Broken: done, then 500. Throttled: not done, 429. Refused: not done, 403. `by`: only to this AccessKey.
    """

    action: str
    kind: Literal["AnswerLost", "Lost", "Failed", "Broken", "Throttled", "Refused"]
    times: int = 1
    by: str = ""


class Product(Protocol):
    """A service of the cloud beside RAM and STS, in a module of its own."""

    def answer(self, call: Call) -> Json:
        """What a call gets that an admin has signed. Raises Refused."""


class StandIn:
    """Use as a context: it listens until the end of the block. `products` are told by the version of their API."""

    def __init__(self, folder: Path, ram: Ram | None = None) -> None:
        self.ram = ram or Ram()
        self.products: dict[str, Product] = {}  # by version, such as 2014-08-15
        self.authority = pki.authority(folder)
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, str]] = []  # (action, request id)
        self.before: Callable[[Call], None] = lambda _call: None  # what a test does right before a call is answered
        self.held: Callable[[Call], bool] = lambda _call: False  # while it says so of a call, nothing is done about it
        self.holding = 0  # calls at this moment
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        pair = self.authority.server("cloud", (HOST, "localhost"))
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(pair.cert, pair.key)

    @property
    def ca_pem(self) -> str:
        return self.authority.ca_file.read_text(encoding="ascii")

    def done(self, action: str) -> int:
        """How often an action was asked for."""
        return sum(one == action for one, _ in self.calls)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        self._trusting_again = without_a_trust_store()
        return self

    def __exit__(self, *_: object) -> None:
        self._trusting_again()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, max_line_size=_LINE)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0, ssl_context=self._tls)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, request.path, request.rel_url.raw_query_string, headers, await request.read())
        request_id = str(uuid.uuid4()).upper()
        self.calls.append((call.action, request_id))
        self.before(call)
        await self._while_held(call)
        fault = self._fault(call)
        if fault in ("Lost", "Throttled", "Failed", "Refused"):
            return _failed(request, fault, request_id)
        try:
            body = self._answer(call)
        except Refused as refused:
            return _refused(refused, request_id)
        if fault is not None:
            return _failed(request, fault, request_id)
        return _json(200, body | {"RequestId": request_id})

    async def _while_held(self, call: Call) -> None:
        self.holding += 1
        while self.held(call):  # noqa: ASYNC110 - a test in another thread says when it is over
            await asyncio.sleep(_PAUSE)
        self.holding -= 1

    def _answer(self, call: Call) -> Json:
        product = self.products.get(call.version)
        if product is None:
            return self.ram.answer(call)
        self.ram.admit(call)
        return product.answer(call)

    def _fault(self, call: Call) -> str | None:
        for fault in self.faults:
            if fault.action == call.action and fault.times and fault.by in ("", call.signed_by):
                fault.times -= 1
                return fault.kind
        return None


def _json(status: int, body: Json, **headers: str) -> web.Response:
    return web.json_response(body, status=status, headers={"Date": formatdate(time.time(), usegmt=True)} | headers)


def _refused(refused: Refused, request_id: str) -> web.Response:
    message = f"Refused; https://127.0.0.1/?leaky-message-of-{request_id}"
    return _json(refused.status, {"Code": refused.code, "Message": message, "RequestId": request_id})


def _failed(request: web.Request, kind: str, request_id: str) -> web.StreamResponse:
    if kind in ("Lost", "AnswerLost"):
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    if kind == "Failed":
        return web.Response(status=500, text="<html>upstream</html>")
    if kind == "Throttled":
        body: Json = {"Code": "Throttling.User", "Message": "slow down", "RequestId": request_id}
        return web.json_response(body, status=429, headers={"x-acs-retry-after": "2000"})
    status, code = (403, "NoPermission") if kind == "Refused" else (500, "InternalError")
    return _refused(Refused(status, code), request_id)
