"""Every example is applied to a real API server; the operator, with the rights of rbac.yaml alone, makes it Ready."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg.sql import SQL, Identifier, Literal
from tests.cloud import polardb, rds, tair
from tests.cloud.databases import Instances
from tests.cloud.ecs import Ecs, Fleet, LinuxHost
from tests.cloud.hosts import ECS_VERSION, OOS_VERSION
from tests.cloud.oos import Oos
from tests.cloud.polardb import Polardb
from tests.cloud.rds import Rds
from tests.cloud.standin import HOST, StandIn
from tests.cloud.windows import Person, WindowsHost
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.redis import RedisServer
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser, admins_key, public
from tests.examples import manifests
from tests.examples.manifests import CLOUD_REDIS_SET, CREDENTIALS, REDIS_SET, SET, Item
from tests.whole_path.world import Shop, until

from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

NAMESPACE = "examples"
ADMINS = {"MySQL": ("mysql-admin-pair", "polardb-admin-pair"), "MariaDB": ("mariadb-admin-self",)}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with (
        StandIn(tmp_path_factory.mktemp("cloud")) as cloud,
        PostgresServer() as postgres,
        MysqlServer() as mysql,
        MariadbServer() as mariadb,
        RedisServer() as redis,
        SshServer() as host,
    ):
        _prepare(postgres)
        _prepare_family(mysql)
        _prepare_family(mariadb)
        _prepare_redis(redis)
        _prepare_host(host)
        _prepare_cloud(cloud)
        _prepare_instances(cloud, host)
        there: dict[str, Any] = {
            "PostgreSQL": postgres,
            "MySQL": mysql,
            "MariaDB": mariadb,
            "Redis": redis,
            "Linux": host,
            "AlibabaCloud": cloud,
        }
        _prepare_cloud_databases(cloud, there)
        _prepare_cloud_caches(cloud, there)
        yield there


@pytest.fixture(scope="module")
def shop(control_plane, servers):
    """The prerequisites, and an operator that may do what rbac.yaml says."""
    shop = Shop(control_plane, servers["PostgreSQL"], NAMESPACE)
    shop.install()
    shop.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for file in manifests.PREREQUISITES:
        shop.apply(*manifests.placed(file, NAMESPACE, servers))
    shop.kubeconfig = _service_account(shop)
    with shop.operator():
        yield shop
    shop.close()


def _prepare(server: PostgresServer) -> None:
    """What the heads of the examples ask for: the database, the admin, roles to be granted, accounts to be imported."""
    server.admin("rotator", password="change-me", database=server.database("orders"))
    server.sql("CREATE ROLE orders_owner NOLOGIN")
    asked = [*_asked_for("admin-pair"), *_asked_for("admin-self")]
    for statement in asked:
        server.sql(statement)
    newest = int(server.sql("SHOW server_version_num")[0][0]) >= 160000
    for file in CREDENTIALS:
        for name, password in manifests.imports(manifests.read(file), "PostgreSQL").items():
            if any(name in statement for statement in asked):
                continue
            server.sql(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password)))
        for grant in manifests.grants(file) if newest else ():
            server.sql(grant)


def _prepare_family(server: FamilyServer) -> None:
    """What the heads of the examples of MySQL and MariaDB ask for."""
    server.database("orders")
    asked = [statement for head in (server.name, *ADMINS[server.name]) for statement in _asked_for(head)]
    for statement in asked:
        server.sql(statement)
    for file in CREDENTIALS:
        for name, password in manifests.imports(manifests.read(file), server.name).items():
            if any(name in statement for statement in asked):
                continue
            server.sql(f"CREATE USER {name} IDENTIFIED BY '{password}'")
            server.sql(f"GRANT SELECT ON orders.* TO {name}")


def _prepare_redis(server: RedisServer) -> None:
    for command in (*_asked_for("Redis"), *_asked_for("redis-admin")):
        server.run(*command.split())
    server.persist()


def _prepare_host(server: SshServer) -> None:
    for command in _asked_for("ecs"):
        server.run(command)
    server.keys("keyward", f"{public(admins_key())}\n")
    for command in _asked_for("ecs-admin"):
        server.run(command)
    (given,) = manifests.of_kind("Secret", manifests.read(manifests.FOLDER / "ecs-admin-key.yaml"))
    server.keys("caretaker", f"{public(Sensitive(given['stringData']['ssh-privatekey']))}\n")
    server.user("deploy")
    server.user("operations", "change-me")


def _prepare_cloud(cloud: StandIn) -> None:
    """The user of the example and the admin, with the AccessKeys that the examples have."""
    for name, admin, file in (("keyward", True, "target-ram"), ("orders-app", False, "ram")):
        (key,) = cloud.ram.user(name, admin=admin).keys
        given = manifests.access_keys(manifests.read(manifests.FOLDER / f"{file}.yaml"))
        ((key.id, key.secret),) = given.items()


def _prepare_cloud_databases(cloud: StandIn, servers: dict[str, Any]) -> None:
    """The instances that the examples name, each a server of its engine; the admin, and the accounts to be imported."""
    targets = {block: manifests.read(manifests.FOLDER / f"target-{block}-cloud.yaml") for block in ("rds", "polardb")}
    (key,) = cloud.ram.user("keyward-databases", admin=True).keys
    ((key.id, key.secret),) = manifests.access_keys(targets["rds"]).items()
    for block, product, version in (("rds", Rds, rds.VERSION), ("polardb", Polardb, polardb.VERSION)):
        found = [item["spec"][block] for item in manifests.of_kind("ClusterTarget", targets[block])]
        instances = [product(servers[one["engine"]], one["openApi"]["instanceId"], 0.1) for one in found]
        cloud.products[version] = Instances(*instances)
        for instance in instances if block == "rds" else ():
            servers[instance.engine].database("cloud_orders")
            # On PostgreSQL the one right makes an owner, and the database has one.
            rights = {} if instance.engine == "PostgreSQL" else {"cloud_orders": "ReadWrite"}
            for file in CREDENTIALS:
                for name, password in manifests.imports(manifests.read(file), instance.engine, provider=True).items():
                    instance.account(name, password, **rights)


def _prepare_instances(cloud: StandIn, host: SshServer) -> None:
    """The host of the examples is an instance of the cloud as well, and a Windows instance is beside it."""
    file = manifests.FOLDER / "target-ecs-cloud.yaml"
    for number, login in enumerate(manifests.access_keys(manifests.read(file)).items()):
        (key,) = cloud.ram.user(f"keyward-hosts-{number}", admin=True).keys
        key.id, key.secret = login
    targets = manifests.of_kind("ClusterTarget", manifests.read(file))
    ids = {manifests.engine_of(item): item["spec"]["ecs"]["openApi"]["instanceId"] for item in targets}
    given = manifests.imports(manifests.read(manifests.FOLDER / "ecs-cloud-windows.yaml"), "Windows", provider=True)
    linux, oos = Ecs(LinuxHost(host), ids["Linux"]), Oos()
    windows = Ecs(WindowsHost({name: Person(password) for name, password in given.items()}), ids["Windows"])
    windows.role, windows.parameters = "keyward-reader", oos.read
    cloud.products |= {ECS_VERSION: Fleet(linux, windows), OOS_VERSION: oos}


def _prepare_cloud_caches(cloud: StandIn, servers: dict[str, Any]) -> None:
    """The instances that the examples name, all of them on one Redis; the admin."""
    targets = manifests.read(manifests.FOLDER / "target-redis-cloud.yaml")
    (key,) = cloud.ram.user("keyward-caches", admin=True).keys
    ((key.id, key.secret),) = manifests.access_keys(targets).items()
    cloud.products[tair.VERSION] = fleet = tair.Fleet()
    for block in (item["spec"]["redis"] for item in manifests.of_kind("ClusterTarget", targets)):
        name, combined = block["openApi"]["instanceId"], block.get("authentication") == "Combined"
        fleet.instances[name] = found = tair.Tair(servers["Redis"], combined=combined, instance=name)
        found.instance_type, found.delay = block["engine"], 0.1
    servers["Tair"] = servers["Redis"]


def _asked_for(engine: str) -> list[str]:
    """What the head of the example of a Target asks the server's keeper to run there."""
    head = (manifests.FOLDER / f"target-{engine.lower()}.yaml").read_text(encoding="utf-8")
    return [found.replace("…", "change-me") for found in re.findall(r"^#   (.*);$", head, re.MULTILINE)]


