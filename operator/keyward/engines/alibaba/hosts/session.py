"""The admin session of a Linux host that Cloud Assistant works on: that of the SSH engine, but for how a password is set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from keyward.engines.alibaba.hosts.shell import CommandShell
from keyward.engines.base import BeforeSend, Change
from keyward.engines.ssh import errors, hashing
from keyward.engines.ssh.look import User
from keyward.engines.ssh.session import Session
from keyward.errors import Conflict, Reason, Unsettled


@dataclass(frozen=True, slots=True)
class HostSession(Session):
    """Implements `OverlapSession`."""

    @property
    def _commands(self) -> CommandShell:
        assert isinstance(self.shell, CommandShell)
        return self.shell

    @property
    def requests(self) -> tuple[str, ...]:
        """The calls of this session that may have changed something, with the ids that the cloud gave them."""
        return tuple(self._commands.commands.requests)

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        self._commands.version = change.comments.get(change.account, "")
        await Session.apply(self, change, before_send)

    async def _send_password(self, user: User, change: Change) -> None:
        shell = self._commands
        stored = hashing.crypt(change.password, hashing.salt(_source(shell)))
        answer = await shell.call("kw_swap", user.name, stored, await shell.salt(user.name))
        if answer.status == errors.CHANGED:
            raise Conflict(
                Reason.WRITTEN_BY_ANOTHER, f"the password of user {user.name!r} is not the one that was seen"
            )
        if answer.status:
            text = f"the password of user {user.name!r} may not have been set"
            found = errors.of_status(answer.status, answer.said) or Unsettled(Reason.UNKNOWN_OUTCOME, text)
            raise errors.at(shell.way.endpoint, found)


def _source(shell: CommandShell) -> Callable[[int], bytes]:
    """Where a salt is from: each version has its own, so that a command which is sent again is the same, to the byte.

    It is no secret, and no two versions share one.
    """
    if not shell.version:
        return os.urandom
    text = f"{shell.version}\0{shell.commands.instance.id}\0{shell.way.place.primary}"
    return lambda size: hashlib.sha256(text.encode()).digest()[:size]
