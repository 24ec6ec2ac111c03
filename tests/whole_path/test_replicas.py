"""A Target with a replica: a value is proven on every endpoint that consumers may use, before anybody is given it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.cluster.replica import Replica
from tests.whole_path.accounts import created, published, rds, rotated
from tests.whole_path.world import Shop, until


@pytest.fixture(scope="module")
def replica(postgres) -> Iterator[Replica]:
    with Replica(primary=postgres) as replica:
        yield replica


@pytest.fixture(scope="module")
def shop(control_plane, postgres, replica) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "replicas")
    shop.prepare()
    target = shop.target() | {"admin": {"secretRef": {"name": "both-admin"}}}
    target["rds"]["endpoints"].append({"host": shop.host, "port": replica.port, "role": "Replica"})
    login = {"username": "rotator", "password": "rotators-password"}
    shop.apply(shop.plain_secret("both-admin", login), shop.made("Target", "both", target))
    with shop.operator():
        yield shop
    shop.close()


def logs_in_everywhere(shop: Shop, replica: Replica, secret: dict[str, str]) -> bool:
    for server in (shop.postgres, replica):
        with server.connect("orders", secret["username"], secret["password"]) as session:
            assert session.execute("SELECT current_user").fetchone()
    return True


def test_consumers_are_told_every_endpoint_and_log_in_on_each(shop, replica):
    shop.apply(rds(shop, "both", created("orders_both"), target="both"))
    secret = published(shop, "both")
    endpoints = json.loads(secret["credential.json"])["endpoints"]
    assert [(e["port"], e["role"]) for e in endpoints] == [(shop.postgres.port, "Primary"), (replica.port, "Replica")]
    assert logs_in_everywhere(shop, replica, secret)
    _, after = rotated(shop, "both", "one")
    assert logs_in_everywhere(shop, replica, after)


def test_a_value_that_a_replica_does_not_know_yet_is_given_to_nobody(shop, replica):
    shop.apply(rds(shop, "behind", created("orders_behind"), target="both"))
    before = published(shop, "behind")
    with replica.held_back():
        shop.annotate("behind", "rotate", "one")
        said = until("a complaint", lambda: (c := shop.condition("behind", "Rotated")).get("status") == "False" and c)
        assert said["reason"] == "PropagationTimeout"
        assert shop.secret("behind") == before
        assert logs_in_everywhere(shop, replica, before)
        assert shop.condition("behind", "Ready")["status"] == "True", "what is published still logs in"
    after = until("the rotation", lambda: (s := shop.secret("behind")) != before and s)
    assert logs_in_everywhere(shop, replica, after)
