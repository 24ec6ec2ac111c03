"""RAM users and their AccessKeys as the published documentation describes them, with its eventual consistency to switch on.

State and rules only: no network. At most two keys per user; a secret is told once, by CreateAccessKey; STS knows a new key
after `propagation`, ListAccessKeys after `listing`.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.cloud.signatures import Call, Refused, Verifier

ACCOUNT = "1234567890123456"
MOST = 2
_LONG_AGO = 1e9  # seconds
Json = dict[str, object]
_numbers = itertools.count(1)


@dataclass
class Key:
    """One AccessKey. `since` is when it was made, by the monotonic clock."""

    id: str
    secret: str
    status: str = "Active"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    since: float = field(default_factory=time.monotonic)
    last_used: datetime | None = None
    deleted: bool = False
    token: str = ""  # of a temporary one, without which nothing is signed

    def listed(self) -> Json:
        return {"AccessKeyId": self.id, "Status": self.status, "CreateDate": _stamp(self.created)}


@dataclass
class User:
    name: str
    keys: list[Key] = field(default_factory=list)
    admin: bool = False  # may call RAM
    is_role: bool = False  # somebody's that has temporary keys alone

    @property
    def kind(self) -> str:
        return "AssumedRoleUser" if self.is_role else "RAMUser"

    @property
    def arn(self) -> str:
        return f"acs:ram::{ACCOUNT}:{'assumed-role' if self.is_role else 'user'}/{self.name}"


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Ram:
    """One cloud account. `clock` is the monotonic clock that delays are counted by."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.users: dict[str, User] = {}
        self.propagation = 0.0  # seconds until STS knows a new key
        self.listing = 0.0  # seconds until ListAccessKeys shows a new key
        self.most_ever: dict[str, int] = {}  # keys at once, by user
        self._clock, self._verifier, self._lock = clock, Verifier(), threading.RLock()

    # --- what a person does in the console ---

    def user(self, name: str, *, admin: bool = False, keys: int = 1) -> User:
        self.users[name] = user = User(name, admin=admin)
        for _ in range(keys):
            self.key(name)
        return user

    def key(self, name: str) -> Key:
        """A key that is known everywhere already."""
        made = Key(f"LTAI{next(_numbers):020d}", secrets.token_urlsafe(24)[:30], since=-_LONG_AGO)
        self.users[name].keys.append(made)
        return made

    def age(self) -> None:
        """All keys that there are become known everywhere."""
        for user in self.users.values():
            for key in user.keys:
                key.since = -_LONG_AGO

    def assumed(self, role: str, session: str) -> Key:
        """A temporary key of a role that may do what an admin may."""
        name = f"{role}/{session}"
        user = self.users.setdefault(name, User(name, admin=True, is_role=True))
        made = Key(
            f"STS.{next(_numbers):020d}", secrets.token_urlsafe(24)[:30], since=-_LONG_AGO, token=secrets.token_hex(32)
        )
        user.keys.append(made)
        return made

    # --- the API ---

    def answer(self, call: Call) -> Json:
        """What a signed call gets. Raises Refused."""
        with self._lock:
            operation = getattr(self, f"_{call.action}", None)
            if operation is None:
                raise Refused(400, "InvalidAction.NotFound")
            caller = self._caller(call)
            if call.action == "GetCallerIdentity":
                return self._GetCallerIdentity(caller)
            if not caller.admin:
                raise Refused(403, "NoPermission")
            asked = call.parameters()
            user = self.users.get(asked.get("UserName", ""))
            if user is None:
                raise Refused(404, "EntityNotExist.User")
            answer: Json = operation(user, asked)
            self.most_ever[user.name] = max(self.most_ever.get(user.name, 0), len(user.keys))
            return answer

    def admit(self, call: Call) -> None:
        """Whether a call of another service is signed, by an admin. Raises Refused, with the code that all of these share."""
        with self._lock:
            if not self._caller(call).admin:
                raise Refused(403, "Forbidden.RAM")

    def _caller(self, call: Call) -> User:
        def secret_of(key_id: str) -> str:
            found = next((key for user in self.users.values() for key in user.keys if key.id == key_id), None)
            if found is None or (self._clock() - found.since < self.propagation and call.action == "GetCallerIdentity"):
                raise Refused(404, "InvalidAccessKeyId.NotFound")
            if found.status != "Active":
                raise Refused(400, "InvalidAccessKeyId.Inactive")
            return found.secret

        key_id = self._verifier.signer(call, secret_of)
        user, key = next((user, key) for user in self.users.values() for key in user.keys if key.id == key_id)
        if key.token and call.headers.get("x-acs-security-token") != key.token:
            raise Refused(400, "InvalidSecurityToken.Malformed")
        key.last_used = datetime.now(UTC)
        return user

    def _GetCallerIdentity(self, caller: User) -> Json:  # noqa: N802 - the API's own names, as below
        return {
            "IdentityType": caller.kind,
            "AccountId": ACCOUNT,
            "UserId": str(abs(hash(caller.name)) % 10**18),
            "PrincipalId": caller.name,
            "Arn": caller.arn,
        }

    def _ListAccessKeys(self, user: User, _asked: dict[str, str]) -> Json:  # noqa: N802
        shown = [key.listed() for key in user.keys if self._clock() - key.since >= self.listing]
        return {"AccessKeys": {"AccessKey": shown}}

    def _CreateAccessKey(self, user: User, _asked: dict[str, str]) -> Json:  # noqa: N802
        if len(user.keys) >= MOST:
            raise Refused(409, "LimitExceeded.User.AccessKey")
        made = Key(f"LTAI{next(_numbers):020d}", secrets.token_urlsafe(24)[:30], since=self._clock())
        user.keys.append(made)
        return {"AccessKey": made.listed() | {"AccessKeySecret": made.secret}}

    def _UpdateAccessKey(self, user: User, asked: dict[str, str]) -> Json:  # noqa: N802
        key = self._named(user, asked)
        if asked["Status"] not in ("Active", "Inactive"):
            raise Refused(400, "InvalidParameter.Status")
        key.status = asked["Status"]
        return {}

    def _DeleteAccessKey(self, user: User, asked: dict[str, str]) -> Json:  # noqa: N802
        user.keys.remove(self._named(user, asked))
        return {}

    def _GetAccessKeyLastUsed(self, user: User, asked: dict[str, str]) -> Json:  # noqa: N802
        used = self._named(user, asked).last_used
        return {"AccessKeyLastUsed": {"LastUsedDate": _stamp(used) if used else "N/A"}}

    def _named(self, user: User, asked: dict[str, str]) -> Key:
        found = next((key for key in user.keys if key.id == asked.get("UserAccessKeyId")), None)
        if found is None:
            raise Refused(404, "EntityNotExist.User.AccessKey")
        return found
