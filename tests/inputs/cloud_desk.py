"""A desk whose Targets are changed through the cloud: a stand-in with instances of each product, each on a real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud import polardb, rds, tair
from tests.cloud.databases import Instances
from tests.cloud.ecs import Ecs, LinuxHost
from tests.cloud.ecs import Fleet as Hosts
from tests.cloud.hosts import ECS_VERSION, OOS_VERSION
from tests.cloud.oos import Oos
from tests.cloud.polardb import Polardb
from tests.cloud.ram import Key
from tests.cloud.rds import Rds
from tests.cloud.signatures import Call
from tests.cloud.standin import HOST, StandIn
from tests.cloud.tair import Tair
from tests.cloud.windows import WindowsHost
from tests.cluster import Cluster
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.redis import RedisServer
from tests.cluster.sshd import SshServer
from tests.inputs.desk import Desk
from tests.whole_path.running import Operator, limited, running
from tests.whole_path.world import OPERATOR_NAMESPACE, Json, keyward

SERVICES = {"rds": ("RDS",), "polardb": ("PolarDB",), "redis": ("Tair",), "ecs": ("ECS", "OOS"), "ram": ("RAM", "STS")}
DATABASE = "orders_inputs"
CHANGING = ("Create", "Reset", "Modify", "Grant", "Revoke", "Delete", "Update")
"""How the actions begin that change something, but for RunCommand."""
NO_METADATA = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
"""The default chain finds nothing here, and does not wait for an address that no machine has but the cloud's."""

Databases = tuple[FamilyServer, FamilyServer, PostgresServer]
"""A MariaDB, a MySQL and a PostgreSQL."""


@dataclass
class Servers:
    """What stands behind the instances."""

    sql: FamilyServer  # a MariaDB
    mysql: FamilyServer
    postgres: PostgresServer
    redis: RedisServer
    other: RedisServer  # of an instance that few accounts are on, while the main one is nearly full
    word: RedisServer  # knows no user names
    ssh: SshServer
    folder: Path