def _service_account(shop: Shop) -> Path:
    """A kubeconfig with a token of the service account that rbac.yaml makes."""
    token = shop.cluster.kubectl("create", "token", "keyward", "-n", "keyward-system").strip()
    config = yaml.safe_load(shop.cluster.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = shop.postgres.folder / "keyward.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _is_ready(shop: Shop, name: str) -> bool:
    found = shop.condition(name, "Ready")
    return found.get("status") == "True" and found["observedGeneration"] == 1


def _say_why(shop: Shop, name: str) -> str:
    found = shop.get("credential", name) or {}
    said = [
        f"{c['type']}={c['status']}: {c['reason']}: {c['message']}"
        for c in found.get("status", {}).get("conditions", ())
    ]
    return "\n".join(said)


@pytest.mark.parametrize("file", CREDENTIALS, ids=lambda file: file.stem)
def test_an_example_becomes_ready_and_what_it_projects_is_of_use(shop, servers, file):
    items = manifests.placed(file, NAMESPACE, servers)
    shop.apply(*items)
    for credential in manifests.of_kind("Credential", items):
        name = credential["metadata"]["name"]
        try:
            until(f"Ready of {name}", lambda name=name: _is_ready(shop, name))
        except AssertionError as error:
            pytest.fail(f"{error}\n{_say_why(shop, name)}")
        for projection in credential["spec"]["projections"]:
            _of_use(servers, credential, projection, shop.secret(projection["secretName"]))


def test_kubectl_takes_every_example(shop, servers):
    files = (*manifests.PREREQUISITES, *CREDENTIALS, SET, REDIS_SET, CLOUD_REDIS_SET)
    items = [item for file in files for item in manifests.placed(file, NAMESPACE, servers)]
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    told = shop.cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=body).splitlines()
    assert len(told) == len(items) > len(files)


