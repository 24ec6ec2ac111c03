"""A shell of root on the host that answers calls one by one, over one connection that is never made anew."""

from __future__ import annotations

import base64
import binascii
import shlex
from dataclasses import dataclass, field
from typing import Any, Final

import asyncssh

from keyward.engines.ssh import connect, errors, hashing, script
from keyward.engines.ssh.caller import Answer
from keyward.engines.ssh.connect import Way
from keyward.errors import Blocked, KeywardError, Reason, Retry
from keyward.sensitive import Sensitive

_MOST: Final = 4 * 1024 * 1024  # bytes of one answer: a host that talks on is not listened to
_PIECE: Final = 65536


@dataclass(slots=True)
class Shell:
    """Implements `Caller`."""

    way: Way
    conn: asyncssh.SSHClientConnection
    process: asyncssh.SSHClientProcess[bytes]
    _rest: bytes = b""
    _number: int = field(default=0)

    async def call(self, function: str, *args: str) -> Answer:
        """The answer of one function, whatever its status.

        Raises:
            Retry: the connection was lost, or what came back is no answer; the function may have run.
        """
        self._number += 1
        words = " ".join(shlex.quote(arg) for arg in args)
        head = f"kw_lock {self._number}" if function == "kw_lock" else f"kw_do {self._number} {function}"
        return await self.ask(f"{{ {head} {words}; }}\n", str(self._number))

    async def calls(self, *calls: tuple[str, ...]) -> list[Answer]:
        return [await self.call(*words) for words in calls]

    async def has_password(self, name: str, password: Sensitive) -> bool | None:
        return hashing.matches(await self.stored_hash(name), password)

    async def stored_hash(self, name: str) -> str:
        """The user's field of /etc/shadow. It stays within this package."""
        return (await self.call("kw_shadow", name)).said.decode("utf-8", "replace").strip()

    async def ask(self, text: str, number: str) -> Answer:
        """The answer that carries this number, to a text of which exactly one part gives it. Raises Retry as `call` does."""
        failure: KeywardError
        try:
            self.process.stdin.write(text.encode())
            return await self._answer(number.encode())
        except KeywardError as error:
            failure = error
        except (asyncssh.Error, OSError) as error:
            failure = errors.translate(error)
        raise errors.at(self.way.endpoint, failure)

    async def _answer(self, number: bytes) -> Answer:
        read = 0
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                answer = parsed(line, number)
                if answer is not None:
                    return answer
                continue
            piece = await self.process.stdout.read(_PIECE)
            read += len(piece)
            if not piece:
                raise Retry(Reason.UNREACHABLE, "the connection was lost, or the shell on the host ended")
            if read > _MOST:
                raise Retry(Reason.INTERNAL_ERROR, "the host says more than any answer holds")
            self._rest += piece

    async def close(self) -> None:
        await connect.close(self.conn)


def parsed(line: bytes, number: bytes) -> Answer | None:
    """An answer to this call; None for anything else, as a greeting of the host."""
    words = line.split(b" ")
    if len(words) != 4 or words[:2] != [b"keyward", number]:
        return None
    try:
        return Answer(int(words[2]), base64.b64decode(words[3], validate=True))
    except (ValueError, binascii.Error):
        return None


async def opened(way: Way) -> Shell:
    """Log in as the admin and become root.

    Raises:
        Retry, Blocked: naming the host; ADMIN_PRIVILEGE_MISSING, the login is no shell that may become root.
    """
    conn = await connect.connect(way)
    try:
        return await _begun(way, conn)
    except BaseException:
        await connect.close(conn)
        raise


async def _begun(way: Way, conn: asyncssh.SSHClientConnection) -> Shell:
    failure: KeywardError
    try:
        process: Any = await conn.create_process(script.COMMAND, encoding=None)
        shell = Shell(way, conn, process)
        answer = await shell.ask(script.begin(), script.READY)
    except KeywardError as error:
        failure = error
    except (asyncssh.Error, OSError) as error:
        failure = errors.at(way.endpoint, errors.translate(error))
    else:
        if answer.status == 0:
            return shell
        tool = answer.said.decode("ascii", "replace")[:32]
        text = f"the host lacks the program {tool!r}, which the change needs: install it"
        raise errors.at(way.endpoint, Blocked(Reason.ENGINE_UNSUPPORTED, text))
    if failure.reason is Reason.UNREACHABLE and not conn.is_closed():
        failure = errors.at(way.endpoint, Blocked(Reason.ADMIN_PRIVILEGE_MISSING, _NO_SHELL))
    raise failure


_NO_SHELL: Final = (
    "the admin's login runs no shell of root: let it run /bin/sh by sudo without a password and without requiretty, and give it "
    "no ForceCommand, no command= and a login shell"
)
