"""Accounts that cannot be had, keys that may not be used, and specs that only the operator can judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from psycopg.sql import SQL
from tests.inputs.bait import bait
from tests.inputs.case import Case
from tests.inputs.desk import Desk
from tests.whole_path.accounts import created, existing, hand_over, rds
from tests.whole_path.world import Json, until

from keyward.errors import Reason


def _rds(name: str, **spec: Any) -> Callable[[Desk], list[Json]]:
    return lambda desk: [rds(desk, name, created(_account(name)), **spec)]


def _account(name: str) -> str:
    return "orders_" + name.replace("-", "_")


def _again(name: str, account: str = "", **spec: Any) -> Callable[[Desk], object]:
    """What cannot be changed is made anew."""

    def mend(desk: Desk) -> None:
        desk.api.delete("credential", name, desk.namespace)
        until(f"the end of {name}", lambda: desk.get("credential", name) is None)
        desk.apply(rds(desk, name, created(account or _account(name)), **spec))

    return mend


def _taken(desk: Desk) -> list[Json]:
    with desk.postgres.connect("orders", "rotator", "rotators-password") as session:
        session.execute(SQL("CREATE ROLE orders_taken LOGIN PASSWORD {}").format(bait("theirs")))
    return _rds("taken")(desk)


def _rivals(desk: Desk) -> list[Json]:
    desk.apply(rds(desk, "claimant", created("orders_claimed")))
    until("the elder", lambda: desk.ready("claimant"))
    made = desk.get("credential", "claimant")["metadata"]["creationTimestamp"]
    # Of the same second neither is the elder.
    until("a later second", lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > made)
    return [rds(desk, "rival", created("orders_claimed"))]


def _imported(name: str, given: str, **role: Any) -> Callable[[Desk], list[Json]]:
    def arrange(desk: Desk) -> list[Json]:
        account = existing(desk, name, (_account(name), bait("right")))
        hand_over(desk, name, (_account(name), given))
        return [rds(desk, name, account, mode="Single")]

    return arrange


def _cut_off(desk: Desk) -> list[Json]:
    """32 characters, as the schema counts them, and 64 bytes."""
    account = {"name": "ü" * 32, "passwordFrom": {"secretName": "cut-off-old"}}
    return [rds(desk, "cut-off", {"import": {"accounts": [account]}}, mode="Single")]


def _reserved(desk: Desk) -> list[Json]:
    objects = _imported("mighty", bait("right"))(desk)
    desk.postgres.sql("ALTER ROLE orders_mighty REPLICATION")
    return objects


def _not_reserved(desk: Desk) -> None:
    desk.postgres.sql("ALTER ROLE orders_mighty NOREPLICATION")
    desk.annotate("mighty", "rotate", "now")


def _switched_off(desk: Desk) -> list[Json]:
    objects = _imported("switched-off", bait("right"))(desk)
    desk.postgres.sql("ALTER ROLE orders_switched_off NOLOGIN")
    return objects


def _switch_on(desk: Desk) -> None:
    healed = desk.postgres.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'orders_switched_off'")
    assert healed == [(False,)], "it was healed"
    desk.postgres.sql("ALTER ROLE orders_switched_off LOGIN")
    desk.annotate("switched-off", "rotate", "now")


def _no_source(desk: Desk) -> list[Json]:
    objects = _imported("no-old-password", bait("right"))(desk)
    desk.api.delete("secret", "no-old-password-old", desk.namespace)
    return objects


def _hand_over(name: str) -> Callable[[Desk], object]:
    return lambda desk: hand_over(desk, name, (_account(name), bait("right")))


def _key(name: str, *namespaces: str) -> Json:
    return {
        "apiVersion": "keyward.dev/v1alpha1",
        "kind": "EncryptionKey",
        "metadata": {"name": name},
        "spec": {"provider": {"local": {}}, "allowedNamespaces": list(namespaces)},
    }


def _sealed(name: str, **spec: Any) -> Callable[[Desk], list[Json]]:
    return lambda desk: [desk.values(f"{name}-source", {"word": bait("word")}, name), desk.generic(name, **spec)]


def _kept_from_us(desk: Desk) -> list[Json]:
    return [_key("inputs-kept", "somewhere-else"), *_sealed("key-kept", encryptionKeyName="inputs-kept")(desk)]


WINDOW = {"start": "02:00", "duration": "2h"}
EVERY_DAY = {"interval": "24h", "gracePeriod": "0s"}

CASES = (
    Case(
        "taken",
        Reason.ACCOUNT_EXISTS,
        ("spec.rds.create.name", "'orders_taken'", "was not made by this Credential", "spec.rds.import"),
        _taken,
        _again("taken", "orders_free"),
    ),
    Case(
        "rival",
        Reason.ACCOUNT_CLAIMED,
        ("spec.rds.create.name", "'orders_claimed'", "claimant", "choose another"),
        _rivals,
        _again("rival", "orders_of_my_own"),
    ),
    Case(
        "mighty",
        Reason.ACCOUNT_RESERVED,
        ("spec.rds.import.accounts", "'orders_mighty'", "REPLICATION", "never touched"),
        _reserved,
        _not_reserved,
    ),
    Case(
        "cut-off",
        Reason.INVALID_SPEC,
        ("spec.rds.import.accounts[].name", "more than 63 bytes in UTF-8", "correct it"),
        _cut_off,
        _again("cut-off", mode="Single"),
    ),
    Case(
        "switched-off",
        Reason.ACCOUNT_DISABLED,
        ("spec.rds.import.accounts", "'orders_switched_off'", "NOLOGIN", "give the right back"),
        _switched_off,
        _switch_on,
    ),
    Case(
        "no-old-password",
        Reason.SOURCE_MISSING,
        ("spec.rds.import.accounts[].passwordFrom", "Secret no-old-password-old", "is not there", "create it"),
        _no_source,
        _hand_over("no-old-password"),
    ),
    Case(
        "wrong-old-password",
        Reason.IMPORTED_VALUE_UNVERIFIED,
        ("spec.rds.import.accounts", "'orders_wrong_old_password'", "does not log in", "allowUnverifiedImport"),
        _imported("wrong-old-password", bait("guess")),
        _hand_over("wrong-old-password"),
    ),
    Case(
        "no-key",
        Reason.KEY_UNAVAILABLE,
        ("spec.encryptionKeyName", "EncryptionKey inputs-absent", "is not there", "create it"),
        _sealed("no-key", encryptionKeyName="inputs-absent"),
        lambda desk: desk.apply(_key("inputs-absent", "*")),
    ),
    Case(
        "key-kept",
        Reason.KEY_NOT_ALLOWED,
        ("spec.encryptionKeyName", "spec.allowedNamespaces of EncryptionKey inputs-kept", "does not list", "add it"),
        _kept_from_us,
        lambda desk: desk.apply(_key("inputs-kept", desk.namespace)),
    ),
    Case(
        "policy",
        Reason.ACCESS_POLICY_UNSUPPORTED,
        ("spec.accessPolicy", "not supported", "remove it"),
        _sealed("policy", accessPolicy={"readers": ["me"]}),
        lambda desk: desk.apply(desk.generic("policy")),
    ),
    Case(
        "no-such-zone",
        Reason.INVALID_SPEC,
        ("spec.rotation.windows[].timeZone", "is no IANA time zone", "write it as Europe/Berlin"),
        _rds("no-such-zone", rotation=EVERY_DAY | {"windows": [WINDOW | {"timeZone": "Mars/Olympus"}]}),
        lambda desk: desk.apply(*_rds("no-such-zone")(desk)),
    ),
    Case(
        "no-preset",
        Reason.INVALID_SPEC,
        ("spec.rds.create.privileged", "spec.rds.privilegedRole", "Target pg", "name"),
        lambda desk: [
            rds(desk, "no-preset", {"create": {"name": "orders_no_preset", "privileged": True}}, mode="Single")
        ],
        _again("no-preset", mode="Single"),
    ),
)
