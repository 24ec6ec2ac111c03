from __future__ import annotations

import pytest

from keyward.controller import crds
from keyward.errors import Blocked, Reason
from keyward.kube.kinds import CREDENTIALS

EXPECTED = {"properties": {"spec": {"properties": {"a": {}, "list": {"items": {"properties": {"b": {}}}}}}}}


def installed(schema, *, version="v1alpha1", established="True"):
    return {
        "spec": {"versions": [{"name": version, "served": True, "schema": {"openAPIV3Schema": schema}}]},
        "status": {"conditions": [{"type": "Established", "status": established}]},
    }


class Served:
    def __init__(self, answers) -> None:
        self.answers = answers

    async def get(self, _kind, _namespace, name):
        found = self.answers.get(name, [installed({})])
        return found.pop(0) if len(found) > 1 else found[0]


def test_a_crd_with_every_field_and_more_is_good():
    spec = {"properties": {"a": {}, "new": {}, "list": {"items": {"properties": {"b": {}, "c": {}}}}}}
    crds.check(CREDENTIALS, installed({"properties": {"spec": spec, "status": {}}}), EXPECTED)


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({}, "spec"),
        ({"properties": {"spec": {"properties": {"list": {}}}}}, "spec.a"),
        (
            {"properties": {"spec": {"properties": {"a": {}, "list": {"items": {"properties": {}}}}}}},
            r"spec\.list\[\]\.b",
        ),
    ],
)
def test_an_older_crd_is_refused_by_the_first_field_that_it_lacks(schema, field):
    with pytest.raises(Blocked, match=f"older than this program, it lacks field {field}") as refused:
        crds.check(CREDENTIALS, installed(schema), EXPECTED)
    assert refused.value.reason is Reason.CRD_OUTDATED


def test_a_crd_of_another_version_is_refused():
    with pytest.raises(Blocked, match="lacks version v1alpha1"):
        crds.check(CREDENTIALS, installed(EXPECTED, version="v1beta1"), EXPECTED)


async def waited(answers, expected):
    """What was told until all was well, and of which CRDs it was said that they are older."""
    told: list[str] = []
    warned: list[str] = []
    await crds.wait(Served(answers), expected, told.append, lambda crd, error: warned.append(error.message), pause=0.0)
    return told, warned


async def test_the_start_waits_for_crds_that_are_not_there_or_not_served_yet():
    name = CREDENTIALS.resource
    told, warned = await waited({name: [None, installed({}, established="False"), installed({})]}, {})
    assert len(told) == 2
    assert name in told[0]
    assert not warned


async def test_the_start_waits_for_crds_that_are_older_and_warns_of_them():
    name = CREDENTIALS.resource
    told, warned = await waited({name: [installed({}), installed(EXPECTED)]}, {"credentials": EXPECTED})
    assert told == warned
    assert "lacks field spec: apply the CRDs of this release" in told[0]
