"""The engines of RDS and PolarDB behind their guard: accounts by signed calls, which a stand-in does to real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cloud.signatures import Refused
from tests.cloud.standin import Fault
from tests.cloud.system import DATABASE, FIRST, MARK, SECOND, System, refused, system_of

from keyward.engines.base import Action, Change, Login
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Underway, Unsettled
from keyward.sensitive import Sensitive

CODED = re.compile(r"\([A-Za-z.]+, HTTP [0-9]{3}, request [0-9A-F-]{36}\)")


@pytest.fixture(
    params=[("RDS", "mariadb"), ("RDS", "mysql"), ("RDS", "postgres"), ("PolarDB", "mysql"), ("PolarDB", "postgres")],
    ids="-".join,
)
def system(request, tmp_path) -> Iterator[System]:
    product, server = request.param
    with system_of(product, request.getfixturevalue(server), tmp_path) as found:
        yield found


async def test_accounts_are_made_one_change_an_attempt_then_given_their_rights_and_the_value_last(system):
    system.there.delay = 0.2
    names, seen = system.accounts.names, []
    system.cloud.before = seen.append
    attempts = await system.settled("orders", FIRST)
    done = [action for action, _ in system.there.done]
    assert system.sent == len(done)
    assert all(one.description.startswith("keyward-1_7f0f1b5c") for one in system.there.accounts.values())
    assert {call.parameters()["AccountType"] for call in seen if call.action == "CreateAccount"} == {"Normal"}
    if system.product == "PolarDB":
        assert done == ["CreateAccount"] * 2
    else:
        assert done == ["CreateAccount"] * len(names) + ["GrantAccountPrivilege", "ResetAccountPassword"]
    assert attempts >= len(done)
    await system.verify("orders", FIRST)
    for name in names[1:]:
        assert (await refused(system.verify(name, FIRST))).reason is Reason.LOGIN_REFUSED
        await system.settled(name, SECOND)
        await system.verify(name, SECOND)
    await system.verify("orders", FIRST)


async def test_what_the_cloud_is_still_doing_is_waited_for_without_a_login(system):
    await system.settled("orders", FIRST)
    system.there.delay = 1.0
    await system.apply("orders", SECOND)
    error = await refused(system.verify("orders", SECOND))
    assert (type(error), error.reason) == (Underway, Reason.PROPAGATION_TIMEOUT)
    error = await refused(system.apply("orders", SECOND))
    assert (type(error), error.reason, bool(error.after)) == (Underway, Reason.BUSY, True)
    await system.rest()
    await system.verify("orders", SECOND)


@pytest.mark.parametrize(
    ("kind", "expected"), [("AnswerLost", Unsettled), ("Lost", Unsettled), ("Broken", Unsettled), ("Failed", Unsettled)]
)
async def test_a_value_whose_answer_was_lost_is_sent_again_as_it_was(mariadb_in_rds, kind, expected):
    system = mariadb_in_rds
    await system.settled("orders", FIRST)
    system.cloud.faults.append(Fault("ResetAccountPassword", kind))
    error = await refused(system.apply("orders", SECOND))
    assert (type(error), error.reason) == (expected, Reason.UNKNOWN_OUTCOME)
    await system.settled("orders", SECOND)
    await system.verify("orders", SECOND)


@pytest.mark.parametrize("kind", ["AnswerLost", "Lost", "Broken"])
async def test_an_account_whose_making_was_not_answered_is_looked_for_and_made_once(mariadb_in_rds, kind):
    system, errors = mariadb_in_rds, list[KeywardError]()
    system.cloud.faults += [Fault("CreateAccount", kind), Fault("GrantAccountPrivilege", kind)]
    while len(errors) < 8:
        try:
            await system.apply("orders", FIRST)
        except KeywardError as error:
            errors.append(error)
        else:
            break
    # No value was on its way: nothing is in doubt, and nothing was refused.
    assert {type(error) for error in errors} == {Retry, Underway}
    await system.verify("orders", FIRST)
    made = [name for action, name in system.there.done if action == "CreateAccount"]
    assert sorted(made) == ["orders", "orders_clone"]


async def test_polardb_makes_an_account_once_however_often_it_is_asked(polar):
    kinds = []
    for _ in range(2):
        polar.cloud.faults.append(Fault("CreateAccount", "AnswerLost"))
        kinds.append(type(await refused(polar.apply("orders", FIRST))))
    assert kinds == [Retry, Unsettled]  # the first one is made with a value that nobody knows
    await polar.settled("orders", FIRST)
    assert len(polar.there.tokens) == 2
    await polar.verify("orders", FIRST)


@pytest.mark.parametrize(
    ("code", "kind", "reason", "said"),
    [
        ("Throttling.User", Retry, Reason.BUSY, "less often"),
        ("OperationDenied.DBInstanceStatus", Retry, Reason.BUSY, "is at work on the instance"),
        ("Forbidden.RAM", Blocked, Reason.ADMIN_PRIVILEGE_MISSING, "rds:ResetAccountPassword on the instance"),
        ("InvalidAccountPassword.Format", Rejected, Reason.PASSWORD_REFUSED, "refused the password"),
        ("InvalidDBInstanceId.NotFound", Blocked, Reason.INVALID_SPEC, "openApi: instanceId"),
    ],
)
async def test_each_refusal_is_told_by_what_it_means(mariadb_in_rds, code, kind, reason, said):
    await mariadb_in_rds.settled("orders", FIRST)

    def refuse(_asked):
        raise Refused(403, code)

    mariadb_in_rds.there._ResetAccountPassword = refuse
    error = await refused(mariadb_in_rds.apply("orders", SECOND))
    assert (type(error), error.reason) == (kind, reason)
    assert said in error.message
    assert CODED.search(error.message)


async def test_an_instance_of_another_kind_or_that_does_not_run_or_is_not_there_is_named(system):
    real = system.there.engine
    system.there.engine = "SQLServer"
    error = await refused(system.apply("orders", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.INVALID_SPEC)
    assert f"the Target says {real}, but {system.there.instance} is SQLServer" in error.message
    system.there.engine, system.there.status = real, "Restarting"
    error = await refused(system.apply("orders", FIRST))
    assert (type(error), error.reason) == (Underway, Reason.BUSY)
    assert "is Restarting, not Running" in error.message
    system.there.status = "Running"
    system.place = replace(system.place, cloud=replace(system.place.cloud, instance="rm-other"))
    error = await refused(system.apply("orders", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.INVALID_SPEC)
    assert not system.there.done


@pytest.mark.parametrize("role", ["Readonly", "ReadOnly", "Guard"])
async def test_an_instance_that_follows_another_is_named_and_no_account_is_made_on_it(mariadb_in_rds, role):
    mariadb_in_rds.there.role = role
    error = await refused(mariadb_in_rds.apply("orders", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.READ_ONLY_ENDPOINT)
    assert f"{mariadb_in_rds.there.instance} is a read-only instance" in error.message
    assert not mariadb_in_rds.there.done


async def test_an_admin_without_a_right_is_told_which_by_the_name_of_its_action(system):
    system.cloud.faults.append(Fault("DescribeAccounts", "Refused"))
    error = await refused(system.apply("orders", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.ADMIN_PRIVILEGE_MISSING)
    assert f"{system.product.lower()}:DescribeAccounts on the instance" in error.message
    describe = "DescribeDBInstanceAttribute" if system.product == "RDS" else "DescribeDBClusterAttribute"
    system.cloud.faults.append(Fault(describe, "Refused"))
    assert f"{system.product.lower()}:{describe} on" in (await refused(system.apply("orders", FIRST))).message


async def test_a_right_that_somebody_took_or_gave_is_mended_on_the_account_that_is_not_in_use(mariadb_in_rds):
    system, server = mariadb_in_rds, mariadb_in_rds.server
    await system.settled("orders", FIRST)
    await system.settled("orders_clone", SECOND)
    there = system.there.accounts["orders"]
    server.database("cloud_more")
    try:
        system.there.server.take("orders", DATABASE)
        system.there.server.give("orders", DATABASE, "ReadOnly")
        system.there.server.give("orders", "cloud_more", "ReadWrite")
        there.privileges = {DATABASE: "ReadOnly", "cloud_more": "ReadWrite"}
        error = await refused(system.verify("orders", FIRST))
        assert (type(error), error.reason) == (Blocked, Reason.PRIVILEGE_MISSING)
        assert f"has ReadOnly on database '{DATABASE}' in the cloud, and ReadWrite is wished" in error.message
        await system.settled("orders", FIRST)
        await system.verify("orders", FIRST)
        assert there.privileges == {DATABASE: "ReadWrite"}
        assert "cloud_more" not in str(server.sql("SHOW GRANTS FOR orders"))
    finally:
        server.sql("DROP DATABASE cloud_more")


async def test_a_login_that_is_refused_although_the_cloud_has_the_account_says_where_to_look(mariadb_in_rds):
    await mariadb_in_rds.settled("orders", FIRST)
    error = await refused(mariadb_in_rds.verify("orders", SECOND))
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_REFUSED)
    assert "refused" in error.message
    assert "account 'orders' on rm-bp1example: see whether this endpoint is that instance's" in error.message


async def test_a_locked_account_and_one_that_changed_meanwhile_are_left_alone(mariadb_in_rds):
    system = mariadb_in_rds
    await system.settled("orders", FIRST)
    async with system.opened() as session:
        seen = await session.inspect(system.accounts)
        system.there.accounts["orders"].description = "somebody-s"
        change = Change("orders", SECOND, system.accounts, seen, dict.fromkeys(system.accounts.names, MARK))
        assert isinstance(await refused(session.apply(change, system.send)), Conflict)
    system.there.accounts["orders"].locked = True
    assert (await refused(system.verify("orders", FIRST))).reason is Reason.ACCOUNT_DISABLED
    assert (await refused(system.apply("orders", SECOND))).reason is Reason.ACCOUNT_DISABLED
    system.there.accounts["orders"].locked = False
    await system.verify("orders", FIRST)


async def test_accounts_are_disabled_by_a_password_that_nobody_knows_and_dropped(mariadb_in_rds):
    system = mariadb_in_rds
    await system.settled("orders", FIRST)
    disabled = f"{MARK} disabled"
    # That it is told in the description counts less than that it is so; what is told is not done again.
    system.cloud.faults.append(Fault("ModifyAccountDescription", "Throttled"))
    for resets in (3, 4, 4):
        assert await system.remove(Action.DISABLE, disabled) is Action.DISABLE
        assert [action for action, _ in system.there.done].count("ResetAccountPassword") == resets
    assert (await refused(system.verify("orders", FIRST))).reason is Reason.LOGIN_REFUSED
    async with system.opened() as session:
        found = await session.inspect(system.accounts)
    assert [found.accounts[name].can_login for name in system.accounts.names] == [False, False]
    await system.remove(Action.ENABLE)
    await system.settled("orders", SECOND)
    await system.verify("orders", SECOND)
    assert await system.remove(Action.DROP) is Action.DROP
    assert await system.remove(Action.DROP) is Action.DROP
    assert not system.there.accounts


@pytest.mark.parametrize("action", [Action.DISABLE, Action.DROP])
@pytest.mark.parametrize("where", ["mariadb_in_rds", "polar"])
async def test_an_end_is_waited_for_and_sent_once(request, where, action):
    system = request.getfixturevalue(where)
    await system.settled("orders", FIRST)
    system.there.waits_for, before = "a look", len(system.there.done)
    assert await system.removed(action, f"{MARK} disabled") > 1
    assert system.there.at_rest
    sent = [call for call in system.there.done[before:] if call[0] != "ModifyAccountDescription"]
    assert [name for _, name in sent] == list(system.accounts.names)
    assert set(system.there.accounts) == (set() if action is Action.DROP else set(system.accounts.names))
    assert (await refused(system.verify("orders", FIRST))).reason is Reason.LOGIN_REFUSED


async def test_nothing_is_sent_once_the_last_question_says_no(system):
    async def no() -> None:
        raise Retry(Reason.WRITTEN_BY_ANOTHER, "not any more")

    system.send = no
    error = await refused(system.apply("orders", FIRST))
    assert error.reason is Reason.WRITTEN_BY_ANOTHER
    assert not system.there.done


async def test_a_wrong_admin_login_and_a_wrong_ca_are_told(system):
    right = system.login
    system.login = Login(system.admin.id, Sensitive("wrong"))
    assert (await refused(system.apply("orders", FIRST))).reason is Reason.ADMIN_LOGIN_REFUSED
    system.login, cloud = right, system.place.cloud
    system.place = replace(system.place, cloud=replace(cloud, ca_pem=system.server.ca_pem))
    assert (await refused(system.apply("orders", FIRST))).reason is Reason.UNKNOWN_CA
    assert not system.there.done
