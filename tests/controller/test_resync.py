from __future__ import annotations

import asyncio
from typing import Any

from tests.controller.test_cache import credential
from tests.controller.test_intake import A, intake, waiting  # noqa: F401 - a fixture
from tests.kube.waiting import eventually

from keyward.controller.resync import Resync, followed
from keyward.kube.kinds import CREDENTIALS


class Listing:
    """A client whose lists are what the test says."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)
        self.during = lambda: None

    async def pages(self, kind):
        yield {"items": list(self.items) if kind == CREDENTIALS else []}
        if kind == CREDENTIALS:
            self.during()


def resync(listing, intake, missed):  # noqa: F811
    return Resync(listing, followed(intake), missed.append, grace=0.0)


async def test_the_first_list_fills_the_cache(intake):  # noqa: F811
    await resync(Listing(credential("a", "5")), intake, []).first()
    assert intake.cache.credential_version(A) == 5
    assert await waiting(intake) == [A]


async def test_a_change_that_the_stream_did_not_tell_is_taken_and_held_against_it(intake):  # noqa: F811
    intake.credential("Added", credential("a", "5"))
    await waiting(intake)
    missed: list[int] = []
    found = resync(Listing(credential("a", "7", generation=2)), intake, missed)
    assert await found.compare() == 1
    assert await waiting(intake) == [A]
    assert missed == [1]
    assert found.check() is not None
    assert await found.compare() == 0
    assert found.check() is None


async def test_a_deletion_that_the_stream_did_not_tell_is_taken(intake):  # noqa: F811
    intake.credential("Added", credential("a", "5"))
    await waiting(intake)
    assert await resync(Listing(), intake, []).compare() == 1
    assert intake.cache.credential(A) is None
    assert await waiting(intake) == [A]


async def test_what_went_before_the_stream_was_open_is_found_soon_and_not_held_against_it(intake):  # noqa: F811
    listing, missed = Listing(credential("a", "5")), []
    found = Resync(listing, followed(intake), missed.append, grace=0.0)
    await found.first()
    listing.items.clear()
    run = asyncio.create_task(found.run())
    await eventually(lambda: intake.cache.credential(A) is None)
    run.cancel()
    assert found.check() is None
    assert missed == []


async def test_what_the_stream_tells_within_the_grace_was_not_missed(intake):  # noqa: F811
    intake.credential("Added", credential("a", "5"))
    listing = Listing(credential("a", "7"), credential("b", "8"))

    def stream():
        intake.credential("Modified", credential("a", "9"))
        intake.credential("Added", credential("b", "8"))

    listing.during = stream
    assert await resync(listing, intake, []).compare() == 0


async def test_an_object_that_is_made_while_the_list_is_read_is_not_taken_for_deleted(intake):  # noqa: F811
    intake.credential("Added", credential("a", "5"))
    listing = Listing()
    listing.during = lambda: intake.credential("Modified", credential("a", "9", uid="new"))
    assert await resync(listing, intake, []).compare() == 0
    assert intake.cache.credential(A) is not None
