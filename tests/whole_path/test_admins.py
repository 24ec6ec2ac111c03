"""The admin login of a Target, kept by a Credential of that very Target, rotates while others rotate through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.docs.pages import page
from tests.docs.test_operations_work import Terminal
from tests.whole_path.accounts import created as created_on_postgres
from tests.whole_path.accounts import refused as refused_on_postgres
from tests.whole_path.test_mysql_family import FamilyShop, created
from tests.whole_path.world import Json, Shop, until

ROTATIONS = 5
GRACE = 1  # seconds: between a reader's look at the Secret and its login
RETAINED = {"accounts": "Retain", "secrets": "Retain"}


@dataclass
class Keeper:
    """One server and its Target, whose admin Secret a Credential makes."""

    shop: Any
    made: Callable[[str], Json]  # the block of accounts that are made
    make_admin: Callable[[str, str], None]
    refused: Callable[[dict[str, str]], Any]
    break_in: Callable[[str, str], None]  # set a password by hand
    engine: str
    sql: Callable[[str], Any]  # as a superuser
    seen: dict[str, int] = field(default_factory=dict)

    def target(self, name: str, secret: str, **admin: Any) -> Json:
        spec = self.shop.target() | {"admin": {"secretRef": {"name": secret}} | admin}
        spec["allowedAccounts"] = [f"{name}_*"]
        return self.shop.made("Target", name, spec)

    def admins(self, name: str, *accounts: str, mode: str = "Dual", **spec: Any) -> list[Json]:
        """The Credential that keeps the login of the Target `name`, and where it takes the first passwords from."""
        old = self.shop.plain_secret(
            f"{name}-first", {a: f"first-of-{a}" for a in accounts}, labels={"keyward.dev/source-for": f"{name}-admin"}
        )
        given = [{"name": a, "passwordFrom": {"secretName": f"{name}-first", "key": a}} for a in accounts]
        wanted = self.credential(f"{name}-admin", name, {"import": {"accounts": given}}, mode=mode)
        wanted["spec"] |= {"deletion": RETAINED} | spec
        return [old, wanted]

    def credential(self, name: str, target: str, block: Json, mode: str = "Dual") -> Json:
        database = {"databaseName": "orders"}
        rds = {"targetRef": {"name": target}, "engine": self.engine, "accountManagement": mode} | database | block
        rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
        return self.shop.made(
            "Credential", name, {"rds": rds, "rotation": rotation, "projections": [{"secretName": name}]}
        )

    def both_rotated(self, names: tuple[str, ...], token: str) -> None:
        before = {name: self.shop.secret(name) for name in names}
        for name in names:
            self.shop.annotate(name, "rotate", token)
        for name in names:
            until(f"a rotation of {name}", lambda name=name: self.shop.secret(name) != before[name])

    @contextmanager
    def readers(self, *secrets: str) -> Iterator[list[str]]:
        """One for each Secret, who reads it and logs in, all the time. What was refused."""
        found, stop = [], threading.Event()

        def read(name: str) -> None:
            while not stop.is_set():
                secret = self.shop.secret(name)
                if self.refused(secret):
                    found.append(f"{name}: {secret['username']}")
                self.seen[name] = self.seen.get(name, 0) + 1
                time.sleep(0.1)

        threads = [threading.Thread(target=read, args=(name,)) for name in secrets]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def troubles(self, since: int) -> list[str]:
        """What the operator said that failed since then."""
        text = self.shop.log.read_text()[since:]
        return [line for line in text.splitlines() if " failed: " in line and f'"{self.shop.namespace}' in line]

    def now(self) -> int:
        return len(self.shop.log.read_text())


def _postgres(control_plane: Any, server: Any) -> Keeper:
    shop = Shop(control_plane, server, "admins-pg")

    def make_admin(name: str, password: str) -> None:
        server.admin(name, password=password)
        server.sql(f"GRANT rotator TO {name}")  # who owns the database and its schema

    def break_in(name: str, password: str) -> None:
        server.sql(f"ALTER ROLE {name} PASSWORD '{password}'")

    made = created_on_postgres
    return Keeper(shop, made, make_admin, lambda s: refused_on_postgres(shop, s), break_in, "PostgreSQL", server.sql)


def _family(control_plane: Any, server: Any) -> Keeper:
    shop = FamilyShop(control_plane, server)
    shop.namespace = f"admins-{server.name.lower()}"

    def make_admin(name: str, password: str) -> None:
        server.sql(f"CREATE USER {name} IDENTIFIED BY '{password}'")
        for grant in ("CREATE USER ON *.*", "SELECT ON mysql.*"):
            server.sql(f"GRANT {grant} TO {name}")
        server.sql(f"GRANT ALL ON `orders`.* TO {name} WITH GRANT OPTION")

    def break_in(name: str, password: str) -> None:
        server.sql(f"ALTER USER {name} IDENTIFIED BY '{password}'")

    made = lambda name: {k: v for k, v in created(name).items() if k != "databaseName"}  # noqa: E731
    return Keeper(shop, made, make_admin, shop.refused, break_in, server.name, server.sql)


@pytest.fixture(scope="module", params=["postgres", "mysql", "mariadb"])
def keeper(request: pytest.FixtureRequest, control_plane) -> Iterator[Keeper]:
    server = request.getfixturevalue(request.param)
    keeper = (_postgres if request.param == "postgres" else _family)(control_plane, server)
    shop = keeper.shop
    shop.prepare()
    with shop.operator():
        yield keeper
    shop.close()
    if request.param != "postgres":
        server.sql("DROP DATABASE orders")
        server.sql("DROP USER rotator")


def _begin(keeper: Keeper, name: str, *accounts: str, mode: str = "Dual", **admin: Any) -> tuple[str, str]:
    for account in accounts:
        keeper.make_admin(account, f"first-of-{account}")
    shop, beside = keeper.shop, f"{name}-beside"
    target = keeper.target(name, f"{name}-admin", **admin)
    shop.apply(
        target, *keeper.admins(name, *accounts, mode=mode), keeper.credential(beside, name, keeper.made(f"{name}_app"))
    )
    until("both Secrets", lambda: shop.secret(f"{name}-admin") and shop.secret(beside), seconds=90)
    return f"{name}-admin", beside


def test_a_pair_of_admins_changes_each_other_while_another_credential_rotates_through_them(keeper):
    admin, beside = _begin(keeper, "pair", "pair_blue", "pair_green")
    since, names = keeper.now(), []
    with keeper.readers(admin, beside) as refused:
        for number in range(ROTATIONS):
            keeper.both_rotated((admin, beside), f"t{number}")
            names.append(keeper.shop.secret(admin)["username"])
    assert names == ["pair_green", "pair_blue", "pair_green", "pair_blue", "pair_green"]
    assert not refused
    assert min(keeper.seen[admin], keeper.seen[beside]) > ROTATIONS
    assert not keeper.troubles(since)
    approvals = keeper.shop.get("secret", admin)["metadata"]["annotations"]["keyward.dev/approved-digests"]
    assert "Target/pair" in approvals, "the approval stays on the Secret through its rotations"


def test_a_login_that_changes_itself_does_so_alone_and_others_go_on_with_the_new_one(keeper):
    admin, beside = _begin(keeper, "alone", "alone_one", mode="Single", selfChange=True)
    since = keeper.now()
    with keeper.readers(beside) as refused:
        for number in range(ROTATIONS):
            keeper.both_rotated((admin, beside), f"t{number}")
    assert not refused
    assert not keeper.troubles(since)
    assert not keeper.refused(keeper.shop.secret(admin))


@pytest.mark.parametrize("keeper", ["postgres"], indirect=True)
def test_what_would_lock_itself_out_is_refused_in_words_before_anything_is_stored(keeper):
    """One that would change itself, and two ways that lead from one login to another and back."""
    shop = keeper.shop
    keeper.make_admin("lone_one", "first-of-lone_one")
    shop.apply(keeper.target("lone", "lone-admin"), *keeper.admins("lone", "lone_one", mode="Single"))
    sources = []
    for name, other in (("round", "trip"), ("trip", "round")):
        old, credential = keeper.admins(name, f"{name}_blue", f"{name}_green")
        credential["spec"]["rds"]["targetRef"]["name"] = other
        target = keeper.target(name, f"{name}-admin")
        target["spec"]["allowedAccounts"] = [f"{other}_*"]
        # These admin Secrets will never be made by Keyward: somebody writes them.
        keeper.make_admin(f"{name}_root", "by-hand")
        by_hand = shop.plain_secret(f"{name}-admin", {"username": f"{name}_root", "password": "by-hand"})
        shop.apply(target, by_hand, credential)
        sources.append(old)
    assert "spec.admin.selfChange" in _stalled(shop, "lone-admin", "AdminCycle")
    for name in ("round", "trip"):
        said = _stalled(shop, f"{name}-admin", "AdminCycle")
        assert "Target round" in said
        assert "Target trip" in said
    # With one way alone there is no way back yet: what is imported is given when both are known.
    shop.apply(*sources)
    for name in ("round", "trip"):
        shop.annotate(f"{name}-admin", "rotate", "now")
        _stalled(shop, f"{name}-admin", "AdminCycle")
    assert not [v for name in ("lone", "round", "trip") for v in shop.versions(f"{name}-admin")]


@pytest.mark.parametrize("keeper", ["postgres"], indirect=True)
def test_a_target_goes_over_to_the_login_that_is_kept_by_one_edit_and_nothing_of_it_rotates_before(keeper):
    shop = keeper.shop
    for account in ("over_blue", "over_green"):
        keeper.make_admin(account, f"first-of-{account}")
    by_hand = {"username": "over_blue", "password": "first-of-over_blue"}
    shop.apply(shop.plain_secret("over-by-hand", by_hand), keeper.target("over", "over-by-hand"))
    shop.apply(*keeper.admins("over", "over_blue", "over_green"))
    first = until("the import", lambda: shop.secret("over-admin"))
    shop.annotate("over-admin", "rotate", "too early")
    assert "over-admin" in _stalled(shop, "over-admin", "AdminCycle")
    assert shop.secret("over-admin") == first
    assert not keeper.refused(by_hand)
    shop.apply(keeper.target("over", "over-admin"))
    until("the rotation", lambda: shop.secret("over-admin")["username"] == "over_green")


@pytest.mark.parametrize("keeper", ["postgres", "mariadb"], indirect=True)
def test_when_nobody_gets_in_any_more_the_words_of_the_page_let_somebody_in(keeper, tmp_path):
    admin, beside = _begin(keeper, "glass", "glass_blue", "glass_green")
    shop, terminal = keeper.shop, Terminal(keeper.shop, tmp_path)
    since, kept = keeper.now(), shop.secret(beside)
    for account in ("glass_blue", "glass_green"):
        keeper.break_in(account, "changed-by-hand")
    _ask_in_vain(keeper, beside, "one")
    assert keeper.troubles(since), "what is not in this log would prove nothing in the other tests"
    assert not keeper.refused(kept)

    look, other_look, rotate, *another = words_of_the_page(shop.namespace, "glass")
    terminal.run(look, other_look)
    keeper.break_in((tmp_path / "username").read_text(), (tmp_path / "password").read_text())
    before = shop.secret(admin)
    terminal.run(rotate)
    until("a new login", lambda: shop.secret(admin) != before)
    until("the rotation that was asked for", lambda: shop.secret(beside) != kept)

    kept, works = shop.secret(beside), shop.secret(admin)
    keeper.break_in(works["username"], "changed-by-hand")
    _ask_in_vain(keeper, beside, "two")
    (tmp_path / "password").write_text("by-a-superuser")
    of_postgres, of_family = page("docs/operations.md").fences("sql")
    for statement in (of_postgres if keeper.engine == "PostgreSQL" else of_family).splitlines():
        keeper.sql(statement.replace("…", "by-a-superuser"))
    create, use, back, drop = another
    terminal.run(create, use)
    until("a rotation by the other login", lambda: shop.secret(beside) != kept)
    keeper.break_in(works["username"], works["password"])
    terminal.run(back, drop)
    keeper.both_rotated((admin, beside), "three")
    keeper.sql(f"DROP {'ROLE' if keeper.engine == 'PostgreSQL' else 'USER'} break_glass")


def words_of_the_page(namespace: str, target: str) -> list[str]:
    """The lines of the page, for this namespace and Target."""
    lines = [line for line in page("docs/operations.md").commands if "break-glass" in line or "orders-pg-admin" in line]
    return [line.replace("-n shop", f"-n {namespace}").replace("orders-pg", target) for line in lines]


def _ask_in_vain(keeper: Keeper, name: str, token: str) -> None:
    keeper.shop.annotate(name, "rotate", token)
    until("word of it", lambda: keeper.shop.condition(name, "Rotated").get("reason") == "AdminLoginRefused")


def _stalled(shop: Any, name: str, reason: str) -> str:
    found = until(f"{reason} of {name}", lambda: (c := shop.condition(name, "Stalled")).get("reason") == reason and c)
    return str(found["message"])
