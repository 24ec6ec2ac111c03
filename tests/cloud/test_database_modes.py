"""What RDS and PolarDB have beside a pair that is made: imports, the privileged account, levels, and pairs of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cloud.system import DATABASE, FIRST, SECOND, System, refused, system_of

from keyward.engines.base import AccountSet, Level, Privilege
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


@pytest.fixture(params=["mysql", "mariadb"])
def family(request, tmp_path) -> Iterator[System]:
    with system_of("RDS", request.getfixturevalue(request.param), tmp_path) as found:
        yield found


@pytest.fixture
def polar_mysql(mysql, tmp_path) -> Iterator[System]:
    with system_of("PolarDB", mysql, tmp_path) as found:
        yield found


async def test_a_database_more_that_an_account_on_postgresql_owns_stays_its_own(postgres_in_rds):
    """The API takes no right there: to ask for it would end each rotation."""
    system = postgres_in_rds
    await system.settled("orders", FIRST)
    system.there.accounts["orders"].privileges["cloud_more"] = "DBOwner"
    await system.settled("orders", SECOND)
    await system.verify("orders", SECOND)
    assert not system.cloud.done("RevokeAccountPrivilege")


async def test_of_an_imported_pair_each_account_in_its_turn_gets_the_rights_of_the_one_in_use(family):
    system = family
    system.there.account("blue", "was-Blue-1", **{DATABASE: "DMLOnly"})
    system.there.account("green", "was-Green-1")
    pair, was = AccountSet(("blue", "green"), created=False), Sensitive("was-Blue-1")
    await system.verify("blue", was, pair)
    await system.settled("green", FIRST, pair, like="blue")
    await system.verify("green", FIRST, pair)
    await system.verify("blue", was, pair)
    assert system.there.accounts["green"].privileges == {DATABASE: "DMLOnly"}
    with system.server.connect(DATABASE, "green", FIRST.reveal()) as conn, conn.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        assert "INSERT" in str(cursor.fetchall())
    system.there.server.give("green", DATABASE, "ReadWrite")
    system.there.accounts["green"].privileges[DATABASE] = "ReadWrite"
    await system.settled("blue", SECOND, pair, like="green")
    await system.verify("blue", SECOND, pair)
    await system.verify("green", FIRST, pair)
    assert (await refused(system.verify("blue", was, pair))).reason is Reason.LOGIN_REFUSED
    assert system.there.accounts["blue"].privileges == {DATABASE: "ReadWrite"}
    assert not system.cloud.done("CreateAccount")


async def test_a_single_account_of_postgresql_that_was_there_is_only_given_values(postgres_in_rds):
    system = postgres_in_rds
    system.there.account("legacy", "was-Legacy-1", **{DATABASE: "DBOwner"})
    alone = AccountSet(("legacy",), created=False)
    await system.verify("legacy", Sensitive("was-Legacy-1"), alone)
    for value in (FIRST, SECOND):
        await system.settled("legacy", value, alone)
        await system.verify("legacy", value, alone)
    assert (await refused(system.verify("legacy", FIRST, alone))).reason is Reason.LOGIN_REFUSED
    assert [action for action, _ in system.there.done] == ["ResetAccountPassword"] * 2
    assert system.there.accounts["legacy"].privileges == {DATABASE: "DBOwner"}


async def test_the_privileged_account_of_postgresql_is_asked_for_as_one_and_may_make_others(postgres_in_rds):
    system = postgres_in_rds
    alone = AccountSet(("orders",), created=True, preset_role="Super")
    await system.settled("orders", FIRST, alone)
    await system.settled("orders", SECOND, alone)
    await system.verify("orders", SECOND, alone)
    assert system.there.accounts["orders"].type == "Super"
    assert [action for action, _ in system.there.done] == ["CreateAccount", *["ResetAccountPassword"] * 2]
    with system.server.connect(DATABASE, "orders", SECOND.reveal_text()) as session:
        session.execute("CREATE ROLE made_by_orders")
        session.execute("DROP ROLE made_by_orders")
    system.there.accounts["orders"].type = "Normal"
    assert (await refused(system.verify("orders", SECOND, alone))).reason is Reason.PRIVILEGE_MISSING


async def test_read_index_is_asked_for_by_its_name_and_proven_by_the_cloud_s_record(polar_mysql):
    system, seen = polar_mysql, []
    system.cloud.before = seen.append
    system.accounts = replace(system.accounts, privileges=(Privilege(DATABASE, Level.READ_INDEX),))
    await system.settled("orders", FIRST)
    made = [call.parameters() for call in seen if call.action == "CreateAccount"]
    assert [(one["DBName"], one["AccountPrivilege"]) for one in made] == [(DATABASE, "ReadIndex")] * 2
    await system.verify("orders", FIRST)
    with system.server.connect(DATABASE, "orders", FIRST.reveal()) as conn, conn.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        given = str(cursor.fetchall())
    assert "INDEX" in given
    assert "INSERT" not in given
    system.there.accounts["orders"].privileges = {DATABASE: "ReadOnly"}
    error = await refused(system.verify("orders", FIRST))
    assert error.reason is Reason.PRIVILEGE_MISSING
    assert f"has ReadOnly on database '{DATABASE}' in the cloud, and ReadIndex is wished" in error.message


async def test_an_imported_account_that_the_cloud_does_not_have_is_missing_and_nothing_is_made(mariadb_in_rds):
    mariadb_in_rds.there.account("blue", "was-Blue-1")
    for names in (("green",), ("blue", "green")):
        pair = AccountSet(names, created=False)
        error = await refused(mariadb_in_rds.apply(names[0], FIRST, pair))
        assert (type(error), error.reason) == (Blocked, Reason.ACCOUNT_MISSING)
        assert "no account 'green' on rm-bp1example: make it there" in error.message
        # A login that is refused is what drift looks for.
        assert (await refused(mariadb_in_rds.verify("green", FIRST, pair))).reason is Reason.LOGIN_REFUSED
    assert not mariadb_in_rds.there.done


async def test_an_instance_has_one_privileged_account_which_is_looked_for_first(mariadb_in_rds):
    system = mariadb_in_rds
    alone = AccountSet(("orders",), created=True, preset_role="Super")
    await system.settled("orders", FIRST, alone)
    assert system.there.accounts["orders"].type == "Super"
    await system.verify("orders", FIRST, alone)
    await system.settled("orders", SECOND, alone)
    other = AccountSet(("second",), created=True, preset_role="Super")
    error = await refused(system.apply("second", FIRST, other))
    assert (type(error), error.reason) == (Blocked, Reason.CLOUD_REFUSED)
    assert "its one privileged account, 'orders'" in error.message
    # To an ordinary Credential it is the instance's own.
    async with system.opened() as session:
        assert (await session.inspect(AccountSet(("orders",), created=False))).accounts["orders"].superuser


UNEQUAL = {
    "SELECT on table public.things": "GRANT SELECT ON things TO {}",
    "USAGE on sequence public.numbers": "GRANT USAGE ON SEQUENCE numbers TO {}",
    "EXECUTE on function public.one": "GRANT EXECUTE ON FUNCTION one TO {}",
    "USAGE on type public.kind": "GRANT USAGE ON TYPE kind TO {}",
    "INSERT by default on what maker makes": "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT INSERT ON TABLES TO {}",
    "the setting of work_mem": "ALTER ROLE {} SET work_mem = '5MB'",
    "the setting of search_path": f"ALTER ROLE {{}} IN DATABASE {DATABASE} SET search_path = one, two",
    "role maker": "GRANT maker TO {}",
}


async def test_a_pair_on_postgresql_that_is_not_equal_is_never_proven(polar, maker):
    await polar.settled("orders", FIRST)
    for said, statement in UNEQUAL.items():
        polar.server.sql(statement.format("orders"), DATABASE)
        error = await refused(polar.verify("orders", FIRST))
        assert (type(error), error.reason) == (Blocked, Reason.PRIVILEGE_MISSING)
        assert f"accounts 'orders' and 'orders_clone' are not equal: {said} is" in error.message
        polar.server.sql(statement.format("orders_clone"), DATABASE)
        await polar.verify("orders", FIRST)


@pytest.fixture
def maker(polar) -> Iterator[None]:
    """A role, and things of it that nobody else may use."""
    for statement in (
        "CREATE ROLE maker",
        "CREATE TABLE things (id int)",
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "REVOKE EXECUTE ON FUNCTION one FROM PUBLIC",
        "CREATE TYPE kind AS ENUM ('a')",
        "REVOKE USAGE ON TYPE kind FROM PUBLIC",
    ):
        polar.server.sql(statement, DATABASE)
    yield
    polar.server.sql("DROP OWNED BY maker", DATABASE)
    polar.server.sql("DROP ROLE maker")
