"""What is told of rights that differ, where it is worked out from what a server lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyward.domain.allowances import Allowance
from keyward.engines import differences
from keyward.engines.alibaba.databases import compare as cloud
from keyward.engines.alibaba.databases.instance import NORMAL, Account
from keyward.engines.base import AccountSet, Flip, Level, Privilege
from keyward.engines.redis import compare
from keyward.errors import Blocked, Reason

CATEGORIES = {
    "read": frozenset({"get", "keys", "config|get"}),
    "write": frozenset({"set", "flushall"}),
    "dangerous": frozenset({"keys", "flushall", "config", "config|get", "config|set"}),
}


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ("+@all", {"get", "keys", "set", "flushall", "config|get", "config|set"}),
        ("+@all -@dangerous", {"get", "set"}),
        ("-@dangerous +@all", {"get", "keys", "set", "flushall", "config|get", "config|set"}),
        ("-@all +@read -config", {"get", "keys"}),
        ("-@all +config", {"config|get", "config|set"}),
        ("-@all +CONFIG|get", {"config|get"}),
        ("+@all -@all +@nobody-knows", set()),
        ("-@all +module.own +cluster|slots", {"module.own", "cluster|slots"}),
        ("+cluster|slots -cluster", set()),
    ],
)
def test_rules_of_redis_are_followed_to_the_commands_that_they_allow(listed, allowed):
    assert compare.allowed(listed.split(), CATEGORIES) == allowed


FIRST = Account("first", "Available", NORMAL, {"orders": "ReadWrite", "stock": "ReadOnly"})
SECOND = Account("second", "Available", NORMAL, {"orders": "ReadOnly", "old": "DDLOnly"})
PAIR = AccountSet(("first", "second"), created=False)
FLIP = Flip("second", like="first")


def _told(flip: Flip, engine: str = "MySQL", accounts: AccountSet = PAIR) -> tuple[Reason, str]:
    with pytest.raises(Blocked) as caught:
        cloud.judge({"first": FIRST, "second": SECOND}, replace(accounts, flip=flip), engine)
    return caught.value.reason, caught.value.message


def test_what_the_cloud_lists_is_compared_by_database():
    reason, said = _told(replace(FLIP, refuse=True))
    assert reason is Reason.RIGHTS_DIFFER
    assert "lacks ReadWrite on database 'orders', ReadOnly on database 'stock'" in said
    assert "and has ReadOnly on database 'orders', DDLOnly on database 'old'" in said


def test_what_the_cloud_cannot_take_is_no_difference():
    owner = AccountSet(("second",), True, privileges=(Privilege("orders", Level.READ_ONLY),))
    cloud.judge({"second": SECOND}, replace(owner, flip=Flip("second", refuse=True)), "PostgreSQL")
    assert "has DDLOnly on database 'old'" in _told(Flip("second", refuse=True), accounts=owner)[1]


def test_what_the_cloud_would_be_asked_to_give_is_within_what_is_allowed():
    reason, said = _told(replace(FLIP, allowed=(Allowance(("*",), ("ReadOnly",)),)))
    assert reason is Reason.PRIVILEGE_NOT_ALLOWED
    assert "would be given ReadWrite on database 'orders', as account 'first' has" in said
    both = (Allowance(("orders",), ("ReadWrite",)), Allowance(("st*",), ("ReadOnly",)))
    cloud.judge({"first": FIRST, "second": SECOND}, replace(PAIR, flip=replace(FLIP, allowed=both)), "MySQL")


def test_what_is_told_has_an_end():
    many = [f"{'x' * 200}{number}" for number in range(500)]
    with pytest.raises(Blocked, match="and 495 more") as caught:
        differences.refuse(replace(FLIP, refuse=True), many, many)
    assert len(caught.value.message) < 1000
