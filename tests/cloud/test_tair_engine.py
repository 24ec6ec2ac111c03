"""The engine of Tair and Redis instances behind its guard: calls of the real SDK, and what comes of them on a real Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cloud.standin import HOST, Fault, StandIn
from tests.cloud.tair import INSTANCE, VERSION, Tair
from tests.cluster.redis import RedisServer
from tests.whole_path.world import until

from keyward.domain import marks
from keyward.engines import registry
from keyward.engines.alibaba.caches import engine
from keyward.engines.base import (
    AccountSet,
    Action,
    Change,
    CloudApi,
    Endpoint,
    Expectation,
    Level,
    Login,
    Place,
    Privilege,
    Removal,
)
from keyward.engines.guard import guarded
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Underway, Unsettled
from keyward.sensitive import Sensitive

PAIR = AccountSet(("app", "app_clone"), created=True, privileges=(Privilege("*", Level.READ_ONLY),))
MARK = marks.Mark("9c4d2f40-0000-4000-8000-5a1de5a1de00", "0123456789abcdef" * 2, 1, "89abcdef")
FIRST, SECOND = "First-value-of-a-test-1", "Second-value-of-a-test-2"
CODED = re.compile(r"\([A-Za-z.]+, HTTP [0-9]{3}, request [0-9A-F-]{36}\)")


class System:
    """An instance, the engine that reaches it, and what the executor does to it."""

    def __init__(self, cloud: StandIn, server: RedisServer, *, combined: bool = False, kind: str = "Redis") -> None:
        self.cloud, self.server, self.tair = cloud, server, Tair(server, combined=combined)
        self.tair.instance_type = kind
        cloud.products[VERSION] = self.tair
        self.admin = cloud.ram.user("keyward", admin=True).keys[0]
        self.engine = guarded(registry.get("AlibabaCloud/Redis"))
        api = CloudApi(
            {"Tair": Endpoint(HOST, cloud.port)}, "Tair", "cn-hangzhou", INSTANCE, kind=kind, ca_pem=cloud.ca_pem
        )
        self.place = Place((Endpoint(HOST, server.port),), "", server.ca_pem, cloud=api, combined_auth=combined)
        self.login = Login(self.admin.id, Sensitive(self.admin.secret))

    def opened(self):
        return self.engine.open(self.place, self.login, 5.0)

    async def apply(self, account: str, password: str, sequence: int = 1, accounts: AccountSet = PAIR) -> list[str]:
        """The calls that changed something."""
        async with self.opened() as session:
            seen = await session.inspect(accounts)
            await session.check(accounts, seen)
            comments = {name: str(replace(MARK, sequence=sequence)) for name in accounts.names}
            change = Change(account, Sensitive(password), accounts, seen, comments, create=True)
            await session.apply(change, nothing)
            return [line.split()[0] for line in session.session.requests]

    async def verify(self, account: str, password: str, accounts: AccountSet = PAIR) -> None:
        expect = Expectation(accounts, admin=self.login)
        await self.engine.verify(self.place, self.place.primary, Login(account, Sensitive(password)), expect)

    async def remove(self, action: Action, *, disabled: bool = False) -> Action:
        async with self.opened() as session:
            seen = await session.inspect(PAIR)
            comments = {name: str(replace(MARK, disabled=disabled)) for name in PAIR.names}
            return await session.remove(Removal(action, PAIR, seen, comments), nothing)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[StandIn]:
    with StandIn(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def system(cloud, server) -> Iterator[System]:
    system = System(cloud, server)
    yield system
    system.tair.close()
    cloud.faults.clear()
    cloud.calls.clear()


async def nothing() -> None:
    return None


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    for secret in ("leaky", FIRST, SECOND):
        assert secret not in str(caught.value)
    return caught.value


async def test_a_pair_is_made_with_marks_and_rights_and_each_account_is_set_in_turn(system):
    assert await system.apply("app", FIRST) == ["CreateAccount", "CreateAccount", "ResetAccountPassword"]
    await system.verify("app", FIRST)
    one, clone = system.tair.accounts["app"], system.tair.accounts["app_clone"]
    assert (one.privilege, clone.privilege, one.type) == ("RoleReadOnly", "RoleReadOnly", "Normal")
    assert clone.password != FIRST
    assert await system.apply("app_clone", SECOND, 2) == ["ModifyAccountDescription", "ResetAccountPassword"]
    await system.verify("app_clone", SECOND)
    await system.verify("app", FIRST)
    async with system.opened() as session:
        seen = await session.inspect(PAIR)
    assert not seen.keeps_marks
    found = {name: marks.parse(state.mark) for name, state in seen.accounts.items()}
    assert found == {"app": MARK, "app_clone": replace(MARK, sequence=2)}


async def test_rights_of_the_account_that_is_set_follow_the_spec_and_the_other_ones_wait_for_their_turn(system):
    await system.apply("app", FIRST)
    wider = replace(PAIR, privileges=(Privilege("*", Level.READ_WRITE),))
    error = await refused(system.verify("app", FIRST, wider))
    assert (type(error), error.reason) == (Blocked, Reason.PRIVILEGE_MISSING)
    done = await system.apply("app_clone", SECOND, 2, wider)
    assert done == ["GrantAccountPrivilege", "ModifyAccountDescription", "ResetAccountPassword"]
    await system.verify("app_clone", SECOND, wider)
    assert system.tair.accounts["app"].privilege == "RoleReadOnly"


async def test_what_the_cloud_is_still_at_work_on_is_waited_for_and_nothing_is_done_twice(system):
    system.tair.delay = 1.5
    error = await refused(system.apply("app", FIRST))
    assert (type(error), error.reason, error.after) == (Underway, Reason.BUSY, 3.0)
    assert set(system.tair.accounts) == {"app"}
    assert (await refused(system.apply("app", FIRST))).reason is Reason.BUSY
    until("the account", lambda: system.tair.accounts["app"].status == "Available")
    assert (await refused(system.apply("app", FIRST))).reason is Reason.BUSY
    until("the clone", lambda: system.tair.accounts["app_clone"].status == "Available")
    assert await system.apply("app", FIRST) == ["ResetAccountPassword"]
    error = await refused(system.verify("app", FIRST))
    assert (type(error), error.reason, error.after) == (Underway, Reason.PROPAGATION_TIMEOUT, 3.0)
    until("the account", lambda: system.tair.accounts["app"].status == "Available")
    await system.verify("app", FIRST)
    system.tair.status = "Changing"
    error = await refused(system.apply("app_clone", SECOND, 2))
    assert (type(error), error.reason) == (Underway, Reason.BUSY)
    assert "is Changing" in error.message


@pytest.mark.parametrize(
    ("kind", "expected", "reason"),
    [
        ("AnswerLost", Unsettled, Reason.UNKNOWN_OUTCOME),
        ("Lost", Unsettled, Reason.UNKNOWN_OUTCOME),
        ("Broken", Unsettled, Reason.UNKNOWN_OUTCOME),
        ("Failed", Unsettled, Reason.UNKNOWN_OUTCOME),
        ("Throttled", Retry, Reason.BUSY),
        ("Refused", Blocked, Reason.ADMIN_PRIVILEGE_MISSING),
    ],
)
async def test_a_call_that_fails_says_what_is_known_of_it_and_is_repeated_with_the_same_value(
    system, kind, expected, reason
):
    for action in ("CreateAccount", "ModifyAccountDescription", "ResetAccountPassword"):
        if action == "CreateAccount":
            account, password, sequence = "app", FIRST, 1
        else:
            account, password, sequence = "app_clone", SECOND, 2
        system.cloud.faults.append(Fault(action, kind))
        error = await refused(system.apply(account, password, sequence))
        assert (type(error), error.reason) == (expected, reason)
        if kind == "Refused":
            assert "kvstore:ResetAccountPassword" in error.message
        await system.apply(account, password, sequence)
        await system.verify(account, password)
    assert set(system.tair.accounts) == {"app", "app_clone"}


async def test_an_account_of_somebody_else_s_stays_and_one_of_the_instance_s_own_is_never_touched(system):
    theirs = system.tair.account("app", description="made_by_hand")
    async with system.opened() as session:
        state = (await session.inspect(PAIR)).accounts["app"]
    assert (state.exists, state.mark, state.superuser) == (True, "made_by_hand", False)
    theirs.type = "Super"
    assert (await refused(system.apply("app", FIRST))).reason is Reason.ACCOUNT_RESERVED
    assert theirs.password != FIRST
    assert set(system.tair.accounts) == {"app"}


async def test_what_changed_after_it_was_judged_is_a_conflict_and_nothing_is_sent(system):
    await system.apply("app", FIRST)
    async with system.opened() as session:
        seen = await session.inspect(PAIR)
        change = Change("app_clone", Sensitive(SECOND), PAIR, seen, {}, create=True)
        system.tair.accounts["app_clone"].description = "by_somebody"
        assert isinstance(await refused(session.apply(change, nothing)), Conflict)
        removal = Removal(Action.DROP, PAIR, seen)
        assert isinstance(await refused(session.remove(removal, nothing)), Conflict)
    assert system.cloud.done("DeleteAccount") == 0


async def test_the_limit_of_accounts_is_told_before_one_of_a_pair_is_made_and_by_the_cloud_as_well(system):
    for number in range(17):
        system.tair.account(f"other_{number}")
    system.tair.account(INSTANCE, type="Super")
    system.tair.page = 5
    error = await refused(system.apply("app", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.CLOUD_REFUSED)
    assert "2 more cannot be made beside 17" in error.message
    assert "app_clone" not in system.tair.accounts
    single = replace(PAIR, names=("app",))
    await system.apply("app", FIRST, accounts=single)
    async with system.opened() as session:
        seen = await session.inspect(replace(PAIR, names=("late",)))
        change = Change(
            "late", Sensitive(FIRST), replace(PAIR, names=("late",)), seen, {"late": str(MARK)}, create=True
        )
        error = await refused(session.apply(change, nothing))
    assert "18 beside its own" in error.message
    assert CODED.search(error.message)


@pytest.mark.parametrize(
    ("told", "stated", "reason", "said"),
    [
        (
            {"instance_type": "Memcache"},
            "Redis",
            Reason.INVALID_SPEC,
            "is Memcache 7.0, but spec.redis.engine of the Target",
        ),
        (
            {"instance_type": "Tair"},
            "Redis",
            Reason.INVALID_SPEC,
            "is Tair 7.0, but spec.redis.engine of the Target says R",
        ),
        ({}, "Tair", Reason.INVALID_SPEC, "is Redis 7.0, but spec.redis.engine of the Target says Tair"),
        (
            {"engine_version": "2.8"},
            "Redis",
            Reason.ENGINE_UNSUPPORTED,
            "is Redis 2.8: accounts need Redis 4.0 or newer",
        ),
        ({"auth_mode": "Close"}, "Redis", Reason.ENGINE_UNSUPPORTED, "lets everybody of its VPC in without a password"),
    ],
)
async def test_an_instance_of_another_kind_or_version_is_refused_naming_both(system, told, stated, reason, said):
    for name, value in told.items():
        setattr(system.tair, name, value)
    system.place = replace(system.place, cloud=replace(system.place.cloud, kind=stated))
    error = await refused(system.apply("app", FIRST))
    assert (type(error), error.reason) == (Blocked, reason)
    assert said in error.message
    assert not system.tair.accounts


async def test_an_instance_that_is_not_there_and_a_wrong_login_are_told(system):
    place = system.place
    system.place = replace(place, cloud=replace(place.cloud, instance="r-bp1another"))
    error = await refused(system.apply("app", FIRST))
    assert error.reason is Reason.INVALID_SPEC
    assert "openApi: instanceId" in error.message
    system.place, system.login = place, Login(system.admin.id, Sensitive("wrong"))
    assert (await refused(system.apply("app", FIRST))).reason is Reason.ADMIN_LOGIN_REFUSED


async def test_names_that_the_cloud_keeps_and_passwords_that_it_refuses_come_to_nothing(system):
    kept = replace(PAIR, names=("select", "select_clone"))
    error = await refused(system.apply("select", FIRST, accounts=kept))
    assert (type(error), error.reason) == (Blocked, Reason.INVALID_SPEC)
    assert not system.tair.accounts
    assert isinstance(await refused(system.apply("app", "lowercase")), Rejected)
    for name in ("App", "1app", "a-b", "a" * 101, "app'; DROP", "app\0", "äpp"):
        error = await refused(system.apply(name, FIRST, accounts=replace(PAIR, names=(name,))))
        assert error.reason is Reason.INVALID_SPEC, name
    assert set(system.tair.accounts) == {"app", "app_clone"}  # with passwords that nobody knows


async def test_dropped_accounts_are_gone_and_disabled_ones_have_a_password_that_nobody_knows(system):
    await system.apply("app", FIRST)
    assert await system.remove(Action.DISABLE, disabled=True) is Action.DISABLE
    error = await refused(system.verify("app", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_REFUSED)
    async with system.opened() as session:
        assert not any(state.can_login for state in (await session.inspect(PAIR)).accounts.values())
    resets = system.cloud.done("ResetAccountPassword")
    assert await system.remove(Action.DISABLE, disabled=True) is Action.DISABLE
    assert system.cloud.done("ResetAccountPassword") == resets
    assert (await refused(system.apply("app", SECOND, 2))).reason is Reason.ACCOUNT_DISABLED
    assert await system.remove(Action.ENABLE) is Action.ENABLE
    await system.apply("app", SECOND, 2)
    await system.verify("app", SECOND)
    system.tair.delay = 1.5
    for left in ({"app_clone"}, set()):
        assert (await refused(system.remove(Action.DROP))).reason is Reason.BUSY
        until("the end of one", lambda left=left: set(system.tair.accounts) == left)
    assert await system.remove(Action.DROP) is Action.DROP
    assert not system.server.exists("app")


async def test_without_acl_users_a_login_is_one_word(cloud, server):
    system = System(cloud, server, combined=True, kind="Tair")
    try:
        await system.apply("app", FIRST)
        await system.verify("app", FIRST)
        assert (await refused(system.verify("app", SECOND))).reason is Reason.LOGIN_REFUSED
        await system.apply("app_clone", SECOND, 2)
        await system.verify("app_clone", SECOND)
        await system.verify("app", FIRST)
        assert not server.exists("app")
        system.place = replace(system.place, combined_auth=False)
        assert (await refused(system.verify("app", FIRST))).reason is Reason.LOGIN_REFUSED
    finally:
        system.tair.close()
        server.run("ACL", "SETUSER", "default", "reset", "off")


async def test_a_refused_login_of_an_account_that_the_cloud_has_says_what_to_look_at(system, monkeypatch):
    class Old:
        @staticmethod
        async def verify(*_: object) -> None:
            raise Blocked(Reason.ENGINE_UNSUPPORTED, "the server knows no ACL users")

    await system.apply("app", FIRST)
    error = await refused(system.verify("app", SECOND))
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_REFUSED)
    assert "account 'app' on r-bp1keyward: see whether this endpoint is that instance's" in error.message
    assert "whether somebody set another password" in error.message
    # As one says it that has no user names: an older one than is run here.
    monkeypatch.setattr(engine.registry, "get", lambda _name: Old)
    error = await refused(system.verify("app", FIRST))
    assert (type(error), error.reason) == (Blocked, Reason.ENGINE_UNSUPPORTED)
    assert "takes logins as the Target says (authentication: ACL)" in error.message


async def test_a_login_that_the_cloud_does_not_know_yet_is_not_published(system):
    await system.apply("app", FIRST)
    system.tair.accounts["app"].status = "Unavailable"
    assert (await refused(system.verify("app", FIRST))).reason is Reason.PROPAGATION_TIMEOUT
    account = system.tair.accounts.pop("app")
    assert (await refused(system.verify("app", FIRST))).reason is Reason.PROPAGATION_TIMEOUT
    system.tair.accounts["app"] = account
    system.cloud.faults.append(Fault("DescribeAccounts", "Failed"))
    assert isinstance(await refused(system.verify("app", FIRST)), Retry)
