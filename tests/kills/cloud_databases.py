"""Lives on databases that the cloud's API changes, told in the words of those on PostgreSQL.

Instances of RDS and PolarDB, each a real server; one stand-in and one operator have them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.cloud.databases import Databases, Instances
from tests.cloud.pace import Unhurried
from tests.cloud.standin import StandIn
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer
from tests.kills.api import Api
from tests.kills.at_work import CloudStage
from tests.kills.consumers import Consumers
from tests.kills.family import FamilyConsumers
from tests.kills.lives import CREATION, DELETION, IMPORTED, RETURN, ROTATION, Event, Json, Kin, Life, Tale
from tests.kills.stage import named
from tests.whole_path.cloud_shop import PRODUCTS, server_of

from keyward.engines.alibaba import descriptions
from keyward.kube.kinds import CLUSTER_TARGETS, SECRETS

OPERATOR = "keyward-system"
DATABASE = "kills_in_the_cloud"
OWNER = "DBOwner"
PRIVILEGED = "single privileged of rds on MariaDB"
# Of each kind: the product, what the instance speaks, and the level of its accounts on their database.
KINDS: dict[str, tuple[str, str, str]] = {
    "dual create of rds on MariaDB": ("rds", "MariaDB", "ReadWrite"),
    "dual create of rds on MySQL": ("rds", "MySQL", "ReadWrite"),
    "single create of rds on PostgreSQL": ("rds", "PostgreSQL", OWNER),
    "dual import of rds on MySQL": ("rds", "MySQL", "ReadWrite"),
    "single import of rds on MariaDB": ("rds", "MariaDB", "ReadWrite"),
    PRIVILEGED: ("rds", "MariaDB", ""),
    "dual create of polardb on MySQL": ("polardb", "MySQL", "ReadWrite"),
    "dual create of polardb on PostgreSQL": ("polardb", "PostgreSQL", ""),
}
_DROPPED = ("dual create of rds on MariaDB", "dual create of polardb on PostgreSQL")


def _tale(kind: str) -> Tale:
    events: tuple[Event, ...] = (CREATION, ROTATION, DELETION)
    if "import" in kind:
        return Tale(Kin(kind, "Retain"), events[:-1], events[:-1])
    if kind in _DROPPED:
        return Tale(Kin(kind, "Drop"), events, events)
    return Tale(Kin(kind, "Disable"), (*events, RETURN), (*events, RETURN))


TALES = tuple(_tale(kind) for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Instance:
    """`target` is the name of the ClusterTarget that leads there, and of its admin Secret."""

    block: str
    target: str
    there: Databases


@dataclass(slots=True)
class CloudLife(Life):
    """See `Life`."""

    instance: Instance = field(kw_only=True)

    @property
    def role(self) -> str:
        return f"c{self.name.rpartition('-')[2]}k"  # PolarDB's names are short

    @property
    def imported(self) -> bool:
        return "import" in self.kin.kind

    @property
    def level(self) -> str:
        """Of its accounts on their database; may be empty."""
        return KINDS[self.kin.kind][2]

    @property
    def accounts(self) -> tuple[str, ...]:
        second = f"{self.role}_second" if self.imported else f"{self.role}_clone"
        return (self.role, second) if self.kin.is_dual else (self.role,)

    def surroundings(self, _ca_pem: str) -> list[Json]:
        return self._sources()

    def _spec(self) -> Json:
        spec = Life._spec(self)  # slots: no super()
        mode = spec.pop("rds")["accountManagement"]
        account = {
            "targetRef": {"kind": "ClusterTarget", "name": self.instance.target},
            "engine": self.instance.there.engine,
            "provider": "AlibabaCloud",
            "databaseName": self.database,
        }
        if self.instance.block == "rds":
            account["accountManagement"] = mode
        return spec | {self.instance.block: account | self._whose()}

    def _whose(self) -> Json:
        if self.imported:
            return {"import": {"accounts": self._given()}}
        if self.kin.kind == PRIVILEGED:
            return {"create": {"name": self.role, "privileged": True}}
        privileges = [{"database": self.database, "level": self.level}] if self.level else []
        return {"create": {"name": self.role, "privileges": privileges}}


class CloudDatabases(CloudStage):
    """See `Stage`. `servers` are told by what they speak."""

    def __init__(self, api: Api, cloud: StandIn, servers: dict[str, FamilyServer | PostgresServer]) -> None:
        super().__init__(api, servers["PostgreSQL"])  # type: ignore[arg-type]
        self.cloud, self.servers = cloud, servers
        self.products = {block: Instances() for block in PRODUCTS}
        for block, (_, version, _, _) in PRODUCTS.items():
            cloud.products[version] = self.products[block]
        self.instances: dict[tuple[str, str], Instance] = {}
        self.login: dict[str, str] = {}

    def _instance(self, block: str, engine: str, id_: str) -> Instance:
        """One that is there, and that a ClusterTarget leads to."""
        kind, _, _, example = PRODUCTS[block]
        there = kind(self.servers[engine], f"{example}{id_}")
        there.waits_for = self.waits_for
        self.products[block].by_id[there.instance] = there
        made = Instance(block, f"{self.namespace}-{block}-{id_}", there)
        secret = {"name": made.target, "namespace": OPERATOR}
        self.api.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": self.login},
            named("ClusterTarget", made.target, self._target(made)),
        )
        return made

    def _unmade(self, instance: Instance) -> None:
        self.api.delete(CLUSTER_TARGETS, "", instance.target)
        self.api.delete(SECRETS, OPERATOR, instance.target)
        del self.products[instance.block].by_id[instance.there.instance]
        instance.there.close()

    def consumers(self) -> Consumers:
        return CloudConsumers(self.api.kubeconfig, self.postgres.authority.ca_file, servers=self.servers)

    def _databases(self) -> None:
        for server in self.servers.values():
            server.database(DATABASE)
        admin = self.cloud.ram.user("keyward-kills", admin=True).keys[0]
        self.login = {"accessKeyId": admin.id, "accessKeySecret": admin.secret}
        for block, engine in {about[:2] for about in KINDS.values()}:
            self.instances[block, engine] = self._instance(block, engine, engine.lower())

    def _target(self, instance: Instance) -> Json:
        return {
            instance.block: server_of(instance.block, instance.there, self.cloud),
            "admin": {"secretRef": {"name": instance.target}},
            "allowedAccounts": ["c*"],
            "allowedNamespaces": [self.namespace],
            "maxConcurrentRotations": 64,
        }

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        block, engine, level = KINDS[kin.kind]
        if kin.kind == PRIVILEGED:  # an instance has one
            instance = self._instance(block, engine, name.rpartition("-")[2])
        else:
            instance = self.instances[block, engine]
        server = instance.there.server.real
        life = CloudLife(kin, name, self.namespace, DATABASE, server.port, through, instance=instance)
        if level == OWNER:  # a database has one
            life.database = server.database(life.role)
        return life

    def _have_accounts(self, life: Life) -> None:
        assert isinstance(life, CloudLife)
        for number, name in enumerate(life.accounts):
            # The second one has less, so that a rotation has rights to copy.
            rights = {life.database: "ReadOnly" if number else life.level}
            life.instance.there.account(name, IMPORTED + name, **rights)

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """Those of `Stage`; the rights of each account, and how often it was made."""
        lives = list(lives)
        found = super().looks(lives)
        made = Counter(
            name for there in self._there() for action, name in list(there.done) if action == "CreateAccount"
        )
        rights = {name: account.privileges for there in self._there() for name, account in list(there.accounts.items())}
        for life in lives:
            found[life.name]["rights"] = [sorted(rights.get(name, {}).values()) for name in life.accounts]
            found[life.name]["made"] = [made[name] for name in life.accounts]
        return found

    def unhurried(self) -> list[Unhurried]:
        return [*self._there()]

    def _there(self) -> list[Databases]:
        return [there for product in self.products.values() for there in list(product.by_id.values())]

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every account: whether it may log in, its mark; of its password the cloud tells nothing."""
        found: dict[str, tuple[bool, str | None, str | None]] = {}
        for there in self._there():
            for name, account in list(there.accounts.items()):
                comment = descriptions.read(account.description)
                found[name] = (not (account.locked or descriptions.is_disabled(comment)), comment, None)
        return found

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert isinstance(life, CloudLife)
        name, server = secret["username"], life.instance.there.server.real
        with server.connect(life.database, name, secret["password"]) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER")
            assert str(cursor.fetchone()[0]).partition("@")[0] == name

    # --- the end ---

    def _drop(self, lives: list[Life]) -> None:
        for life in lives:
            assert isinstance(life, CloudLife)
            there = life.instance.there
            there.hurry()
            if life.database != DATABASE:
                there.server.real.sql(f"DROP DATABASE {life.database} WITH (FORCE)")
            for name in life.accounts:
                if there.accounts.pop(name, None) is not None:
                    there.server.drop(name)
            if life.kin.kind == PRIVILEGED:
                self._unmade(life.instance)

    def leave(self) -> None:
        super().leave()
        for instance in self.instances.values():
            self._unmade(instance)
        for server in self.servers.values():
            server.sql(f"DROP DATABASE {DATABASE}")


@dataclass(slots=True)
class CloudConsumers(Consumers):
    """Applications of each of these servers."""

    servers: dict[str, FamilyServer | PostgresServer] = field(kw_only=True)
    _family: dict[str, FamilyConsumers] = field(default_factory=dict)

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        assert isinstance(life, CloudLife)
        engine = life.instance.there.engine
        if engine == "PostgreSQL":
            return await Consumers.log_in(self, life, secret)
        if engine not in self._family:
            self._family[engine] = FamilyConsumers(self.kubeconfig, self.servers[engine].authority.ca_file)
        return await self._family[engine].log_in(life, secret)