class CloudDesk(Desk):
    """Each Credential has a ClusterTarget, an admin Secret and a RAM user of its own, all of its name."""

    def __init__(self, cluster: Cluster, cloud: StandIn, servers: Servers) -> None:
        super().__init__(cluster, servers, "inputs-cloud")  # type: ignore[arg-type] - it is asked for its folder alone
        self.cloud, self.behind = cloud, servers
        self.rds, self.mysql = Rds(servers.sql, "rm-bp1main"), Rds(servers.mysql, "rm-bp1mysql")
        self.postgresql, self.reader = Rds(servers.postgres, "rm-bp1pg"), Rds(servers.sql, "rm-bp1reader")
        self.reader.role = "Readonly"
        self.polar, self.polar_mysql = Polardb(servers.postgres, "pc-bp1main"), Polardb(servers.mysql, "pc-bp1mysql")
        self.databases = (self.rds, self.reader, self.mysql, self.postgresql, self.polar, self.polar_mysql)
        self._instances = Instances(self.rds, self.reader, self.mysql, self.postgresql)
        self.tair = Tair(servers.redis, instance="r-bp1main")
        self.old = Tair(servers.redis, instance="r-bp1old")
        self.old.engine_version = "2.8"
        self.word = Tair(servers.word, combined=True, instance="r-bp1word")
        self.word.engine_version = "5.0"
        self.second = Tair(servers.other, instance="r-bp1second")
        self.caches = (self.tair, self.old, self.word, self.second)
        self.linux, self.off = Ecs(LinuxHost(servers.ssh), "i-bp1main"), Ecs(LinuxHost(servers.ssh), "i-bp1off")
        self.off.assistant = "false"
        self.people = WindowsHost()
        self.windows = Ecs(self.people, "i-bp1desk")
        self.keys: dict[str, Key] = {}  # of the admins, by Credential
        self.asked: dict[str, Counter[str]] = {}  # every action that an AccessKey asked for, by its id
        self.changed: dict[str, dict[str, int]] = {}  # before anything was mended, by Credential
        cloud.before = self._note
        self._connect()

    def _connect(self) -> None:
        caches, oos = tair.Fleet(), Oos()
        caches.instances |= {one.instance: one for one in self.caches}
        hosts = (self.linux, self.off, self.windows)
        for host in hosts:
            host.parameters = oos.read
        self.cloud.products |= {
            rds.VERSION: self._instances,
            polardb.VERSION: Instances(self.polar, self.polar_mysql),
            tair.VERSION: caches,
            ECS_VERSION: Hosts(*hosts),
            OOS_VERSION: oos,
        }

    def join(self, instance: Rds) -> None:
        """One more, whose server is its own: nothing is left of it that has to be taken away."""
        self._instances.by_id[instance.instance] = instance

    def _note(self, call: Call) -> None:
        self.asked.setdefault(call.signed_by, Counter())[call.action] += 1

    @contextmanager
    def limited_operator(self) -> Iterator[Operator]:
        with running(limited(self.cluster), self.log, environment=NO_METADATA) as operator:
            operator.await_ready()
            yield operator

    def prepare(self) -> None:
        self.install()
        for server in (self.behind.sql, self.behind.mysql, self.behind.postgres):
            server.database(DATABASE)
        spaces = [keyward("Namespace", name, {}) for name in (OPERATOR_NAMESPACE, self.namespace)]
        for space in spaces:
            space |= {"apiVersion": "v1"}
        key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
        for item in (*spaces, key):
            del item["metadata"]["namespace"]
        self.apply(*spaces, key)

    def close(self) -> None:
        super().close()
        for name in self.keys:
            self.api.delete("secret", self.title(name), OPERATOR_NAMESPACE)
        for one in (*self.caches, self.linux, self.off, self.windows):
            one.close()
        for server in (self.behind.sql, self.behind.mysql):
            server.sql(f"DROP DATABASE {DATABASE}")
        self.behind.postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        for found in self.databases:  # no account owns the database any more
            found.close()

    # --- what was asked of the cloud ---

    def logins(self) -> Callable[[], Counter[str]]:
        """Of this desk: calls of the cloud, by Credential. At the end of that time it is kept what was changed up to then."""
        before = self._calls()

        def since() -> Counter[str]:
            self.changed = {name: self.changes(name) for name in self.keys}
            return self._calls() - before

        return since

    def _calls(self) -> Counter[str]:
        return Counter({name: sum(self._asked_by(name).values()) for name in self.keys})

    def changes(self, name: str) -> dict[str, int]:
        """What was asked for in the name of a Credential that changes something, but for scripts on hosts."""
        return {action: count for action, count in self._asked_by(name).items() if action.startswith(CHANGING)}

    def _asked_by(self, name: str) -> Counter[str]:
        return self.asked.get(self.keys[name].id, Counter())

    # --- objects ---

    def title(self, name: str) -> str:
        """What the ClusterTarget and the admin Secret of a Credential are called."""
        return f"{self.namespace}-{name}"

    def admin(self, name: str, **changes: str) -> Json:
        """The admin Secret, of a RAM user that is made with it; with other values for its keys."""
        if name not in self.keys:
            self.keys[name] = self.cloud.ram.user(f"admin-{name}", admin=True).keys[0]
        key = self.keys[name]
        secret = self.plain_secret(self.title(name), {"accessKeyId": key.id, "accessKeySecret": key.secret} | changes)
        secret["metadata"]["namespace"] = OPERATOR_NAMESPACE
        return secret

    def target_on(self, name: str, block: str, system: Json, **api: Any) -> Json:
        """The ClusterTarget of a Credential; `api` is what is different in its openApi, or in `ram` itself."""
        places = [{"service": service, "host": HOST, "port": self.cloud.port} for service in SERVICES[block]]
        way = {"endpoints": places, "tls": {"ca": self.cloud.ca_pem}} | api
        found = system | way if block == "ram" else system | {"provider": "AlibabaCloud", "openApi": way}
        spec = {
            block: found,
            "admin": {"secretRef": {"name": self.title(name)}},
            "allowedAccounts": ["*"],
            "allowedNamespaces": [self.namespace],
        }
        target = self.made("ClusterTarget", self.title(name), spec)
        del target["metadata"]["namespace"]
        return target

    def credential_on(self, name: str, block: str, account: Json, **spec: Any) -> Json:
        reference = {"targetRef": {"kind": "ClusterTarget", "name": self.title(name)}}
        provider = {} if block == "ram" else {"provider": "AlibabaCloud"}
        interval = "7d" if block == "ram" else "24h"
        wanted = {
            block: reference | provider | account,
            "rotation": {"interval": interval, "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def agree(self, name: str) -> None:
        """Approve the ClusterTarget of a Credential as it is now."""
        self.approve(self.title(name), cluster=True)


@contextmanager
def cloud_desk(cluster: Cluster, databases: Databases, ssh: SshServer, folder: Path) -> Iterator[CloudDesk]:
    """Prepared; the operator is not started."""
    with ExitStack() as stack:
        caches = [stack.enter_context(RedisServer(log_statements=True)) for _ in range(3)]
        cloud = stack.enter_context(StandIn(folder / "cloud"))
        desk = CloudDesk(cluster, cloud, Servers(*databases, *caches, ssh, folder))
        desk.prepare()
        stack.callback(desk.close)
        yield desk
