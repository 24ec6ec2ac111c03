"""A walk through everything that handles values, with as much trouble on the way as can be made."""

from __future__ import annotations

import base64

from psycopg.sql import SQL, Literal
from tests.cluster import pki
from tests.whole_path.accounts import created, existing, published, rds, rotated
from tests.whole_path.canaries import GIVEN, Canaries
from tests.whole_path.world import Json, Shop, until

TARGET = "canary"


def prepare(shop: Shop, canaries: Canaries) -> None:
    """The admin's login and the accounts to be imported; to be called before the server logs statements."""
    shop.postgres.admin("canary_admin", password=GIVEN["admin password"], database="orders")
    _put(shop, "admin", {"username": "canary_admin", "password": GIVEN["admin password"]})
    shop.api.create(shop.made("Target", TARGET, shop.target() | {"admin": {"secretRef": {"name": "admin"}}}))
    canaries.given("admin", "admin password", "other admin password")
    for name, value in (("taken", "imported password"), ("guess", "guessed password")):
        account = (f"orders_canary_{name}", GIVEN["imported password"])
        importing = existing(shop, name, account)
        _put(shop, f"{name}-old", {account[0]: GIVEN[value]})
        canaries.given(f"{name}-old", "imported password", value)
        canaries.given(name, "imported password")
        shop.api.create(rds(shop, name, importing, target=TARGET, mode="Single"))


def walk(shop: Shop, canaries: Canaries) -> None:
    """Everything once. The operator runs."""
    _managed(shop, canaries)
    _generic(shop, canaries)
    _trouble(shop, canaries)
    shop.api.delete("credential", "taken", shop.namespace)
    until("the end of a Credential", lambda: shop.get("credential", "taken") is None)


def _put(shop: Shop, name: str, data: dict[str, str | bytes], source_for: str = "") -> None:
    """Write a Secret, and not by kubectl, which would keep a copy in an annotation."""
    encoded = {k: base64.b64encode(v.encode() if isinstance(v, str) else v).decode() for k, v in data.items()}
    if shop.get("secret", name) is not None:
        shop.api.merge("secret", name, shop.namespace, {"data": encoded})
        return
    labels = {"keyward.dev/source-for": source_for} if source_for else {}
    item = shop.plain_secret(name, {}, labels=labels) | {"data": encoded}
    del item["stringData"]
    shop.api.create(item)


def _managed(shop: Shop, canaries: Canaries) -> None:
    published(shop, "taken")
    canaries.remember()
    canaries.remember_keys()
    rotated(shop, "taken", "one")
    several: list[Json] = [
        {"secretName": "pair", "includePrevious": True},
        {"secretName": "pair-pgpass", "templates": {"pgpass": "*:*:*:{{ username }}:{{ password }}"}},
    ]
    shop.api.create(rds(shop, "pair", created("orders_canary_pair"), target=TARGET, projections=several))
    shop.api.create(rds(shop, "silent", created("orders_canary_silent"), target=TARGET, projections=[]))
    published(shop, "pair")
    canaries.remember()
    for number in range(3):
        rotated(shop, "pair", str(number))
        canaries.remember()
    shop.annotate("silent", "rotate", "one")
    until("two versions", lambda: [bool(v["record"].get("promoted")) for v in shop.versions("silent")] == [True] * 2)
    until("what a guess brings", lambda: shop.condition("guess", "Stalled"))
    canaries.remember()


def _generic(shop: Shop, canaries: Canaries) -> None:
    for name, value, spec in (
        ("document", "source value", {"type": "KeyValue"}),
        ("text", "source text", {"type": "PlainText"}),
    ):
        _put(shop, f"{name}-source", {"word": GIVEN[value]}, name)
        source = {"secretRef": {"name": f"{name}-source"}, "keys": ["word"]}
        projected = {"generic": {"source": source} | spec, "projections": [{"secretName": name}]}
        shop.api.create(shop.made("Credential", name, projected))
        canaries.given(f"{name}-source", value)
        canaries.given(name, value)
        published(shop, name)
    for kind in ("KeyValue", "PlainText"):
        stored = {"generic": {"type": kind, "generate": {}}}
        shop.api.create(shop.made("Credential", f"stored-{kind.lower()}", stored))
        until("a stored value", lambda kind=kind: shop.versions(f"stored-{kind.lower()}"))
    canaries.remember()


