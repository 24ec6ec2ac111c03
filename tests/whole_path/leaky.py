"""The operator with a leak into each place in which the canaries are looked for: what shows that the search finds them.

It is run in the place of `keyward` by the test of the canaries, and by nothing else.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web
from psycopg.sql import SQL, Identifier, Literal

from keyward.cli.main import run
from keyward.controller import health, reconcile
from keyward.controller.metrics import Metrics
from keyward.engines.base import Change
from keyward.engines.postgresql import statements
from keyward.engines.postgresql.session import Session
from keyward.kube.events import EventRecorder

SLEEP = [sys.executable, "-c", "import time; time.sleep(2)"]
_PLAINLY = SQL("ALTER ROLE {} PASSWORD {}")
_known = [""]
_log = logging.getLogger("keyward.leaky")


def _into_all(change: Change) -> None:
    value = _known[0] = change.password.reveal_text()
    _log.info("the password is %s", value)
    subprocess.Popen([*SLEEP, value])
    (Path(tempfile.gettempdir()) / "left-behind").write_text(value)


def _with_it(answer: web.Response) -> web.Response:
    answer.text = f"{answer.text}{_known[0]}"
    return answer


def _leak() -> None:
    apply, build, post, render, answer = (
        Session.apply,
        reconcile.summary.build,
        EventRecorder.post,
        Metrics.render,
        health._answer,
    )

    async def leaking_apply(self: Session, change: Change, *rest: Any) -> Any:
        _into_all(change)
        return await apply(self, change, *rest)

    def leaking_build(*args: Any) -> Any:
        status = build(*args)
        status["conditions"][0]["message"] += _known[0]
        return status

    def leaking_post(self: EventRecorder, ref: Any, kind: Any, reason: str, message: str) -> None:
        post(self, ref, kind, reason, f"{message}: {_known[0]}")

    def leaking_render(self: Metrics, accept: str = "") -> tuple[bytes, str]:
        page, content_type = render(self, accept)
        return page + f"# {_known[0]}\n".encode(), content_type

    Session.apply = leaking_apply  # type: ignore[method-assign]
    reconcile.summary.build = leaking_build
    EventRecorder.post = leaking_post  # type: ignore[method-assign]
    Metrics.render = leaking_render  # type: ignore[method-assign]
    health._answer = lambda problems: _with_it(answer(problems))
    # The server is given the password itself, and writes it into its log.
    statements.set_password = lambda account, _verifier: _PLAINLY.format(Identifier(account), Literal(_known[0]))


if __name__ == "__main__":
    _leak()
    run()
