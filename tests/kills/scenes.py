"""What tests of loss and restore have in common: lives that have rotated, and waiting for what they come to."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.kills.lives import Kin, Life, apply, rotate
from tests.kills.process import Operator, until, until_nothing_is_left
from tests.kills.stage import Stage

from keyward.kube.kinds import CREDENTIALS

_TAKEOVER = re.compile(r"keyward\.dev/takeover: (\S+)")


@contextmanager
def rotated(stage: Stage, operator: Operator, kins: Iterable[Kin]) -> Iterator[list[Life]]:
    """One life of each kin, created and rotated once. Afterwards nothing is left of them."""
    lives = [stage.life(kin) for kin in kins]
    try:
        for life in lives:
            apply(stage, life)
        ready(stage, lives)
        turn(stage, lives)
        yield lives
    finally:
        operator.end()
        stage.clear(lives)
        operator.start()


def turn(stage: Stage, lives: Iterable[Life]) -> None:
    """One more rotation of each, to its end."""
    lives = list(lives)
    before = {life.name: current(stage, life) for life in lives}
    for life in lives:
        rotate(stage, life)
    until_nothing_is_left("a rotation", lambda: [x.name for x in lives if current(stage, x) == before[x.name]])
    ready(stage, lives)


def current(stage: Stage, life: Life) -> str | None:
    credential = stage.looks([life])[life.name]["credential"]
    return credential["current"] if credential else None


def ready(stage: Stage, lives: Iterable[Life]) -> None:
    lives = list(lives)

    def unready() -> dict[str, object]:
        looks = stage.looks(lives)
        return {
            name: look["credential"]
            for name, look in looks.items()
            if not look["credential"]
            or not look["credential"]["conditions"].get("Ready", "").startswith("True")
            or "Stalled" in look["credential"]["conditions"]
            or look["secret"] is None
            or look["secret"]["owner"] == "dead"
        }

    until_nothing_is_left("Ready", unready)


def stalled(stage: Stage, lives: Iterable[Life], *reasons: str) -> None:
    """Wait until each says one of these reasons."""
    lives, wanted = list(lives), {f"True {reason}" for reason in reasons}

    def others() -> dict[str, object]:
        found = {name: look["credential"]["conditions"] for name, look in stage.looks(lives).items()}
        return {name: conditions for name, conditions in found.items() if conditions.get("Stalled") not in wanted}

    until_nothing_is_left(f"Stalled with {' or '.join(reasons)}", others)


def calm(operator: Operator, lives: Iterable[Life], seconds: float = 1.0) -> None:
    """Wait until it does nothing more on behalf of these."""
    until("its start", lambda: operator.ready)
    keys, since, began = [life.key for life in lives], operator.now(), time.monotonic()
    until("calm", lambda: time.monotonic() - began > seconds and not operator.restless(keys, since, seconds))


def take_over_the_store(stage: Stage) -> None:
    """`keyward takeover` for all of them, again and again: the number that is seen may grow with the first login."""

    def held() -> str:
        told = keyward_command(stage, "takeover", "--all-namespaces", "--yes")
        return "" if told.startswith("no Credential") else told

    until_nothing_is_left("the takeover", held)


def keyward_command(stage: Stage, *words: str) -> str:
    """What the command line prints, used with this cluster."""
    command = [sys.executable, "-m", "keyward", *words, "--kubeconfig", str(stage.api.kubeconfig)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def take_over(stage: Stage, lives: Iterable[Life]) -> None:
    """Do what the message says, until nothing says so any more."""
    lives = list(lives)

    def holding() -> list[str]:
        held = []
        for life in lives:
            item = stage.api.get(CREDENTIALS, life.namespace, life.name)
            assert item is not None
            conditions = item.get("status", {}).get("conditions", [])
            texts = [c["message"] for c in conditions if c["type"] == "Stalled"]
            if texts:
                held.append(life.name)
                said = _TAKEOVER.search(texts[0])
                assert said is not None, texts
                if item["metadata"]["annotations"].get("keyward.dev/takeover") != said[1]:
                    stage.api.annotate(life.namespace, life.name, takeover=said[1])
        return held

    until_nothing_is_left("the end of doubt", holding)