def test_a_set_becomes_ready_with_a_credential_for_each_target_that_has_the_label(shop, servers):
    (item,) = manifests.placed(SET, NAMESPACE, servers)
    shop.cluster.kubectl("label", "target", "orders-pg", "-n", NAMESPACE, "reports=true", "--overwrite")
    shop.apply(item)
    shop.cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "credentialset/reports", "--timeout=60s")
    made = item["spec"]["template"]["spec"]["rds"]["create"]["name"]
    assert shop.logs_in(shop.secret("reports-db-orders-pg")) == f"{made}_rights"


def test_a_set_of_redis_becomes_ready_with_a_pair_on_each_target_that_has_the_label(shop, servers):
    (item,) = manifests.placed(REDIS_SET, NAMESPACE, servers)
    shop.apply(item)
    shop.cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "credentialset/sessions", "--timeout=60s")
    secret = shop.secret("sessions-cache-orders-redis")
    assert _who(servers["Redis"], secret["username"], secret["password"]) == "orders_sessions"


def test_a_set_over_the_cloud_s_caches_becomes_ready_with_a_pair_on_each(shop, servers):
    (item,) = manifests.placed(CLOUD_REDIS_SET, NAMESPACE, servers)
    shop.apply(item)
    shop.cluster.kubectl(
        "wait", "-n", NAMESPACE, "--for=condition=Ready", "credentialset/cloud-caches", "--timeout=60s"
    )
    secret = shop.secret("cloud-cache-sessions-tair")
    assert _who(servers["Redis"], secret["username"], secret["password"]) == "cloud_set"


