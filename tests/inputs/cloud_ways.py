"""On the way to the cloud: admin logins that it does not take, rights that are missing, endpoints that are not its own."""

from __future__ import annotations

from tests.cloud.standin import Fault
from tests.cluster import pki
from tests.cluster.process import free_port
from tests.inputs.bait import bait
from tests.inputs.cloud_cases import (
    Begun,
    case,
    corrected,
    ecs,
    ecs_target,
    rds,
    rds_target,
    redis,
    redis_target,
)
from tests.inputs.cloud_desk import CloudDesk

from keyward.errors import Reason

ADMIN, API = (
    "spec.admin.secretRef of ClusterTarget inputs-cloud-{}: ",
    "spec.{}.openApi of ClusterTarget inputs-cloud-{}: ",
)
FOR_EVER = 1_000_000


def _no_key_id(desk: CloudDesk, name: str) -> Begun:
    """Spelt as the Secret of a RAM user has it."""
    admin, *others = rds(desk, name)
    misspelt = desk.admin(name)
    misspelt["data"]["AccessKeyId"] = misspelt["data"].pop("accessKeyId")
    return [misspelt, *others], lambda: desk.apply(admin)


def _wrong_secret(desk: CloudDesk, name: str) -> Begun:
    admin, *others = rds(desk, name)
    return [desk.admin(name, accessKeySecret=bait("guess")), *others], lambda: desk.apply(admin)


def _unknown_id(desk: CloudDesk, name: str) -> Begun:
    """As it is once somebody has deleted the key in the console."""
    objects, keys = redis(desk, name), desk.cloud.ram.users[f"admin-{name}"].keys
    keys.clear()
    return objects, lambda: keys.append(desk.keys[name])


def _switched_off(desk: CloudDesk, name: str) -> Begun:
    objects, key = ecs(desk, name), desk.keys[name]
    key.status = "Inactive"
    return objects, lambda: setattr(key, "status", "Active")


def _no_rights(desk: CloudDesk, name: str) -> Begun:
    objects, user = rds(desk, name), desk.cloud.ram.users[f"admin-{name}"]
    user.admin = False
    return objects, lambda: setattr(user, "admin", True)


def _no_rights_on_hosts(desk: CloudDesk, name: str) -> Begun:
    objects, user = ecs(desk, name), desk.cloud.ram.users[f"admin-{name}"]
    user.admin = False
    return objects, lambda: setattr(user, "admin", True)


def _empty_chain(desk: CloudDesk, name: str) -> Begun:
    return rds(desk, name, credentials="DefaultChain"), lambda: desk.apply(rds_target(desk, name))


def _unknown_ca(desk: CloudDesk, name: str) -> Begun:
    other = pki.authority(desk.behind.folder / "other").ca_file.read_text(encoding="ascii")
    return rds(desk, name, tls={"ca": other}), corrected(desk, name, rds_target(desk, name))


def _nobody(desk: CloudDesk, name: str) -> Begun:
    place = {"service": "Tair", "host": "127.0.0.1", "port": free_port()}
    return redis(desk, name, endpoints=[place]), corrected(desk, name, redis_target(desk, name))


def _no_address(desk: CloudDesk, name: str) -> Begun:
    places = [{"service": service, "host": "cloud.invalid"} for service in ("ECS", "OOS")]
    return ecs(desk, name, endpoints=places), corrected(desk, name, ecs_target(desk, name))


def _throttled(desk: CloudDesk, name: str) -> Begun:
    objects = rds(desk, name)
    fault = Fault("DescribeAccounts", "Throttled", FOR_EVER, desk.keys[name].id)
    desk.cloud.faults.append(fault)
    return objects, lambda: setattr(fault, "times", 0)


CASES = (
    case(
        "no-key-id",
        Reason.ADMIN_SECRET_INVALID,
        ("spec.admin.secretRef", "Secret keyward-system/inputs-cloud-no-key-id", "no key 'accessKeyId'", "add it"),
        _no_key_id,
    ),
    case(
        "bad-secret",
        Reason.ADMIN_LOGIN_REFUSED,
        (
            ADMIN.format("bad-secret"),
            "secret of its AccessKey is wrong",
            "correct accessKeySecret",
            "SignatureDoesNotMatch",
        ),
        _wrong_secret,
    ),
    case(
        "unknown-id",
        Reason.ADMIN_LOGIN_REFUSED,
        (ADMIN.format("unknown-id"), "knows no such AccessKey", "correct accessKeyId", "InvalidAccessKeyId.NotFound"),
        _unknown_id,
    ),
    case(
        "off-key",
        Reason.ADMIN_LOGIN_REFUSED,
        (ADMIN.format("off-key"), "is switched off", "switch it on", "InvalidAccessKeyId.Inactive"),
        _switched_off,
    ),
    case(
        "no-rights",
        Reason.ADMIN_PRIVILEGE_MISSING,
        (ADMIN.format("no-rights"), "rds:DescribeAccounts on the instance", "a policy with that", "Forbidden.RAM"),
        _no_rights,
    ),
    case(
        "no-run",
        Reason.ADMIN_PRIVILEGE_MISSING,
        (ADMIN.format("no-run"), "ecs:RunCommand", "a policy with that", "Forbidden.RAM"),
        _no_rights_on_hosts,
    ),
    case(
        "no-chain",
        Reason.ADMIN_LOGIN_REFUSED,
        (API.format("rds", "no-chain"), "credentials", "default chain has no login", "RRSA, an instance role"),
        _empty_chain,
    ),
    case(
        "unknown-ca",
        Reason.UNKNOWN_CA,
        (API.format("rds", "unknown-ca"), "certificate of the cloud's endpoint", "correct tls.ca"),
        _unknown_ca,
    ),
    case(
        "nobody",
        Reason.UNREACHABLE,
        (API.format("redis", "nobody"), "nobody answers at the cloud's endpoint", "correct regionId or endpoints"),
        _nobody,
    ),
    case(
        "no-address",
        Reason.NAME_RESOLUTION,
        (API.format("ecs", "no-address"), "has no address", "correct regionId or endpoints, or DNS"),
        _no_address,
    ),
    case(
        "throttled",
        Reason.BUSY,
        (API.format("rds", "throttled"), "asks to be called less often", "other programs", "Throttling.User, HTTP 429"),
        _throttled,
    ),
)
