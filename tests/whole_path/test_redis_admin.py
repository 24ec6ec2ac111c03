"""The admin's own login of a Redis rotates while others rotate by it: nobody is refused, the admin no more than consumers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.redis_groups import replicated
from tests.whole_path.consumers import consumers
from tests.whole_path.redis_shop import RedisShop, client, hashes, shop
from tests.whole_path.world import Json, until

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
            entry for node in self.group.nodes for entry in node.run("ACL", "LOG", "-1") if account in map(str, entry)
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


def _values(keeping: Keeping, account: str) -> list[int]:
    return [len(hashes(node, account)) for node in keeping.group.nodes]