def _of_use(servers: manifests.Servers, credential: Item, projection: Item, secret: dict[str, str]) -> None:
    assert secret
    for key in projection.get("keys", {}).values():
        assert secret[key]
    if ".dockerconfigjson" in secret:
        (login,) = json.loads(secret[".dockerconfigjson"])["auths"].values()
        assert base64.b64decode(login["auth"]).decode() == f"{login['username']}:{login['password']}"
    if "ecs" in credential["spec"]:
        user = credential["spec"]["ecs"]["import"]["accounts"][0]["name"]
        assert secret["username"] == user
        if manifests.engine_of(credential) == "Windows":
            assert secret["password"]
            return
        assert _host_lets_in(servers["Linux"], user, secret)
        return
    if "ram" in credential["spec"]:
        assert _whose(servers["AlibabaCloud"], secret) == credential["spec"]["ram"]["userName"]
        return
    block = manifests.accounts_of(credential["spec"])
    if "REDIS_PASSWORD" in secret:
        assert _who(servers["Redis"], "default", secret["REDIS_PASSWORD"]) == "default"
        return
    if block is not None:
        keys = {"username": "username", "password": "password", **projection.get("keys", {})}
        login = (secret[keys["username"]], secret[keys["password"]])
        engine, made = manifests.engine_of(credential), block.get("create", {}).get("name")
        suffix = "_rights" if made and engine == "PostgreSQL" and "provider" not in block else ""
        database = block.get("databaseName", "orders")
        assert _who(servers[engine], *login, database) == (made or block["import"]["accounts"][0]["name"]) + suffix


def _whose(cloud: StandIn, secret: dict[str, str]) -> str:
    """The user of the AccessKey in the environment that the Secret makes."""
    login = Login(secret["ALIBABA_CLOUD_ACCESS_KEY_ID"], Sensitive(secret["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
    endpoint = Endpoint(HOST, cloud.port)
    place = Place((endpoint,), "", cloud=CloudApi({"STS": endpoint}, ca_pem=cloud.ca_pem))
    return asyncio.run(Cloud(place, login, 10.0).whoami()).arn.rpartition("/")[2]


def _host_lets_in(server: SshServer, user: str, secret: dict[str, str]) -> bool:
    found = HostUser(server, user, key_pair="ssh-privatekey" in secret)
    if found.key_pair:
        return found.logs_in(Sensitive(secret["ssh-privatekey"]))
    return found.password_works(secret["password"])


def _who(
    server: PostgresServer | FamilyServer | RedisServer, user: str, password: str, database: str = "orders"
) -> str:
    """Who a session of this login acts as."""
    if isinstance(server, RedisServer):
        with server.client(user, password) as client:
            return str(client.execute_command("ACL", "WHOAMI"))
    with server.connect(database, user, password) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT current_user" if isinstance(server, PostgresServer) else "SELECT CURRENT_USER()")
        return str(cursor.fetchone()[0]).partition("@")[0]


def test_the_rights_of_rbac_are_enough_for_a_whole_life(shop, servers):
    items = manifests.placed(manifests.FOLDER / "rds-postgresql-dual-create.yaml", NAMESPACE, servers)
    name = items[0]["metadata"]["name"]
    shop.apply(*items)
    until("the first Secret", lambda: shop.secret(name))
    before = len(shop.versions(name))
    shop.annotate(name, "rotate", "leaked#force")
    until("both rotations of a leak", lambda: _sequence(shop, name) >= before + 2)
    shop.api.merge("credential", name, NAMESPACE, {"spec": {"projections": []}})
    until("the end of the Secret", lambda: not shop.secret(name))
    shop.api.delete("credential", name, NAMESPACE)
    until("the end of the Credential", lambda: shop.get("credential", name) is None)
    may = "SELECT bool_or(rolcanlogin) FROM pg_roles WHERE rolname LIKE 'orders\\_app%'"
    assert shop.postgres.sql(may) == [(False,)]
    assert "we may not" not in shop.log.read_text()


def _sequence(shop: Shop, name: str) -> int:
    found = shop.get("secret", name)
    return int(found["metadata"]["annotations"]["keyward.dev/sequence"]) if found else 0
