"""SIGKILL at every effect of a rotation whose value the cloud issues, and a new start.

Whoever dies between the making of a key and its storing has left a key whose secret nobody knows. In the end each user has the
key that its Secret holds, the one before it switched off, and no other.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cloud.standin import HOST
from tests.kills.chronicle import points
from tests.kills.points import Point
from tests.kills.process import Operator, until_nothing_is_left
from tests.whole_path.api import decoded
from tests.whole_path.ram_shop import CloudShop, cloud_shop, pair

from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

GOOD = {"Ready": "True", "Rotated": "True"}
TWINS = ("twin-1", "twin-2")
ISSUING = {"withdraw:before", "withdraw:send", "issue:before", "issue:send", "issue:store", "end:before", "end:send"}


@pytest.fixture(scope="module")
def shop(control_plane, tmp_path_factory) -> Iterator[CloudShop]:
    with cloud_shop(control_plane, tmp_path_factory.mktemp("ram-kills"), "ram-kills") as found:
        yield found


def live(shop: CloudShop, operator: Operator, names: list[str]) -> None:
    """Credentials that have rotated once, so that the next rotation has to make room."""
    keys = {name: shop.ram.user(f"orders-{name}").keys[0] for name in names}
    shop.apply(*(item for name, key in keys.items() for item in shop.credential(name, f"orders-{name}", pair(key))))
    until_nothing_is_left("the first Secrets", lambda: set(names) - shop.named("secret").keys())
    turn(shop, names, "first")
    until_nothing_is_left("the ends of the first keys", lambda: unsettled(shop, names))
    rest(shop, operator, names)


def rest(shop: CloudShop, operator: Operator, names: list[str]) -> None:
    """Records and prunings come after what the cloud shows."""
    keys = [f"{shop.namespace}/{name}" for name in names]
    until_nothing_is_left("rest", lambda: operator.restless(keys, 0, 2.0))


def absent(operator: Operator, places: dict[str, Point], since: int) -> list[str]:
    """Who does not stand at its point yet."""
    standing = {whose.partition("/")[2] for whose in operator.standing(since)}
    return [f"{name} at {point}" for name, point in places.items() if name not in standing]


def turn(shop: CloudShop, names: list[str], token: str) -> None:
    for name in names:
        shop.annotate(name, "rotate", token)


def unsettled(shop: CloudShop, names: list[str], rotations: int = 2) -> dict[str, Any]:
    """Who does not have the key of its Secret at work, the one before it switched off, and nothing else."""
    secrets, found = shop.named("secret"), {}
    credentials, numbers = shop.named("credential"), dict.fromkeys(names, 0)
    for version in shop.api.items("credentialversion", shop.namespace):
        name, record = version["spec"]["credential"], version.get("record") or {}
        numbers[name] = max(numbers.get(name, 0), (record.get("promoted") or {}).get("number", 0))
    for name in names:
        keys, id_ = shop.keys(f"orders-{name}"), decoded(secrets[name])["AccessKeyId"]
        active = [key for key, status in keys.items() if status == "Active"]
        said = {c["type"]: c["status"] for c in (credentials[name].get("status") or {}).get("conditions", [])}
        if numbers[name] != rotations or active != [id_] or len(keys) != 2 or said != GOOD:
            found[name] = (numbers[name], keys, id_, said)
    return found


def found_points(shop: CloudShop, operator: Operator) -> list[Point]:
    """The effects of a rotation that nobody disturbs; twins have to agree."""
    since = operator.now()
    turn(shop, list(TWINS), "second")
    until_nothing_is_left("the twins' rotation", lambda: unsettled(shop, list(TWINS), 3))
    rest(shop, operator, list(TWINS))
    keys = [f"{shop.namespace}/{name}" for name in TWINS]
    traces = [points(operator.passed(key, since)) for key in keys]
    common = [point for point in traces[0] if point in traces[1]]
    # What the status says comes at moments of its own.
    return [point for point in common if point.step != "status" or point.nth == 1]


def test_killed_at_any_point_one_key_works_and_no_orphan_is_left(shop, control_plane, tmp_path):
    operator = Operator(control_plane.kubeconfig, tmp_path)
    with operator.running():
        live(shop, operator, list(TWINS))
        places = {f"life-{n}": point for n, point in enumerate(found_points(shop, operator))}
        assert {point.name for point in places.values()} >= ISSUING
        names = list(places)
        live(shop, operator, names)
        with consumers(shop, names) as refused:
            since = operator.now()
            operator.stand_at({f"{shop.namespace}/{name}": point for name, point in places.items()})
            turn(shop, names, "second")
            until_nothing_is_left("standing at each point", lambda: absent(operator, places, since))
            stored = {name: shop.versions(name) for name in names}
            operator.kill()
            operator.go_on()
            operator.start()
            until_nothing_is_left("the end of each rotation", lambda: unsettled(shop, names, 3))
        sys.stderr.write(f"kills of RAM: {len(places)} points\n")
        assert not refused
        for name in names:
            assert shop.ram.most_ever[f"orders-{name}"] == 2, f"killed at {places[name]}"
            kept(shop, name, stored[name])
        for name in (name for name in names if places[name].name == "issue:store"):
            # Made, and its secret known to nobody: given up, withdrawn, and another one made.
            assert shop.versions(name)[-1]["spec"]["sequence"] == 4
        log = operator.log.read_bytes()
        for user in shop.ram.users.values():
            assert not any(key.secret.encode() in log for key in user.keys)


def kept(shop: CloudShop, name: str, stored: list[Any]) -> None:
    """A value that was stored when the operator died is what is there now."""
    now = {v["metadata"]["name"]: v for v in shop.versions(name)}
    for before in stored:
        after = now.get(before["metadata"]["name"])
        if after is not None and "envelope" in before:
            assert (after["spec"], after["envelope"]) == (before["spec"], before["envelope"])


@contextmanager
def consumers(shop: CloudShop, names: list[str]) -> Iterator[list[str]]:
    """One thread that reads each Secret and calls STS with it, again and again; what was refused."""
    over, refused = threading.Event(), list[str]()
    endpoint = Endpoint(HOST, shop.cloud.port)
    place = Place((endpoint,), "", cloud=CloudApi({"STS": endpoint}, ca_pem=shop.cloud.ca_pem))

    async def work() -> None:
        while not over.is_set():
            for name in names:
                secret = shop.secret(name)
                login = Login(secret["AccessKeyId"], Sensitive(secret["AccessKeySecret"]))
                try:
                    await Cloud(place, login, 20.0).whoami()
                except Failure as failure:
                    refused.append(f"{name}: {failure}")

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    try:
        yield refused
    finally:
        over.set()
        thread.join(60)
