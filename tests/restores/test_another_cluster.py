"""A backup comes up in a second cluster while the first one is alive, with the same PostgreSQL behind both."""

from __future__ import annotations

import random
import re
import sys

import pytest
from tests.kills.lives import Kin, rotate
from tests.kills.process import until_nothing_is_left
from tests.kills.scenes import calm, keyward_command, ready, rotated, stalled, take_over_the_store, turn
from tests.restores.backup import KEYRING, PARTS, Backup

from keyward.kube.kinds import SECRETS

KINS = (Kin("dual create"), Kin("single create"), Kin("dual import"))


@pytest.mark.parametrize("keyring", ["first", "last"])
def test_restored_elsewhere_it_touches_no_password_before_a_takeover_which_fences_the_first(
    stage, operator, elsewhere, keyring
):
    other, second = elsewhere
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    dice = random.Random(seed)
    with rotated(stage, operator, [kin for kin in KINS for _ in range(2)]) as lives:
        backup = Backup.of(stage, lives)
        consumers = stage.consumers()
        held = stage.passwords(lives)
        other.api.create(*backup.surroundings)
        if keyring == "first":
            other.api.create(backup.keyring)
        with consumers.at_work(lives), second.running():
            _bring_back(other, second, backup, lives, dice)
            if keyring == "last":
                _says_why(other, lives)
                _replace_keyring(other, second, backup)
            stalled(other, lives, "RestoredElsewhere")
            for life in lives:
                rotate(other, life)
            calm(second, lives)
            assert stage.passwords(lives) == held
            turn(stage, lives)
            turn(stage, lives)
            consumers.never_refused()
            held = stage.passwords(lives)
            calm(second, lives)
            assert stage.passwords(lives) == held
        with second.running():
            shown = keyward_command(other, "takeover", "-n", other.namespace)
            assert all(
                re.search(rf" {life.name} +RestoredElsewhere +sequence \d+$", shown, re.MULTILINE) for life in lives
            )
            assert f"{len(lives)} would be taken over" in shown
            stalled(other, lives, "RestoredElsewhere")
            take_over_the_store(other)
            ready(other, lives)
            for life in lives:
                other.proves(life)
            held = stage.passwords(lives)
            for life in lives:
                rotate(stage, life)
            stalled(stage, lives, "Fenced", "Forked")
            assert stage.passwords(lives) == held
            turn(other, lives)
            for life in lives:
                other.proves(life)
        other.clear(lives)
        other.api.delete(SECRETS, *KEYRING)


def _bring_back(other, second, backup, lives, dice) -> None:
    orders = {life.name: dice.sample(PARTS, len(PARTS)) for life in lives}
    for step in range(len(PARTS)):
        for life in lives:
            backup.into(other.api, orders[life.name][step], life)
        calm(second, lives)


def _says_why(other, lives) -> None:
    """Without the right keyring nothing is Ready, and each says so."""

    def silent() -> list[str]:
        looks = other.looks(lives)
        keys = {name: look["credential"]["conditions"].get("KeyAvailable", "") for name, look in looks.items()}
        return [name for name, said in keys.items() if not said.startswith("False")]

    until_nothing_is_left("a word about the keyring", silent)


def _replace_keyring(other, second, backup) -> None:
    other.api.delete(SECRETS, *KEYRING)
    other.api.create(backup.keyring)
    second.kill()
    second.start()
