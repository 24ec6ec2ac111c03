"""A TCP proxy in front of a real server that breaks connections on purpose; it runs in a thread of its own.

It understands nothing of what it forwards: behind TLS only sizes, order and silence can be used.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class FaultProxy:
    """A context manager. Faults hold for connections that are open already, too.

    Attributes:
        port: of 127.0.0.1, where clients connect.
        cut_up, cut_down: end a connection once so many bytes went to, or came from, the server.
        black_hole: read on, forward nothing.
        mute: forward what the client says, then end the connection at the server's next answer: the lost answer.
        answers_left: that many answers more, then as `mute`.
        refuse: end each new connection at once.
        source: the address that the server sees; the kernel's choice if it is empty.
        delay: seconds before each piece is forwarded.
        met: connections so far.
    """

    target: tuple[str, int]
    cut_up: int | None = None
    cut_down: int | None = None
    black_hole: bool = False
    mute: bool = False
    answers_left: int | None = None
    refuse: bool = False
    source: str = ""
    delay: float = 0.0
    met: int = 0
    _listener: socket.socket = field(init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)
    _open: list[socket.socket] = field(default_factory=list, init=False)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for one in (self._listener, *self._open):
            _end(one)

    def cut(self) -> None:
        """End all connections now."""
        for one in self._open:
            _end(one)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
                self.met += 1
                if self.refuse:
                    _end(client)
                    continue
                server = socket.create_connection(self.target, timeout=5, source_address=(self.source, 0))
            except OSError:
                continue
            server.settimeout(None)
            self._open += [client, server]
            pumps = ((client, server, lambda: self.cut_up, False), (server, client, lambda: self.cut_down, True))
            for source, sink, limit, answers in pumps:
                threading.Thread(target=self._pump, args=(source, sink, limit, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: Callable[[], int | None], answers: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    self._ended.wait(self.delay)
                if answers and self._loses_answer():
                    break
                if self.black_hole:
                    continue
                allowed = limit()
                sink.sendall(data if allowed is None else data[: max(0, allowed - passed)])
                passed += len(data)
                if allowed is not None and passed >= allowed:
                    break
        _end(source)
        _end(sink)

    def _loses_answer(self) -> bool:
        if self.answers_left is None:
            return self.mute
        self.answers_left -= 1
        return self.answers_left < 0


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
