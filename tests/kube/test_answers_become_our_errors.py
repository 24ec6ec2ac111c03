"""What the API server answers, and what of it may be seen: never its own text."""

from __future__ import annotations

import pytest
from aiohttp import web
from tests.kube.fake_api import connection, serving, status

from keyward.errors import Blocked, Conflict, Reason, Retry
from keyward.kube.answers import AlreadyExists, Asked, NotFound
from keyward.kube.client import PAGE, Client, Seen
from keyward.kube.kinds import CREDENTIALS, SECRETS

CANARY = "c4n4ry-value"


@pytest.fixture
async def api():
    async with serving() as api:
        yield api


@pytest.fixture
async def client(api):
    async with Client(connection(api), timeout=0.5) as client:
        yield client


def create(client):
    return client.create(SECRETS, "shop", {"metadata": {"name": "orders"}})


async def test_a_taken_name_is_told_from_a_lost_race(api, client):
    api.answers = [status(409, "AlreadyExists"), status(409, "Conflict", name="orders")]
    with pytest.raises(AlreadyExists):
        await create(client)
    with pytest.raises(Conflict) as lost:
        await client.update(SECRETS, "shop", "orders", {"metadata": {}})
    assert not isinstance(lost.value, AlreadyExists)


async def test_an_absent_object_is_none_to_a_reader_and_an_error_to_a_writer(api, client):
    api.answers = [status(404, "NotFound", name="orders") for _ in range(3)]
    assert await client.get(SECRETS, "shop", "orders") is None
    assert await client.delete(SECRETS, "shop", "orders") is False
    with pytest.raises(NotFound):
        await client.update(SECRETS, "shop", "orders", {"metadata": {}})


async def test_a_kind_that_the_server_does_not_know_is_not_mistaken_for_an_absent_object(api, client):
    api.answers = [web.Response(status=404, text="404 page not found")]
    with pytest.raises(Blocked, match=r"credentials\.keyward\.dev") as error:
        await client.get(CREDENTIALS, "shop", "orders")
    assert error.value.reason is Reason.CRD_OUTDATED


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
async def test_a_busy_server_is_asked_again_no_sooner_than_it_says(api, client, code):
    api.answers = [status(code, after=7)]
    with pytest.raises(Retry) as error:
        await create(client)
    assert (error.value.reason, error.value.after) == (Reason.API_UNAVAILABLE, 7.0)


async def test_a_forbidden_verb_is_named_with_what_to_allow(api, client):
    api.answers = [status(403, "Forbidden", f"secrets is forbidden: {CANARY}")]
    with pytest.raises(Blocked) as error:
        await create(client)
    assert error.value.reason is Reason.API_REFUSED
    assert "verb 'create' on resource 'secrets'" in error.value.message
    assert "shop" in error.value.message


async def test_a_terminating_namespace_has_its_own_reason(api, client):
    cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace"}
    api.answers = [status(403, "Forbidden", causes=[cause])]
    with pytest.raises(Blocked) as error:
        await create(client)
    assert error.value.reason is Reason.NAMESPACE_TERMINATING


async def test_an_invalid_object_tells_its_fields_and_no_value(api, client):
    causes = [
        {"field": "data[password]", "message": f'Invalid value: "{CANARY}"', "reason": "FieldValueInvalid"},
        {"field": f"data[{CANARY} with spaces]", "message": CANARY},
    ]
    api.answers = [status(422, "Invalid", f"Secret is invalid: {CANARY}", causes=causes)]
    with pytest.raises(Blocked) as error:
        await create(client)
    assert "data[password]" in error.value.message
    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None


async def test_a_server_that_does_not_answer_in_time_ends_the_call(api):
    api.put("orders")
    async with Client(connection(api), timeout=0.1) as hurried:
        api.hanging = True
        with pytest.raises(Retry, match="did not answer in time"):
            await hurried.get(SECRETS, "shop", "orders")


async def test_a_server_that_is_not_there_is_a_retry():
    async with serving() as api:
        gone = connection(api)
    async with Client(gone) as client:
        with pytest.raises(Retry, match="could not be reached"):
            await client.get(SECRETS, "shop", "orders")


async def test_an_answer_that_is_no_json_is_a_retry_without_its_text(api, client):
    api.answers = [web.Response(text=f"<html>{CANARY}")]
    with pytest.raises(Retry) as error:
        await client.get(SECRETS, "shop", "orders")
    assert CANARY not in str(error.value)


async def test_each_call_is_counted_with_its_code_also_when_no_answer_came(api):
    seen: list[Seen] = []
    async with Client(connection(api), timeout=0.5, observe=seen.append) as client:
        api.answers = [status(404, name="x"), web.json_response({})]
        await client.get(SECRETS, "shop", "x")
        await create(client)
    gone = connection(api)
    async with serving() as other:
        gone = connection(other)
    async with Client(gone, observe=seen.append) as client:
        with pytest.raises(Retry):
            await create(client)
    assert [(s.verb, s.resource, s.code) for s in seen] == [
        ("get", "secrets", 404),
        ("create", "secrets", 200),
        ("create", "secrets", 0),
    ]


async def test_pages_are_read_to_the_end(api, client):
    api.page = 2
    for n in range(5):
        api.put(f"s{n}")
    names = [i["metadata"]["name"] async for page in client.pages(SECRETS, "shop") for i in page["items"]]
    assert names == ["s0", "s1", "s2", "s3", "s4"]
    assert api.requests[0].query["limit"] == str(PAGE)


async def test_the_reader_of_a_question_sees_where_it_was_asked():
    assert (
        str(Asked("patch", CREDENTIALS, "shop", "orders", "status"))
        == "patch credentials.keyward.dev/status in namespace shop"
    )
