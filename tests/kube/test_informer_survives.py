"""Every change reaches the handler, whatever happens to the stream: cut, silent, expired, refused, or lying."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from tests.kube.fake_api import connection, serving, status
from tests.kube.waiting import eventually

from keyward.kube.client import Client
from keyward.kube.informer import Informer, Timing, Watched
from keyward.kube.kinds import SECRETS

QUICK = Timing(silence=5, lifetime=60, resync=600, grace=0.1, first_pause=0.01, longest_pause=0.05)


@pytest.fixture
async def api():
    async with serving() as api:
        yield api


class Followed:
    """An informer at work and what it told."""

    def __init__(self, informer, told) -> None:
        self.informer, self.told = informer, told

    async def until(self, *changes: tuple[str, str]):
        await eventually(lambda: self.told[-len(changes) :] == list(changes))

    async def streaming(self, api, count=1):
        await eventually(lambda: len(api.streams) >= count)


@contextlib.asynccontextmanager
async def following(api, timing=QUICK, watched=None, handler=None):
    told = []
    note = handler or (lambda change, item: told.append((change, item["metadata"]["name"])))
    async with Client(connection(api)) as client:
        informer = Informer(client, watched or Watched(SECRETS), note, timing)
        task = asyncio.create_task(informer.run())
        try:
            async with asyncio.timeout(5):
                await informer.synced.wait()
            yield Followed(informer, told)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_is_there_and_what_comes_is_told_once(api):
    api.put("a")
    async with following(api) as seen:
        await seen.streaming(api)
        api.put("b")
        api.put("a")
        api.remove("b")
        await seen.until(("Added", "a"), ("Added", "b"), ("Modified", "a"), ("Deleted", "b"))
        assert len(seen.told) == 4
        assert len(seen.informer) == 1


async def test_a_change_and_a_deletion_while_the_stream_was_down_are_told_when_history_is_too_short(api):
    api.put("stays")
    api.put("goes")
    async with following(api) as seen:
        await seen.streaming(api)
        seen.told.clear()
        api.muted = True
        api.put("stays")
        api.remove("goes")
        api.put("last")
        api.oldest = api.version
        api.cut()
        api.muted = False
        await seen.until(("Added", "last"), ("Modified", "stays"), ("Deleted", "goes"))


async def test_what_has_not_changed_is_not_told_again_by_a_new_list(api):
    api.put("same")
    api.put("other")
    async with following(api) as seen:
        await seen.streaming(api)
        seen.told.clear()
        api.muted = True
        api.put("other")
        api.oldest = api.version
        api.cut()
        api.muted = False
        await seen.until(("Modified", "other"))
        assert seen.told == [("Modified", "other")]


async def test_a_cut_stream_goes_on_where_it_was_without_a_new_list(api):
    api.put("a")
    async with following(api) as seen:
        await seen.streaming(api)
        api.put("b")
        await seen.until(("Added", "b"))
        api.cut()
        await seen.streaming(api)
        api.put("c")
        await seen.until(("Added", "a"), ("Added", "b"), ("Added", "c"))
        lists = [r for r in api.requests if not r.query.get("watch")]
        watches = [r for r in api.requests if r.query.get("watch")]
        assert len(lists) == 1
        assert watches[-1].query["resourceVersion"] == api.objects["b"]["metadata"]["resourceVersion"]


async def test_a_bookmark_moves_the_place_to_go_on_from(api):
    async with following(api) as seen:
        await seen.streaming(api)
        api.send(json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "777"}}}).encode() + b"\n")
        api.put("a")
        await seen.until(("Added", "a"))
        api.send(json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "999"}}}).encode() + b"\n")
        await asyncio.sleep(0.05)
        api.cut()
        await seen.streaming(api)
        assert [r.query["resourceVersion"] for r in api.requests if r.query.get("watch")][-1] == "999"


async def test_a_stream_that_went_silent_is_given_up(api):
    timing = Timing(silence=0.1, lifetime=60, resync=600, first_pause=0.01, longest_pause=0.02)
    async with following(api, timing) as seen:
        await seen.streaming(api, 3)
        assert "did not answer in time" in seen.informer.health.problem


async def test_errors_are_retried_without_end_and_remembered_for_health(api):
    api.put("a")
    api.answers = [status(code) for code in (503, 500, 429, 403, 504) * 4]
    async with following(api) as seen:
        await seen.until(("Added", "a"))
        assert api.answers == []
        assert seen.informer.health.problem == ""


async def test_the_server_is_left_alone_as_long_as_it_asks(api):
    api.answers = [status(429, after=1)]
    started = asyncio.get_running_loop().time()
    async with following(api):
        assert asyncio.get_running_loop().time() - started >= 1


async def test_an_expired_list_is_begun_anew(api):
    api.page = 1
    api.put("a")
    api.put("b")
    async with following(api) as seen:
        await seen.streaming(api)
        seen.told.clear()
        api.oldest = api.version + 2
        api.put("c")
        api.remove("a")
        await seen.until(("Deleted", "a"))
        api.answers = [
            status(410, "Expired"),  # the watch
            status(410, "Expired"),  # the list
        ]
        api.cut()
        await seen.streaming(api)
        api.put("d")
        await seen.until(("Added", "d"))


async def test_an_error_within_the_stream_is_told_from_an_object(api):
    async with following(api) as seen:
        await seen.streaming(api)
        api.send(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410}}).encode() + b"\n")
        await seen.streaming(api, 2)
        assert len([r for r in api.requests if not r.query.get("watch")]) == 2
        api.send(json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 500}}).encode() + b"\n")
        await seen.streaming(api, 3)
        assert seen.told == []


async def test_a_line_that_broke_off_ends_the_stream_and_loses_nothing(api, caplog):
    async with following(api) as seen:
        await seen.streaming(api)
        api.muted = True
        api.put("a")
        api.muted = False
        api.send(b'{"type":"ADDED","object":{"meta\n')
        api.oldest = api.version
        await eventually(lambda: len(api.streams) == 2)
        assert "middle of a line" in caplog.text


async def test_an_object_in_many_pieces_and_larger_than_any_buffer_arrives_whole(api):
    async with following(api) as seen:
        await seen.streaming(api)
        item = {"metadata": {"name": "big", "namespace": "shop", "resourceVersion": "500"}, "spec": "x" * 900_000}
        raw = json.dumps({"type": "ADDED", "object": item}).encode() + b"\n"
        for start in range(0, len(raw), 70_001):
            api.send(raw[start : start + 70_001])
        await seen.until(("Added", "big"))


async def test_a_stream_that_lives_but_tells_nothing_is_found_out_by_the_resync(api):
    timing = Timing(silence=5, lifetime=60, resync=0.1, grace=0.1, first_pause=0.01, longest_pause=0.05)
    api.put("a")
    api.put("goes")
    async with following(api, timing) as seen:
        await seen.streaming(api)
        seen.told.clear()
        api.muted = True
        api.put("a")
        api.put("new")
        api.remove("goes")
        await seen.until(("Modified", "a"), ("Added", "new"), ("Deleted", "goes"))
        assert seen.informer.health.dead_streams == 1


async def test_a_resync_that_finds_nothing_leaves_the_stream_alone(api):
    timing = Timing(silence=5, lifetime=60, resync=0.05, grace=0.02, first_pause=0.01, longest_pause=0.05)
    api.put("a")
    async with following(api, timing) as seen:
        await seen.streaming(api)
        await asyncio.sleep(0.4)
        assert len([r for r in api.requests if r.query.get("watch")]) == 1
        assert len([r for r in api.requests if not r.query.get("watch")]) > 3
        assert seen.told == [("Added", "a")]


async def test_a_handler_that_fails_on_one_object_still_gets_the_others(api, caplog):
    told = []

    def handler(change, item):
        if item["metadata"]["name"] == "bad":
            raise ValueError("c4n4ry")
        told.append(item["metadata"]["name"])

    for name in ("a", "bad", "z"):
        api.put(name)
    async with following(api, handler=handler):
        assert told == ["a", "z"]
    assert "c4n4ry" not in caplog.text


async def test_secrets_are_asked_for_as_metadata_by_label(api):
    watched = Watched(SECRETS, "app.kubernetes.io/managed-by=keyward", metadata_only=True)
    async with following(api, watched=watched) as seen:
        await seen.streaming(api)
        for request in api.requests:
            assert "PartialObjectMetadata" in request.headers["Accept"]
            assert request.query["labelSelector"] == "app.kubernetes.io/managed-by=keyward"
            assert "json" in request.headers["Accept"]
            assert ",application/json" not in request.headers["Accept"].replace(" ", "")


async def test_each_sign_of_life_makes_it_fresh(api):
    async with following(api) as seen:
        await seen.streaming(api)
        await asyncio.sleep(0.1)
        assert seen.informer.age >= 0.1
        api.put("a")
        await seen.until(("Added", "a"))
        assert seen.informer.age < 0.1
