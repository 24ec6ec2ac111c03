"""Whose an admin login is, where the way from it leads, and what becomes of work that was refused with an older one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.controller.test_cache import credential
from tests.domain.test_nodes import version
from tests.world.scenario import PG, wish_of

from keyward.controller import targets
from keyward.controller.admins import Admins, vouches
from keyward.controller.cache import Cache
from keyward.controller.effects import Effects
from keyward.controller.passes import Pass, no_hook
from keyward.controller.ports import Access
from keyward.domain.model import Memory, SecretView
from keyward.domain.version import Mode
from keyward.engines.base import AccountSet, Action, Endpoint, Login, Place
from keyward.errors import Blocked, Reason
from keyward.kube.targets import AdminSecret
from keyward.sensitive import Sensitive

ADMIN, ORDERS = ("shop", "admin"), ("shop", "orders")
LINEAGE = "0" * 32


def rds(name: str, target: str, secret: str) -> dict[str, Any]:
    block = {"targetRef": {"name": target}, "create": {"name": name}}
    return credential(name, "1", spec={"rds": block, "projections": [{"secretName": secret}]})


def target(name: str, secret: str) -> dict[str, Any]:
    spec = {"rds": {"endpoints": [{"host": "pg"}]}, "admin": {"secretRef": {"name": secret}}}
    return {"kind": "Target", "metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"}, "spec": spec}


@pytest.fixture
def cache() -> Cache:
    cache = Cache()
    cache.put_target("Target", target("pg", "pg-admin"))
    for item in (rds("admin", "pg", "pg-admin"), rds("orders", "pg", "orders")):
        cache.put_credential(item)
    return cache


def admins(cache: Cache) -> Admins:
    async def never(*_: object) -> Sensitive:
        raise AssertionError

    return Admins(cache, "keyward-system", never, never)


def secret(credential: str = "admin") -> AdminSecret:
    return AdminSecret("shop", "pg-admin", "7", "x", Sensitive("p"), {}, credential)


def test_the_credential_that_projects_the_admin_secret_keeps_the_login_and_no_other(cache):
    looks = admins(cache)
    assert looks.view(ADMIN, secret(), self_change=True, hands_over=False).projected
    assert not looks.view(ORDERS, secret(), self_change=True, hands_over=False).projected
    assert not looks.view(ADMIN, secret(credential=""), self_change=True, hands_over=False).projected, (
        "somebody else's Secret of that name"
    )
    assert looks.view(ADMIN, secret(), self_change=False, hands_over=False).way_back == ()


def test_a_way_back_over_another_target_is_found_and_names_them(cache):
    cache.put_target("Target", target("other", "other-admin"))
    cache.put_credential(rds("far", "other", "pg-admin-of-another"))
    looks = admins(cache)
    assert looks.view(("shop", "far"), secret(), self_change=False, hands_over=False).way_back == ()
    cache.put_target("Target", target("third", "third-admin"))
    for item in (rds("one", "third", "other-admin"), rds("two", "other", "third-admin")):
        cache.put_credential(item)
    assert looks.view(("shop", "one"), secret(), self_change=False, hands_over=False).way_back == (
        "Target third",
        "Target other",
    )
    assert looks.view(("shop", "two"), secret(), self_change=False, hands_over=False).way_back == (
        "Target other",
        "Target third",
    )


def single(sequence: int, **changes: Any) -> Any:
    return version(sequence, "x", name=f"admin-00000000-{sequence}", credential="admin", mode=Mode.SINGLE, **changes)


@pytest.mark.parametrize(
    ("newest", "written", "changing"),
    [
        ({}, 2, ""),
        ({}, 1, "admin"),  # promoted, and the Secret is behind
        ({"promoted": None}, 1, "admin"),  # reserved, and perhaps sent
    ],
)
def test_others_see_that_a_login_changes_itself_by_its_versions_and_its_secret(cache, newest, written, changing):
    for one in (single(1), single(2, **newest)):
        cache.version_index.put(one)
    cache.put_secret(
        "shop", SecretView("pg-admin", "7", managed=True, lineage=LINEAGE, credential="admin", sequence=written)
    )
    assert admins(cache).view(ORDERS, secret(), self_change=True, hands_over=False).changing == changing
    assert admins(cache).view(ADMIN, secret(), self_change=True, hands_over=False).changing == ""


def test_a_pair_that_takes_turns_holds_nobody_up(cache):
    for one in (version(1, "x"), version(2, "x_clone", promoted=None)):
        cache.version_index.put(one)
    cache.put_secret("shop", SecretView("pg-admin", "7", managed=True, lineage=LINEAGE, credential="x", sequence=1))
    assert admins(cache).view(ORDERS, secret("x"), self_change=False, hands_over=False).changing == ""


def test_a_new_secret_vouches_first_for_the_target_whose_login_its_credential_keeps(cache):
    for name, host in (("polar", "pg"), ("elsewhere", "elsewhere")):
        item = target(name, "pg-admin")
        item["spec"] = {"polardb": {"endpoints": [{"host": host, "port": 5432}]}} | {"admin": item["spec"]["admin"]}
        cache.put_target("Target", item)
    found = {name: _digest(cache, name) for name in ("pg", "polar", "elsewhere")}
    new, by_hand, far = secret(), secret(credential=""), secret(credential="far")
    assert found["pg"] == found["polar"]
    assert vouches(cache, "keyward-system", new, found["polar"])
    assert not vouches(cache, "keyward-system", new, found["elsewhere"]), "it would collect the password"
    assert vouches(cache, "keyward-system", by_hand, found["elsewhere"])
    used = replace(new, approvals={"Target/polar": (found["elsewhere"],)})
    assert vouches(cache, "keyward-system", used, found["elsewhere"]), "somebody approved it"
    # One that keeps the login of another Target than its own says nothing of where that is.
    cache.put_target("Target", target("other", "other-admin"))
    cache.put_credential(rds("far", "other", "pg-admin"))
    assert vouches(cache, "keyward-system", far, found["elsewhere"])


def _digest(cache: Cache, name: str) -> str:
    item = cache.target("Target", "shop", name)
    assert item is not None
    return targets.admin_of(item, "keyward-system").digest


# --- work that was refused ---


class Server:
    """Lets the newest login in."""

    def __init__(self, *logins: Login | None) -> None:
        self.reads, self.tries = list(logins), 0

    async def renew(self) -> Login | None:
        return self.reads.pop(0)

    def of(self, run: Pass) -> Any:
        async def work() -> str:
            self.tries += 1
            assert run.access is not None
            if run.access.admin.password.reveal_text() != "new":
                raise Blocked(Reason.ADMIN_LOGIN_REFUSED, "refused")
            return "done"

        return work


def a_pass(server: Server) -> Pass:
    engine: Any = SimpleNamespace(name="PostgreSQL")
    access = Access(engine, Place((Endpoint("pg", 5432),), "db"), Login("x", Sensitive("old")), server.renew)
    return Pass(None, Memory(), AsyncExitStack(), access)  # type: ignore[arg-type]


async def test_a_refused_admin_login_is_read_once_more_and_the_work_done_if_it_was_changed():
    server = Server(Login("x", Sensitive("new")))
    run = a_pass(server)
    assert await run.as_admin(server.of(run)) == "done"
    assert server.tries == 2


@pytest.mark.parametrize(("read", "tries"), [(None, 1), (Login("x", Sensitive("wrong, too")), 2)])
async def test_it_is_tried_no_third_time_nor_twice_with_the_same_login(read, tries):
    server = Server(read)
    run = a_pass(server)
    with pytest.raises(Blocked):
        await run.as_admin(server.of(run))
    assert server.tries == tries


async def test_a_first_login_that_is_refused_is_told_of_the_import_that_it_was_read_from():
    run = a_pass(Server(None))
    run.subject = SimpleNamespace(wish=wish_of("overlap import"))  # type: ignore[assignment]
    assert run.access is not None
    run.access = replace(run.access, given=True)
    with pytest.raises(Blocked, match=r"import\.accounts: the password that was read for account 'x'") as caught:
        await run.as_admin(Server().of(run))
    assert caught.value.reason is Reason.ADMIN_LOGIN_REFUSED


async def test_accounts_that_are_made_are_no_first_login(cache):
    subject: Any = SimpleNamespace(wish=wish_of("overlap create"))
    of: Any = SimpleNamespace(namespace="shop", secret="pg-admin")
    with pytest.raises(Blocked, match="is not there: create it"):
        await admins(cache).stand_in(subject, of, PG)


@pytest.mark.parametrize("action", [Action.DISABLE, Action.DROP])
async def test_the_account_that_the_operator_is_logged_in_as_is_neither_disabled_nor_dropped(action):
    run = a_pass(Server())
    run.accounts = AccountSet(("x", "y"), created=False)
    vault: Any = None
    with pytest.raises(Blocked) as refused:
        await Effects(vault, no_hook).remove(run, single(1), action)
    assert refused.value.reason is Reason.ADMIN_CYCLE
    assert run.session is None
