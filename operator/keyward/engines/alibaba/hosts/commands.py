"""Scripts on an instance, through Cloud Assistant: sent, and their results asked for until they are there or patience is over.

A script that is not over then is not sent a second time: a change is found again by its token, which the cloud keeps, and a look
by what this process remembers of it. Nothing waits longer than the step that asks.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts.errors import translate, unrun
from keyward.engines.alibaba.hosts.sdk import Instance, Outcome, Run, Script
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled

MOST: Final = 24 * 1024
"""Bytes that the content of a command has at most, encoded; so has its output."""
AGAIN: Final = 5.0
"""Seconds after which a script that is not over yet is looked at again."""
PATIENCE: Final = 5.0
"""Seconds for which a step waits for one script: most take less than two."""
_FIRST: Final = 0.2  # seconds between two questions, in the beginning
_PAUSE: Final = 1.0
_LATER: Final = "its result is asked for again"
_REMEMBERED: Final = 120.0  # seconds for which what a look found tells how things are
_TOKEN: Final = 64
_TRUSTED: Final = 60.0  # seconds
_KEPT: Final = 4096
_SAME: Final = timedelta(seconds=2)


@dataclass(slots=True)
class Memory:
    """What one process knows of commands beside what the cloud keeps. `clock` is in seconds, and never goes back."""

    clock: Callable[[], float] = time.monotonic
    _looks: dict[str, tuple[str, float]] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)  # ClientTokens of secret parameters that a command may still need
    _over: dict[str, int] = field(default_factory=dict)

    def answers(self, instance: str) -> bool:
        """Whether Cloud Assistant answered there a moment ago; if it does not any more, each command says so."""
        return self.clock() - self._answered.get(instance, -_TRUSTED) < _TRUSTED

    def answered(self, instance: str) -> None:
        self._answered[instance] = self.clock()

    def begun(self, look: str) -> str | None:
        """The invocation that answers a look that was not over when somebody had to go on, if it still tells how things are."""
        invocation, since = self._looks.get(look, ("", 0.0))
        return invocation if invocation and self.clock() - since < _REMEMBERED else None

    def begin(self, look: str, invocation: str) -> None:
        self._looks[look] = (invocation, self.clock())

    def end(self, look: str) -> None:
        self._looks.pop(look, None)

    def token(self, change: str) -> str:
        """The ClientToken of a change: another one once its outcome was told, as the cloud would tell that again."""
        return token(change, str(self._over.get(change, 0)))

    def told(self, change: str) -> None:
        self._over[change] = self._over.pop(change, 0) + 1
        if len(self._over) > _KEPT:
            del self._over[next(iter(self._over))]


def token(*parts: str) -> str:
    """A ClientToken: the same for the same version and deed, and of at most 64 characters, whatever they are."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_TOKEN]


@dataclass(slots=True)
class Commands:
    """What one admin session, or one proof, runs on one instance. `requests` are the calls that may have changed something."""

    instance: Instance
    memory: Memory
    requests: list[str] = field(default_factory=list)

    async def look(self, script: Script) -> bytes:
        """What a script said that changes nothing.

        Raises:
            Retry, Blocked: it was not run, it failed, or it is not over.
        """
        what = token(self.instance.id, script.kind, script.content)
        invocation = self.memory.begun(what)
        failure: KeywardError
        try:
            if invocation is None:
                invocation = (await self.instance.run(_bounded(script), uuid.uuid4().hex)).id
                self.memory.begin(what, invocation)
            outcome = await self._outcome(invocation)
        except Failure as error:
            failure = translate(error)
        else:
            if outcome is None:
                raise Retry(Reason.BUSY, f"{FIELD}Cloud Assistant has not run a command yet: {_LATER}", AGAIN)
            self.memory.end(what)
            if not outcome.ended:
                raise unrun(outcome)
            return _whole(outcome)
        raise failure

    async def change(self, script: Script, change: str) -> bytes:
        """What a script said that changes something. The same `change` finds the same run, as long as its end is not known.

        Raises:
            Unsettled: it was sent, and it is not over, or nobody knows.
            Retry, Blocked: it was not run.
        """
        run = await self._begun(_bounded(script), self.memory.token(change))
        try:
            outcome = await self._outcome(run.id)
            if outcome is not None and _was_over(run, outcome):
                # It tells of then: what it changed may have been undone since, or what stopped it mended.
                self.memory.told(change)
                run = await self._begun(script, self.memory.token(change))
                outcome = await self._outcome(run.id)
        except Failure as error:
            text = f"{FIELD}a command was sent, and its result is not known ({error}): {_LATER}"
        else:
            if outcome is not None:
                self.memory.told(change)
                if outcome.ended:
                    return _whole(outcome)
                raise unrun(outcome, sent=True)
            text = f"{FIELD}Cloud Assistant has not ended a command yet: {_LATER}"
        raise Unsettled(Reason.UNKNOWN_OUTCOME, text, AGAIN)

    async def _begun(self, script: Script, client_token: str) -> Run:
        failure: KeywardError
        try:
            run = await self.instance.run(script, client_token)
        except Failure as error:
            failure = translate(error, sends=True)
        else:
            self.requests.append(f"RunCommand {run.request}")
            return run
        raise failure

    async def _outcome(self, invocation: str) -> Outcome | None:
        """Of a run; None if it is not over within our patience. Raises Failure."""
        until, pause = time.monotonic() + PATIENCE, _FIRST
        while True:
            await asyncio.sleep(pause)
            outcome = await self.instance.outcome(invocation)
            if outcome is not None or time.monotonic() + pause > until:
                return outcome
            pause = min(pause * 1.5, _PAUSE)


def _was_over(run: Run, outcome: Outcome) -> bool:
    """Whether it had ended before it was asked for. Times have seconds, and maybe two clocks: done twice is no harm."""
    return run.asked is not None and outcome.at is not None and outcome.at < run.asked - _SAME


def _bounded(script: Script) -> Script:
    if len(base64.b64encode(script.content.encode())) <= MOST:
        return script
    text = (
        "the command would have more than the 24 KB that Cloud Assistant takes: shorten authorized_keys of the user, to about "
        "8 KB, or let the Target reach the host through SSH"
    )
    raise Blocked(Reason.KEY_FILE_UNUSABLE, text)


def _whole(outcome: Outcome) -> bytes:
    if not outcome.dropped:
        return outcome.output
    text = (
        "the host said more than the 24 KB that Cloud Assistant keeps: shorten authorized_keys of the user, to about 8 KB, or "
        "let the Target reach the host through SSH"
    )
    raise Blocked(Reason.KEY_FILE_UNUSABLE, text)
