"""Credentials to try things on, each with a Target, an admin login and a database to itself, and what happens in a life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from keyward.kube.kinds import CREDENTIALS

if TYPE_CHECKING:
    from tests.kills.stage import Stage

Json = dict[str, Any]
IMPORTED = "the-imported-password-"
LIFE = "tests.keyward.dev/life"
"""The label of all that a test made for one life."""
POLARDB = "dual create of polardb"
PRIVILEGED = "single create, privileged"
POWERS = "kills_powers"
"""The role of the server that privileged accounts get."""


@dataclass(frozen=True, slots=True)
class Kin:
    """What Credentials have in common: a kind, and what their deletion does with accounts and versions."""

    kind: str
    deletion: str = "Disable"  # Retain, Disable, Drop, or "at once": no recovery window

    def __str__(self) -> str:
        return f"{self.kind}, {self.deletion}"

    @property
    def logs_in(self) -> bool:
        return self.kind != "generic"

    @property
    def is_dual(self) -> bool:
        return self.kind.startswith("dual")

    @property
    def owner(self) -> str:
        """The suffix of the role that sessions act as."""
        return "" if "import" in self.kind else "_rights"


@dataclass(slots=True)
class Life:
    """One Credential. `role` is the stem of its accounts' names."""

    kin: Kin
    name: str
    namespace: str
    database: str
    port: int  # of PostgreSQL itself, where consumers log in
    through: int  # where the Target leads
    told: int = 0  # commands so far
    spec: Json = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def role(self) -> str:
        return self.name.replace("-", "_")

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every role that may be there on its behalf."""
        if "import" in self.kin.kind:
            return (self.role, f"{self.role}_second") if self.kin.is_dual else (self.role,)
        pair = (self.role, f"{self.role}_clone") if self.kin.is_dual else (self.role,)
        return (*pair, f"{self.role}_rights") if self.kin.logs_in else ()

    @property
    def grace(self) -> int:
        """In seconds."""
        return 0

    def credential(self) -> Json:
        return self._object("Credential", self.name, {"spec": self._spec()})

    def surroundings(self, ca_pem: str) -> list[Json]:
        """What a platform engineer has made before."""
        if not self.kin.logs_in:
            return []
        login = {"username": "kills_admin", "password": "kills-admins-password"}
        admin = self._object("Secret", f"{self.name}-admin", {"stringData": login}, "v1")
        target = {
            "rds": self._server(ca_pem),
            "admin": {"secretRef": {"name": f"{self.name}-admin"}},
            "allowedAccounts": ["k*"],
            "maxConcurrentRotations": 64,
        }
        return [admin, self._object("Target", self.name, {"spec": target}), *self._sources()]

    def _server(self, ca_pem: str) -> Json:
        endpoint = {"host": "127.0.0.1", "port": self.through}
        rds: Json = {"engine": "PostgreSQL", "endpoints": [endpoint], "tls": {"ca": ca_pem}}
        if self.kin.kind == PRIVILEGED:
            rds["privilegedRole"] = POWERS
        return rds if self.kin.kind == "dual create elsewhere" else rds | {"databaseName": self.database}

    def _sources(self) -> list[Json]:
        if "import" not in self.kin.kind:
            return []
        labels = {"keyward.dev/source-for": self.name}
        passwords = {name: IMPORTED + name for name in self.accounts}
        return [self._object("Secret", f"{self.name}-import", {"stringData": passwords}, "v1", labels)]

    def _object(self, kind: str, name: str, body: Json, version: str = "", labels: Json | None = None) -> Json:
        return {
            "apiVersion": version or "keyward.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace, "labels": {LIFE: self.name} | (labels or {})},
        } | body

    def _spec(self) -> Json:
        window = {"recoveryWindow": "0s"} if self.kin.deletion == "at once" else {}
        accounts = {"accounts": "Disable" if self.kin.deletion == "at once" else self.kin.deletion}
        base: Json = {"projections": [{"secretName": self.name}]}
        if not self.kin.logs_in:
            return base | {"generic": {"generate": {"length": 40}}, "deletion": window} | self.spec
        base["rotation"] = {"interval": "24h", "gracePeriod": f"{self.grace}s"}
        base["deletion"] = accounts | window
        return base | {"rds": self._rds()} | self.spec

    def _rds(self) -> Json:
        mode = "Dual" if self.kin.is_dual else "Single"
        rds: Json = {"targetRef": {"name": self.name}, "accountManagement": mode, "databaseName": self.database}
        if "import" in self.kin.kind:
            return rds | {"import": {"accounts": self._given()}}
        rights: Json = {"privileges": [{"database": self.database, "level": "ReadWrite"}]}
        if self.kin.kind == PRIVILEGED:
            rights = {"privileged": True}
        return rds | {"create": {"name": self.role} | rights}

    def _given(self) -> list[Json]:
        source = f"{self.name}-import"
        return [{"name": name, "passwordFrom": {"secretName": source, "key": name}} for name in self.accounts]

    def next_token(self) -> str:
        self.told += 1
        return f"t{self.told}"


class PolardbLife(Life):
    """See `Life`. The cluster is a server of PostgreSQL."""

    __slots__ = ()

    @property
    def role(self) -> str:
        return f"p{self.name.rpartition('-')[2]}k"  # a cluster's names are short

    def surroundings(self, ca_pem: str) -> list[Json]:
        found = super().surroundings(ca_pem)
        (target,) = (item for item in found if item["kind"] == "Target")
        target["spec"]["polardb"] = target["spec"].pop("rds")
        target["spec"]["allowedAccounts"] = ["p*"]
        return found

    def _spec(self) -> Json:
        spec = super()._spec()
        rds = spec.pop("rds") | {"engine": "PostgreSQL"}
        return spec | {"polardb": {key: rds[key] for key in ("targetRef", "engine", "databaseName", "create")}}


# --- what happens in a life ---


Act = Callable[["Stage", Life], None]


def apply(stage: Stage, life: Life) -> None:
    stage.api.create(life.credential())


def rotate(stage: Stage, life: Life) -> None:
    stage.api.annotate(life.namespace, life.name, rotate=life.next_token())


def leak(stage: Stage, life: Life) -> None:
    stage.api.annotate(life.namespace, life.name, rotate=f"{life.next_token()}#force")


def go_back(stage: Stage, life: Life) -> None:
    before = stage.looks([life])[life.name]["versions"][-2]["id"]
    stage.api.annotate(life.namespace, life.name, promote=before)


def change_key(stage: Stage, life: Life) -> None:
    stage.api.merge(CREDENTIALS, life.namespace, life.name, {"spec": {"encryptionKeyName": "another"}})


def delete(stage: Stage, life: Life) -> None:
    stage.api.delete(CREDENTIALS, life.namespace, life.name)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens. `publishes`: a Secret that logs in is there, before it (if any) and after it."""

    name: str
    act: Act
    publishes: bool = True


