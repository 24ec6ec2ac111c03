"""SIGKILL at every effect of a rotation whose value the cloud issues, and a new start.

Whoever dies between the making of a key and its storing has left a key whose secret nobody knows. In the end each user has the
key that its Secret holds, the one before it switched off, and no other.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
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
_LONG = 1e6  # seconds
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
            killed_at(shop, operator, places, "second")
            stored = {name: shop.versions(name) for name in names}
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


def test_killed_while_a_new_key_is_not_known_everywhere_that_very_key_is_waited_for(shop, control_plane, tmp_path):
    """STS knows a key up to five minutes later, and lists may show it later; the next operator meets that."""
    operator = Operator(control_plane.kubeconfig, tmp_path)
    places = {"stored": Point("issue:after"), "told": Point("status:after")}
    with operator.running():
        live(shop, operator, list(places))
        with consumers(shop, list(places)) as refused:
            waits(shop, operator, places)
            finds_what_is_hidden(shop, operator, list(places))
        assert not refused


def waits(shop: CloudShop, operator: Operator, places: dict[str, Point]) -> None:
    """Killed when STS does not know the new keys, which are stored."""
    shop.ram.age()
    shop.ram.propagation = _LONG
    killed_at(shop, operator, places, "second")
    new = {name: shop.ram.users[f"orders-{name}"].keys[-1].id for name in places}
    asked = told_whose_calls(shop)
    operator.start()
    until_nothing_is_left("calls with each new key", lambda: [name for name, id_ in new.items() if asked[id_] < 2])
    until_nothing_is_left("the word for it", lambda: not_waiting(shop, places))
    shop.ram.propagation = 0.0
    until_nothing_is_left("the end of each rotation", lambda: unsettled(shop, list(places), 3))
    assert {name: shop.secret(name)["AccessKeyId"] for name in places} == new


def finds_what_is_hidden(shop: CloudShop, operator: Operator, names: list[str]) -> None:
    """Killed when nobody was told the secrets of the new keys, and no list shows yet that they are there."""
    shop.ram.age()
    killed_at(shop, operator, dict.fromkeys(names, Point("issue:store")), "third")
    shop.ram.listing, made = _LONG, shop.cloud.done("CreateAccessKey")
    operator.start()
    until_nothing_is_left("calls in vain", lambda: shop.cloud.done("CreateAccessKey") < made + len(names))
    shop.ram.listing = 0.0
    until_nothing_is_left("the end of each rotation", lambda: unsettled(shop, names, 4))
    assert all(shop.ram.most_ever[f"orders-{name}"] == 2 for name in names)


def killed_at(shop: CloudShop, operator: Operator, places: dict[str, Point], token: str) -> None:
    """A rotation of each, to its point."""
    since = operator.now()
    operator.stand_at({f"{shop.namespace}/{name}": point for name, point in places.items()})
    turn(shop, list(places), token)
    until_nothing_is_left("standing at each point", lambda: absent(operator, places, since))
    operator.kill()
    operator.go_on()


def told_whose_calls(shop: CloudShop) -> Counter[str]:
    """From now on, how often each key signs a call."""
    found = Counter[str]()
    shop.cloud.before = lambda call: found.update([call.signed_by])
    return found


def not_waiting(shop: CloudShop, names: Iterable[str]) -> dict[str, Any]:
    """Who does not say that its key is new, or says that something failed."""
    found = {name: shop.get("credential", name)["status"] for name in names}
    rotated = {name: next(c for c in status["conditions"] if c["type"] == "Rotated") for name, status in found.items()}
    return {
        name: rotated[name]
        for name, status in found.items()
        if rotated[name]["reason"] != "PropagationTimeout" or "failures" in status
    }


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
