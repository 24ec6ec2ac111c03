"""Where a raw Target points to, and which Secret vouches for it: the same reading for the operator and the command line."""

from __future__ import annotations

import pytest
from tests.api import objects as o
from tests.api.server import changed

from keyward.controller.targets import admin_of
from keyward.errors import Blocked, Reason
from keyward.kube.targets import LoginKind


def digest(item) -> str:
    return admin_of(item, "keyward-system").digest


def test_a_cloud_account_is_where_the_cloud_has_it():
    plain = digest(o.RAM_TARGET)
    assert digest(changed(o.RAM_TARGET, "spec.ram.endpoints", [])) == plain
    assert digest(changed(o.RAM_TARGET, "spec.ram.regionId", "cn-hangzhou")) != plain
    own = {"service": "STS", "host": "sts.aliyuncs.com"}
    assert digest(changed(o.RAM_TARGET, "spec.ram.endpoints", [own])) == plain


@pytest.mark.parametrize("path", ["spec.ram.endpoints.0.host", "spec.ram.endpoints.1.host", "spec.ram.tls.ca"])
def test_calls_that_go_elsewhere_have_to_be_approved(path):
    there = "" if path.endswith("ca") else "elsewhere"
    assert digest(changed(o.RAM_CLUSTER_TARGET, path, there)) != digest(o.RAM_CLUSTER_TARGET)


def test_the_secret_of_the_default_chain_carries_no_login():
    found = admin_of(o.RAM_CLUSTER_TARGET | {"kind": "ClusterTarget"}, "keyward-system")
    assert (found.namespace, found.secret, found.kind) == ("keyward-system", "admin", LoginKind.NONE)
    assert admin_of(o.RAM_TARGET, "keyward-system").kind is LoginKind.ACCESS_KEY


@pytest.mark.parametrize("item", [o.CLOUD_TARGET, o.CLOUD_POLARDB_TARGET, o.CLOUD_REDIS_TARGET, o.CLOUD_ECS_TARGET])
def test_of_a_system_that_is_reached_through_a_cloud_everything_is_approved(item):
    block = next(name for name in item["spec"] if name != "admin")
    found = admin_of(item, "keyward-system")
    assert found.kind is LoginKind.ACCESS_KEY
    api, plain = f"spec.{block}.openApi", found.digest
    service = {"rds": "RDS", "polardb": "PolarDB", "redis": "Tair", "ecs": "ECS"}[block]
    changes = [
        changed(item, f"{api}.instanceId", "other"),
        changed(item, f"{api}.regionId", "cn-zhangjiakou"),
        changed(item, f"{api}.endpoints", [{"service": service, "host": "gateway"}]),
        changed(item, f"{api}.tls", {"ca": o.PEM}),
        changed(item, f"spec.{block}.endpoints.0.host", "elsewhere"),
        changed(item, api, ...),
    ]
    assert len({plain, *(digest(one) for one in changes)}) == len(changes) + 1
    chain = admin_of(changed(item, f"{api}.credentials", "DefaultChain"), "keyward-system")
    assert (chain.kind, chain.digest) == (LoginKind.NONE, plain)


def test_a_target_without_endpoints_is_told():
    with pytest.raises(Blocked, match="no endpoints") as caught:
        digest(changed(o.TARGET, "spec.rds.endpoints", ...))
    assert caught.value.reason is Reason.INVALID_SPEC
