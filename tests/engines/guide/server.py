"""Lockbox, the server of the guide's example: accounts in memory, JSON over TLS, one object a line.

`python -m tests.engines.guide.server PORT CERTIFICATE KEY`; it writes what it is asked, without values, to its output. Made for
the test of docs/engines.md and nothing else, but a server as others are: logins, rights, locks, one change at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import sys
from dataclasses import dataclass, field
from typing import Any

ROOT = "root"
ROOTS_PASSWORD = "roots-password"
LONGEST = 64
Json = dict[str, Any]


def hashed(name: str, password: str) -> str:
    """What is kept of a password: the same is computed by whoever sets one."""
    return hashlib.sha256(f"{name}\0{password}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Account:
    hash: str = ""
    may_login: bool = True
    role: str = ""  # Admin: may look and change; Root: is never changed
    rights: list[str] = field(default_factory=list)
    mark: str | None = None
    owns: bool = False
    becomes: str = ""  # who a login of it ends as

    def state(self) -> Json:
        mighty = self.role == "Root"
        return {"may_login": self.may_login, "mighty": mighty, "mark": self.mark, "owns": self.owns}


class RefusedError(Exception):
    """The text is the server's word for why."""


class Lockbox:
    """The accounts, and one lock for each name that anybody spoke of."""

    def __init__(self) -> None:
        self.accounts = {ROOT: Account(hashed(ROOT, ROOTS_PASSWORD), role="Root")}
        self.sessions: list[str] = []
        self.policy = ""  # a hash that is refused
        self._locks: dict[str, asyncio.Lock] = {}
        self._stalled: dict[str, asyncio.Event] = {}

    def login(self, name: str, password: str) -> str:
        """Who the session is of. Raises RefusedError."""
        found = self.accounts.get(name)
        if found is None or found.hash != hashed(name, password):
            raise RefusedError("login")
        if not found.may_login:
            raise RefusedError("disabled")
        return found.becomes or name

    async def answer(self, who: str, asked: Json) -> Any:
        """What a session is answered. Raises RefusedError."""
        do, role = asked.pop("do"), self.accounts[who].role if who in self.accounts else ""
        if do == "whoami":
            return {"name": who, "rights": self.accounts[who].rights}
        if role == "Root" and do in ("edit", "refuse", "stall", "sessions", "exists"):
            return getattr(self, f"_{do}")(**asked)
        if role not in ("Admin", "Root"):
            raise RefusedError("right")
        async with self._locked(asked["names"], asked.pop("wait")):
            return await getattr(self, f"_{do}")(**asked)

    @contextlib.asynccontextmanager
    async def _locked(self, names: list[str], wait: float) -> Any:
        locks = [self._locks.setdefault(name, asyncio.Lock()) for name in sorted(set(names))]
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(wait):
                    for lock in locks:
                        await stack.enter_async_context(lock)
            except TimeoutError:
                raise RefusedError("busy") from None
            yield

    # --- what an admin asks ---

    async def _look(self, names: list[str]) -> Json:
        return {name: self.accounts[name].state() for name in names if name in self.accounts}

    async def _rights(self, names: list[str]) -> Json:
        return {name: self.accounts[name].rights for name in names}

    async def _change(self, names: list[str], expected: Json, to: Json) -> None:
        name = to["account"]
        if name in self._stalled:
            await self._stalled[name].wait()
        if await self._look(names) != expected:
            raise RefusedError("changed")
        if to["hash"] == self.policy:
            raise RefusedError("policy")
        for new in to["create"]:
            self.accounts[new] = Account(rights=to["rights"])
        found = self.accounts[name]
        found.hash, found.may_login = to["hash"], True
        found.rights = self.accounts[to["like"]].rights if to["like"] else to["rights"] or found.rights
        self._mark(to["marks"])

    async def _remove(self, names: list[str], expected: Json, action: str, of: list[str], marks: Json) -> str:
        if await self._look(names) != expected:
            raise RefusedError("changed")
        there = [self.accounts[name] for name in of if name in self.accounts]
        if action == "Drop" and any(one.owns for one in there):
            action = "Disable"
        for name, one in zip(of, there, strict=False):
            one.may_login = action == "Enable"
            if action == "Drop":
                del self.accounts[name]
        self._mark(marks)
        return action

    def _mark(self, marks: Json) -> None:
        for name, mark in marks.items():
            if name in self.accounts:
                self.accounts[name].mark = mark

    # --- what a person does ---

    def _edit(self, name: str, **changes: Any) -> None:
        account = self.accounts.setdefault(name, Account())
        for what, value in changes.items():
            setattr(account, what, value)

    def _refuse(self, hash: str) -> None:  # noqa: A002 - the protocol's word
        self.policy = hash

    def _stall(self, name: str, on: bool) -> None:
        if on:
            self._stalled[name] = asyncio.Event()
        else:
            self._stalled.pop(name).set()

    def _sessions(self) -> list[str]:
        return self.sessions

    def _exists(self, name: str) -> bool:
        return name in self.accounts

    # --- the wire ---

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = ""
        with contextlib.suppress(OSError, ValueError, KeyError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                asked = json.loads(line)
                said = {key: value for key, value in asked.items() if key != "password"}
                sys.stdout.write(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
                sys.stdout.flush()
                try:
                    if asked["do"] == "login":
                        who = self.login(asked["name"], asked["password"])
                        self.sessions.append(who)
                        answer = {"ok": who}
                    else:
                        answer = {"ok": await self.answer(who, asked)}
                except RefusedError as refused:
                    answer = {"no": str(refused)}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        if who:
            self.sessions.remove(who)
        writer.close()


async def main(port: int, certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(Lockbox().serve, "127.0.0.1", port, ssl=context) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
