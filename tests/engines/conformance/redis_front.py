"""What stands in front of a real Redis for the suite: it understands commands, and delays or alters some of them.

Redis has no locks and runs one command at a time, so a command that is late can only be late on its way: it is held here
and reaches the server when it is let go, whether or not its client still waits. And only a proxy with logins of its own,
of which there are several, lets a login end as somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Iterator

from tests.cluster import process
from tests.cluster.redis import RedisServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Front:
    """Listens on a port of its own for as long as this process lives, with the server's certificate."""

    def __init__(self, server: RedisServer) -> None:
        self.port = process.free_port()
        self._server = server
        self._held: dict[str, asyncio.Event] = {}
        self._aliases: dict[tuple[bytes, bytes], str] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        assert self._ready.wait(10)

    def log_in_as(self, name: str, password: str, somebody: str) -> None:
        """Have logins with this name and password end as somebody else, who has the same password."""
        self._aliases[name.encode(), password.encode()] = somebody

    @contextlib.contextmanager
    def held(self, account: str) -> Iterator[None]:
        """While it lasts, no ACL SETUSER of this account reaches the server."""
        self._held[account] = asyncio.Event()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._held.pop(account).set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._trusting = ssl.create_default_context(cafile=str(self._server.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server.folder / "server.crt", self._server.folder / "server.key")
        await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            up = await asyncio.open_connection("127.0.0.1", self._server.port, ssl=self._trusting)
            down = asyncio.ensure_future(_copy(up[0], writer))
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async for command in _commands(reader):
                    await self._forward(command, up[1])
            up[1].close()
            await down
        writer.close()

    async def _forward(self, command: list[bytes], up: asyncio.StreamWriter) -> None:
        words = [word.upper() for word in command[:2]]
        if words == [b"ACL", b"SETUSER"] and (held := self._held.get(command[2].decode())):
            await held.wait()
        if words[0] == b"AUTH" and (somebody := self._aliases.get((command[1], command[-1]))):
            command = [b"AUTH", somebody.encode(), command[2]]
        up.write(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command))
        await up.drain()


async def _commands(reader: asyncio.StreamReader) -> AsyncIterator[list[bytes]]:
    while line := await reader.readline():
        words = []
        for _ in range(int(line[1:])):
            size = int((await reader.readline())[1:])
            words.append((await reader.readexactly(size + 2))[:-2])
        yield words


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
