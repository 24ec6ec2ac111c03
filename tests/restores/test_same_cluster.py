"""A backup comes back into the cluster that it was taken from, in any order, with the operator running all the while."""

from __future__ import annotations

import itertools

from tests.kills.lives import Kin, rotate
from tests.kills.scenes import calm, ready, rotated, stalled, take_over, turn
from tests.restores.backup import PARTS, Backup, lose

KINS = (Kin("generic"), Kin("dual create"), Kin("single create"), Kin("dual import"))
ORDERS = list(itertools.permutations(PARTS))


def test_in_any_order_it_goes_on_with_its_value_and_touches_no_password(stage, operator):
    with rotated(stage, operator, [kin for kin in KINS for _ in ORDERS]) as lives:
        order_of = {life.name: order for life, order in zip(lives, ORDERS * len(KINS), strict=True)}
        held = stage.passwords(lives)
        values = {life.name: stage.secret(life) for life in lives}
        sequences = {life.name: [v["spec"]["sequence"] for v in stage.versions(life)] for life in lives}
        operator.end()
        backup = Backup.of(stage, lives)
        lose(stage, lives)
        operator.start()
        for step in range(len(PARTS)):
            for life in lives:
                backup.into(stage.api, order_of[life.name][step], life)
            calm(operator, lives)
        began_anew = [life for life in lives if life.kin.kind == "generic" and len(stage.versions(life)) > 2]
        for life in began_anew:
            # Nothing but its annotation would have told that there were versions, and a generic one has none.
            assert order_of[life.name].index("credentials") < order_of[life.name].index("versions")
            old = stage.versions(life)[-1]["spec"]["lineage"]
            stalled(stage, [life], "TwoLineages")
            stage.api.annotate(life.namespace, life.name, takeover=old)
        ready(stage, lives)
        assert stage.passwords(lives) == held
        for life in lives:
            assert stage.secret(life) == values[life.name], order_of[life.name]
            now = [v["spec"]["sequence"] for v in stage.versions(life)]
            assert now == sequences[life.name] or life in began_anew, order_of[life.name]
        turn(stage, lives)
        for life in lives:
            stage.proves(life)


def test_one_version_behind_it_waits_for_a_person_before_any_password_is_touched(stage, operator):
    with rotated(stage, operator, [kin for kin in KINS[1:] for _ in range(2)]) as lives:
        backup = Backup.of(stage, lives)
        turn(stage, lives)
        newest = Backup.of(stage, lives)
        held = stage.passwords(lives)
        operator.end()
        lose(stage, lives)
        for number, life in enumerate(lives):
            for part in PARTS:
                # With the newest Secret, its sequence tells; without it, only the mark on the account does.
                (newest if part == "secrets" and number % 2 else backup).into(stage.api, part, life)
        operator.start()
        for life in lives:
            rotate(stage, life)
        stalled(stage, lives, "Fenced")
        assert stage.passwords(lives) == held
        take_over(stage, lives)
        ready(stage, lives)
        turn(stage, lives)
        for life in lives:
            stage.proves(life)
