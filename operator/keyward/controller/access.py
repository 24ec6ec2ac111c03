"""How a Credential reaches its system: the Target, whether it may be used, and the admin's login (protocol §9).

The admin's password goes only to endpoints that somebody who may write the admin Secret has approved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

from keyward.api import managed
from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.api.encryption_key import allows
from keyward.api.managed import Managed
from keyward.api.target import ClusterTarget, Target
from keyward.controller import targets
from keyward.controller.admins import vouches
from keyward.controller.cache import Cache
from keyward.controller.objects import number
from keyward.controller.ports import Access
from keyward.domain.allowances import Allowance
from keyward.domain.model import Obstacle, TargetView
from keyward.domain.version import TargetIdentity
from keyward.engines.base import (
    AccountSet,
    CloudApi,
    Endpoint,
    Engine,
    Level,
    Login,
    Place,
    Privilege,
    Role,
    Topology,
    Transport,
)
from keyward.errors import Blocked, Reason
from keyward.kube.targets import AdminSecret, AdminSecrets

_FRESH: Final = timedelta(seconds=5)  # how long an admin Secret that was read is believed: shorter than the polls of it

Engines = Callable[[str], Engine]


@dataclass(frozen=True, slots=True)
class Sight:
    """A Target as one Credential sees it. Without an obstacle, `place` and `identity` are there."""

    identity: TargetIdentity | None = None
    place: Place | None = None
    found: Target | ClusterTarget | None = None
    admin: targets.AdminOf | None = None
    obstacle: Obstacle | None = None

    @property
    def engine(self) -> str:
        """Name of the engine that its system needs; empty while that is not known."""
        if self.found is None:
            return ""
        system = managed.system(self.found.spec)
        return system.engine if system.provider is None else f"{system.provider}/{system.engine}"


class Targets:
    """Looks at Targets and opens the way to their systems."""

    def __init__(self, cache: Cache, admins: AdminSecrets, namespace: str, clock: Callable[[], datetime]) -> None:
        self._cache, self._admins = cache, admins
        self._namespace, self._clock = namespace, clock
        self._read: dict[targets.LoginOf, tuple[datetime, AdminSecret]] = {}

    def look(self, credential: Credential) -> Sight:
        """The Target that the Credential names, or the obstacle that stands there."""
        wanted = managed.of(credential.spec)
        assert wanted is not None
        reference, namespace = wanted.target, credential.metadata.namespace
        raw = self._cache.target(reference.kind, namespace if reference.kind == "Target" else None, reference.name)
        if raw is None:
            return _obstacle(
                Reason.UNKNOWN_TARGET,
                f"spec.{wanted.type}.targetRef: {reference.kind} {reference.name} is not there: create it",
            )
        try:
            found = parse(Target, raw) if reference.kind == "Target" else parse(ClusterTarget, raw)
            admin = targets.admin_of(raw, self._namespace)
        except Blocked as error:
            return _obstacle(error.reason, f"{reference.kind} {reference.name}: {error.message}")
        if isinstance(found, ClusterTarget) and not allows(found.spec.allowed_namespaces, namespace):
            return _obstacle(
                Reason.TARGET_NOT_ALLOWED,
                f"spec.{wanted.type}.targetRef: spec.allowedNamespaces of ClusterTarget {reference.name} does not list namespace "
                f"{namespace}: add it there, or use another Target",
            )
        system = managed.system(found.spec)
        if system.type != wanted.type:
            return _obstacle(
                Reason.INVALID_SPEC,
                f"spec.{wanted.type}.targetRef: {reference.kind} {reference.name} is of type {system.type}: name one that "
                f"describes its server in spec.{wanted.type}, or make a Credential of type {system.type}",
            )
        if system.engine != wanted.engine:
            return _obstacle(
                Reason.INVALID_SPEC,
                f"spec.{wanted.type}.engine says {wanted.engine}, but {reference.kind} {reference.name} is another kind of "
                "server: correct one of them",
            )
        if system.provider != wanted.provider:
            return _obstacle(Reason.INVALID_SPEC, _other_way(wanted, system))
        claimed = self._claimed(credential, wanted)
        if claimed is not None:
            return claimed
        identity = TargetIdentity(reference.kind, reference.name, admin.digest, found.metadata.uid)
        return Sight(identity, _place(found, wanted), found, admin)

    def _claimed(self, credential: Credential, wanted: Managed) -> Sight | None:
        namespace, reference = credential.metadata.namespace, wanted.target
        target = (reference.kind, namespace if reference.kind == "Target" else "", reference.name)
        own = (namespace, credential.metadata.name)
        for name in account_set(wanted, None).all_roles:
            holder = self._cache.claim_account(target, name)
            if holder is not None and holder != own:
                return _obstacle(
                    Reason.ACCOUNT_CLAIMED,
                    f"{wanted.field}: account {name!r} belongs to Credential {'/'.join(holder)}, which is older, and each "
                    "account has one: choose another account, or delete that Credential",
                )
        return None

    async def view(self, sight: Sight, names: tuple[str, ...], admin: AdminSecret) -> TargetView:
        """The Target judged for these accounts; the first use of a Target approves it.

        Raises:
            Blocked: with ADMIN_SECRET_INVALID.
            Retry, Conflict: as the API server answers.
        """
        assert sight.found is not None
        assert sight.identity is not None
        assert sight.admin is not None
        spec, identity = sight.found.spec, sight.identity
        approved = admin.approved(identity.kind, identity.name)
        if not approved and vouches(self._cache, self._namespace, admin, identity.digest):
            self.forget(sight.admin)  # if somebody else writes first, it is read anew
            admin = await self._admins.approve(admin, identity.kind, identity.name, identity.digest)
            self._keep(sight.admin, admin)
            approved = admin.approved(identity.kind, identity.name)
        return TargetView(
            identity=identity,
            approved=approved,
            may_manage=tuple(n for n in names if any(fnmatchcase(n, glob) for glob in spec.allowed_accounts)),
            allowed=_allowed(managed.system(spec)),
            unverified_import=spec.allow_unverified_import,
            suspended=spec.suspend,
            max_rotations=spec.max_concurrent_rotations,
            has_api=managed.system(spec).provider is not None,
        )

    async def admin(self, of: targets.AdminOf) -> AdminSecret | None:
        """The admin Secret, read anew when the last look is too long ago or it was written since; None if it is not there.

        Raises:
            Blocked: with ADMIN_SECRET_INVALID.
        """
        found = self._read.get(of.login)
        if found is not None and self._is_fresh(*found):
            return found[1]
        admin = await self._admins.find(of.namespace, of.secret, of.kind)
        if admin is not None:
            self._keep(of, admin)
        return admin

    def _is_fresh(self, read_at: datetime, admin: AdminSecret) -> bool:
        seen = self._cache.secret(admin.namespace, admin.name)
        if seen is not None and number(seen.resource_version) > number(admin.resource_version):
            return False
        return timedelta(0) <= self._clock() - read_at < _FRESH

    def admin_state(self, of: targets.AdminOf | None) -> str:
        """Which admin Secret was read last, by its resourceVersion."""
        found = self._read.get(of.login) if of is not None else None
        return found[1].resource_version if found else ""

    def forget(self, of: targets.AdminOf | None) -> None:
        """Something failed that a change of the admin Secret may have mended: read it anew."""
        if of is not None:
            self._read.pop(of.login, None)

    def _keep(self, of: targets.AdminOf, admin: AdminSecret) -> None:
        self._read[of.login] = (self._clock(), admin)

    def access(self, sight: Sight, engines: Engines, admin: AdminSecret) -> Access:
        """The way to the system. Raises Blocked with ENGINE_UNSUPPORTED."""
        assert sight.place is not None
        assert sight.admin is not None
        login = Login(admin.username, admin.password, admin.token)
        renew = partial(self._renewed, sight.admin, admin.resource_version)
        return Access(engines(sight.engine), sight.place, login, renew)

    async def _renewed(self, of: targets.AdminOf, before: str) -> Login | None:
        """The admin login if it was written since; None if it is still the same."""
        self.forget(of)
        admin = await self.admin(of)
        if admin is None or admin.resource_version == before:
            return None
        return Login(admin.username, admin.password, admin.token)


def account_set(wanted: Managed, preset_role: str | None) -> AccountSet:
    """The accounts of a Credential and the rights that they shall have."""
    hosts, overlap = wanted.hosts or ("%",), wanted.mode == "Overlap"
    if not wanted.created:
        return AccountSet(wanted.names, created=False, overlap=overlap, hosts=hosts, key_pair=bool(wanted.key_pair))
    return AccountSet(
        names=wanted.names,
        created=True,
        overlap=overlap,
        rights_role=wanted.rights_role,
        hosts=hosts,
        privileges=tuple(
            Privilege(p.database, Level(p.level), tuple(p.schemas), tuple(p.owner_roles)) for p in wanted.privileges
        ),
        preset_role=preset_role if wanted.privileged else None,
    )


def _allowed(system: managed.System) -> tuple[Allowance, ...] | None:
    return None if system.allowed is None else tuple(Allowance(*one) for one in system.allowed)


def _place(found: Target | ClusterTarget, wanted: Managed) -> Place:
    system = managed.system(found.spec)
    return Place(
        endpoints=tuple(Endpoint(e.host, e.port, Role(e.role), e.optional) for e in system.endpoints),
        database=wanted.database or system.database,
        ca_pem=system.tls.ca,
        server_name=system.tls.server_name,
        transport=Transport(system.password_transport),
        topology=Topology(system.topology),
        host_keys=system.host_keys,
        cloud=_cloud(system),
        combined_auth=system.combined_auth,
    )


def _cloud(system: managed.System) -> CloudApi | None:
    found = system.cloud
    if found is None:
        return None
    return CloudApi(
        services={service: Endpoint(e.host, e.port) for service, e in found.services.items()},
        product=found.product,
        region=found.region,
        instance=found.instance,
        kind=found.kind,
        default_chain=found.default_chain,
        ca_pem=found.ca,
    )


def _other_way(wanted: Managed, system: managed.System) -> str:
    field, target = f"spec.{wanted.type}.provider", f"{wanted.target.kind} {wanted.target.name}"
    if system.provider is None:
        return f"{field}: {target} is worked on directly: set provider and openApi there, or remove provider here"
    return f"{field}: {target} is worked on through the API of {system.provider}: set {system.provider} here, or name another"


def _obstacle(reason: Reason, message: str) -> Sight:
    return Sight(obstacle=Obstacle(reason, message))
