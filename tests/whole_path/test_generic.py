"""Values that nobody but us is told: read from a Secret or made here, numbered, kept, and gone back to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.whole_path.world import Json, Shop, until


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "generic")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def generic(shop: Shop, name: str, **spec: object) -> Json:
    """A Credential that projects to a Secret of its own name."""
    return shop.made("Credential", name, {"generic": spec, "projections": [{"secretName": name}]})


def from_source(shop: Shop, name: str, **spec: object) -> Json:
    return generic(shop, name, source={"secretRef": {"name": f"{name}-source"}} | spec.pop("source", {}), **spec)


def put(shop: Shop, name: str, **data: str) -> None:
    """What the owner of the value does: write it into a Secret that says whose source it is."""
    labels = {"keyward.dev/source-for": name}
    shop.apply(shop.plain_secret(f"{name}-source", data, labels=labels))


def holds(shop: Shop, name: str, **data: str) -> dict[str, str]:
    """Wait until the projected Secret holds this."""
    return until(f"{data} in {name}", lambda: (s := shop.secret(name)) and data.items() <= s.items() and s)


def test_key_value_from_a_source_is_projected_key_by_key_and_as_one_document(shop):
    put(shop, "api", user="alice", token="first")
    shop.apply(from_source(shop, "api"))
    secret = holds(shop, "api", user="alice", token="first")
    assert json.loads(secret["credential.json"]) == {"version": "v1", "user": "alice", "token": "first"}


def test_a_changed_source_makes_a_new_version_and_an_unchanged_one_none(shop):
    put(shop, "licence", text="one")
    shop.apply(from_source(shop, "licence", type="PlainText", source={"keys": ["text"]}))
    holds(shop, "licence", value="one")
    put(shop, "licence", text="one", beside="what is not read")
    put(shop, "licence", text="two")
    secret = holds(shop, "licence", value="two")
    assert json.loads(secret["credential.json"]) == {"version": "v2", "value": "two"}
    assert [v["spec"]["versionId"] for v in shop.versions("licence")] == ["v1", "v2"]


def test_going_back_lasts_until_the_source_changes_again(shop):
    put(shop, "back", word="one")
    shop.apply(from_source(shop, "back"))
    holds(shop, "back", word="one")
    put(shop, "back", word="two")
    holds(shop, "back", word="two")
    shop.annotate("back", "promote", "v1")
    secret = holds(shop, "back", word="one")
    assert json.loads(secret["credential.json"])["version"] == "v1"
    until("the status", lambda: shop.get("credential", "back")["status"]["currentVersion"] == "v1")
    # The source still says two: that is no news.
    shop.annotate("back", "rotate", "look")
    put(shop, "back", word="three")
    holds(shop, "back", word="three")
    assert [v["spec"]["versionId"] for v in shop.versions("back")] == ["v1", "v2", "v3"]


def test_a_version_that_is_not_kept_cannot_be_gone_back_to_and_the_condition_says_so(shop):
    put(shop, "gone", word="one")
    shop.apply(from_source(shop, "gone"))
    holds(shop, "gone", word="one")
    shop.annotate("gone", "promote", "v7")
    said = until("a refusal", lambda: (c := shop.condition("gone", "Rotated")).get("status") == "False" and c)
    assert said["reason"] == "UnknownVersion"
    assert shop.condition("gone", "Ready")["status"] == "True"
    assert shop.secret("gone")["word"] == "one"


def test_no_more_versions_are_kept_than_asked_for_and_a_pinned_one_stays(shop):
    put(shop, "many", n="1")
    shop.apply(from_source(shop, "many", maxVersions=3))
    holds(shop, "many", n="1")
    first = shop.versions("many")[0]["metadata"]["name"]
    shop.api.merge("credentialversion", first, shop.namespace, {"metadata": {"labels": {"keyward.dev/keep": "true"}}})
    for number in range(2, 7):
        put(shop, "many", n=str(number))
        holds(shop, "many", n=str(number))
    until("retention", lambda: len(shop.versions("many")) == 3)
    assert [v["spec"]["versionId"] for v in shop.versions("many")] == ["v1", "v5", "v6"]


def test_a_generated_value_is_replaced_on_demand(shop):
    shop.apply(generic(shop, "made", generate={"length": 40, "key": "token"}, versionId="initial"))
    first = until("the first value", lambda: shop.secret("made"))
    assert len(first["token"]) == 40
    assert json.loads(first["credential.json"])["version"] == "initial"
    shop.annotate("made", "rotate", "now")
    second = until("another value", lambda: (s := shop.secret("made")) != first and s)
    assert json.loads(second["credential.json"])["version"] == "v2"
    assert second["token"] != first["token"]


def test_a_source_that_does_not_name_its_reader_is_not_read(shop):
    shop.apply(shop.plain_secret("private-source", {"word": "not-for-you"}))
    shop.apply(from_source(shop, "private"))
    said = until("a refusal", lambda: (c := shop.condition("private", "Ready")).get("status") == "False" and c)
    assert "keyward.dev/source-for=private" in said["message"]
    assert shop.versions("private") == []
    put(shop, "private", word="now-for-you")
    holds(shop, "private", word="now-for-you")
