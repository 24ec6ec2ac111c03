"""Measures what single mode costs its readers: the time from the send of a new value until a Secret holds it (protocol §4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from keyward.controller.passes import Pass
from keyward.domain.model import SecretView
from keyward.domain.version import Mode, Version


def begin(run: Pass, version: Version, now: datetime) -> None:
    """Right before the send: from here on consumers of a single account may be refused."""
    if version.mode is Mode.SINGLE:
        run.learn(sending=(version.sequence, now))


def measure(run: Pass, version: Version, before: SecretView | None, now: datetime) -> None:
    """A Secret that was `before` holds this version now. One that held it already, or is made, ends no gap."""
    if version.mode is not Mode.SINGLE or before is None or before.sequence in (0, version.sequence):
        return
    sent = run.memory.sending
    # Of a send before a restart only the reservation before it is known: it is told rather too long than too short.
    began = sent[1] if sent is not None and sent[0] == version.sequence else version.created_at
    run.learn(gap=(version.sequence, max(now - began, timedelta(0))))
