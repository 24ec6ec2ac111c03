"""The PostgreSQL engine on a real server: rights, ownership, identity, and what its errors and logs hold."""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from tests.cluster import pki, process
from tests.cluster.postgres import PostgresServer

from keyward.engines.base import (
    AccountSet,
    Action,
    Change,
    Endpoint,
    Expectation,
    Inspection,
    Level,
    Login,
    Place,
    Privilege,
    Removal,
)
from keyward.engines.postgresql.engine import PostgreSQL
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Retry
from keyward.sensitive import Sensitive

_numbers = itertools.count(1)
CANARY = "canary-9f3b27c1d4-password"
ENGINE = PostgreSQL()


async def _go() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Scene:
    server: PostgresServer
    place: Place
    admin: Login
    accounts: AccountSet

    async def inspect(self) -> Inspection:
        async with ENGINE.open(self.place, self.admin, 10.0) as session:
            return await session.inspect(self.accounts)

    async def apply(self, account: str, password: str, seen: Inspection | None = None) -> None:
        async with ENGINE.open(self.place, self.admin, 10.0) as session:
            seen = seen or await session.inspect(self.accounts)
            await session.check(self.accounts, seen)
            absent = {n for n in self.accounts.all_roles if not seen.accounts[n].exists}
            marks = dict.fromkeys({*absent, account} if self.accounts.created else {account}, "the mark")
            change = Change(account, Sensitive(password), self.accounts, seen, marks, create=self.accounts.created)
            await session.apply(change, _go)

    async def verify(self, account: str, password: str, role: str | None = None) -> None:
        login = Login(account, Sensitive(password))
        expect = Expectation(self.accounts, role or self.accounts.rights_role)
        await ENGINE.verify(self.place, self.place.primary, login, expect)

    async def remove(self, action: Action, marks: Mapping[str, str] | None = None) -> Action:
        async with ENGINE.open(self.place, self.admin, 10.0) as session:
            seen = await session.inspect(self.accounts)
            return await session.remove(Removal(action, self.accounts, seen, marks or {}), _go)

    def run(self, account: str, password: str, statement: str) -> list[tuple[object, ...]]:
        with self.server.connect(self.place.database, account, password) as conn:
            cursor = conn.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def scene(postgres: PostgresServer) -> Scene:
    n = next(_numbers)
    database, rotator = postgres.database(f"shop{n}"), f"rotator{n}"
    password = postgres.admin(rotator, database=database)
    place = Place((Endpoint("127.0.0.1", postgres.port),), database, postgres.ca_pem)
    privilege = Privilege(database, Level.DB_OWNER)
    accounts = AccountSet((f"app{n}", f"app{n}_clone"), True, f"app{n}_rights", (privilege,))
    return Scene(postgres, place, Login(rotator, Sensitive(password)), accounts)


def _with(scene: Scene, level: Level) -> Scene:
    privilege = replace(scene.accounts.privileges[0], level=level)
    return replace(scene, accounts=replace(scene.accounts, privileges=(privilege,)))


async def test_what_the_clone_makes_the_original_uses(scene: Scene):
    first, second = scene.accounts.names
    await scene.apply(first, "one")
    await scene.apply(second, "two")
    await scene.verify(first, "one")
    await scene.verify(second, "two")
    scene.run(second, "two", "CREATE TABLE public.made (n int)")
    scene.run(first, "one", "ALTER TABLE public.made ADD m int")
    scene.run(first, "one", "DROP TABLE public.made")


async def test_the_clone_has_no_password_before_its_own_version(scene: Scene):
    first, second = scene.accounts.names
    await scene.apply(first, "one")
    found = scene.server.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", params=[second])
    assert found == [(None,)]


