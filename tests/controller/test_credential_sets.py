"""What the status of a CredentialSet tells."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any, cast

from tests.api import objects

from keyward.controller.cache import Cache
from keyward.controller.credential_sets import CredentialSets
from keyward.controller.heap import Schedule
from keyward.controller.intake import Intake
from keyward.controller.limits import RotationLimits
from keyward.controller.queue import WorkQueue
from keyward.errors import Reason, Retry
from keyward.kube.client import Client
from keyward.kube.secrets import view

KEY = ("shop", "all")


def _now() -> datetime:
    return datetime(2026, 11, 24, tzinfo=UTC)


class Answering:
    """Takes each status, as the API server does."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item

    async def create(self, *_: object) -> dict[str, Any]:
        raise Retry(Reason.API_UNAVAILABLE, "not now")

    async def json_patch(self, _asked: object, patch: list[dict[str, Any]]) -> dict[str, Any]:
        metadata = self.item["metadata"] | {"resourceVersion": "2"}
        self.item = self.item | {"metadata": metadata, "status": patch[-1]["value"]}
        return self.item


async def test_what_could_not_be_made_yet_is_not_counted_as_made_and_is_looked_at_again():
    item = copy.deepcopy(objects.SET)
    item["metadata"] = {"name": KEY[1], "namespace": KEY[0], "uid": "s1", "resourceVersion": "1"}
    client, intake = Answering(item), Intake(Cache(), WorkQueue(), Schedule(_now), RotationLimits(), view)
    target = copy.deepcopy(objects.TARGET)
    target["metadata"] |= {"name": "pg1", "namespace": KEY[0], "resourceVersion": "1", "labels": {"fleet": "orders"}}
    intake.cache.put_target("Target", target)
    intake.cache.put_set(item)
    assert not await CredentialSets(intake, cast("Client", client), _now)._look(KEY)
    status = client.item["status"]
    assert (status["desired"], status["failed"], status["created"]) == (1, 0, 0)


async def test_all_failures_are_counted_and_the_first_fifty_are_told_by_name():
    names = [f"pg{number:02}" for number in range(51)]
    item = copy.deepcopy(objects.SET)
    item["metadata"] = {"name": KEY[1], "namespace": KEY[0], "uid": "s1", "resourceVersion": "1"}
    item["spec"]["targets"] = {"names": names[::-1]}
    client, intake = Answering(item), Intake(Cache(), WorkQueue(), Schedule(_now), RotationLimits(), view)
    intake.cache.put_set(item)
    assert await CredentialSets(intake, cast("Client", client), _now)._look(KEY)
    status = client.item["status"]
    assert (status["desired"], status["failed"], status["created"]) == (51, 51, 0)
    assert [failure["target"] for failure in status["failures"]] == names[:50]
    assert {failure["reason"] for failure in status["failures"]} == {"UnknownTarget"}
