"""Projected Secrets on a real API server: kept as they should be, and never taken from anybody."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.whole_path.accounts import created, published, rds
from tests.whole_path.world import Json, Shop, until


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "projection")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def projected(shop: Shop, name: str, data: dict[str, str], *projections: Json) -> None:
    """A generic Credential of these values, with these projections."""
    labels = {"keyward.dev/source-for": name}
    spec = {
        "generic": {"source": {"secretRef": {"name": f"{name}-source"}}},
        "projections": list(projections or [{"secretName": name}]),
    }
    shop.apply(shop.plain_secret(f"{name}-source", data, labels=labels), shop.made("Credential", name, spec))


def refusal(shop: Shop, name: str) -> Json:
    """The condition of a Credential that cannot be projected."""
    found: Json = until("a refusal", lambda: (c := shop.condition(name, "Ready")).get("status") == "False" and c)
    return found


def hand_over(shop: Shop, said: Json) -> None:
    """Do what the condition says."""
    command = re.search(r"`kubectl (.*?)`", said["message"])
    assert command, said["message"]
    shop.cluster.kubectl(*shlex.split(command[1]))


def seconds_until(holds: Callable[[], Any]) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + 30, "waited in vain"
        time.sleep(0.01)
    return time.monotonic() - began


def test_a_deleted_secret_is_back_within_a_second(shop):
    projected(shop, "deleted", {"word": "kept"})
    until("the Secret", lambda: shop.secret("deleted"))
    took = []
    for _ in range(5):
        shop.api.delete("secret", "deleted", shop.namespace)
        took.append(seconds_until(lambda: shop.secret("deleted").get("word") == "kept"))
    sys.stderr.write(f"a deleted Secret was back after {min(took):.3f} to {max(took):.3f} s\n")
    assert max(took) < 1


def test_an_edited_secret_is_back_within_a_second(shop):
    projected(shop, "edited", {"word": "kept", "other": "too"})
    good = until("the Secret", lambda: shop.secret("edited"))
    edits: tuple[dict[str, str | None], ...] = ({"word": "wrong"}, {"word": None}, {"more": "than there should be"})
    for edit in edits:
        data = {key: None if text is None else base64.b64encode(text.encode()).decode() for key, text in edit.items()}
        shop.api.merge("secret", "edited", shop.namespace, {"data": data})
        assert seconds_until(lambda: shop.secret("edited") == good) < 1


def test_what_others_put_on_a_secret_stays(shop):
    projected(shop, "decorated", {"word": "first"})
    until("the Secret", lambda: shop.secret("decorated"))
    theirs = {
        "labels": {"team": "orders"},
        "annotations": {"example.com/backup": "daily"},
        "finalizers": ["example.com/x"],
    }
    shop.api.merge("secret", "decorated", shop.namespace, {"metadata": theirs})
    shop.api.merge("secret", "decorated", shop.namespace, {"data": {"word": None}})
    until("the repair", lambda: shop.secret("decorated").get("word") == "first")
    shop.apply(
        shop.plain_secret("decorated-source", {"word": "second"}, labels={"keyward.dev/source-for": "decorated"})
    )
    until("the next version", lambda: shop.secret("decorated").get("word") == "second")
    metadata = shop.get("secret", "decorated")["metadata"]
    for kind in ("labels", "annotations"):
        assert theirs[kind].items() <= metadata[kind].items()
    assert metadata["finalizers"] == ["example.com/x"]
    shop.api.merge("secret", "decorated", shop.namespace, {"metadata": {"finalizers": None}})


def test_a_secret_of_somebody_else_is_refused_until_it_is_handed_over_as_the_condition_says(shop):
    shop.apply(shop.plain_secret("theirs", {"word": "theirs", "more": "of theirs"}))
    projected(shop, "theirs-keeper", {"word": "ours"}, {"secretName": "theirs"}, {"secretName": "beside"})
    said = refusal(shop, "theirs-keeper")
    assert said["reason"] == "SecretConflict"
    assert shop.secret("theirs") == {"word": "theirs", "more": "of theirs"}
    assert shop.secret("beside")["word"] == "ours", "one refused projection must not keep the others back"

    hand_over(shop, said)
    until("the adoption", lambda: shop.secret("theirs").get("word") == "ours")
    assert "more" not in shop.secret("theirs")
    until("Ready", lambda: shop.condition("theirs-keeper", "Ready")["status"] == "True")


def test_a_secret_of_another_credential_is_refused(shop):
    projected(shop, "elder", {"word": "elder"}, {"secretName": "shared"})
    until("the Secret", lambda: shop.secret("shared"))
    projected(shop, "younger", {"word": "younger"}, {"secretName": "shared"})
    said = refusal(shop, "younger")
    assert said["reason"] == "SecretConflict"
    assert "elder" in said["message"]
    assert shop.secret("shared")["word"] == "elder"


def test_a_credential_fills_several_secrets_each_in_its_own_shape(shop):
    projections = [
        {"secretName": "plain"},
        {"secretName": "renamed", "keys": {"password": "PGPASSWORD", "username": "PGUSER"}, "composite": False},
        {
            "secretName": "templated",
            "keys": {"host": "h"},
            "templates": {"pgpass": "*:*:*:{{ username }}:{{ password }}"},
        },
        {"secretName": "login", "type": "kubernetes.io/basic-auth"},
        {"secretName": "both", "includePrevious": True},
    ]
    shop.apply(rds(shop, "several", created("orders_several"), projections=projections))
    plain = published(shop, "plain")
    user, password = plain["username"], plain["password"]
    assert until("renamed", lambda: shop.secret("renamed")) == {"PGPASSWORD": password, "PGUSER": user}
    assert until("templated", lambda: shop.secret("templated"))["pgpass"] == f"*:*:*:{user}:{password}"
    until("login", lambda: shop.secret("login"))
    assert shop.get("secret", "login")["type"] == "kubernetes.io/basic-auth"
    until("both", lambda: shop.secret("both"))

    before = shop.secret("both")
    shop.annotate("several", "rotate", "one")
    both = until("a rotation", lambda: (s := shop.secret("both")).get("previous.password") == before["password"] and s)
    assert shop.logs_in({"username": both["previous.username"], "password": both["previous.password"]})
    for name in ("plain", "login", "both"):
        secret = until(f"rotated {name}", lambda n=name: (s := shop.secret(n)) and s["password"] != password and s)
        assert shop.logs_in(secret) == "orders_several_rights"


REGISTRY = '{"auths": {"registry.example": {"auth": "{{ (user ~ \':\' ~ token) | b64encode }}"}}}'


@pytest.mark.parametrize(
    ("kind", "data", "projection", "wanted"),
    [
        ("ssh-auth", {"ssh-privatekey": "a key"}, {}, {"ssh-privatekey": "a key"}),
        (
            "tls",
            {"cert": "c", "key": "k"},
            {"keys": {"cert": "tls.crt", "key": "tls.key"}},
            {"tls.crt": "c", "tls.key": "k"},
        ),
        (
            "dockerconfigjson",
            {"user": "me", "token": "t"},
            {"templates": {".dockerconfigjson": REGISTRY}, "composite": False, "keys": {"user": "user"}},
            {".dockerconfigjson": json.dumps({"auths": {"registry.example": {"auth": "bWU6dA=="}}})},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_secret_of_a_type_has_the_keys_that_the_type_requires(shop, kind, data, projection, wanted):
    projected(shop, kind, data, {"secretName": kind, "type": f"kubernetes.io/{kind}"} | projection)
    secret = until("the Secret", lambda: shop.secret(kind))
    assert wanted.items() <= secret.items()
    assert shop.get("secret", kind)["type"] == f"kubernetes.io/{kind}"


def test_a_type_whose_keys_are_missing_is_refused_and_the_condition_names_the_key(shop):
    projected(shop, "lacking", {"word": "x"}, {"secretName": "lacking", "type": "kubernetes.io/ssh-auth"})
    said = refusal(shop, "lacking")
    assert said["reason"] == "SecretInvalid"
    assert "'ssh-privatekey'" in said["message"]
    assert shop.get("secret", "lacking") is None


def test_a_projection_that_is_taken_out_of_the_spec_takes_its_secret_along(shop):
    projected(shop, "fewer", {"word": "x"}, {"secretName": "fewer-a"}, {"secretName": "fewer-b"})
    until("both", lambda: shop.secret("fewer-a") and shop.secret("fewer-b"))
    projected(shop, "fewer", {"word": "x"}, {"secretName": "fewer-a"})
    until("the end of the second", lambda: shop.get("secret", "fewer-b") is None)
    assert shop.secret("fewer-a")


def test_while_one_secret_cannot_be_written_nothing_is_rotated(shop):
    shop.apply(shop.plain_secret("occupied", {"word": "theirs"}))
    projections = [{"secretName": "free"}, {"secretName": "occupied"}]
    shop.apply(rds(shop, "held", created("orders_held"), projections=projections))
    first = published(shop, "free")
    said = refusal(shop, "held")
    shop.annotate("held", "rotate", "one")
    with pytest.raises(AssertionError):
        until("a rotation", lambda: shop.secret("free") != first, seconds=2)
    hand_over(shop, said)
    until("the rotation", lambda: shop.secret("free") != first)
    until("the other Secret", lambda: shop.secret("occupied").get("password") == shop.secret("free")["password"])
