"""Calls of the functions that the SSH engine has on a host, each a script of its own that Cloud Assistant runs as root.

No shell stays between two calls, so no lock does: each script takes it anew, and changes the file, or the password, only if it
still is what was seen. A script that the cloud runs late finds another one and changes nothing. Public keys and hashes are all
that goes there; of /etc/shadow nothing comes back but the salt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from keyward.engines.alibaba.hosts.commands import Commands, token
from keyward.engines.alibaba.hosts.sdk import SHELL, Script
from keyward.engines.ssh import errors, hashing, script
from keyward.engines.ssh.caller import Answer
from keyward.engines.ssh.connect import Way
from keyward.engines.ssh.shell import parsed
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

_CHANGING: Final = frozenset({"kw_write", "kw_swap", "kw_terminate"})
_LOOKING: Final = frozenset({"kw_look", "kw_entry"})
_MADE: Final = Answer(0, b"")


@dataclass(slots=True)
class CommandShell:
    """Implements `Caller`. `version` names what is being set, so that what is sent for it is found again."""

    way: Way
    commands: Commands
    version: str = ""
    _lock: tuple[str, int] | None = None
    _looked: dict[str, Answer] = field(default_factory=dict)
    _salts: dict[str, str] = field(default_factory=dict)

    async def call(self, function: str, *args: str) -> Answer:
        if function == "kw_lock":
            self._lock = (args[0], int(args[1]))
            return _MADE  # by each script anew
        if function in _LOOKING:
            return await self._look(args[0])
        return (await self._run((function, *args)))[0]

    async def calls(self, *calls: tuple[str, ...]) -> list[Answer]:
        return await self._run(*calls)

    async def salt(self, name: str) -> str:
        """What stands before the hash in the user's field of /etc/shadow."""
        await self._look(name)
        return self._salts[name]

    async def has_password(self, name: str, password: Sensitive) -> bool | None:
        candidate = hashing.crypt_as(await self.salt(name), password)
        return None if candidate is None else (await self.call("kw_is", name, candidate)).status == 0

    async def close(self) -> None:
        """Nothing is open."""

    async def _look(self, name: str) -> Answer:
        """Looked at once: what is changed later is compared with it on the host."""
        if name not in self._looked:
            found, salt = await self._run(("kw_look", name), ("kw_salt", name))
            self._looked[name], self._salts[name] = found, salt.said.decode("utf-8", "replace")
        return self._looked[name]

    async def _run(self, *calls: tuple[str, ...]) -> list[Answer]:
        changes = any(function in _CHANGING for function, *_ in calls)
        text = Script(SHELL, script.command(calls, self._lock))
        # What keeps a command from running is the cloud's matter; what one says is the host's.
        if changes:
            of = token(self.version, self.commands.instance.id, *(word for words in calls for word in words))
            said = await self.commands.change(text, of)
        else:
            said = await self.commands.look(text)
        failure: KeywardError
        try:
            return _answers(said, len(calls), changes=changes)
        except KeywardError as error:
            failure = error
        raise errors.at(self.way.endpoint, failure)


def _answers(said: bytes, count: int, *, changes: bool) -> list[Answer]:
    """Raises KeywardError if they are not all there."""
    lines = said.splitlines()
    tools, lock = _of(lines, script.READY), _of(lines, script.LOCK)
    if tools is not None and tools.status:
        tool = tools.said.decode("ascii", "replace")[:32]
        text = f"the host lacks the program {tool!r}, which the change needs: install it"
        raise Blocked(Reason.ENGINE_UNSUPPORTED, text)
    if lock is not None and lock.status:
        text = "the host gives no lock on the user"
        raise errors.of_status(lock.status, lock.said) or Blocked(Reason.ENGINE_UNSUPPORTED, text)
    found = [_of(lines, str(number)) for number in range(1, count + 1)]
    answers = [answer for answer in found if answer is not None]
    if len(answers) == count:
        return answers
    text = "what the host said is no answer to the command"
    if changes:
        raise Unsettled(Reason.UNKNOWN_OUTCOME, text)
    raise Retry(Reason.INTERNAL_ERROR, text)


def _of(lines: list[bytes], number: str) -> Answer | None:
    return next(filter(None, (parsed(line, number.encode()) for line in lines)), None)
