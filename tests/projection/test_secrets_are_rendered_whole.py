"""From a version's fields to a Secret's keys: names, types, limits, the composite key and the previous value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyward.api import names
from keyward.api.projection import Projection as Spec
from keyward.api.projection import SecretType
from keyward.domain import content, fields
from keyward.domain.content import Edition, Place, Projection
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
PLACE = Place("shop", "orders", "ab" * 16, ("orders", "uid-1"))
SERVER = fields.Server("PostgreSQL", (("pg.db", 5432, "Primary"), ("pg-ro.db", 5433, "Replica")), "orders", "PEM\n")


def generic(**values: str):
    return fields.generic(fields.encode_key_value({k: v.encode() for k, v in values.items()}), plain_text=False)


def account(password="p@ss/w:rd"):
    return fields.account("orders", Sensitive(password), SERVER)


def rendered(projection, current, previous=None):
    before = None if previous is None else Edition("v1", 1, previous)
    return content.render(projection, PLACE, content.shape(projection), (Edition("v2", 2, current), before), NOW)


def data(*args: object):
    return {key: value.reveal_text() for key, value in rendered(*args).data.items()}


def test_a_generic_value_has_its_keys_and_the_composite_one():
    found = data(Projection("s"), generic(user="bob", token="t"))
    assert json.loads(found.pop("credential.json")) == {"version": "v2", "user": "bob", "token": "t"}
    assert found == {"user": "bob", "token": "t"}


def test_plain_text_is_one_key():
    text = fields.generic(fields.encode_plain_text(b"hello"), plain_text=True)
    assert data(Projection("s", composite=False), text) == {"value": "hello"}


def test_an_account_has_a_dsn_that_leads_back_to_its_parts():
    found = data(Projection("s"), account())
    url = urlsplit(found["dsn"])
    assert (url.scheme, url.username, unquote(url.password), url.hostname, url.port) == (
        "postgresql",
        "orders",
        "p@ss/w:rd",
        "pg.db",
        5432,
    )
    assert url.path == "/orders"
    assert url.query == "sslmode=verify-full"
    composite = json.loads(found["credential.json"])
    assert composite["port"] == 5432
    assert composite["endpoints"][1] == {"host": "pg-ro.db", "port": 5433, "role": "Replica"}
    assert composite["password"] == "p@ss/w:rd"
    assert found["ca.crt"] == "PEM\n"


@pytest.mark.parametrize("engine", ["MySQL", "MariaDB"])
def test_an_account_of_mysql_has_its_own_dsn_and_needs_no_database(engine):
    server = replace(SERVER, engine=engine, endpoints=(("db", 3306, "Primary"),), database="")
    found = fields.account("o@a", Sensitive("p@ss/w:rd"), server).plain()
    assert found["dsn"] == "mysql://o%40a:p%40ss%2Fw%3Ard@db:3306/?ssl-mode=VERIFY_IDENTITY"
    assert "database" not in found


def test_where_a_login_is_one_word_the_secret_has_it_as_clients_send_it():
    server = replace(SERVER, engine="Redis", endpoints=(("cache", 6379, "Primary"),), database="", combined_auth=True)
    whole = fields.account("orders", Sensitive("p@ss-w:rd"), server)
    found, url = whole.plain(), urlsplit(whole.plain()["dsn"])
    assert (found["username"], found["password"], found["auth"]) == ("orders", "p@ss-w:rd", "orders:p@ss-w:rd")
    assert (url.username, unquote(url.password or "")) == ("", found["auth"])
    assert json.loads(whole.composite("v1").reveal())["auth"] == found["auth"]
    plain = replace(server, combined_auth=False)
    assert "auth" not in fields.account("orders", Sensitive("p"), plain).plain()
    assert server.facts() != plain.facts()


@given(st.text(min_size=1, max_size=64).filter(lambda t: "\0" not in t))
def test_any_password_survives_the_dsn(password):
    server = replace(SERVER, endpoints=(("2001:db8::1", 5432, "Primary"),))
    url = urlsplit(fields.dsn("a b", Sensitive(password), server).reveal_text())
    assert unquote(url.password or "") == password
    assert unquote(url.username or "") == "a b"
    assert url.hostname == "2001:db8::1"


def test_keys_are_renamed_and_only_those_are_there():
    projection = Projection("s", keys={"username": "DB_USER", "password": "DB_PASSWORD"}, composite=False)
    assert data(projection, account()) == {"DB_USER": "orders", "DB_PASSWORD": "p@ss/w:rd"}


def test_the_previous_value_stands_beside_under_a_prefix():
    projection = Projection("s", keys={"password": "password"}, include_previous=True)
    found = data(projection, account("new"), account("old"))
    assert (found["password"], found["previous.password"]) == ("new", "old")
    assert json.loads(found["previous.credential.json"])["version"] == "v1"
    assert "previous.password" not in data(replace(projection, include_previous=False), account("new"), account("old"))


def test_a_template_sees_fields_version_and_previous():
    source = "{{ username }} {{ values['password'] }} {{ version.id }} {{ previous.password }}"
    projection = Projection("s", templates={"conf": source}, include_previous=True)
    assert data(projection, account("new"), account("old"))["conf"] == "orders new v2 old"


def test_labels_and_annotations_say_whose_it_is():
    found = rendered(Projection("s", labels={"team": "a"}, include_previous=True), account(), account())
    assert found.labels == {
        "team": "a",
        "app.kubernetes.io/managed-by": "keyward",
        "keyward.dev/credential": "orders",
        "keyward.dev/lineage": "ab" * 16,
    }
    assert found.annotations[names.ANNOTATION_SEQUENCE] == "2"
    assert found.annotations[names.ANNOTATION_PREVIOUS_SEQUENCE] == "1"
    assert found.annotations[names.ANNOTATION_WRITTEN_AT] == "2026-11-24T02:00:00Z"
    assert found.owner == ("orders", "uid-1")


DOCKER = '{"auths":{"registry.example":{"auth":"eA=="}}}'


@pytest.mark.parametrize(
    ("type_", "good", "missing"),
    [
        ("kubernetes.io/basic-auth", {"username": "u", "password": "p"}, "password"),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": "k"}, "ssh-privatekey"),
        ("kubernetes.io/tls", {"tls.crt": "c", "tls.key": "k"}, "tls.key"),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": DOCKER}, ".dockerconfigjson"),
    ],
)
def test_each_type_has_its_keys_or_is_refused(type_, good, missing):
    projection = Projection("s", type=type_)
    assert rendered(projection, generic(**good)).type == type_
    for bad in ({k: v for k, v in good.items() if k != missing} | {"x": "y"}, good | {missing: ""}):
        with pytest.raises(Blocked, match=missing) as error:
            rendered(projection, generic(**bad))
        assert error.value.reason is Reason.SECRET_INVALID


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"auths":[]}', '"x"'])
def test_a_registry_login_must_be_one(text):
    with pytest.raises(Blocked, match="auths"):
        rendered(Projection("s", type="kubernetes.io/dockerconfigjson"), generic(**{".dockerconfigjson": text}))


@pytest.mark.parametrize(
    "type_", ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1", "x"]
)
def test_a_type_that_would_grant_something_is_refused(type_):
    with pytest.raises(Blocked, match="type"):
        content.check(Projection("s", type=type_))


@pytest.mark.parametrize("key", ["a b", "ä", "", ".", "..", "..data", "a/b", "x" * 254, "a\n"])
def test_a_field_that_cannot_be_a_key_is_named(key):
    with pytest.raises(Blocked, match="cannot be a Secret's key") as error:
        rendered(Projection("s"), generic(**{key: "c4n4ry"}))
    assert "c4n4ry" not in str(error.value)
    with pytest.raises(Blocked, match="cannot be a Secret's key"):
        content.check(Projection("s", keys={"a": key}))


def test_a_key_that_is_made_twice_is_refused():
    for projection in (
        Projection("s", keys={"a": "x", "b": "x"}),
        Projection("s", keys={"a": "x"}, templates={"x": "1"}),
        Projection("s", templates={"credential.json": "1"}),
    ):
        with pytest.raises(Blocked, match="made twice"):
            content.check(projection)
    with pytest.raises(Blocked, match="composite"):
        rendered(Projection("s"), generic(**{"credential.json": "1"}))
    assert data(Projection("s", composite=False), generic(**{"credential.json": "1"})) == {"credential.json": "1"}


def test_a_field_that_is_not_there_is_named():
    with pytest.raises(Blocked, match="'passwort'"):
        rendered(Projection("s", keys={"passwort": "x"}), account())


@pytest.mark.parametrize(
    "key",
    [
        "argocd.argoproj.io/secret-type",
        "kubernetes.io/service-account.name",
        "app.kubernetes.io/managed-by",
        "node.k8s.io/x",
        "helm.sh/hook",
        "keyward.dev/lineage",
    ],
)
def test_metadata_that_others_obey_is_refused(key):
    for projection in (Projection("s", labels={key: "x"}), Projection("s", annotations={key: "x"})):
        with pytest.raises(Blocked, match="another controller"):
            content.check(projection)
    content.check(Projection("s", labels={"team": "x", "example.com/app": "y"}))


def test_a_secret_of_more_than_a_mebibyte_is_refused_with_its_size():
    current = generic(big="x" * 30_000)
    projection = Projection("s", templates={str(n): "{{ big }}" * 30 for n in range(2)})
    with pytest.raises(Blocked, match=r"would hold 18[0-9]+ bytes") as error:
        rendered(projection, current)
    assert error.value.reason is Reason.SECRET_TOO_LARGE


def test_the_limit_of_a_secret_is_exact():
    part = "x" * 16_384
    full = Projection("s", composite=False, keys={"a": "a"}, templates={"t": "{{ a }}" * 63})
    assert sum(map(len, rendered(full, generic(a=part)).data.values())) == 1_048_576
    with pytest.raises(Blocked):
        rendered(replace(full, templates={"t": "{{ a }}" * 63, "u": "1"}), generic(a=part))


def test_key_value_is_counted_as_compact_json_and_to_the_byte():
    fits = 30_720 - len('{"k":""}')
    assert len(fields.encode_key_value({"k": b"x" * fits})) == 30_720
    with pytest.raises(Blocked, match="30721 bytes") as error:
        fields.encode_key_value({"k": b"x" * (fits + 1)})
    assert error.value.reason is Reason.VALUE_TOO_LARGE
    # Bytes, not characters.
    with pytest.raises(Blocked):
        fields.encode_key_value({"k": "ä".encode() * (fits // 2 + 1)})
    assert len(fields.encode_plain_text(b"x" * 30_720)) == 30_720
    with pytest.raises(Blocked):
        fields.encode_plain_text(b"x" * 30_721)


def test_the_order_of_keys_makes_no_other_value():
    assert fields.encode_key_value({"b": b"1", "a": b"2"}) == fields.encode_key_value({"a": b"2", "b": b"1"})


@pytest.mark.parametrize("value", [b"\xff\xfe", b"a\x00b", b"\xc3"])
def test_what_is_no_text_is_refused_by_its_key(value):
    with pytest.raises(Blocked, match="key 'token'") as error:
        fields.encode_key_value({"user": b"bob", "token": value})
    assert error.value.reason is Reason.SOURCE_INVALID
    with pytest.raises(Blocked):
        fields.encode_plain_text(value)


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=50).filter(lambda t: "\0" not in t), min_size=1, max_size=5)
)
def test_key_value_comes_back_as_it_was(values):
    sealed = fields.encode_key_value({k: v.encode() for k, v in values.items()})
    assert fields.generic(sealed, plain_text=False).plain() == values


@pytest.mark.parametrize("stored", [b"hello", b"[1]", b'{"a":1}', b'{"a":{"b":"c"}}'])
def test_a_value_of_the_other_shape_is_told_without_itself(stored):
    with pytest.raises(Blocked, match=r"spec\.generic\.type"):
        fields.generic(Sensitive(stored), plain_text=False)


def test_a_projection_of_the_api_is_taken_over_field_by_field():
    spec = {
        "secretName": "db",
        "type": "kubernetes.io/basic-auth",
        "keys": {"username": "username"},
        "templates": {"password": "{{ password }}"},
        "composite": False,
        "includePrevious": True,
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
    }
    assert content.wished(Spec.model_validate(spec)) == Projection(
        "db",
        "kubernetes.io/basic-auth",
        {"username": "username"},
        {"password": "{{ password }}"},
        False,
        True,
        {"team": "a"},
        {"note": "b"},
    )
    assert content.wished(Spec(secret_name="db")) == Projection("db")
    assert set(get_args(SecretType)) == set(content.REQUIRED)


def test_the_shape_follows_everything_but_the_value():
    base = Projection("s", keys={"a": "b"})
    shapes = {
        content.shape(base),
        content.shape(replace(base, type="kubernetes.io/tls")),
        content.shape(replace(base, keys={"a": "c"})),
        content.shape(replace(base, templates={"t": "x"})),
        content.shape(replace(base, composite=False)),
        content.shape(replace(base, include_previous=True)),
        content.shape(replace(base, labels={"t": "x"})),
        content.shape(replace(base, annotations={"t": "x"})),
        content.shape(base, SERVER.facts()),
        content.shape(base, replace(SERVER, ca_pem="other").facts()),
        content.shape(base, replace(SERVER, endpoints=SERVER.endpoints[:1]).facts()),
    }
    assert len(shapes) == 11
    assert content.shape(base) == content.shape(replace(base, keys=dict(base.keys)))