CREATION = Event("the first creation", apply)
ROTATION = Event("a rotation", rotate)
AGAIN = Event("the next rotation", rotate)
LEAK = Event("the end of a leaked value", leak, publishes=False)
BACK = Event("going back", go_back)
KEY = Event("a change of key", change_key)
DELETION = Event("deletion", delete, publishes=False)
RETURN = Event("the return", apply)


@dataclass(frozen=True, slots=True)
class Tale:
    """What happens to Credentials of one kin, in this order, and at which of it the operator is killed."""

    kin: Kin
    events: tuple[Event, ...]
    swept: tuple[Event, ...]

    def __str__(self) -> str:
        return str(self.kin)


_LIFE = (CREATION, ROTATION, DELETION, RETURN)
TALES = (
    Tale(Kin("generic"), (CREATION, ROTATION, BACK, KEY), (CREATION, ROTATION, BACK, KEY)),
    Tale(Kin("generic", "Retain"), _LIFE, (RETURN,)),
    Tale(Kin("generic", "at once"), (CREATION, ROTATION, DELETION), (DELETION,)),
    Tale(Kin("dual create", "Retain"), (CREATION, ROTATION, AGAIN, BACK, KEY), (CREATION, ROTATION, AGAIN, BACK, KEY)),
    Tale(Kin("dual create", "Retain"), _LIFE, (RETURN,)),
    Tale(Kin("dual create", "Disable"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("dual create", "Drop"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("dual create", "at once"), (CREATION, ROTATION, DELETION), (DELETION,)),
    Tale(Kin("dual create elsewhere"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin(POLARDB, "Drop"), (CREATION, ROTATION, DELETION), (CREATION, ROTATION, DELETION)),
    Tale(Kin("dual import"), _LIFE, _LIFE),
    Tale(Kin("single create"), _LIFE, _LIFE),
    Tale(Kin("single create", "Drop"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("single import"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin(PRIVILEGED, "Drop"), (CREATION, ROTATION, DELETION), (CREATION, ROTATION, DELETION)),
)
