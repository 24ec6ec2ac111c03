"""`kubectl apply` → an account on a real PostgreSQL → a Secret that logs in → rotation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.whole_path.world import NAMESPACE, Shop, keyward, until


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
