"""Which Credential keeps the admin login of a Target, where that leads to, and the login while its Secret is not there.

An admin Secret that a Credential projects begins with nothing: the Credential's own value is then the admin login, and
its versions say which endpoints it was given to. The same once the Secret is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from keyward.controller import targets
from keyward.controller.cache import Cache
from keyward.controller.ports import Subject
from keyward.controller.queue import Key
from keyward.domain import lineage
from keyward.domain.history import History, by_lineage
from keyward.domain.model import AdminView
from keyward.domain.version import Mode, Origin, TargetIdentity, Version
from keyward.errors import Blocked
from keyward.kube.targets import AdminSecret, missing
from keyward.sensitive import Sensitive

_FAR: Final = 16  # Targets on one way

Imported = Callable[[Subject, str], Awaitable[Sensitive]]
Opened = Callable[[Version], Awaitable[Sensitive]]


def vouches(cache: Cache, operator_namespace: str, admin: AdminSecret, digest: str) -> bool:
    """Whether the first use of these endpoints needs nobody's word.

    A Secret that was just made vouches for nothing yet. If the Credential that made it keeps the login of its own Target,
    that Target's endpoints are the ones that the login is for: another Target that names the Secret must not be faster.
    """
    own = _of_keeper(cache, operator_namespace, admin) if not admin.approvals else None
    return admin.vouches(digest) if own is None else own.digest == digest


def _of_keeper(cache: Cache, operator_namespace: str, admin: AdminSecret) -> targets.AdminOf | None:
    target = cache.target_of((admin.namespace, admin.credential)) if admin.credential else None
    raw = cache.target(*target) if target is not None else None
    try:
        own = targets.admin_of(raw, operator_namespace) if raw is not None else None
    except Blocked:
        return None
    return own if own is not None and (own.namespace, own.secret) == (admin.namespace, admin.name) else None


class Admins:
    """Looks at admin Secrets from one Credential."""

    def __init__(self, cache: Cache, namespace: str, imported: Imported, opened: Opened) -> None:
        self._cache, self._namespace = cache, namespace
        self._imported, self._opened = imported, opened

    def view(self, key: Key, admin: AdminSecret, *, self_change: bool, hands_over: bool) -> AdminView:
        """The admin login as this Credential sees it. `hands_over`: its account holds two values at once."""
        keeper = (admin.namespace, admin.credential) if admin.credential else None
        changing = keeper is not None and keeper != key and self._is_changing(keeper, admin)
        return AdminView(
            account=admin.username,
            secret=admin.name,
            projected=keeper == key,
            self_change=self_change,
            hands_over=hands_over,
            way_back=self._way_back(key),
            changing=keeper[1] if keeper is not None and changing else "",
        )

    def keeps(self, key: Key, of: targets.AdminOf) -> bool:
        """Whether this Credential would make that Secret."""
        return self._cache.secret_claims(of.namespace, of.secret) == key

    def absent(self, of: targets.AdminOf) -> Blocked:
        """What is wrong where that Secret is not there, and this Credential would not make it."""
        keeper = self._cache.secret_claims(of.namespace, of.secret)
        return missing(of.namespace, of.secret, keeper[1] if keeper is not None else "")

    async def stand_in(self, subject: Subject, of: targets.AdminOf, identity: TargetIdentity) -> AdminSecret:
        """What the Secret, which is not there, would hold.

        Raises:
            Blocked: it is made of accounts that only such a login could make; else as the import and the vault do.
        """
        wish = subject.wish
        history = self._history((wish.namespace, wish.name), wish.lineage or lineage.derive(wish.uid))
        current, top = history.current, history.highest
        if current is None and not wish.imported:
            raise missing(of.namespace, of.secret)
        account = current.account if current is not None else wish.accounts[0]
        value = await (self._opened(current) if current is not None else self._imported(subject, account))
        seen = top.target.digest if top is not None and top.target is not None else identity.digest
        approvals = {f"{identity.kind}/{identity.name}": (seen,)}
        return AdminSecret(of.namespace, of.secret, "", account, value, approvals, wish.name)

    def _history(self, key: Key, name: str) -> History:
        return by_lineage(self._cache.versions(*key)).get(name, History(name, ()))

    def _is_changing(self, keeper: Key, admin: AdminSecret) -> bool:
        """Whether the login that is published may be dead: a change of it by itself is on its way."""
        secret = self._cache.secret(admin.namespace, admin.name)
        if secret is None:
            return False
        history = self._history(keeper, secret.lineage)
        top, current = history.highest, history.current
        if top is None or top.mode is not Mode.SINGLE or top.account != admin.username:
            return False
        pending = not top.settled and top.origin is Origin.GENERATED
        return pending or (current is not None and secret.sequence < current.sequence)

    def _way_back(self, key: Key) -> tuple[str, ...]:
        """The Targets on the way from this Credential to itself; empty if there is none, or no other Target on it."""
        way: list[str] = []
        at = key
        for _ in range(_FAR):
            target = self._cache.target_of(at)
            raw = self._cache.target(*target) if target is not None else None
            if raw is None or target is None:
                return ()
            way.append(f"{target[0]} {target[2]}")
            keeper = self._keeper(raw)
            if keeper == key:
                return tuple(way) if len(way) > 1 else ()
            if keeper is None or keeper == at:
                return ()
            at = keeper
        return ()

    def _keeper(self, target: targets.Json) -> Key | None:
        try:
            of = targets.admin_of(target, self._namespace)
        except Blocked:
            return None
        return self._cache.secret_claims(of.namespace, of.secret)
