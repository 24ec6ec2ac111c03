"""Targets that are not there, not for this namespace, not approved, or without a proper admin login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cluster.proxy import FaultProxy
from tests.inputs.bait import bait
from tests.inputs.case import POLLED, Case
from tests.inputs.desk import Desk
from tests.whole_path.accounts import created, rds
from tests.whole_path.world import OPERATOR_NAMESPACE, Json

from keyward.errors import Reason

LOGIN = {"username": "rotator", "password": "rotators-password"}


def on(name: str, **changes: Any) -> Callable[[Desk], list[Json]]:
    """A Credential on a Target of its own name, with an admin Secret of its own."""

    def arrange(desk: Desk) -> list[Json]:
        login = changes.get("login", LOGIN)
        secret = [desk.plain_secret(f"{name}-admin", login)] if login is not None else []
        return [*secret, target_of(desk, name, changes), credential(desk, name)]

    return arrange


def credential(desk: Desk, name: str, **create: Any) -> Json:
    return rds(desk, name, created(_account(name), **create), target=name)


def _account(name: str) -> str:
    return "orders_" + name.replace("-", "_")


def target_of(desk: Desk, name: str, changes: dict[str, Any]) -> Json:
    spec = desk.target() | {"admin": {"secretRef": {"name": f"{name}-admin"}}} | changes.get("spec", {})
    spec["rds"]["endpoints"][0] |= changes.get("endpoint", {})
    spec["rds"]["tls"] |= changes.get("tls", {})
    return desk.made("Target", name, spec)


def _apply_target(name: str, **changes: Any) -> Callable[[Desk], object]:
    return lambda desk: desk.apply(target_of(desk, name, changes))


def approved(name: str, **changes: Any) -> Callable[[Desk], object]:
    """Mend the Target, and approve it as somebody who may write its admin Secret."""

    def mend(desk: Desk) -> None:
        desk.apply(target_of(desk, name, changes))
        desk.approve(name)

    return mend


def _apply_login(name: str) -> Callable[[Desk], object]:
    return lambda desk: desk.apply(desk.plain_secret(f"{name}-admin", LOGIN))


def _shared(desk: Desk) -> list[Json]:
    secret = desk.plain_secret("inputs-shared-admin", LOGIN)
    secret["metadata"]["namespace"] = OPERATOR_NAMESPACE
    target = desk.made(
        "ClusterTarget", "inputs-shared", desk.target() | {"admin": {"secretRef": {"name": "inputs-shared-admin"}}}
    )
    del target["metadata"]["namespace"]
    reference = {"targetRef": {"kind": "ClusterTarget", "name": "inputs-shared"}}
    return [secret, target, rds(desk, "not-allowed", created("orders_not_allowed") | reference)]


def _second(desk: Desk) -> list[Json]:
    """Of an admin Secret that vouches for another place already."""
    proxy = desk.borrowed.enter_context(FaultProxy(("127.0.0.1", desk.postgres.port)))
    found = target_of(
        desk, "not-approved", {"endpoint": {"port": proxy.port}, "spec": {"admin": {"secretRef": {"name": "pg-admin"}}}}
    )
    return [found, credential(desk, "not-approved")]


CASES = (
    Case(
        "unknown-target",
        Reason.UNKNOWN_TARGET,
        ("spec.rds.targetRef", "Target unknown-target", "is not there", "create it"),
        lambda desk: [desk.plain_secret("unknown-target-admin", LOGIN), credential(desk, "unknown-target")],
        _apply_target("unknown-target"),
    ),
    Case(
        "not-allowed",
        Reason.TARGET_NOT_ALLOWED,
        ("spec.rds.targetRef", "spec.allowedNamespaces", "ClusterTarget inputs-shared", "does not list", "add it"),
        _shared,
        lambda desk: desk.api.merge(
            "clustertarget", "inputs-shared", "", {"spec": {"allowedNamespaces": [desk.namespace]}}
        ),
    ),
    Case(
        "glob",
        Reason.ACCOUNT_NOT_ALLOWED,
        ("spec.allowedAccounts of Target glob", "orders_glob, orders_glob_clone, orders_glob_rights", "add"),
        on("glob", spec={"allowedAccounts": ["billing*"]}),
        _apply_target("glob"),
    ),
    Case(
        "glob-of-two",
        Reason.ACCOUNT_NOT_ALLOWED,
        ("does not cover orders_glob_of_two_rights, which holds the rights of the others: add a pattern",),
        on("glob-of-two", spec={"allowedAccounts": ["orders_glob_of_two", "orders_glob_of_two_clone"]}),
        _apply_target("glob-of-two", spec={"allowedAccounts": ["orders_glob_of_two*"]}),
    ),
    Case(
        "not-approved",
        Reason.TARGET_NOT_APPROVED,
        ("endpoints", "Target not-approved", "keyward target approve not-approved -n"),
        _second,
        lambda desk: desk.approve("not-approved"),
        POLLED,
    ),
    Case(
        "no-admin-secret",
        Reason.ADMIN_SECRET_INVALID,
        ("spec.admin.secretRef", "Secret", "no-admin-secret-admin", "is not there", "create it"),
        on("no-admin-secret", login=None),
        _apply_login("no-admin-secret"),
        POLLED,
    ),
    Case(
        "no-admin-password",
        Reason.ADMIN_SECRET_INVALID,
        ("spec.admin.secretRef", "no-admin-password-admin", "no key 'password'", "add it"),
        on("no-admin-password", login={"username": "rotator", "pasword": bait("misspelt")}),
        _apply_login("no-admin-password"),
        POLLED,
    ),
    Case(
        "wrong-password",
        Reason.ADMIN_LOGIN_REFUSED,
        ("spec.admin.secretRef of Target wrong-password", "refused user name and password", "correct"),
        on("wrong-password", login=LOGIN | {"password": bait("guess")}),
        _apply_login("wrong-password"),
        POLLED,
    ),
)
