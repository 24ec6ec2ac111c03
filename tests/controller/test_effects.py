"""What is said of a value that was sent and is not proven: why it does not log in, or why nobody came so far as to try it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from tests.domain.test_nodes import version

from keyward.controller.effects import Effects
from keyward.controller.passes import Pass, no_hook
from keyward.controller.ports import Access
from keyward.domain.model import Memory
from keyward.engines.base import AccountSet, Endpoint, Login, Place
from keyward.errors import Blocked, Reason, Retry
from keyward.sensitive import Sensitive

SET = "the value was set, but does not log in as it should: "


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Blocked(Reason.LOGIN_REFUSED, "refused"), f"{SET}refused"),
        (Blocked(Reason.PRIVILEGE_MISSING, "a right is gone"), f"{SET}a right is gone"),
        (Blocked(Reason.UNKNOWN_CA, "openApi: not that CA"), "openApi: not that CA"),
        (Blocked(Reason.ADMIN_LOGIN_REFUSED, "admin login: switched off"), "admin login: switched off"),
        (Blocked(Reason.ADMIN_PRIVILEGE_MISSING, "it needs more"), "it needs more"),
    ],
)
async def test_what_is_said_of_a_value_that_was_sent(error, message):
    class Engine:
        name = "MySQL"

        async def verify(self, *_: Any) -> None:
            raise error

    admin, accounts = Login("admin", Sensitive("x")), AccountSet(("x",), created=True)
    access = Access(Engine(), Place((Endpoint("m", 3306),), ""), admin)  # type: ignore[arg-type]
    wish = SimpleNamespace(target=None)
    async with AsyncExitStack() as stack:
        run = Pass(SimpleNamespace(wish=wish), Memory(sent=frozenset({1})), stack, access, accounts)  # type: ignore[arg-type]
        effects = Effects(SimpleNamespace(store="s"), no_hook)  # type: ignore[arg-type]
        with pytest.raises(Retry) as caught:
            await effects.verify(run, version(1, "x"), Sensitive("value"))
    assert (caught.value.reason, caught.value.message) == (error.reason, message)
