"""The way to one instance: whether Cloud Assistant answers there, and what the instance is."""

from __future__ import annotations

from typing import Final

from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.errors import FIELD, NO_INSTANCE
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts.commands import Commands, Memory
from keyward.engines.alibaba.hosts.errors import translate
from keyward.engines.alibaba.hosts.sdk import Instance
from keyward.engines.base import Login, Place
from keyward.errors import Blocked, KeywardError, Reason, Retry

SECONDS: Final = 10.0
"""For each answer, at most."""


def caller(place: Place, admin: Login, timeout: float = SECONDS) -> Caller:
    """The cloud of this place, called as the admin; `timeout` in seconds bounds each answer."""
    assert place.cloud is not None
    return Caller(place, admin, min(timeout, SECONDS), chain=place.cloud.default_chain)


async def reached(called: Caller, system: str, memory: Memory) -> Commands:
    """Commands on the instance that is called, if Cloud Assistant answers there, and it runs on this system.

    Raises:
        Retry, Blocked: it does not, or the admin may not ask.
    """
    instance = Instance(called)
    if memory.answers(instance.id):
        return Commands(instance, memory)
    failure: KeywardError
    try:
        found = await instance.assistant()
    except Failure as error:
        failure = translate(error)
    else:
        if found is None:
            text = f"{NO_INSTANCE}, or show it to the admin login by its policy"
            failure = Blocked(Reason.INVALID_SPEC, text)
        elif not found.answers:
            text = f"{FIELD}Cloud Assistant does not answer on {instance.id}: start the instance, and the agent on it"
            failure = Retry(Reason.UNREACHABLE, text)
        elif found.system and found.system != system:
            text = f"spec.ecs.engine: {instance.id} runs {found.system}, not {system}: correct it"
            failure = Blocked(Reason.INVALID_SPEC, text)
        else:
            memory.answered(instance.id)
            return Commands(instance, memory)
    raise failure
