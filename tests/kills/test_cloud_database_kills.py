"""SIGKILL at every effect of a creation and of a rotation of a pair on RDS, and a new start.

The cloud does what it accepted whether or not anybody is there to see it. In the end each Credential has the value that was
reserved, on accounts that were made once, and nobody was refused.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from tests.kills.chronicle import points
from tests.kills.points import Point
from tests.kills.process import Operator, until_nothing_is_left
from tests.whole_path.api import decoded
from tests.whole_path.cloud_shop import CloudDatabaseShop, cloud_shop

GOOD = {"Ready": "True", "Rotated": "True"}
TWINS = ("twin1", "twin2")
_MAKING = {"call create_account:after", "call create_account:after #2", "call grant_account_privilege:after"}
CREATION = _MAKING | {"apply:send", "apply:send #4", "apply:after"}
ROTATION = {"call grant_account_privilege:after", "apply:send #2", "apply:after", "promote:before"}


@pytest.fixture(scope="module")
def shop(control_plane, mariadb, tmp_path_factory) -> Iterator[CloudDatabaseShop]:
    with cloud_shop(control_plane, mariadb, tmp_path_factory.mktemp("rds-kills"), "rds", "kills") as found:
        yield found


def named(shop: CloudDatabaseShop, kind: str) -> dict[str, Any]:
    return {item["metadata"]["name"]: item for item in shop.api.items(kind, shop.namespace)}


def make(shop: CloudDatabaseShop, names: list[str]) -> None:
    shop.apply(*(shop.credential(name, shop.created(name)) for name in names))


def turn(shop: CloudDatabaseShop, names: list[str]) -> None:
    for name in names:
        shop.annotate(name, "rotate", "once")


def unsettled(shop: CloudDatabaseShop, names: list[str], rotations: int) -> dict[str, Any]:
    """Who has not promoted so many versions, or does not publish the last of them, or says so."""
    secrets, credentials, promoted = named(shop, "secret"), named(shop, "credential"), dict.fromkeys(names, 0)
    for version in shop.api.items("credentialversion", shop.namespace):
        name, record = version["spec"]["credential"], version.get("record") or {}
        promoted[name] = max(promoted.get(name, 0), (record.get("promoted") or {}).get("number", 0))
    found = {}
    for name in names:
        status = credentials[name].get("status") or {}
        said = {c["type"]: c["status"] for c in status.get("conditions", [])}
        published = orjson.loads(decoded(secrets[name])["credential.json"])["version"] if name in secrets else ""
        if promoted[name] != rotations or said != GOOD or published != status.get("currentVersion"):
            found[name] = (promoted[name], said, published)
    return found


def rest(shop: CloudDatabaseShop, operator: Operator, names: list[str]) -> None:
    until_nothing_is_left("rest", lambda: operator.restless([f"{shop.namespace}/{name}" for name in names], 0, 2.0))


def found_points(
    shop: CloudDatabaseShop, operator: Operator, act: Callable[[CloudDatabaseShop, list[str]], None], rotations: int
) -> list[Point]:
    """The effects of an event that nobody disturbs; twins have to agree."""
    since, names = operator.now(), list(TWINS)
    act(shop, names)
    until_nothing_is_left("the twins' event", lambda: unsettled(shop, names, rotations))
    rest(shop, operator, names)
    traces = [points(operator.passed(f"{shop.namespace}/{name}", since)) for name in names]
    common = [point for point in traces[0] if point in traces[1]]
    # What the status says comes at moments of its own, and a Target is approved once, for whoever comes first.
    common = [point for point in common if point.step != "patch secrets"]
    return [point for point in common if point.step != "status" or point.nth == 1]


def killed(
    shop: CloudDatabaseShop,
    operator: Operator,
    places: dict[str, Point],
    event: tuple[Callable[[CloudDatabaseShop, list[str]], None], int],
) -> None:
    """Kill the operator once each stands at its point; start it again, and wait for the end of the event."""
    act, rotations = event
    since, names = operator.now(), list(places)
    operator.stand_at({f"{shop.namespace}/{name}": point for name, point in places.items()})
    act(shop, names)

    def absent() -> list[str]:
        standing = {whose.partition("/")[2] for whose in operator.standing(since)}
        return [f"{name} at {point}" for name, point in places.items() if name not in standing]

    until_nothing_is_left("standing at each point", absent)
    stored = {v["metadata"]["name"]: v for v in shop.api.items("credentialversion", shop.namespace)}
    operator.kill()
    operator.go_on()
    operator.start()
    until_nothing_is_left("the end of the event", lambda: unsettled(shop, names, rotations))
    rest(shop, operator, names)
    now = named(shop, "credentialversion")
    for name, before in stored.items():
        if name in now:
            assert (now[name]["spec"], now[name]["envelope"]) == (before["spec"], before["envelope"])


@contextmanager
def consumers(shop: CloudDatabaseShop, names: list[str]) -> Iterator[list[str]]:
    """One thread that reads each Secret and logs in with it, again and again; what was refused."""
    over, refused = threading.Event(), list[str]()

    def work() -> None:
        while not over.is_set():
            for name in names:
                why = shop.refused(shop.secret(name))
                if why:
                    refused.append(f"{name}: {why}")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield refused
    finally:
        over.set()
        thread.join(60)


def test_killed_at_any_point_the_accounts_are_made_once_and_the_value_is_the_one_that_was_reserved(
    shop, control_plane, tmp_path
):
    operator = Operator(control_plane.kubeconfig, tmp_path)
    with operator.running():
        making = found_points(shop, operator, make, 1)
        assert {str(point) for point in making} >= CREATION
        turning = found_points(shop, operator, turn, 2)
        assert {str(point) for point in turning} >= ROTATION
        names = [f"life{n}" for n in range(max(len(making), len(turning)))]
        killed(shop, operator, dict(zip(names, making, strict=False)), (make, 1))
        if len(names) > len(making):
            make(shop, names[len(making) :])
        until_nothing_is_left("the others", lambda: unsettled(shop, names, 1))
        made = [name for action, name in shop.there.done if action == "CreateAccount"]
        assert sorted(made) == sorted(one for name in (*TWINS, *names) for one in (name, f"{name}_clone"))
        with consumers(shop, names) as refused:
            killed(shop, operator, dict(zip(names, turning, strict=False)), (turn, 2))
        sys.stderr.write(f"kills of RDS: {len(making)} points of a creation, {len(turning)} of a rotation\n")
        assert not refused
        assert not [name for name in names if shop.refused(shop.secret(name))]
        assert len([1 for action, _ in shop.there.done if action == "CreateAccount"]) == len(made)
