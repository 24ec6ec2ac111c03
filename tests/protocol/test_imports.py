"""Accounts that are there already: touched only where they log in, or where the Target lists them (protocol §10)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import HOUR, INTERVAL, MINUTE, Scenario

from keyward.domain.version import RetiredAs


@pytest.mark.parametrize(("right", "listed"), [(r, i) for r in ("", "a", "b", "ab") for i in ("", "a", "b", "ab")])
def test_an_imported_pair_is_touched_only_where_it_logs_in_or_the_target_lists_it(right, listed):
    s = Scenario("dual import")
    for name in "ab":
        if name not in right:
            s.world.imports[name] = b"wrong"
    s.world.target = replace(s.world.target, unverified_import=tuple(listed))
    before = {n: a.password for n, a in s.world.server.accounts.items()}
    s.apply()
    s.settle(HOUR)
    unknown = set("ab") - set(right) - set(listed)
    for name in unknown:
        assert s.world.server.accounts[name].password == before[name]
        assert s.world.server.accounts[name].comment is None
    if unknown:
        assert "ImportedValueUnverified" in s.state(s.world.api)
        return
    s.settle(INTERVAL + HOUR)
    s.rotate()
    s.finish()
    assert b"wrong" not in [p for _, p in s.world.server.learnt]


@pytest.mark.parametrize("listed", [False, True])
def test_a_wrong_single_import_is_mended_by_the_first_rotation_only_where_it_is_listed(listed):
    s = Scenario("single import")
    s.world.imports["a"] = b"wrong"
    if listed:
        s.world.target = replace(s.world.target, unverified_import=("a",))
    s.apply()
    s.settle(HOUR)
    if not listed:
        assert s.world.server.accounts["a"].password == b"imported-a"
        assert "orders" not in s.world.api.secrets
        return
    assert s.history.versions[0].retired is RetiredAs.UNVERIFIED or s.history.versions[0].sequence > 1
    s.finish()


def test_the_first_named_of_two_valid_imports_is_current():
    s = Scenario("dual import")
    s.apply()
    s.settle(10 * MINUTE)
    assert s.history.current.account == "a"
    assert s.value() == b"imported-a"
    assert all(a.comment is None for a in s.world.server.accounts.values())
