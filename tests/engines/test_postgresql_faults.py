"""What the PostgreSQL engine says when connections break, and what it keeps from servers that ask for too much."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field

import psycopg
import pytest
from tests.cluster import pki
from tests.cluster.postgres import PostgresServer
from tests.cluster.proxy import FaultProxy

from keyward.engines.base import AccountSet, Change, Endpoint, Expectation, Login, Place
from keyward.engines.guard import Guard
from keyward.engines.postgresql import errors, session, transaction
from keyward.engines.postgresql.engine import PostgreSQL
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

ENGINE = PostgreSQL()
SECRET = "canary-5c1e0a77-password"


async def _go() -> None:
    return None


async def _apply(place: Place, admin: Login, account: str, monkeypatch, before_commit) -> None:
    accounts = AccountSet((account,), created=True, rights_role=f"{account}_rights")
    kept = transaction._commit

    async def commit(conn, state):
        before_commit()
        await kept(conn, state)

    async with ENGINE.open(place, admin, 5.0) as opened:
        seen = await opened.inspect(accounts)
        monkeypatch.setattr(transaction, "_commit", commit)
        change = Change(account, Sensitive(SECRET), accounts, seen, {account: "mark"}, create=True)
        await opened.apply(change, _go)


@pytest.mark.parametrize("fault", ["mute", "black_hole"])
async def test_a_lost_answer_at_commit_is_an_unknown_outcome(postgres: PostgresServer, monkeypatch, fault: str):
    database = postgres.database(f"lost_{fault}")
    admin = Login(f"admin_{fault}", Sensitive(postgres.admin(f"admin_{fault}", database=database)))
    with FaultProxy(("127.0.0.1", postgres.port)) as proxy:
        place = Place((Endpoint("127.0.0.1", proxy.port),), database, postgres.ca_pem)
        with pytest.raises(Unsettled) as caught:
            await _apply(place, admin, f"lost_{fault}", monkeypatch, lambda: setattr(proxy, fault, True))
    assert caught.value.reason is Reason.UNKNOWN_OUTCOME
    assert caught.value.__context__ is None


async def test_a_connection_cut_before_commit_changed_nothing(postgres: PostgresServer, monkeypatch):
    database = postgres.database("cut_before")
    admin = Login("admin_cut", Sensitive(postgres.admin("admin_cut", database=database)))
    kept = session.Session._set
    with FaultProxy(("127.0.0.1", postgres.port)) as proxy:

        async def cut_first(self, change):
            proxy.cut()
            await kept(self, change)

        monkeypatch.setattr(session.Session, "_set", cut_first)
        place = Place((Endpoint("127.0.0.1", proxy.port),), database, postgres.ca_pem)
        with pytest.raises(Retry) as caught:
            await _apply(place, admin, "cut_app", monkeypatch, lambda: None)
    assert not isinstance(caught.value, Unsettled)
    assert postgres.sql("SELECT 1 FROM pg_roles WHERE rolname = 'cut_app'") == []


async def test_a_server_without_tls_gets_nothing():
    with PostgresServer(tls=False) as server:
        place = Place((Endpoint("127.0.0.1", server.port),), "postgres", server.ca_pem)
        with pytest.raises(Blocked) as caught:
            async with ENGINE.open(place, Login("postgres", Sensitive(SECRET)), 5.0):
                pass
    assert caught.value.reason is Reason.TLS_REFUSED


@dataclass(slots=True)
class _Greedy:
    """Speaks the start of PostgreSQL's protocol over TLS and asks for a password in a weak way."""

    demand: bytes
    context: ssl.SSLContext
    received: list[bytes] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        client, _ = self.listener.accept()
        client.settimeout(5)
        client.recv(8)
        client.sendall(b"S")
        with self.context.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(self.demand)
            try:
                while data := secure.recv(4096):
                    self.received.append(data)
            except OSError:
                return


@pytest.mark.parametrize("demand", [b"R\0\0\0\x08\0\0\0\x03", b"R\0\0\0\x0c\0\0\0\x05salt"], ids=["cleartext", "md5"])
async def test_a_server_that_asks_for_a_weak_proof_gets_none(tmp_path, demand: bytes):
    authority = pki.authority(tmp_path)
    pair = authority.server("greedy", ("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    greedy = _Greedy(demand, context)
    thread = threading.Thread(target=greedy.serve)
    thread.start()
    place = Place((Endpoint("127.0.0.1", greedy.listener.getsockname()[1]),), "x", authority.ca_file.read_text())
    with pytest.raises(Blocked) as caught:
        await ENGINE.verify(
            place, place.primary, Login("app", Sensitive(SECRET)), Expectation(AccountSet(("app",), False))
        )
    thread.join(10)
    greedy.listener.close()
    assert caught.value.reason is Reason.WEAK_AUTHENTICATION
    # At most a goodbye ("X"); a password message starts with "p".
    assert not any(data.startswith(b"p") or SECRET.encode() in data for data in greedy.received)


@pytest.mark.parametrize("state", ["22023", "23514", "P0001"])
def test_a_refusal_counts_as_the_passwords_only_while_one_is_set(state: str):
    error = psycopg.errors.lookup(state)(SECRET)
    refused = errors.of_statement(error, setting_password=True)
    assert (type(refused), refused.reason) == (Rejected, Reason.PASSWORD_REFUSED)
    assert SECRET not in str(refused)
    assert not isinstance(errors.of_statement(error), Rejected)


async def test_what_an_engine_did_not_foresee_leaves_only_its_class():
    async def bug() -> None:
        raise RuntimeError(SECRET)

    with pytest.raises(KeywardError) as caught:
        await Guard(ENGINE).call("apply", bug(), sends=True)
    assert isinstance(caught.value, Unsettled)
    assert caught.value.message == "apply failed with RuntimeError"
    assert caught.value.__context__ is None
