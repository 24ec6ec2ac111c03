"""Where lives are led: a namespace of a real cluster, databases of a real PostgreSQL, and a look at what is there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from psycopg.sql import SQL, Identifier, Literal
from tests.cluster import Cluster, definitions
from tests.cluster.postgres import PostgresServer
from tests.kills.api import Api, decoded
from tests.kills.consumers import Consumers
from tests.kills.lives import IMPORTED, LIFE, POLARDB, POWERS, PRIVILEGED, Kin, Life, PolardbLife
from tests.kills.process import Operator, until

from keyward.api import names
from keyward.domain import lineage, marks
from keyward.kube.kinds import CREDENTIALS, ENCRYPTION_KEYS, NAMESPACES, SECRETS, TARGETS, VERSIONS

Json = dict[str, Any]
DATABASES = 16
ADMIN, PASSWORD = "kills_admin", "kills-admins-password"


def named(kind: str, name: str, spec: Json | None = None) -> Json:
    version = "v1" if kind == "Namespace" else "keyward.dev/v1alpha1"
    item: Json = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    return item | ({"spec": spec} if spec else {})


class Stage:
    """One namespace. `api` is its cluster's."""

    def __init__(self, api: Api, postgres: PostgresServer, namespace: str | None = None) -> None:
        self.api, self.postgres = api, postgres
        self.namespace = namespace or f"kills-{uuid.uuid4().hex[:6]}"
        self._made = 0

    def prepare(self) -> None:
        key = {"provider": {"local": {}}, "allowedNamespaces": ["*"]}
        self.api.create(
            named("Namespace", self.namespace),
            named("Namespace", "keyward-system"),
            named("EncryptionKey", "default", key),
            named("EncryptionKey", "another", key),
        )
        for key in ("default", "another"):  # others may have left them with fewer
            self.api.merge(ENCRYPTION_KEYS, "", key, {"spec": {"allowedNamespaces": ["*"]}})
        self._databases()

    def lose_our_part_of_a_key(self) -> None:
        """An EncryptionKey's finalizer and status are gone: the operator writes them once more, on behalf of nobody."""
        self.api.merge(ENCRYPTION_KEYS, "", "another", {"metadata": {"finalizers": None}})
        self.api.merge(ENCRYPTION_KEYS, "", "another", {"status": None}, "status")

    def _databases(self) -> None:
        sql = self.postgres.sql
        if not sql("SELECT 1 FROM pg_roles WHERE rolname = %s", params=[ADMIN]):
            self.postgres.admin(ADMIN, password=PASSWORD)
            sql(SQL("CREATE ROLE {}").format(Identifier(POWERS)))
            sql(SQL("GRANT {} TO {} WITH ADMIN OPTION").format(Identifier(POWERS), Identifier(ADMIN)))
        there = {name for (name,) in sql("SELECT datname FROM pg_database")}
        for name in (f"kills_{number}" for number in range(DATABASES)):
            if name not in there:
                self.postgres.database(name)
                sql(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(name), Identifier(ADMIN)))
                sql(SQL("ALTER SCHEMA public OWNER TO {}").format(Identifier(ADMIN)), name)

    def consumers(self) -> Consumers:
        """Applications that log in here; nobody is at work yet."""
        return Consumers(self.api.kubeconfig, self.postgres.authority.ca_file)

    def life(self, kin: Kin, through: int | None = None) -> Life:
        """A new one: nothing of it is there yet but its surroundings and the accounts that it will import.

        `through` is the port where its Target leads, if that is not PostgreSQL's own.
        """
        self._made += 1
        life = self._born(kin, f"k{self.namespace[-6:]}-{self._made}", through or self.postgres.port)
        if "import" in kin.kind:
            self._have_accounts(life)
        self.api.create(*life.surroundings(self._trust()))
        return life

    def _trust(self) -> str:
        """By what the server proves itself."""
        return self.postgres.ca_pem

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        born = PolardbLife if kin.kind == POLARDB else Life
        return born(kin, name, self.namespace, self._a_database, self.postgres.port, through)

    @property
    def _a_database(self) -> str:
        return f"kills_{self._made % DATABASES}"

    def _have_accounts(self, life: Life) -> None:
        for account in life.accounts:
            create = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            self.postgres.sql(create.format(Identifier(account), Literal(IMPORTED + account)))
            self.postgres.sql(SQL("GRANT {} TO {} WITH ADMIN OPTION").format(Identifier(account), Identifier(ADMIN)))

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """What is there of each, in words that are the same for all lives that went the same way."""
        credentials = {i["metadata"]["name"]: i for i in self.api.list(CREDENTIALS, self.namespace)}
        secrets = {i["metadata"]["name"]: i for i in self.api.list(SECRETS, self.namespace)}
        versions: dict[str, list[Json]] = {}
        for item in self.api.list(VERSIONS, self.namespace):
            versions.setdefault(item["spec"]["credential"], []).append(item)
        roles = self.roles()
        found = {}
        for life in lives:
            credential = credentials.get(life.name)
            live = _lineage(credential)
            found[life.name] = {
                "credential": _credential(credential),
                "versions": [_version(life, v, live) for v in sorted(versions.get(life.name, []), key=_order)],
                "secret": _secret(secrets.get(life.name), credential, live),
                "roles": {
                    name.removeprefix(life.role): _role(role, live)
                    for name, role in sorted(roles.items())
                    if name == life.role or name.startswith(f"{life.role}_")
                },
                "answered": _answered(credential, versions.get(life.name, [])),
            }
        return found

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every role: whether it may log in, its comment, its verifier."""
        query = "SELECT rolname, rolcanlogin, shobj_description(oid, 'pg_authid'), rolpassword FROM pg_authid"
        return {name: (login, comment, verifier) for name, login, comment, verifier in self.postgres.sql(query)}

    def passwords(self, lives: Iterable[Life]) -> dict[str, str | None]:
        """The verifier of each account: a password that was set again differs, even if it is the same one."""
        wanted = {account for life in lives for account in life.accounts}
        return {name: role[2] for name, role in self.roles().items() if name in wanted}

    def versions(self, life: Life) -> list[Json]:
        return sorted(self.api.list(VERSIONS, self.namespace, f"{names.LABEL_CREDENTIAL}={life.name}"), key=_order)

    def versions_of(self, lives: Iterable[Life]) -> dict[str, list[Json]]:
        """The same of each, by name."""
        found: dict[str, list[Json]] = {life.name: [] for life in lives}
        for version in sorted(self.api.list(VERSIONS, self.namespace), key=_order):
            if version["spec"]["credential"] in found:
                found[version["spec"]["credential"]].append(version)
        return found

    def secret(self, life: Life, suffix: str = "") -> dict[str, str]:
        """What its Secret holds, or the one whose name ends so."""
        found = self.api.get(SECRETS, self.namespace, life.name + suffix)
        return decoded(found) if found else {}

    def proves(self, life: Life) -> None:
        """The Secret holds the value that is sealed in the current version, and it logs in as it should."""
        item = self.api.get(SECRETS, self.namespace, life.name)
        assert item is not None
        secret, live = decoded(item), item["metadata"]["labels"]["keyward.dev/lineage"]
        promoted = [
            v for v in self.versions(life) if v["spec"]["lineage"] == live and "promoted" in v.get("record", {})
        ]
        current = max(promoted, key=lambda v: v["record"]["promoted"]["number"])
        assert self._value(secret) in self.api.opened(current, self.api.vault())
        if life.kin.logs_in:
            self._proves_login(life, secret)

    def _value(self, secret: dict[str, str]) -> str:
        return secret["password"]

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        with self.postgres.connect(life.database, secret["username"], secret["password"]) as session:
            row = session.execute("select current_user").fetchone()
            assert row == (life.role + life.kin.owner,)
            if life.kin.kind == PRIVILEGED:
                assert session.execute("select pg_has_role(%s, 'usage')", [POWERS]).fetchone() == (True,)

    @contextmanager
    def unfinished(self, operator: Operator, lives: list[Life]) -> Iterator[None]:
        """Around the start that follows a kill. Servers do at once what they are told, and leave nothing for then."""
        yield

    # --- the end ---

    def clear(self, lives: Iterable[Life]) -> None:
        """Leave nothing of these. No operator may run that would undo it."""
        lives = list(lives)
        gone = [life.name for life in lives]
        self.api.delete_all(CREDENTIALS, self.namespace, LIFE, gone)
        for left in self.api.list(CREDENTIALS, self.namespace):
            if left["metadata"]["name"] in gone:
                self.api.let_go(CREDENTIALS, self.namespace, left["metadata"]["name"])
        for kind, label in (
            (TARGETS, LIFE),
            (SECRETS, LIFE),
            (SECRETS, names.LABEL_CREDENTIAL),
            (VERSIONS, names.LABEL_CREDENTIAL),
        ):
            self.api.delete_all(kind, self.namespace, label, gone)
        self._drop(lives)

    def _drop(self, lives: list[Life]) -> None:
        there = self.roles()
        going = {life.name: sorted(set(life.accounts) & set(there)) for life in lives}
        for database in {life.database for life in lives} | {"postgres"}:
            here = [a for life in lives if database in (life.database, "postgres") for a in going[life.name]]
            self._each(SQL("DROP OWNED BY {}"), here, database)
        self._each(SQL("DROP ROLE {}"), [account for accounts in going.values() for account in accounts])

    def _each(self, statement: SQL, roles: list[str], database: str = "postgres") -> None:
        if roles:
            self.postgres.sql(statement.format(SQL(", ").join(map(Identifier, roles))), database)

    def leave(self) -> None:
        self.api.delete(NAMESPACES, "", self.namespace)

    def until_gone(self, life: Life) -> None:
        until(f"the end of {life.name}", lambda: self.api.get(CREDENTIALS, self.namespace, life.name) is None)


S = TypeVar("S", bound=Stage)


@contextmanager
def led_on(cluster: Cluster, make: Callable[[Api], S]) -> Iterator[S]:
    """A stage that is prepared, and left in the end."""
    definitions.install(cluster)
    with Api(cluster.kubeconfig) as api:
        stage = make(api)
        stage.prepare()
        yield stage
        stage.leave()


def _order(version: Json) -> tuple[str, int]:
    return version["metadata"]["creationTimestamp"], version["spec"]["sequence"]


def _answered(credential: Json | None, versions: list[Json]) -> bool:
    """Whether a version tells that the rotation or the way back was done that its Credential was told to do last."""
    told = (credential or {}).get("metadata", {}).get("annotations", {})
    rotate, promote = told.get(names.ANNOTATION_ROTATE), told.get(names.ANNOTATION_PROMOTE)
    handled = [v["spec"]["cause"].get("handled", {}) for v in versions]
    rotated = rotate is None or any(one.get("rotate") == rotate for one in handled)
    back = promote is None or any(v.get("record", {}).get("promoted", {}).get("by") == promote for v in versions)
    return rotated and (back or any(one.get("promote") == promote for one in handled))


def _lineage(credential: Json | None) -> str:
    if credential is None:
        return ""
    metadata = credential["metadata"]
    noted = (metadata.get("annotations") or {}).get("keyward.dev/lineage")
    return str(noted) if noted else lineage.derive(metadata["uid"])


def _credential(item: Json | None) -> Json | None:
    if item is None:
        return None
    status = item.get("status") or {}
    conditions = {c["type"]: f"{c['status']} {c['reason']}" for c in status.get("conditions", [])}
    return {
        "conditions": conditions,
        "current": status.get("currentVersion"),
        "seen": status.get("observedGeneration") == item["metadata"]["generation"],
        "failures": bool(status.get("failures")),
        "finalizers": item["metadata"].get("finalizers", []),
        "lineage": "keyward.dev/lineage" in (item["metadata"].get("annotations") or {}),
        "going": "deletionTimestamp" in item["metadata"],
    }


def _version(life: Life, item: Json, live: str) -> Json:
    spec, record = item["spec"], item.get("record") or {}
    promoted = record.get("promoted") or {}
    return {
        "live": spec["lineage"] == live,
        "sequence": spec["sequence"],
        "id": spec["versionId"],
        "account": spec.get("account", "").removeprefix(life.role),
        "cause": spec["cause"]["kind"],
        "promoted": promoted.get("number"),
        "by": promoted.get("by"),
        "retired": (record.get("retired") or {}).get("as"),
        "closed": "closed" in record,
        "disabledByUs": "disabledByUs" in record,
        "orphaned": "orphanedAt" in record,
        "keys": [wrap["key"] for wrap in item["wraps"]],
    }


def _secret(item: Json | None, credential: Json | None, live: str) -> Json | None:
    if item is None:
        return None
    metadata = item["metadata"]
    annotations = metadata["annotations"]
    owners = [owner["uid"] for owner in metadata.get("ownerReferences", [])]
    alive = [credential["metadata"]["uid"]] if credential else []
    return {
        "live": metadata["labels"]["keyward.dev/lineage"] == live,
        "sequence": annotations["keyward.dev/sequence"],
        "previous": annotations.get("keyward.dev/previous-sequence"),
        "keys": sorted(item["data"]),
        "owner": None if not owners else "live" if owners == alive else "dead",
    }


def _role(role: tuple[bool, str | None, str | None], live: str) -> Json:
    login, comment, verifier = role
    mark = marks.parse(comment)
    return {
        "login": login,
        "password": verifier is not None,
        "mark": mark and {"live": mark.lineage == live, "sequence": mark.sequence, "disabled": mark.disabled},
    }
