"""What stands in a Credential's way on our own side: its key, and what its spec asks for and we do not have."""

from __future__ import annotations

from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.api.encryption_key import EncryptionKey, allows
from keyward.controller.access import Sight
from keyward.controller.cache import Cache
from keyward.controller.keyring import KeyKeeper
from keyward.controller.ports import Subject
from keyward.domain.model import Obstacle, Wish
from keyward.errors import Reason


class Obstacles:
    """Looks for them. Keys are parsed when they change."""

    def __init__(self, cache: Cache, keeper: KeyKeeper) -> None:
        self._cache, self._keeper = cache, keeper
        self._keys: dict[str, tuple[bytes, EncryptionKey]] = {}

    def of(self, subject: Subject) -> Obstacle | None:
        """The first that there is."""
        if subject.wish.deleting_since is not None:
            return None  # what is undone needs no key
        return self._of_ram_user(subject.wish) or self._of_key(subject.wish) or _of_policy(subject.credential)

    def _of_ram_user(self, wish: Wish) -> Obstacle | None:
        # The system tells no two Targets of one cloud account apart; the ids of keys are the same through both.
        holder = self._cache.elder_with_its_keys((wish.namespace, wish.name)) if wish.issued else None
        if holder is None:
            return None
        return Obstacle(
            Reason.ACCOUNT_CLAIMED,
            f"spec.ram.userName: an AccessKey of {wish.accounts[0]!r} belongs to Credential {'/'.join(holder)}, which is older "
            "and reaches the same user through another Target, and each user has one: delete one of the two Credentials",
        )

    def _of_key(self, wish: Wish) -> Obstacle | None:
        key = self._encryption_key(wish.key)
        if key is None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: EncryptionKey {wish.key} is not there: create it, or name another one",
            )
        if key.metadata.deletion_timestamp is not None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: EncryptionKey {wish.key} is being deleted and wraps nothing new: name another one",
            )
        if not allows(key.spec.allowed_namespaces, wish.namespace):
            return Obstacle(
                Reason.KEY_NOT_ALLOWED,
                f"spec.encryptionKeyName: spec.allowedNamespaces of EncryptionKey {wish.key} does not list namespace "
                f"{wish.namespace}: add it there, or name another key",
            )
        if self._keeper.writable(wish.key) is None:
            return Obstacle(
                Reason.KEY_UNAVAILABLE,
                f"spec.encryptionKeyName: the keyring lacks EncryptionKey {wish.key}: restore the one that has it; what is "
                "new is added within a minute",
                transient=True,
            )
        return None

    def _encryption_key(self, name: str) -> EncryptionKey | None:
        state, known = self._cache.encryption_key_state(name), self._keys.get(name)
        if state is None:
            self._keys.pop(name, None)
            return None
        if known is None or known[0] != state:
            known = self._keys[name] = (state, parse(EncryptionKey, self._cache.encryption_key(name) or {}))
        return known[1]


def no_preset(sight: Sight) -> Obstacle:
    """The Target names no role for what is to be privileged."""
    assert sight.identity is not None
    return Obstacle(
        Reason.INVALID_SPEC,
        f"spec.rds.create.privileged: {sight.identity.kind} {sight.identity.name} names no role for privileged accounts: name "
        "one in its spec.rds.privilegedRole",
    )


def _of_policy(credential: Credential) -> Obstacle | None:
    if credential.spec.access_policy is None:
        return None
    return Obstacle(
        Reason.ACCESS_POLICY_UNSUPPORTED,
        "spec.accessPolicy: is not supported yet, and never silently ignored: remove it; the RBAC of the namespace says who "
        "reads",
    )
