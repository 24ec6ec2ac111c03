"""At which endpoints a value has to be proven, which of them may be away, and what holds a promotion back."""

from __future__ import annotations

import contextlib

import pytest

from keyward.controller.ports import Access
from keyward.controller.proof import Proof
from keyward.engines.base import AccountSet, Endpoint, Expectation, Login, Place, Role
from keyward.engines.guard import guarded
from keyward.errors import Blocked, KeywardError, Reason, Retry
from keyward.sensitive import Sensitive

LOGIN = Login("app", Sensitive("one"))
NEW = Login("app", Sensitive("two"))
NODE = Role.NODE
DOWN = Retry(Reason.UNREACHABLE, "c:3: nobody listens")
REFUSED = Blocked(Reason.LOGIN_REFUSED, "no")


class Engine:
    """Servers that each keep accounts; `named` are those that the Target does not list."""

    name = "Nodes"

    def __init__(self, answers=None, named=()) -> None:
        self.answers, self.named, self.asked = answers or {}, named, []

    async def verify(self, place, endpoint, login, expect):
        self.asked.append(endpoint.host)
        self.admin = expect.admin
        if endpoint.host in self.answers:
            raise self.answers[endpoint.host]

    async def nodes(self, place, login):
        if isinstance(self.named, KeywardError):
            raise self.named
        return (*place.endpoints, *self.named)

    def open(self, place, admin, timeout): ...

    @contextlib.asynccontextmanager
    async def watch(self, place, admin):
        yield self


async def prove(engine: Engine, *endpoints: Endpoint) -> None:
    proof = Proof(Access(guarded(engine), Place(endpoints, "0"), LOGIN), LOGIN, Expectation(AccountSet(("app",), True)))
    for endpoint in await proof.endpoints():
        await proof.at(endpoint)
    proof.must_be_one()


async def reason(engine: Engine, *endpoints: Endpoint) -> tuple[type[KeywardError], Reason]:
    with pytest.raises(KeywardError) as caught:
        await prove(engine, *endpoints)
    return type(caught.value), caught.value.reason


async def test_every_endpoint_is_asked_the_primary_first_and_those_that_are_named_too():
    engine = Engine(named=(Endpoint("d", 4, NODE),))
    await prove(engine, Endpoint("b", 2, Role.REPLICA), Endpoint("a", 1))
    assert engine.asked == ["a", "b", "d"]


async def test_a_system_that_names_nothing_is_asked_where_the_target_says():
    engine = Engine(named=REFUSED)
    await prove(engine, Endpoint("a", 1))
    assert engine.asked == ["a"]


async def test_a_node_that_is_away_holds_the_value_back_unless_it_is_optional():
    engine = Engine({"c": DOWN})
    assert await reason(engine, Endpoint("a", 1), Endpoint("c", 3, NODE)) == (Retry, Reason.PROPAGATION_TIMEOUT)
    await prove(engine, Endpoint("a", 1), Endpoint("c", 3, NODE, optional=True))


async def test_a_node_that_lacks_the_value_holds_it_back_unless_it_is_optional():
    engine = Engine({"c": Retry(Reason.PROPAGATION_TIMEOUT, "c lacks it")})
    assert await reason(engine, Endpoint("a", 1), Endpoint("c", 3, NODE)) == (Retry, Reason.PROPAGATION_TIMEOUT)
    await prove(engine, Endpoint("a", 1), Endpoint("c", 3, NODE, optional=True))


async def test_where_all_are_optional_and_none_is_there_nothing_is_proven():
    engine = Engine({"c": DOWN})
    assert await reason(engine, Endpoint("c", 3, NODE, optional=True)) == (Retry, Reason.UNREACHABLE)


@pytest.mark.parametrize("told", [REFUSED, Blocked(Reason.ACCOUNT_DISABLED, "off")])
async def test_what_an_optional_node_says_of_the_account_counts(told):
    engine = Engine({"c": told})
    assert await reason(engine, Endpoint("a", 1), Endpoint("c", 3, NODE, optional=True)) == (Blocked, told.reason)


@pytest.mark.parametrize(("overlap", "looks"), [(False, NEW), (True, LOGIN)])
async def test_an_admin_that_proves_itself_looks_with_that_value_but_not_where_the_other_one_is_good_as_well(
    overlap, looks
):
    engine = Engine()
    accounts = AccountSet((LOGIN.account,), created=False, overlap=overlap)
    endpoint = Endpoint("a", 1)
    await Proof(Access(guarded(engine), Place((endpoint,), "0"), LOGIN), NEW, Expectation(accounts)).at(endpoint, LOGIN)
    assert engine.admin is looks
