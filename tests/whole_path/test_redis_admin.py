"""The admin's own login of a Redis rotates while others rotate by it: nobody is refused, the admin no more than consumers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import replicated
from tests.docs.pages import page
from tests.docs.test_operations_work import Terminal
from tests.whole_path.consumers import consumers
from tests.whole_path.redis_shop import RedisShop, client, hashes, shop
from tests.whole_path.test_admins import words_of_the_page
from tests.whole_path.world import Json, until

from keyward.controller import nodes

ROTATIONS, CLIENTS, GRACE = 10, 4, 2
ROTATION = {"interval": "24h", "gracePeriod": f"{GRACE}s"}


class Keeping(RedisShop):
    """A shop whose Targets have an admin Secret each, which a Credential makes."""

    def kept(self, name: str, **admin: Any) -> Json:
        spec = self.target() | {"admin": {"secretRef": {"name": f"{name}-admin"}}}
        return self.made("Target", name, spec | {"allowedAccounts": [f"{name}_*"]} | admin)

    def keeper(self, name: str, password: str = "first", **spec: Any) -> list[Json]:
        """The Credential that keeps the login, whose account there is on each node, and where it takes the first value from."""
        for node in self.group.nodes:
            node.admin(f"{name}_boss", password="first")
        label = {"keyward.dev/source-for": f"{name}-admin"}
        account = {"name": f"{name}_boss", "passwordFrom": {"secretName": f"{name}-first"}}
        block = {
            "targetRef": {"name": name},
            "accountManagement": "Overlap",
            "import": {"accounts": [account]},
        }
        wanted = {
            "redis": block,
            "rotation": ROTATION,
            "deletion": {"accounts": "Retain", "secrets": "Retain"},
            "projections": [{"secretName": f"{name}-admin"}],
        }
        first = self.plain_secret(f"{name}-first", {"password": password}, labels=label)
        return [first, self.made("Credential", f"{name}-admin", wanted | spec)]

    def beside(self, name: str) -> Json:
        found = self.credential(f"{name}-app", f"{name}_app", rotation=ROTATION)
        found["spec"]["redis"]["targetRef"]["name"] = name
        return found

    def refused(self, account: str) -> list[Any]:
        """The logins of this account that a node refused."""
        return [
            entry for node in self.group.nodes for entry in node.run("ACL", "LOG", "128") if account in map(str, entry)
        ]


@pytest.fixture(scope="module")
def keeping(control_plane) -> Iterator[Keeping]:
    with (
        replicated(replicas=1, log_statements=True) as group,
        shop(control_plane, group, "Replicated", Keeping) as found,
    ):
        yield found


def test_the_admins_login_rotates_while_another_credential_rotates_by_it(keeping, tmp_path):
    keeping.apply(keeping.kept("pair"), *keeping.keeper("pair"), keeping.beside("pair"))
    first, _ = keeping.published("pair-admin"), keeping.published("pair-app")
    assert (first["username"], first["password"]) == ("pair_boss", "first")
    values = [first["password"]]

    def both(token: str) -> None:
        keeping.annotate("pair-app", "rotate", token)
        values.append(keeping.rotated("pair-admin", token)[1]["password"])
        assert keeping.logs_in_everywhere(keeping.secret("pair-admin"))

    with consumers(keeping, "pair-app", tmp_path, CLIENTS, client(keeping)) as busy:
        tally = busy.through(ROTATIONS, 90, dict.fromkeys(range(ROTATIONS), both))
    until("the end of the value before", lambda: _values(keeping, "pair_boss") == [1, 1])
    sys.stderr.write(
        f"Redis admin: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    assert not tally.refused
    assert not tally.failed
    assert (len(tally.clients), len(tally.versions)) == (CLIENTS, ROTATIONS + 1)
    assert len(set(values)) == ROTATIONS + 1
    assert not keeping.refused("pair_boss")
    assert keeping.logs_in_everywhere(keeping.secret("pair-admin"))
    written = keeping.group.records()
    assert not [value for value in values[1:] if value.encode() in written]


def test_when_nobody_gets_in_any_more_the_words_of_the_page_let_somebody_in(keeping, tmp_path):
    """A person changes the value on every node; later its value is lost, and another login takes over for a while."""
    keeping.apply(keeping.kept("glass"), *keeping.keeper("glass"), keeping.beside("glass"))
    keeping.published("glass-admin")
    kept, terminal = keeping.published("glass-app"), Terminal(keeping, tmp_path)
    look, other_look, rotate, create, use, back, drop = words_of_the_page(keeping.namespace, "glass")

    keeping.group.run("ACL", "SETUSER", "glass_boss", "resetpass", ">changed-by-hand")
    _ask_in_vain(keeping, "glass-app", "one")
    assert keeping.logs_in_everywhere(kept)
    terminal.run(look, other_look)
    name, password = ((tmp_path / word).read_text() for word in ("username", "password"))
    keeping.group.run("ACL", "SETUSER", name, "on", "resetpass", f">{password}")
    keeping.group.run("ACL", "SAVE")
    before = keeping.secret("glass-admin")
    terminal.run(rotate)
    until("a new login", lambda: keeping.secret("glass-admin") != before)
    until("the rotation that was asked for", lambda: keeping.secret("glass-app") != kept)

    kept, works = keeping.secret("glass-app"), keeping.secret("glass-admin")
    until("the end of the value before", lambda: _values(keeping, "glass_boss") == [1, 1])
    keeping.group.run("ACL", "SETUSER", "glass_boss", "resetpass", ">changed-by-hand")
    _ask_in_vain(keeping, "glass-app", "two")
    (tmp_path / "password").write_text("by-another-login")
    (statement,) = page("docs/operations.md").fences("redis")
    keeping.group.run(*statement.replace("…", "by-another-login").split())
    terminal.run(create, use)
    until("a rotation by the other login", lambda: keeping.secret("glass-app") != kept)
    keeping.group.run("ACL", "SETUSER", "glass_boss", "resetpass", f">{works['password']}")
    terminal.run(back, drop)
    keeping.rotated("glass-admin", "three")
    keeping.rotated("glass-app", "three")
    keeping.group.run("ACL", "DELUSER", "break_glass")


def _ask_in_vain(keeping: Keeping, name: str, token: str) -> None:
    keeping.annotate(name, "rotate", token)
    until("word of it", lambda: keeping.told(name, "Rotated", "AdminLoginRefused"))


def address(node: RedisServer) -> str:
    return f"127.0.0.1:{node.port}"


def _values(keeping: Keeping, account: str) -> list[int]:
    return [len(hashes(node, account)) for node in keeping.group.nodes]


def test_a_target_with_a_login_by_hand_goes_over_by_one_edit(keeping):
    wanted = keeping.keeper("over")
    by_hand = {"username": "over_boss", "password": "first"}
    keeping.apply(keeping.plain_secret("over-by-hand", by_hand), keeping.beside("over"))
    keeping.apply(keeping.kept("over", admin={"secretRef": {"name": "over-by-hand"}}), *wanted)
    keeping.published("over-app")
    said = until("word of it", lambda: keeping.told("over-admin", "Ready", "InvalidSpec"))
    assert "Secret over-by-hand" in said
    assert not keeping.versions("over-admin")
    keeping.apply(keeping.kept("over"))
    assert keeping.published("over-admin")["password"] == "first"
    _, after = keeping.rotated("over-admin", "one")
    keeping.rotated("over-app", "one")
    assert keeping.logs_in_everywhere(after)
    assert not keeping.refused("over_boss")


def test_a_leak_of_the_admins_value_ends_it_and_its_sessions_at_once(keeping):
    rotation = {"interval": "24h", "gracePeriod": "10m"}
    keeping.apply(keeping.kept("leak"), *keeping.keeper("leak", rotation=rotation), keeping.beside("leak"))
    first, app = keeping.published("leak-admin"), keeping.published("leak-app")
    with keeping.group.nodes[1].client(first["username"], first["password"]) as theirs:
        theirs.execute_command("ACL", "WHOAMI")
        keeping.annotate("leak-app", "rotate", "one")
        _, after = keeping.rotated("leak-admin", "one#force")
        until("its end", lambda: _values(keeping, "leak_boss") == [1, 1])
        with pytest.raises(redis.RedisError):
            theirs.execute_command("ACL", "WHOAMI")
    until("the end of the leak", lambda: keeping.condition("leak-admin", "Rotated").get("status") == "True")
    assert keeping.logs_in_everywhere(after)
    assert not keeping.logs_in_everywhere(first)
    until("what was under way meanwhile", lambda: keeping.secret("leak-app") != app)
    assert keeping.logs_in_everywhere(keeping.secret("leak-app"))
    _, again = keeping.rotated("leak-admin", "two")
    assert keeping.logs_in_everywhere(again)


def test_a_third_value_stops_it_and_what_is_published_goes_on_to_log_in(keeping):
    keeping.apply(keeping.kept("third"), *keeping.keeper("third"))
    published, node = keeping.published("third-admin"), keeping.group.nodes[1]
    node.run("ACL", "SETUSER", "third_boss", ">theirs")
    until("word of it", lambda: address(node) in keeping.told("third-admin", "NodesCurrent", "SecondPassword"))
    keeping.annotate("third-admin", "rotate", "one")
    until("SecondPassword", lambda: keeping.told("third-admin", "Rotated", "SecondPassword"))
    assert keeping.secret("third-admin") == published
    assert keeping.logs_in_everywhere(published)
    assert node.logs_in("third_boss", "theirs")
    node.run("ACL", "SETUSER", "third_boss", "<theirs")
    keeping.annotate("third-admin", "rotate", "two")
    until("the rotation", lambda: keeping.secret("third-admin") != published)


def test_a_node_that_is_away_holds_the_rotation_up_and_one_with_older_values_alone_is_named(keeping):
    keeping.apply(keeping.kept("away"), *keeping.keeper("away"))
    published, node = keeping.published("away-admin"), keeping.group.nodes[1]
    node.stop()
    keeping.annotate("away-admin", "rotate", "one")
    until("word of it", lambda: address(node) in keeping.told("away-admin", "Rotated", "PropagationTimeout"))
    assert keeping.secret("away-admin") == published
    node.start()
    until("the rotation", lambda: keeping.secret("away-admin") != published)
    until("the end of the value before", lambda: _values(keeping, "away_boss") == [1, 1])
    node.run("ACL", "SETUSER", "away_boss", "resetpass", ">first")
    node.run("ACL", "LOG", "RESET")
    # The connections that are kept outlive a change of password, as everywhere: a node that returns has none.
    node.run("CLIENT", "KILL", "USER", "away_boss")
    until("word of it", lambda: address(node) in keeping.condition("away-admin", "NodesCurrent").get("message", ""))
    current = keeping.secret("away-admin")
    assert _values(keeping, "away_boss") == [1, 1]
    assert node.logs_in("away_boss", "first"), "what it had was not touched"
    node.run("ACL", "SETUSER", "away_boss", ">" + current["password"], "<first")
    keeping.annotate("away-admin", "rotate", "two")
    until("the next rotation", lambda: keeping.secret("away-admin") != current)


def test_a_first_value_that_does_not_log_in_is_not_tried_by_every_look_and_nothing_is_set_over_it(keeping):
    keeping.apply(keeping.kept("wrong", allowUnverifiedImport=["wrong_boss"]), *keeping.keeper("wrong", password="no"))
    until("word of it", lambda: keeping.told("wrong-admin", "Ready", "AdminLoginRefused"))
    began = time.monotonic()
    until("two looks at the nodes of other Targets", lambda: time.monotonic() - began > 2 * nodes.PERIOD)
    tries = [int(entry[1]) for entry in keeping.refused("wrong_boss")]
    assert len(tries) == 2, "one entry for each node"
    assert max(tries) <= 2, "the first, and one after its back-off"
    assert _values(keeping, "wrong_boss") == [1, 1]
    keeping.apply(keeping.keeper("wrong")[0])
    assert keeping.published("wrong-admin")["password"] == "first"


def test_a_lost_admin_secret_comes_back_and_rotation_goes_on(keeping):
    keeping.apply(keeping.kept("lost"), *keeping.keeper("lost"), keeping.beside("lost"))
    keeping.published("lost-app")
    _, current = keeping.rotated("lost-admin", "one")
    keeping.api.delete("secret", "lost-admin", keeping.namespace)
    assert keeping.published("lost-admin") == current
    keeping.rotated("lost-admin", "two")
    keeping.rotated("lost-app", "two")
