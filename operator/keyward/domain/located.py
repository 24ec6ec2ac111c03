"""Which field of the Credential or its Target an error of the outside system speaks of. Pure.

An engine knows causes and what mends them on its side; only here is known what the user calls the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from keyward.domain.model import Wish
from keyward.domain.steps import Wait
from keyward.errors import KeywardError, Reason, Retry

Field = Callable[[Wish], str]


def at_field(error: KeywardError, wish: Wish) -> KeywardError:
    """The same error, its message begun with the field; as it is where it names one already or speaks of no Target."""
    field = _FIELDS.get(error.reason)
    if error.message.startswith(API):
        field, error = _OPEN_API, type(error)(error.reason, error.message.removeprefix(API), *_after(error))
    if field is None or wish.target is None or error.message.startswith(("spec.", "metadata.")):
        return error
    return type(error)(error.reason, f"{field(wish)}: {error.message}", *_after(error))


def _after(error: KeywardError) -> tuple[float | None, ...]:
    return (error.after,) if isinstance(error, Retry) else ()


def unproven(error: KeywardError) -> str:
    """What is said of a value that was sent and does not log in; or why nobody came so far as to try it."""
    if error.message.startswith(API) or _FIELDS.get(error.reason) is _ADMIN:
        return error.message
    return f"the value was set, but does not log in as it should: {error.message}"


def imported(wish: Wish, name: str) -> str:
    """What is wrong with a value that was given and does not log in, and what mends it."""
    if wish.issued:
        return (
            f"spec.{wish.type}.accessKeysFrom: an AccessKey that was read for user {name!r} is not one of that user: correct the "
            "Secrets that it names"
        )
    return (
        f"spec.{wish.type}.import.accounts: the password that was read for account {name!r} does not log in: correct the Secret "
        "that passwordFrom names"
    )


def other_data(wish: Wish) -> Wait:
    """The approved new endpoints lead to a system that does not know the current value."""
    return Wait(
        None,
        Reason.TARGET_HAS_OTHER_DATA,
        f"{_endpoints(wish)}: the current value does not log in at the new endpoints, so they lead to other data, and nothing is "
        "applied there: correct them",
        stalled=True,
    )


def account(wish: Wish) -> str:
    """Where the accounts are named."""
    if wish.issued:
        return f"spec.{wish.type}.userName"
    return f"spec.{wish.type}.import.accounts[].name" if wish.imported else f"spec.{wish.type}.create.name"


def _of_target(field: str) -> Field:
    def found(wish: Wish) -> str:
        target = f"{wish.target.kind} {wish.target.name}" if wish.target else "the Target"
        return f"{field.format(type=wish.type)} of {target}"

    return found


def _database(wish: Wish) -> str:
    created = "" if wish.imported else f" or spec.{wish.type}.create.privileges[].database"
    return f"spec.{wish.type}.databaseName{created}"


_PLACE: Final = _of_target("spec.{type}.endpoints")
_CLOUD: Final = _of_target("spec.{type}")
_OPEN_API: Final = _of_target("spec.{type}.openApi")
API: Final = "openApi: "
"""How a message begins that speaks of the way to the cloud, where a Target has another one to its endpoints."""


def _endpoints(wish: Wish) -> str:
    return _CLOUD(wish) if wish.issued else _PLACE(wish)


_ADMIN: Final = _of_target("spec.admin.secretRef")
_FIELDS: Final[Mapping[Reason, Field]] = {
    Reason.UNREACHABLE: _endpoints,
    Reason.NAME_RESOLUTION: _endpoints,
    Reason.TIMEOUT: _endpoints,
    Reason.TLS_REFUSED: _endpoints,
    Reason.WEAK_AUTHENTICATION: _endpoints,
    Reason.READ_ONLY_ENDPOINT: _endpoints,
    Reason.PROPAGATION_TIMEOUT: _endpoints,
    Reason.BUSY: _endpoints,
    Reason.UNKNOWN_OUTCOME: _endpoints,
    Reason.PASSWORD_REFUSED: _endpoints,
    Reason.CLOUD_REFUSED: _endpoints,
    Reason.ENGINE_UNSUPPORTED: _endpoints,
    Reason.UNKNOWN_CA: _of_target("spec.{type}.tls"),
    Reason.HOST_KEY_CHANGED: _of_target("spec.{type}.hostKeys"),
    Reason.ADMIN_SECRET_INVALID: _ADMIN,
    Reason.ADMIN_LOGIN_REFUSED: _ADMIN,
    Reason.ADMIN_PRIVILEGE_MISSING: _ADMIN,
    Reason.DATABASE_MISSING: _database,
    Reason.INVALID_SPEC: lambda wish: f"spec.{wish.type}",
    Reason.ACCOUNT_EXISTS: account,
    Reason.ACCOUNT_MISSING: account,
    Reason.ACCOUNT_DISABLED: account,
    Reason.ACCOUNT_RESERVED: account,
    Reason.ACCOUNT_CLAIMED: account,
    Reason.KEY_FILE_UNUSABLE: account,
    Reason.SECOND_PASSWORD: account,
    Reason.UNKNOWN_ACCESS_KEY: account,
    Reason.LINEAGE_CONFLICT: account,
    Reason.LOGIN_REFUSED: account,
    Reason.WRONG_IDENTITY: account,
    Reason.PRIVILEGE_MISSING: account,
    Reason.PRIVILEGE_NOT_ALLOWED: _of_target("spec.{type}.allowedPrivileges"),
    Reason.RIGHTS_DIFFER: lambda _wish: "spec.rotation.onRightsDrift",
}
