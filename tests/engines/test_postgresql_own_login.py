"""An admin login that changes itself: since PostgreSQL 16 it may set its password and nothing else, our mark least of all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg.errors import InvalidGrantOperation
from psycopg.sql import SQL, Identifier
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.proxy import FaultProxy
from tests.engines.conformance.postgresql import PostgresStage
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number

from keyward.engines.base import AccountSet, Login
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

MANY = 40  # more answers than any change takes
THEIRS = "who this is\nkeyward/1 5a11 fedcba9876543210fedcba9876543210 7 89abcdef"
"""Somebody's text and a mark, from a time when it could be written."""


@pytest.fixture(params=["postgres", "newest_postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def proxy(newest_postgres: PostgresServer) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", newest_postgres.port)) as proxy:
        yield proxy


def alone(server: PostgresServer) -> Scene:
    """The admin is the account that it changes."""
    stage, name = PostgresStage(server), f"own{number()}"
    login = Login(name, Sensitive(server.admin(name, password="first")))
    return Scene(stage, stage.place(), login, AccountSet((name,), created=False, admins=True))


def then(scene: Scene, password: str) -> Scene:
    """The same, by the login that it has now."""
    return replace(scene, admin=replace(scene.admin, password=Sensitive(password)))


def comment(server: PostgresServer, name: str) -> str | None:
    found: str | None = server.sql("SELECT shobj_description(to_regrole(%s), 'pg_authid')", params=[name])[0][0]
    return found


async def test_it_sets_its_own_password_and_the_mark_where_the_server_lets_it(server: PostgresServer):
    scene, marks = alone(server), not isinstance(server, NewestPostgresServer)
    for was, password in (("first", "second"), ("second", "third")):
        scene = then(scene, was)
        assert (await scene.inspect()).keeps_marks is marks
        await scene.apply(scene.first, password)
        await scene.verify(scene.first, password)
        assert not scene.stage.logs_in(scene.first, was)
        assert comment(server, scene.first) == (scene.mark_of(password) if marks else None)


async def test_a_mark_from_before_is_seen_and_stays(newest_postgres: PostgresServer):
    scene = alone(newest_postgres)
    newest_postgres.sql(SQL("COMMENT ON ROLE {} IS {}").format(Identifier(scene.first), THEIRS))
    assert (await scene.inspect()).accounts[scene.first].mark == THEIRS
    await scene.apply(scene.first, "second")
    await scene.verify(scene.first, "second")
    assert comment(newest_postgres, scene.first) == THEIRS


async def test_accounts_of_others_are_marked_by_the_same_admin(newest_postgres: PostgresServer):
    scene = alone(newest_postgres)
    name = f"app{number()}"
    made = replace(scene, accounts=AccountSet((name,), True, f"{name}_rights"))
    assert (await made.inspect()).keeps_marks
    await made.apply(name, "one")
    assert comment(newest_postgres, name) == made.mark_of("one")


async def test_one_that_ends_on_a_day_is_refused_before_anything_is_changed(newest_postgres: PostgresServer):
    scene, sent = alone(newest_postgres), []

    async def send() -> None:
        sent.append(True)

    newest_postgres.sql(SQL("ALTER ROLE {} VALID UNTIL '2099-01-01'").format(Identifier(scene.first)))
    with pytest.raises(Blocked, match="VALID UNTIL, which it cannot move itself: set it to 'infinity'") as caught:
        await scene.apply(scene.first, "second", send=send)
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    assert not sent
    newest_postgres.sql(SQL("ALTER ROLE {} VALID UNTIL 'infinity'").format(Identifier(scene.first)))
    await scene.apply(scene.first, "second", send=send)
    assert sent
    assert scene.stage.logs_in(scene.first, "second")


async def test_one_of_a_pair_is_refused_and_told_what_else_there_is(newest_postgres: PostgresServer):
    scene = alone(newest_postgres)
    other = f"{scene.first}_other"
    newest_postgres.admin(other, password="first")
    # As much as the server lets one of them have on the other.
    newest_postgres.sql(SQL("GRANT {} TO {} WITH ADMIN TRUE").format(Identifier(other), Identifier(scene.first)))
    for names in ((scene.first, other), (other, scene.first)):
        pair = replace(scene, accounts=replace(scene.accounts, names=names))
        with pytest.raises(Blocked, match=r"use accountManagement Single with spec\.admin\.selfChange") as caught:
            await pair.apply(other, "second")
        assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING


def test_the_server_lets_no_two_roles_administer_each_other_by_whatever_way(newest_postgres: PostgresServer):
    """What a pair of admins would need: each the ADMIN OPTION on the other, or both that of a role which has it on both."""
    n = number()
    blue, green, keeper = (Identifier(f"{name}{n}") for name in ("blue", "green", "keeper"))
    for role in (blue, green, keeper):
        newest_postgres.sql(SQL("CREATE ROLE {} LOGIN CREATEROLE").format(role))
    grant = "GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
    for role, member in ((green, blue), (blue, keeper)):
        newest_postgres.sql(SQL(grant).format(role, member))
    for role, member in ((blue, blue), (blue, green), (keeper, blue), (keeper, green)):
        for form in (grant, "GRANT {} TO {}"):
            if (role, member) == (keeper, green):
                # Of these two each may be had alone, but not once the other is there.
                newest_postgres.sql(SQL("GRANT {} TO {}").format(green, keeper))
            with pytest.raises(InvalidGrantOperation, match="is a member of role"):
                newest_postgres.sql(SQL(form).format(role, member))


async def test_what_is_recorded_first_is_recorded_under_the_lock_and_a_conflict_there_changes_nothing(
    newest_postgres: PostgresServer,
):
    """Two controllers that judged the same world: the second one waits for the first, and then finds that it came late."""
    scene, held, on = alone(newest_postgres), asyncio.Event(), asyncio.Event()
    recorded: list[str] = []

    async def hold() -> None:
        recorded.append("second")
        held.set()
        await on.wait()

    async def late() -> None:
        raise Conflict(Reason.WRITTEN_BY_ANOTHER, "somebody wrote first")

    async def never() -> None:
        recorded.append("never")

    first = asyncio.create_task(scene.apply(scene.first, "second", send=hold))
    await held.wait()
    with pytest.raises(Retry) as caught:
        await replace(scene, timeout=2.0).apply(scene.first, "never", send=never)
    assert caught.value.reason is Reason.BUSY
    on.set()
    await first
    assert recorded == ["second"]
    with pytest.raises(Conflict):
        await then(scene, "second").apply(scene.first, "never", send=late)
    assert scene.stage.logs_in(scene.first, "second")
    assert not scene.stage.logs_in(scene.first, "never")


async def test_each_answer_lost_in_turn_leaves_exactly_one_of_both_values(
    newest_postgres: PostgresServer, proxy: FaultProxy
):
    now, unknown = "first", 0
    scene = alone(newest_postgres)
    for answers in range(MANY):

        async def lose(answers: int = answers) -> None:
            proxy.answers_left = answers

        new, error = f"new {answers}", None
        try:
            await then(scene.through(proxy.port), now).apply(scene.first, new, send=lose)
        except KeywardError as failure:
            error = failure
        proxy.answers_left = None
        in_by = [password for password in (now, new) if scene.stage.logs_in(scene.first, password)]
        assert len(in_by) == 1
        if error is None:
            break
        assert isinstance(error, Retry)
        unknown += isinstance(error, Unsettled)
        if not isinstance(error, Unsettled):
            assert in_by == [now], f"set, but called {error.reason} after {answers} answers"
        (now,) = in_by
    assert unknown


async def test_forced_it_ends_its_other_sessions(newest_postgres: PostgresServer):
    scene = alone(newest_postgres)
    with newest_postgres.connect("postgres", scene.first, "first") as other:
        async with scene.stage.engine.open(scene.place, scene.admin, scene.timeout) as session:
            change = scene.change(scene.first, "second", await session.inspect(scene.accounts))
            await session.apply(replace(change, terminate_sessions=True), _go)
        with pytest.raises(Exception, match="terminating connection"):
            other.execute("SELECT 1")
    assert scene.stage.logs_in(scene.first, "second")


async def _go() -> None:
    """Nothing speaks against sending."""
