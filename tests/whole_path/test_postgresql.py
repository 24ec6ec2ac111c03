"""`kubectl apply` → an account on a real PostgreSQL → a Secret that logs in → rotation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.whole_path.accounts import created, published, rds, refused, rotated
from tests.whole_path.world import NAMESPACE, Json, Shop, keyward, until


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres)
    shop.prepare()
    yield shop
    shop.close()


def dual(name: str) -> dict[str, object]:
    return keyward(
        "Credential",
        name.replace("_", "-"),
        {
            "rds": {
                "targetRef": {"name": "pg"},
                "create": {"name": name, "privileges": [{"database": "orders", "level": "ReadWrite"}]},
                "databaseName": "orders",
            },
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name.replace("_", "-")}],
        },
    )


def test_an_applied_credential_becomes_a_secret_that_logs_in_and_each_rotation_takes_the_other_account(shop):
    with shop.operator():
        shop.apply(dual("orders_dual"))
        first = until("the first Secret", lambda: shop.secret("orders-dual"))
        assert shop.logs_in(first) == "orders_dual_rights"
        names = [first["username"]]
        for number in range(3):
            shop.cluster.kubectl(
                "annotate", "credential", "orders-dual", "-n", NAMESPACE, f"keyward.dev/rotate=t{number}", "--overwrite"
            )
            before = shop.secret("orders-dual")
            after = until("a rotation", lambda: (s := shop.secret("orders-dual")) != before and s)  # noqa: B023
            assert shop.logs_in(before) == shop.logs_in(after) == "orders_dual_rights"
            names.append(after["username"])
    assert names == ["orders_dual", "orders_dual_clone", "orders_dual", "orders_dual_clone"]
    lines = [json.loads(line) for line in shop.log.read_text().splitlines() if line.startswith("{")]
    ours = [line for line in lines if line.get("credential") == f"{NAMESPACE}/orders-dual"]
    told = [(line["version"], line["step"], line["message"]) for line in ours if "step" in line]
    effects = {"apply": "the value was set on the target", "promote": "the version is current"}
    assert told == [(f"v{number}", *effect) for number in range(1, 5) for effect in effects.items()]


def test_a_leak_is_over_when_a_login_with_the_leaked_value_was_refused(shop):
    with shop.operator():
        shop.apply(rds(shop, "orders-leaked", created("orders_leaked")))
        leaked = published(shop, "orders-leaked")
        attempts = shop.postgres.log.read_text().count(_REFUSED.format(leaked["username"]))
        shop.annotate("orders-leaked", "rotate", "leak#force")
        told = until("the event", lambda: [e for e in _events(shop, "orders-leaked") if e["reason"] == "LeakEnded"])
        assert "version v1, which has leaked, is refused" in told[0]["message"]
        assert shop.postgres.log.read_text().count(_REFUSED.format(leaked["username"])) == attempts + 1
        assert refused(shop, leaked)
        until(
            "the end of its version", lambda: [v["spec"]["sequence"] for v in shop.versions("orders-leaked")] == [2, 3]
        )
        assert not refused(shop, shop.secret("orders-leaked"))


def test_the_gap_of_a_single_account_is_measured_and_told(shop):
    with shop.operator() as operator:
        shop.apply(rds(shop, "orders-gap", created("orders_gap"), mode="Single"))
        published(shop, "orders-gap")
        until("Ready", lambda: shop.condition("orders-gap", "Ready").get("status") == "True")
        assert "lastGap" not in shop.get("credential", "orders-gap")["status"]
        began = time.monotonic()
        rotated(shop, "orders-gap", "now")
        whole = time.monotonic() - began
        said = until("the gap", lambda: shop.get("credential", "orders-gap")["status"].get("lastGap"))
        assert 0 < float(said.removesuffix("s")) < whole
        assert 'keyward_single_gap_seconds_count{type="rds"} 1.0' in (operator.page("metrics") or "")


def test_an_operator_that_is_frozen_makes_first_values_keeps_secrets_and_replaces_none(shop):
    with shop.operator("--freeze"):
        shop.apply(rds(shop, "orders-frozen", created("orders_frozen")))
        first = published(shop, "orders-frozen")
        assert shop.logs_in(first) == "orders_frozen_rights"
        sent = _passwords_set(shop, "orders_frozen")
        shop.annotate("orders-frozen", "rotate", "now")
        told = until("the wait", lambda: (s := shop.get("credential", "orders-frozen")["status"]).get("waiting") and s)
        assert (told["waiting"], told["nextRotation"]) == ({"reason": "Suspended"}, "suspended")
        shop.api.delete("secret", "orders-frozen", shop.namespace)
        assert until("the Secret again", lambda: shop.secret("orders-frozen")) == first
        assert [v["spec"]["versionId"] for v in shop.versions("orders-frozen")] == ["v1"]
        assert _passwords_set(shop, "orders_frozen") == sent == 1


def _passwords_set(shop: Shop, account: str) -> int:
    """How often the server was told to set a password of this account or its clone."""
    said = shop.postgres.log.read_text(encoding="utf-8", errors="replace")
    return said.count(f'ALTER ROLE "{account}" PASSWORD') + said.count(f'ALTER ROLE "{account}_clone" PASSWORD')


_REFUSED = 'password authentication failed for user "{}"'


def _events(shop: Shop, name: str) -> list[Json]:
    return [e for e in shop.api.items("events", shop.namespace) if e["involvedObject"]["name"] == name]
