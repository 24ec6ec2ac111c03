"""What each product's code becomes: whose fault it is, and a text of ours that names field, cause and fix."""

from __future__ import annotations

import pytest

from keyward.engines.alibaba.caches import errors as caches
from keyward.engines.alibaba.databases import errors as databases
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.alibaba.hosts import errors as hosts
from keyward.engines.alibaba.ram import errors as ram
from keyward.errors import Blocked, KeywardError, Reason, Retry

PRODUCTS = ("RDS", "PolarDB", "Tair", "ECS", "RAM")
WITH_INSTANCES = PRODUCTS[:-1]


def said(product: str, failure: Failure) -> KeywardError:
    if product in ("RDS", "PolarDB"):
        failure.operation = "create_account"
        return databases.translate(failure, product)
    return {"Tair": caches, "ECS": hosts, "RAM": ram}[product].translate(failure)


def answered(code: str, status: int = 403) -> Failure:
    return Failure(Way.ANSWERED, code, status, "7E9918B6-9CFF")


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    ("code", "reason", "fix"),
    [
        ("InvalidAccessKeyId.NotFound", Reason.ADMIN_LOGIN_REFUSED, "correct accessKeyId"),
        ("InvalidAccessKeyId.Inactive", Reason.ADMIN_LOGIN_REFUSED, "switch it on in the cloud"),
        ("Forbidden.AccessKeyDisabled", Reason.ADMIN_LOGIN_REFUSED, "switch it on in the cloud"),
        ("SignatureDoesNotMatch", Reason.ADMIN_LOGIN_REFUSED, "correct accessKeySecret"),
        ("InvalidSecurityToken.Expired", Reason.ADMIN_LOGIN_REFUSED, "write a new one"),
        ("MissingSecurityToken", Reason.ADMIN_LOGIN_REFUSED, "add its securityToken"),
        ("Forbidden.RAM", Reason.ADMIN_PRIVILEGE_MISSING, "a policy with that"),
        ("NoPermission", Reason.ADMIN_PRIVILEGE_MISSING, "a policy with that"),
    ],
)
def test_what_is_wrong_with_the_admin_login_is_told_alike_by_all(product, code, reason, fix):
    error = said(product, answered(code))
    assert (type(error), error.reason) == (Blocked, reason)
    assert fix in error.message
    assert error.message.endswith(f"({code}, HTTP 403, request 7E9918B6-9CFF)")


@pytest.mark.parametrize("product", WITH_INSTANCES)
def test_an_instance_that_ram_cannot_judge_rights_on_is_no_missing_right(product):
    error = said(product, answered("Forbidden.InstanceNotFound", 404))
    assert (type(error), error.reason) == (Blocked, Reason.INVALID_SPEC)
    assert error.message.startswith(
        "openApi: instanceId, regionId: the cloud account has no such instance there: correct"
    )


@pytest.mark.parametrize("product", ["RDS", "PolarDB", "Tair"])
@pytest.mark.parametrize("code", ["OperationDenied.LockMode", "IncorrectDBInstanceLockMode"])
def test_a_locked_instance_waits_for_a_person_and_not_for_the_cloud(product, code):
    error = said(product, answered(code))
    assert (type(error), error.reason) == (Blocked, Reason.CLOUD_REFUSED)
    assert error.message.startswith("openApi: the cloud has locked the instance")
    assert "see to it in its console" in error.message


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("way", [Way.TLS, Way.NAME, Way.CONNECT, Way.LOST, Way.SILENT, Way.MALFORMED])
def test_what_is_wrong_on_the_way_to_the_cloud_says_so_and_what_to_look_at(product, way):
    error = said(product, Failure(way))
    assert error.message.startswith("openApi: ") is (product != "RAM")
    assert ": see " in error.message or ": correct " in error.message


@pytest.mark.parametrize(
    ("product", "field"), [("RDS", "openApi: credentials: "), ("RAM", "spec.ram.credentials of the Target: ")]
)
def test_a_default_chain_without_a_login_is_told_at_the_field_that_asks_for_it(product, field):
    error = said(product, Failure(Way.NO_LOGIN))
    assert (type(error), error.reason) == (Retry, Reason.ADMIN_LOGIN_REFUSED)
    assert error.message.startswith(field)
    assert "RRSA, an instance role" in error.message


def test_a_code_that_nobody_knows_is_told_with_where_to_look_it_up():
    error = said("RDS", answered("Account.Arrearage"))
    assert (type(error), error.reason) == (Retry, Reason.CLOUD_REFUSED)
    assert "look its code up" in error.message
    assert "Account.Arrearage" in error.message
