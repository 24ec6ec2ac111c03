"""The engine of RAM users behind its guard: whose a key is, what is issued and withdrawn, and which error is which."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud.standin import HOST, Fault, StandIn

from keyward.domain import access_keys
from keyward.domain.access_keys import Pair
from keyward.engines import registry
from keyward.engines.alibaba.ram.engine import AGAIN
from keyward.engines.base import AccountSet, CloudApi, Endpoint, Expectation, Inspection, Login, Place
from keyward.engines.guard import guarded
from keyward.engines.issuing import IssuingSession
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry, Underway, Unsettled
from keyward.sensitive import Sensitive

USER = "orders-app"
ACCOUNTS = AccountSet((USER,), created=False, overlap=True)
CODED = re.compile(r"\([A-Za-z.]+, HTTP [0-9]{3}, request [0-9A-F-]{36}\)")


class System:
    """A cloud with an admin and a user, and the engine that reaches it."""

    def __init__(self, cloud: StandIn) -> None:
        self.cloud, self.ram = cloud, cloud.ram
        self.admin = self.ram.user("keyward", admin=True).keys[0]
        self.user = self.ram.user(USER)
        self.engine = guarded(registry.get("AlibabaCloud"))
        endpoint = Endpoint(HOST, cloud.port)
        services = {"RAM": endpoint, "STS": endpoint}
        self.place = Place((endpoint,), "", cloud=CloudApi(services, ca_pem=cloud.ca_pem))
        self.login = Login(self.admin.id, Sensitive(self.admin.secret))

    def opened(self):
        return self.engine.open(self.place, self.login, 5.0)

    async def verify(self, *pairs: Pair, user: str = USER, **place: object) -> None:
        expect = Expectation(ACCOUNTS, admin=self.login)
        login = Login(user, access_keys.encode(pairs))
        await self.engine.verify(replace(self.place, **place), self.place.primary, login, expect)


@pytest.fixture
def system(tmp_path):
    with StandIn(tmp_path / "cloud") as cloud:
        yield System(cloud)


def pair(key) -> Pair:
    return Pair(key.id, Sensitive(key.secret))


async def nothing() -> None:
    return None


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    assert "leaky" not in str(caught.value)
    return caught.value


async def test_a_key_is_proven_as_one_of_its_user(system):
    await system.verify(pair(system.user.keys[0]))


async def test_a_key_of_another_user_proves_nothing(system):
    other = system.ram.user("somebody-else").keys[0]
    error = await refused(system.verify(pair(other)))
    assert error.reason is Reason.WRONG_IDENTITY


async def test_a_wrong_secret_is_refused_for_certain_and_the_request_is_named(system):
    error = await refused(system.verify(Pair(system.user.keys[0].id, Sensitive("wrong"))))
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_REFUSED)
    assert CODED.search(error.message)
    assert system.cloud.calls[-1][1] in error.message


async def test_a_key_that_is_not_known_everywhere_yet_is_told_from_one_that_is_gone(system):
    system.ram.propagation = 60.0
    async with system.opened() as session:
        issued = await session.issue(USER, nothing)
    new = access_keys.decode(issued.value)[0]
    error = await refused(system.verify(new))
    assert (type(error), error.reason, error.after) == (Underway, Reason.PROPAGATION_TIMEOUT, AGAIN)
    # Later than the cloud says that it may take, it is a failure.
    system.user.keys[-1].created -= timedelta(minutes=6)
    error = await refused(system.verify(new))
    assert (type(error), error.reason) == (Retry, Reason.PROPAGATION_TIMEOUT)
    async with system.opened() as session:
        await session.withdraw(USER, new.id, nothing)
    error = await refused(system.verify(new))
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_REFUSED)


async def test_a_key_that_somebody_switched_off_is_told_as_that(system):
    system.user.keys[0].status = "Inactive"
    error = await refused(system.verify(pair(system.user.keys[0])))
    assert (type(error), error.reason) == (Blocked, Reason.ACCOUNT_DISABLED)


async def test_of_the_keys_beside_the_first_one_may_be_gone_and_none_may_be_wrong_or_another_s(system):
    first, second = system.user.keys[0], system.ram.key(USER)
    await system.verify(pair(first), pair(second))
    assert (
        await refused(system.verify(pair(first), Pair(second.id, Sensitive("wrong"))))
    ).reason is Reason.LOGIN_REFUSED
    other = system.ram.user("somebody-else").keys[0]
    assert (await refused(system.verify(pair(first), pair(other)))).reason is Reason.WRONG_IDENTITY
    second.status = "Inactive"
    await system.verify(pair(first), pair(second))
    system.user.keys.remove(second)
    await system.verify(pair(first), pair(second))


async def test_a_value_is_issued_once_switched_off_at_its_end_and_deleted_when_it_is_withdrawn(system):
    old = system.user.keys[0]
    async with system.opened() as session:
        assert isinstance(session, IssuingSession)
        assert session.most == 2
        issued = await session.issue(USER, nothing)
        await system.verify(access_keys.decode(issued.value)[0])
        assert [held.id for held in (await session.holdings(USER)).values] == [old.id, issued.id]
        value = access_keys.encode([pair(old)])
        for _ in range(2):
            await session.end(Ending(USER, ACCOUNTS, Inspection({}), value, issued.value), nothing)
        assert [held.active for held in (await session.holdings(USER)).values] == [False, True]
        for _ in range(2):
            await session.withdraw(USER, old.id, nothing)
        done = [line.split()[0] for line in session.requests]
    assert done == ["CreateAccessKey", "UpdateAccessKey", "UpdateAccessKey", "UpdateAccessKey", "DeleteAccessKey"]
    assert [key.id for key in system.user.keys] == [issued.id]


async def test_a_value_that_never_ends_is_the_one_to_keep(system):
    kept = access_keys.encode([pair(system.user.keys[0])])
    async with system.opened() as session:
        await session.end(Ending(USER, ACCOUNTS, Inspection({}), kept, kept), nothing)
    assert system.user.keys[0].status == "Active"


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
@pytest.mark.parametrize("action", ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"])
async def test_a_change_that_fails_says_what_is_known_of_it(system, action, kind, expected, reason):
    system.cloud.faults.append(Fault(action, kind))
    async with system.opened() as session:
        work = (
            session.issue(USER, nothing)
            if action == "CreateAccessKey"
            else session.withdraw(USER, _first(system), nothing)
        )
        error = await refused(work)
    assert (type(error), error.reason) == (expected, reason)
    if kind == "Throttled":
        assert error.after == 2.0


def _first(system) -> str:
    return system.user.keys[0].id


async def test_a_third_key_is_refused_for_certain(system):
    system.ram.key(USER)
    async with system.opened() as session:
        error = await refused(session.issue(USER, nothing))
    assert isinstance(error, Rejected)


async def test_a_user_that_is_not_there_is_absent_and_an_admin_without_rights_is_told_which(system):
    async with system.opened() as session:
        found = await session.inspect(AccountSet(("nobody", USER), created=False))
        assert [found.accounts[name].exists for name in ("nobody", USER)] == [False, True]
        assert not found.keeps_marks
    system.ram.users["keyward"].admin = False
    async with system.opened() as session:
        error = await refused(session.inspect(ACCOUNTS))
    assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert "ram:CreateAccessKey" in error.message


async def test_a_wrong_admin_login_and_a_wrong_ca_are_told(system, tmp_path):
    system.login = Login(system.admin.id, Sensitive("wrong"))
    async with system.opened() as session:
        assert (await refused(session.inspect(ACCOUNTS))).reason is Reason.ADMIN_LOGIN_REFUSED
    assert (await refused(system.verify(pair(system.user.keys[0])))).reason is Reason.ADMIN_LOGIN_REFUSED
    system.place = replace(system.place, cloud=replace(system.place.cloud, ca_pem=None))
    async with system.opened() as session:
        assert (await refused(session.inspect(ACCOUNTS))).reason is Reason.UNKNOWN_CA


async def test_nothing_is_sent_once_the_last_question_says_no(system):
    async def no() -> None:
        raise Retry(Reason.WRITTEN_BY_ANOTHER, "not any more")

    async with system.opened() as session:
        await refused(session.issue(USER, no))
        await refused(session.withdraw(USER, _first(system), no))
    assert not system.cloud.calls
