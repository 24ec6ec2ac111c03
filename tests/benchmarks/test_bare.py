"""The yardstick is worth something only if it writes what the operator writes."""

from __future__ import annotations

import asyncio
import json

import pytest
from benchmarks.stage import stage
from tests.whole_path.world import until

from benchmarks import api, bare, fleet

KINDS = ("credentials", "credentialversions", "secrets")


async def make(place):
    async with api.opened(place.cluster.kubeconfig) as client:
        return await fleet.make(client, 1)


async def write(place, members):
    async with api.opened(place.limited) as client:
        await bare.write_all(client, members)


def stored(place):
    """The one object of each kind."""
    found = {}
    for kind in KINDS:
        items = json.loads(place.cluster.kubectl("get", kind, "-n", fleet.NAMESPACES[0], "-o", "json"))["items"]
        (found[kind],) = items
    return found


def written(by):
    with stage(fleet.NAMESPACES) as place:
        members = asyncio.run(make(place))
        if by == "bare":
            asyncio.run(write(place, members))
        else:
            with place.operator(place.cluster.log_dir / "operator.log"):
                condition = "{.items[*].status.currentVersion}"
                until(
                    "the status",
                    lambda: place.cluster.kubectl(
                        "get", "credentials", "-n", fleet.NAMESPACES[0], "-o", f"jsonpath={condition}"
                    ),
                )
        return stored(place)


@pytest.fixture(scope="module")
def both():
    return written("bare"), written("operator")


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
