"""Where a raw Target points to, and which Secret vouches for it: the same reading for the operator and the command line."""

from __future__ import annotations

import pytest
from tests.api import objects as o
from tests.api.server import changed

from keyward.controller.targets import admin_of
from keyward.errors import Blocked, Reason


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
    assert (found.namespace, found.secret, found.has_login) == ("keyward-system", "admin", False)
    assert admin_of(o.RAM_TARGET, "keyward-system").has_login


def test_a_target_without_endpoints_is_told():
    with pytest.raises(Blocked, match="no endpoints") as caught:
        digest(changed(o.TARGET, "spec.rds.endpoints", ...))
    assert caught.value.reason is Reason.INVALID_SPEC