async def test_applying_the_same_value_twice_changes_nothing_for_its_user(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    await scene.apply(first, "one")
    await scene.verify(first, "one")


@pytest.mark.parametrize(("level", "writes"), [(Level.READ_ONLY, False), (Level.READ_WRITE, True)])
async def test_a_level_gives_what_it_says_and_no_more(scene: Scene, level: Level, writes: bool):
    scene = _with(scene, level)
    first, admin = scene.accounts.names[0], scene.admin
    scene.run(admin.account, admin.password.reveal_text(), "CREATE TABLE public.kept (n serial, m int)")
    await scene.apply(first, "one")
    await scene.verify(first, "one")
    scene.run(first, "one", "SELECT * FROM public.kept")
    if writes:
        scene.run(first, "one", "INSERT INTO public.kept (m) VALUES (1)")
    else:
        with pytest.raises(Exception, match="permission denied"):
            scene.run(first, "one", "INSERT INTO public.kept (m) VALUES (1)")
    with pytest.raises(Exception, match="permission denied"):
        scene.run(first, "one", "CREATE TABLE public.more (n int)")


async def test_rights_in_another_database_are_granted_there_and_proven_there(scene: Scene):
    other = scene.server.database(f"{scene.place.database}_more")
    scene.server.sql(f'ALTER DATABASE "{other}" OWNER TO "{scene.admin.account}"')
    scene.server.sql(f'ALTER SCHEMA public OWNER TO "{scene.admin.account}"', other)
    both = (*scene.accounts.privileges, Privilege(other, Level.DB_OWNER))
    scene = replace(scene, accounts=replace(scene.accounts, privileges=both))
    await scene.apply(scene.accounts.names[0], "one")
    await scene.verify(scene.accounts.names[0], "one")


async def test_a_lost_membership_is_a_wrong_identity(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    scene.server.sql(f'REVOKE "{scene.accounts.rights_role}" FROM "{first}"')
    with pytest.raises(Blocked) as caught:
        await scene.verify(first, "one")
    assert caught.value.reason is Reason.WRONG_IDENTITY


async def test_a_world_that_changed_after_it_was_judged_is_a_conflict(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    seen = await scene.inspect()
    scene.server.sql(f"COMMENT ON ROLE \"{first}\" IS 'somebody else'")
    with pytest.raises(Conflict):
        await scene.apply(first, "two", seen)
    await scene.verify(first, "one")


async def test_no_statement_in_the_log_holds_a_password(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, CANARY)
    await scene.verify(first, CANARY)
    log = scene.server.log.read_text(encoding="utf-8")
    assert first in log
    assert "SCRAM-SHA-256$4096:" in log
    assert CANARY not in log


async def test_a_refused_login_says_so_and_its_error_holds_no_password(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    with pytest.raises(Blocked) as caught:
        await scene.verify(first, CANARY)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert CANARY not in "".join(traceback.format_exception(caught.value))


async def _refusal(scene: Scene) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await scene.inspect()
    return caught.value


async def test_a_wrong_admin_password_is_named(scene: Scene):
    error = await _refusal(replace(scene, admin=Login(scene.admin.account, Sensitive("wrong"))))
    assert (type(error), error.reason) == (Blocked, Reason.ADMIN_LOGIN_REFUSED)


async def test_a_missing_database_is_named(scene: Scene):
    error = await _refusal(replace(scene, place=replace(scene.place, database="nowhere")))
    assert (type(error), error.reason) == (Blocked, Reason.DATABASE_MISSING)


async def test_a_server_that_is_down_is_tried_again(scene: Scene):
    nobody = Endpoint("127.0.0.1", process.free_port())
    error = await _refusal(replace(scene, place=replace(scene.place, endpoints=(nobody,))))
    assert (type(error), error.reason) == (Retry, Reason.UNREACHABLE)


async def test_a_name_without_an_address_is_named(scene: Scene):
    nobody = Endpoint("no-such-host.invalid", 5432)
    error = await _refusal(replace(scene, place=replace(scene.place, endpoints=(nobody,))))
    assert (type(error), error.reason) == (Retry, Reason.NAME_RESOLUTION)


async def test_an_unknown_ca_is_named(scene: Scene, tmp_path):
    stranger = pki.authority(tmp_path / "other").ca_file.read_text()
    error = await _refusal(replace(scene, place=replace(scene.place, ca_pem=stranger)))
    assert (type(error), error.reason) == (Blocked, Reason.UNKNOWN_CA)


async def test_a_certificate_for_another_name_is_refused(scene: Scene):
    error = await _refusal(replace(scene, place=replace(scene.place, server_name="db.example.com")))
    assert (type(error), error.reason) == (Blocked, Reason.UNKNOWN_CA)


async def test_an_admin_without_createrole_is_told_so(scene: Scene):
    scene.server.sql(f'ALTER ROLE "{scene.admin.account}" NOCREATEROLE')
    with pytest.raises(Blocked, match="CREATEROLE") as caught:
        await scene.apply(scene.accounts.names[0], "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING


async def test_a_right_that_the_admin_cannot_grant_is_named(scene: Scene):
    scene.server.sql("CREATE TABLE public.theirs (n int)", scene.place.database)
    with pytest.raises(Blocked, match=r"public\.theirs") as caught:
        await scene.apply(scene.accounts.names[0], "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING


async def test_a_superuser_is_never_touched(scene: Scene):
    scene.server.sql(f'CREATE ROLE "{scene.accounts.names[0]}" SUPERUSER LOGIN')
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.accounts.names[0], "one")
    assert caught.value.reason is Reason.ACCOUNT_RESERVED


async def test_an_imported_pair_shares_objects_and_settings_and_any_name_is_quoted(scene: Scene):
    n = next(_numbers)
    names = (f'we"ird % {{}} é{n}', f"we'ird clone {n}")
    for name in names:
        quoted = name.replace('"', '""')
        scene.server.sql(f'CREATE ROLE "{quoted}" LOGIN'.encode())
    quoted = names[0].replace('"', '""')
    scene.server.sql(f'ALTER ROLE "{quoted}" SET search_path = public, "$user"'.encode())
    scene = replace(scene, accounts=AccountSet(names, created=False))
    await scene.apply(names[1], "two")
    await scene.apply(names[0], "one")
    await scene.verify(names[1], "two", names[0])
    await scene.verify(names[0], "one", names[0])
    assert scene.run(names[1], "two", "SHOW search_path") == [('public, "$user"',)]


async def test_disabled_accounts_do_not_log_in_until_they_are_enabled(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    assert await scene.remove(Action.DISABLE, {first: "off"}) is Action.DISABLE
    with pytest.raises(Blocked) as caught:
        await scene.verify(first, "one")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    await scene.remove(Action.ENABLE, {first: "on"})
    await scene.verify(first, "one")


async def test_dropping_leaves_no_role_behind(scene: Scene):
    await scene.apply(scene.accounts.names[0], "one")
    assert await scene.remove(Action.DROP) is Action.DROP
    assert not any(state.exists for state in (await scene.inspect()).accounts.values())


async def test_an_owner_of_objects_is_disabled_and_its_objects_stay(scene: Scene):
    first = scene.accounts.names[0]
    await scene.apply(first, "one")
    scene.run(first, "one", "CREATE TABLE public.made (n int)")
    assert await scene.remove(Action.DROP) is Action.DISABLE
    assert scene.server.sql("SELECT count(*) FROM public.made", scene.place.database) == [(0,)]


async def test_nothing_is_sent_if_the_last_question_is_answered_with_no(scene: Scene):
    async def no() -> None:
        raise Retry(Reason.BUSY, "the lease is over")

    async with ENGINE.open(scene.place, scene.admin, 10.0) as session:
        seen = await session.inspect(scene.accounts)
        change = Change(scene.accounts.names[0], Sensitive("one"), scene.accounts, seen, {}, create=True)
        with pytest.raises(Retry, match="lease"):
            await session.apply(change, no)
    assert await scene.inspect() == seen


async def test_an_apply_that_is_cancelled_in_flight_changes_nothing(scene: Scene):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    async def run() -> None:
        async with ENGINE.open(scene.place, scene.admin, 10.0) as session:
            seen = await session.inspect(scene.accounts)
            first = scene.accounts.names[0]
            await session.apply(Change(first, Sensitive("one"), scene.accounts, seen, {}, create=True), hang)

    task = asyncio.create_task(run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(state.exists for state in (await scene.inspect()).accounts.values())
