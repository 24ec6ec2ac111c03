"""The yardstick is worth something only if it writes what the operator writes."""

from __future__ import annotations

import asyncio
import json

import pytest
from benchmarks.stage import stage
from tests.whole_path.api import Api
from tests.whole_path.api import place as where
from tests.whole_path.world import until

from benchmarks import api, bare, fleet

NAMESPACE = fleet.NAMESPACES[0]
KINDS = ("credentials", "credentialversions", "secrets")


async def make(place):
    async with api.opened(place.cluster.kubeconfig) as client:
        return await fleet.make(client, 1)


async def write(place, members):
    async with api.opened(place.limited) as client:
        await bare.write_all(client, members)


def stored(there):
    """The one object of each kind."""
    found = {}
    for kind in KINDS:
        (item,) = there.items(kind, NAMESPACE)
        found[kind] = there.get(kind, item["metadata"]["name"], NAMESPACE)
    return found


def written_by_the_operator(place, there):
    asyncio.run(make(place))
    with place.operator(place.cluster.log_dir / "operator.log"):
        until("the status", lambda: there.items("credentials", NAMESPACE)[0].get("status", {}).get("currentVersion"))
        return stored(there)


@pytest.fixture(scope="module")
def both():
    """By the bare client and by the operator, one after the other."""
    with stage(fleet.NAMESPACES) as place:
        there = Api(place.cluster.kubeconfig)
        asyncio.run(write(place, asyncio.run(make(place))))
        bare_ones = stored(there)
        for kind in KINDS:
            there.ask("DELETE", where(kind, NAMESPACE))
        yield bare_ones, written_by_the_operator(place, there)
        there.close()


def shape(found, path=""):
    """Every path of an object, without what is in it; maps with free keys and the server's own notes aside."""
    if path.endswith(("managedFields", ".data")):
        return set()
    if isinstance(found, dict):
        return {path}.union(*(shape(value, f"{path}.{key}") for key, value in found.items()))
    return {path}.union(*(shape(value, f"{path}[]") for value in found)) if isinstance(found, list) else {path}


@pytest.mark.parametrize("kind", KINDS)
def test_its_objects_have_the_fields_of_the_operators(both, kind):
    theirs, ours = (found[kind] for found in both)
    assert shape(theirs) == shape(ours), f"the operator's {kind} have changed: change benchmarks/bare.py with them"


@pytest.mark.parametrize("kind", KINDS)
def test_its_objects_are_as_large_as_the_operators(both, kind):
    theirs, ours = (len(json.dumps(found[kind])) for found in both)
    assert theirs == pytest.approx(ours, rel=0.03)
