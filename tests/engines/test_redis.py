"""What is Redis' own beside the conformance suite: rights, accounts that may rule, late commands, servers that lack something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis import exceptions as said
from tests.cluster import process
from tests.cluster.redis import Accounts, RedisServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.redis import RedisStage
from tests.engines.conformance.scene import Scene, go

from keyward.engines.base import AccountSet, Endpoint, Inspection, Level, Login, Place, Privilege
from keyward.engines.redis import errors, lock, users
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

Run = Callable[..., Any]


@pytest.fixture
def scene(redis_server: RedisServer) -> Scene:
    return scenes.created(RedisStage(redis_server))


@pytest.fixture
def run(redis_server: RedisServer) -> Run:
    """One command as an account whose password is its name reversed."""

    def command(account: str, *words: str) -> Any:
        with redis_server.client(account, account[::-1]) as client:
            return client.execute_command(*words)

    return command


def _at(scene: Scene, level: Level) -> Scene:
    return replace(scene, accounts=replace(scene.accounts, privileges=(Privilege("0", level),)))


# --- rights ---


async def test_both_accounts_have_the_same_rights(scene: Scene, redis_server: RedisServer):
    await scene.apply(scene.first, "one")
    await scene.apply(scene.second, "two")
    found = [redis_server.run("ACL", "GETUSER", name) for name in scene.accounts.names]
    first, second = ([sorted(str(part).split()) for part in [*user[:3], *user[4:]]] for user in found)
    assert first == second
    assert not users.parse(found[0]).mighty


async def test_read_write_reads_writes_and_rules_nothing(scene: Scene, run: Run):
    name = scene.first
    await scene.apply(name, name[::-1])
    assert run(name, "SET", "a key", "a value")
    assert run(name, "GET", "a key") == "a value"
    assert "redis_version" in run(name, "INFO")
    for forbidden in (
        ["ACL", "LIST"],
        ["CONFIG", "GET", "*"],
        ["FLUSHALL"],
        ["SHUTDOWN"],
        ["KEYS", "*"],
    ):
        with pytest.raises(said.NoPermissionError):
            run(name, *forbidden)


async def test_read_only_reads_and_writes_nothing(scene: Scene, run: Run):
    scene = _at(scene, Level.READ_ONLY)
    name = scene.first
    await scene.apply(name, name[::-1])
    await scene.verify(name, name[::-1])
    assert run(name, "GET", "no such key") is None
    for forbidden in (
        ["SET", "a", "b"],
        ["DEL", "a"],
        ["PUBLISH", "a", "b"],
        ["EVAL", "return 1", "0"],
        ["CONFIG", "GET", "*"],
    ):
        with pytest.raises(said.NoPermissionError):
            run(name, *forbidden)


async def test_the_proof_of_a_right_to_write_changes_nothing(scene: Scene, redis_server: RedisServer):
    await scene.apply(scene.first, "one")
    for make, look in (
        (["SET", "keyward:probe", "theirs"], ["GET", "keyward:probe"]),
        (["LPUSH", "keyward:probe", "theirs"], ["LRANGE", "keyward:probe", "0", "-1"]),
    ):
        redis_server.run("DEL", "keyward:probe")
        redis_server.run(*make)
        before = redis_server.run(*look)
        await scene.verify(scene.first, "one")
        assert redis_server.run(*look) == before
    redis_server.run("DEL", "keyward:probe")
    await scene.verify(scene.first, "one")
    assert redis_server.run("EXISTS", "keyward:probe") == 0


async def test_a_level_that_redis_does_not_have_is_named(scene: Scene):
    with pytest.raises(Blocked, match="ReadWrite or ReadOnly"):
        await _at(scene, Level.DB_OWNER).apply(scene.first, "one")


async def test_what_a_person_added_to_an_account_of_ours_goes_with_its_next_value(
    scene: Scene, redis_server: RedisServer
):
    await scene.apply(scene.first, "one")
    redis_server.run("ACL", "SETUSER", scene.first, ">a-second-password", "+keys")
    await scene.apply(scene.first, "two")
    assert not redis_server.logs_in(scene.first, "a-second-password")
    assert "+keys" not in redis_server.run("ACL", "GETUSER", scene.first)[5]


@pytest.mark.parametrize(
    "rules", ["+@all", "+@admin", "+acl", "+acl|setuser", "+@all -acl", "+config|set", "-@all (+@all ~*)"]
)
async def test_an_account_that_may_rule_the_server_is_known(redis_server: RedisServer, rules: str):
    words = rules.replace("(+@all ~*)", "").split() + (["(+@all ~*)"] if "(" in rules else [])
    redis_server.run("ACL", "SETUSER", "ruler", "reset", *words)
    found = users.parse(redis_server.run("ACL", "GETUSER", "ruler"))
    redis_server.run("ACL", "DELUSER", "ruler")
    assert found.mighty


@pytest.mark.parametrize(
    "rules", ["+@read", "+@all -@admin -@dangerous", "+@write +@connection", "+acl|whoami", "+config|get"]
)
async def test_an_account_that_may_not_is_let_be(redis_server: RedisServer, rules: str):
    redis_server.run("ACL", "SETUSER", "subject", "reset", *rules.split())
    found = users.parse(redis_server.run("ACL", "GETUSER", "subject"))
    redis_server.run("ACL", "DELUSER", "subject")
    assert not found.mighty


async def test_default_is_never_managed(scene: Scene):
    for accounts in (
        AccountSet(("default",), created=False),
        replace(scene.accounts, names=("default", "default_clone")),
    ):
        with pytest.raises(Blocked) as caught:
            await replace(scene, accounts=accounts).apply("default", "one")
        assert caught.value.reason is Reason.ACCOUNT_RESERVED


async def test_an_empty_password_is_none(scene: Scene):
    with pytest.raises(Rejected):
        await scene.apply(scene.first, "")


async def test_a_forced_change_ends_the_sessions_of_the_account(scene: Scene, redis_server: RedisServer):
    await scene.apply(scene.first, "one")
    with redis_server.client(scene.first, "one") as theirs:
        theirs.ping()
        async with scene.stage.engine.open(scene.place, scene.admin, 5.0) as session:
            change = scene.change(scene.first, "two", await session.inspect(scene.accounts))
            await session.apply(replace(change, terminate_sessions=True), go)
        with pytest.raises(redis.ConnectionError):
            theirs.ping()


# --- late commands ---


async def test_a_command_that_was_delayed_is_not_carried_out_after_a_later_one(
    scene: Scene, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    """Held on its way while its client gives up, and let go when a newer value is set: it must find its session gone."""
    await scene.apply(scene.first, "first")
    direct = replace(scene, place=_place(redis_server))
    with scene.stage.stalled(scene.first):
        with pytest.raises(Unsettled):
            await scene.through(scene.stage.port, timeout=1.0).apply(scene.first, "late")
        with pytest.raises(Retry) as caught:
            await direct.apply(scene.first, "newer")
        assert caught.value.reason is Reason.BUSY
        monkeypatch.setattr(lock, "LONGEST_SILENCE", 0)
        await direct.apply(scene.first, "newer")
    await direct.verify(scene.first, "newer")
    while not scene.stage.idle(scene.admin):
        pass
    assert redis_server.logs_in(scene.first, "newer")
    assert not redis_server.logs_in(scene.first, "late")


# --- servers that lack something ---


def _place(server: RedisServer) -> Place:
    return Place((Endpoint("127.0.0.1", server.port),), "0", server.ca_pem)


def _pair() -> AccountSet:
    return AccountSet(("app", "app_clone"), created=True, privileges=(Privilege("0", Level.READ_WRITE),))


async def _reason(server: RedisServer, admin: Login | None = None) -> tuple[type[KeywardError], Reason]:
    login = admin or Login("rotator", Sensitive(server.admin()))
    scene = Scene(RedisStage(server), _place(server), login, _pair())
    with pytest.raises(KeywardError) as caught:
        await scene.apply("app", "one")
    return type(caught.value), caught.value.reason


async def test_a_server_without_acls_is_told_so():
    with RedisServer(settings={"rename-command": 'ACL ""'}) as server:
        boss = Login("boss", Sensitive("super-secret-of-the-test"))
        assert await _reason(server, boss) == (Blocked, Reason.ENGINE_UNSUPPORTED)


async def test_a_server_with_one_password_for_all_takes_accounts_all_the_same():
    """requirepass is the password of `default`, which is an admin like another, and is not touched."""
    with RedisServer(accounts=Accounts.CONFIG) as server:
        server.run("CONFIG", "SET", "requirepass", "for-all-of-us")
        server.run("ACL", "SETUSER", "default", "on", "~*", "+@all")
        scene = Scene(RedisStage(server), _place(server), Login("default", Sensitive("for-all-of-us")), _pair())
        await scene.apply("app", "one")
        await scene.verify("app", "one")
        assert server.logs_in("default", "for-all-of-us")


@pytest.mark.parametrize("accounts", list(Accounts))
async def test_what_was_set_outlives_the_server_wherever_it_keeps_accounts(accounts: Accounts):
    with RedisServer(accounts=accounts) as server:
        scene = Scene(RedisStage(server), _place(server), Login("rotator", Sensitive(server.admin())), _pair())
        await scene.apply("app", "one")
        server.stop()
        server.start()
        assert server.exists("app") == (accounts is not Accounts.MEMORY)


async def test_a_value_is_set_where_the_acl_file_cannot_be_written():
    with RedisServer() as server:
        scene = Scene(RedisStage(server), _place(server), Login("rotator", Sensitive(server.admin())), _pair())
        server.acl_file.unlink()
        server.acl_file.mkdir()  # as a file that is mounted from elsewhere: it can be replaced by nobody
        await scene.apply("app", "one")
        await scene.verify("app", "one")
        server.acl_file.rmdir()


# --- what the driver says ---


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (said.AuthenticationError("invalid username-password pair"), Blocked, Reason.LOGIN_REFUSED),
        (said.AuthenticationWrongNumberOfArgsError("x"), Blocked, Reason.ENGINE_UNSUPPORTED),
        (said.NoPermissionError("x"), Blocked, Reason.PRIVILEGE_MISSING),
        (said.BusyLoadingError("x"), Retry, Reason.BUSY),
        (said.ConnectionError("max number of clients reached"), Retry, Reason.BUSY),
        (said.ConnectionError("Connection closed by server."), Retry, Reason.UNREACHABLE),
        (said.ReadOnlyError("x"), Retry, Reason.READ_ONLY_ENDPOINT),
        (said.MasterDownError("x"), Retry, Reason.UNREACHABLE),
        (said.TimeoutError("x"), Retry, Reason.TIMEOUT),
        (said.ResponseError("Error in ACL SETUSER modifier '#abc': x"), Blocked, Reason.ENGINE_UNSUPPORTED),
        (said.ResponseError("unknown command 'ACL', with args"), Blocked, Reason.ENGINE_UNSUPPORTED),
        (said.ResponseError("something else"), Retry, Reason.INTERNAL_ERROR),
    ],
)
def test_every_answer_has_its_reason_and_nothing_of_its_text(error, kind, reason):
    found = errors.translate(error)
    assert (type(found), found.reason) == (kind, reason)
    assert "abc" not in found.message
    assert "something else" not in found.message


async def test_a_port_without_tls_is_hinted_at_because_it_says_nothing():
    with RedisServer() as server:
        plain = process.free_port()
        server.run("CONFIG", "SET", "port", str(plain))
        place = Place((Endpoint("127.0.0.1", plain),), "0", server.ca_pem)
        scene = Scene(RedisStage(server), place, Login("boss", Sensitive("x")), _pair())
        with pytest.raises(Retry, match="is TLS offered at this port"):
            await replace(scene, timeout=1.0).inspect()


async def test_no_answer_of_a_server_says_that_marks_are_kept(scene: Scene):
    assert await scene.inspect() == Inspection((await scene.inspect()).accounts, keeps_marks=False)