def _trouble(shop: Shop, canaries: Canaries) -> None:
    """Errors whose texts, in drivers, parsers and template engines, would hold what they stumbled over."""
    _refused_sources(shop, canaries)
    _refused_projections(shop, canaries)
    _wrong_certificates(shop)
    _change_admin(shop, GIVEN["other admin password"])
    shop.annotate("silent", "rotate", "old admin")
    until("a refused admin", lambda: shop.condition("silent", "Rotated").get("reason") == "AdminLoginRefused")
    _put(shop, "admin", {"password": GIVEN["other admin password"]})
    shop.postgres.stop()
    try:
        shop.annotate("pair", "rotate", "no server")
        until("a server that is gone", lambda: shop.condition("pair", "Rotated").get("reason") == "Unreachable")
    finally:
        shop.postgres.start()
    until("its return", lambda: shop.condition("pair", "Rotated").get("status") == "True")
    canaries.remember()


def _change_admin(shop: Shop, password: str) -> None:
    """Change the admin's password on the server, in a way that tells its log nothing."""
    with shop.postgres.connect() as session:
        verifier = session.pgconn.encrypt_password(password.encode(), b"canary_admin", b"scram-sha-256").decode()
        session.execute(SQL("ALTER ROLE canary_admin PASSWORD {}").format(Literal(verifier)))


def _refused_sources(shop: Shop, canaries: Canaries) -> None:
    for name, value, data in (
        ("binary", "binary source", GIVEN["binary source"].encode() + b"\xff\x00"),
        ("large", "large source", GIVEN["large source"] * 2000),
    ):
        _put(shop, f"{name}-source", {"word": data}, name)
        source = {"secretRef": {"name": f"{name}-source"}}
        shop.api.create(
            shop.made("Credential", name, {"generic": {"source": source}, "projections": [{"secretName": name}]})
        )
        canaries.given(f"{name}-source", value)
        until("a refused source", lambda name=name: shop.condition(name, "Ready").get("status") == "False")


def _refused_projections(shop: Shop, canaries: Canaries) -> None:
    templates = {"bad-filter": "{{ word | b64decode }}", "bad-name": "{{ word }}{{ wordd }}", "bad-json": "{{ word }}"}
    projections: list[Json] = [{"secretName": name, "templates": {"t": text}} for name, text in templates.items()]
    projections[-1] = {
        "secretName": "bad-json",
        "type": "kubernetes.io/dockerconfigjson",
        "templates": {".dockerconfigjson": templates["bad-json"]},
    }
    for projection in projections:
        name = projection["secretName"]
        _put(shop, f"{name}-source", {"word": GIVEN["source value"]}, name)
        spec = {"generic": {"source": {"secretRef": {"name": f"{name}-source"}}}, "projections": [projection]}
        canaries.given(f"{name}-source", "source value")
        shop.api.create(shop.made("Credential", name, spec))
        until("a refused projection", lambda name=name: shop.condition(name, "Ready").get("status") == "False")


def _wrong_certificates(shop: Shop) -> None:
    """A server that cannot prove its identity is told nothing."""
    stranger = pki.authority(shop.log.parent / "stranger").ca_file.read_text()
    target = shop.target() | {"admin": {"secretRef": {"name": "admin"}}}
    target["rds"]["tls"] = {"ca": stranger}
    _put(shop, "stranger-admin", {"username": "canary_admin", "password": "never-sent-anywhere"})
    target["admin"] = {"secretRef": {"name": "stranger-admin"}}
    shop.api.create(shop.made("Target", "stranger", target))
    shop.api.create(rds(shop, "stranger", created("orders_canary_stranger"), target="stranger"))
    until("a refused server", lambda: shop.condition("stranger", "Ready").get("reason") == "UnknownCA")


def leak(shop: Shop, canaries: Canaries) -> None:
    """A made value that no Secret ever holds, set and set again. The operator that runs tells it everywhere."""
    shop.api.create(rds(shop, "leaky", created("orders_canary_leaky"), target=TARGET, projections=[]))
    until("the first version", lambda: shop.condition("leaky", "Ready").get("status") == "True")
    shop.annotate("leaky", "rotate", "one")
    until("two versions", lambda: [bool(v["record"].get("promoted")) for v in shop.versions("leaky")] == [True] * 2)
    until("an event", lambda: _told(shop, "leaky"))
    canaries.remember()


def _told(shop: Shop, name: str) -> bool:
    return any(event["involvedObject"]["name"] == name for event in shop.api.items("events", shop.namespace))
