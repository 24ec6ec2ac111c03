"""What the MySQL engines keep from servers that ask for too much, and what they say to what is no server at all."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql
import pytest
from tests.cluster import pki

from keyward.engines.base import AccountSet, Endpoint, Expectation, Login, Place
from keyward.engines.mysql import errors
from keyward.engines.mysql.engine import MariaDB, MySQL
from keyward.errors import Blocked, Reason, Rejected, Retry
from keyward.sensitive import Sensitive

SECRET = "canary-5c1e0a77-password"
ENGINES = [MySQL(), MariaDB()]
Serve = Callable[[socket.socket], None]


def _packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def _greeting(plugin: bytes, *, tls: bool = True) -> bytes:
    flags = 0x00FFFFFF & ~(0 if tls else 0x800)  # everything, but for TLS where there is none
    return _packet(
        0,
        b"\x0a9.7.4\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", flags & 0xFFFF) + b"\xff\x02\x00"
        + struct.pack("<H", flags >> 16) + bytes([21]) + bytes(10) + b"123456789012\0" + plugin + b"\0",
    )  # fmt: skip


@contextmanager
def _serving(serve: Serve) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            client.settimeout(5)
            with client:
                serve(client)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()


def _drain(stream: socket.socket, into: list[bytes]) -> None:
    with suppress(OSError):
        while data := stream.recv(4096):
            into.append(data)


async def _verify(engine: MySQL | MariaDB, port: int, ca_pem: str | None) -> None:
    place = Place((Endpoint("127.0.0.1", port),), "", ca_pem)
    await engine.verify(
        place, place.primary, Login("app", Sensitive(SECRET)), Expectation(AccountSet(("app",), created=False))
    )


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize("demand", [b"mysql_clear_password", b"dialog", b"mysql_old_password"])
async def test_a_server_that_asks_for_a_weak_proof_gets_none(tmp_path: Path, engine, demand: bytes):
    authority = pki.authority(tmp_path)
    pair = authority.server("greedy", ("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    received: list[bytes] = []

    def serve(client: socket.socket) -> None:
        client.sendall(_greeting(b"caching_sha2_password"))
        client.recv(36)
        with context.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)  # the login, with a proof that is worth nothing to another server
            question = b"\x02Password: " if demand == b"dialog" else b"12345678901234567890\0"
            secure.sendall(_packet(3, b"\xfe" + demand + b"\0" + question))
            _drain(secure, received)

    with _serving(serve) as port, pytest.raises(Blocked) as caught:
        await _verify(engine, port, authority.ca_file.read_text())
    assert caught.value.reason is Reason.WEAK_AUTHENTICATION
    assert caught.value.__context__ is None
    assert received == []


@pytest.mark.parametrize(
    ("number", "admin", "kind", "reason"),
    [
        (1045, False, Blocked, Reason.LOGIN_REFUSED),
        (1045, True, Blocked, Reason.ADMIN_LOGIN_REFUSED),
        (3118, False, Blocked, Reason.ACCOUNT_DISABLED),
        (4151, True, Blocked, Reason.ADMIN_LOGIN_REFUSED),
        (1044, True, Blocked, Reason.ADMIN_PRIVILEGE_MISSING),
        (1130, False, Retry, Reason.UNREACHABLE),
        (1129, True, Retry, Reason.BUSY),
        (1040, False, Retry, Reason.BUSY),
        (2013, False, Retry, Reason.UNREACHABLE),
        (2059, False, Blocked, Reason.ENGINE_UNSUPPORTED),
        (9999, False, Retry, Reason.UNREACHABLE),
    ],
)
def test_a_refused_connection_is_told_by_its_number_alone(number, admin, kind, reason):
    said = errors.of_connection(pymysql.err.OperationalError(number, SECRET), admin=admin)
    assert (type(said), said.reason) == (kind, reason)
    assert SECRET not in str(said)


@pytest.mark.parametrize(
    ("number", "kind", "reason", "lost"),
    [
        (1227, Blocked, Reason.ADMIN_PRIVILEGE_MISSING, False),
        (1524, Blocked, Reason.ENGINE_UNSUPPORTED, False),
        (1205, Retry, Reason.BUSY, False),
        (1969, Retry, Reason.TIMEOUT, False),
        (1290, Retry, Reason.READ_ONLY_ENDPOINT, False),
        (1064, Retry, Reason.INTERNAL_ERROR, False),
        (1053, Retry, Reason.UNREACHABLE, True),
        (2013, Retry, Reason.UNREACHABLE, True),
        (4031, Retry, Reason.UNREACHABLE, True),
    ],
)
def test_a_failed_statement_is_told_by_its_number_alone(number, kind, reason, lost):
    error = pymysql.err.OperationalError(number, SECRET)
    said = errors.of_statement(error)
    assert (type(said), said.reason) == (kind, reason)
    assert errors.is_lost(error) is lost
    assert SECRET not in str(said)


@pytest.mark.parametrize("number", sorted(errors.POLICY_NUMBERS))
def test_a_refusal_counts_as_the_passwords_only_while_one_is_set(number):
    error = pymysql.err.OperationalError(number, SECRET)
    assert isinstance(errors.of_statement(error, setting_password=True), Rejected)
    assert not isinstance(errors.of_statement(error), Rejected)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
async def test_a_greeting_without_tls_is_answered_by_nothing(engine):
    received: list[bytes] = []

    def serve(client: socket.socket) -> None:
        client.sendall(_greeting(b"mysql_native_password", tls=False))
        _drain(client, received)

    with _serving(serve) as port, pytest.raises(Blocked) as caught:
        await _verify(engine, port, None)
    assert caught.value.reason is Reason.TLS_REFUSED
    assert received == []


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 300,
        b"\xff" * 300,
        bytes(range(256)),
    ],
    ids=["nothing", "ssh", "http", "zeros", "ones", "all"],
)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
async def test_what_does_not_speak_the_protocol_is_tried_again(engine, words: bytes):
    with _serving(lambda client: client.sendall(words)) as port, pytest.raises(Retry) as caught:
        await _verify(engine, port, None)
    assert caught.value.reason is Reason.UNREACHABLE
    assert caught.value.__context__ is None
