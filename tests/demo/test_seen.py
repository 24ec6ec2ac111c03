"""Other programs' lines: what is read from them, and that anything else is passed over."""

from __future__ import annotations

import json

import pytest
from demo.seen import Login, Status, Stored, Written

from demo import seen


def test_a_clients_line_is_read():
    line = '{"t":1800000000500000000,"ok":true,"user":"orders_rights","version":"v3","refused":false,"ms":4}'
    assert seen.login("orders-db", line) == Login(
        "orders-db", 1_800_000_000.5, ok=True, refused=False, version="v3", user="orders_rights"
    )


def test_versions_secrets_and_statuses_are_read():
    assert seen.stored("orders-db|v2|orders_clone|") == Stored("orders-db", "v2", "orders_clone", promoted=False)
    assert seen.stored("orders-db|v2|orders_clone|7") == Stored("orders-db", "v2", "orders_clone", promoted=True)
    assert seen.written("orders-db|v2|2027-01-15T08:00:00.25Z") == Written("orders-db", "v2", 1_800_000_000.25)
    said = json.dumps({"state": "Enabled", "conditions": [{"type": "Ready", "status": "True", "message": "a|b"}]})
    assert seen.status(f"orders-db|{said}") == Status("orders-db", "Enabled", "")


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ({"type": "Ready", "status": "False", "message": "no login"}, "Ready: no login"),
        ({"type": "Stalled", "status": "True", "message": "", "reason": "TwoLineages"}, "Stalled: TwoLineages"),
        ({"type": "Reconciling", "status": "True", "message": "at work"}, ""),
        ({"type": "Ready", "status": "Unknown", "message": "?"}, ""),
    ],
)
def test_a_condition_that_is_not_well_is_told(condition, problem):
    found = seen.status(f"orders-db|{json.dumps({'state': 'Enabled', 'conditions': [condition]})}")
    assert found is not None
    assert found.problem == problem


@pytest.mark.parametrize(
    "line", ["", "error: no such pod", '{"t":', "[]", "null", "a|b", "a||c|", "a|v1|yesterday", "x|{}|y"]
)
def test_anything_else_is_passed_over(line):
    for read in (lambda text: seen.login("orders-db", text), seen.stored, seen.written):
        assert read(line) is None
    assert seen.status(line) is None
