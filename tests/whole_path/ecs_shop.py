"""A shop whose Target is an ECS instance of the stand-in of the cloud: a real Linux host, or what stands for Windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cloud.ecs import INSTANCE, REGION
from tests.cloud.hosts import Cloud, cloud_of, linux_cloud
from tests.cloud.standin import HOST
from tests.cloud.windows import WindowsHost
from tests.cluster import Cluster
from tests.cluster.sshd import SshServer
from tests.whole_path.ram_shop import CloudShop
from tests.whole_path.world import Json, until

GRACE = 1  # seconds


class EcsShop(CloudShop):
    """Its ClusterTarget is named as the namespace; `host` is what the Target says of it."""

    def __init__(self, cluster: Cluster, cloud: Cloud, host: Json, folder: Path, namespace: str) -> None:
        super().__init__(cluster, cloud.standin, folder, namespace)
        self.ecs, self.oos, self.host_block = cloud.ecs, cloud.oos, host

    def _prepare_server(self) -> None:
        self.admin = self.ram.users["keyward"].keys[0]

    def target(self) -> Json:
        places = [{"service": service, "host": HOST, "port": self.cloud.port} for service in ("ECS", "OOS")]
        api = {"instanceId": INSTANCE, "regionId": REGION, "endpoints": places, "tls": {"ca": self.cloud.ca_pem}}
        return {
            "ecs": {"provider": "AlibabaCloud", "openApi": api} | self.host_block,
            "admin": {"secretRef": {"name": f"{self.namespace}-admin"}},
            "allowedAccounts": ["cloud-*", "root", "Administrator"],
            "allowUnverifiedImport": ["cloud-wrong"],
            "allowedNamespaces": [self.namespace],
        }

    def user(self, name: str, user: str, kind: str, value: str, **ecs: Any) -> list[Json]:
        """A Credential of a user, and the Secret that it takes its first value from."""
        key = "ssh-privatekey" if kind == "SSHKey" else "password"
        account = {"name": user, "passwordFrom": {"secretName": f"{name}-given"}}
        wanted = {
            "ecs": {
                "targetRef": {"kind": "ClusterTarget", "name": self.namespace},
                "provider": "AlibabaCloud",
                "secretType": kind,
                "import": {"accounts": [account]},
            }
            | ecs,
            "rotation": {"interval": "1h", "gracePeriod": f"{GRACE}s"},
            "projections": [{"secretName": name}],
        }
        given = self.plain_secret(f"{name}-given", {key: value}, labels={"keyward.dev/source-for": name})
        return [given, self.made("Credential", name, wanted)]

    def turned(self, name: str, token: str) -> dict[str, str]:
        """The Secret after one rotation."""
        before = self.secret(name)
        self.annotate(name, "rotate", token)
        found: dict[str, str] = until(f"a rotation of {name}", lambda: (s := self.secret(name)) != before and s)
        return found


@contextmanager
def ecs_shop(cluster: Cluster, server: SshServer, folder: Path, namespace: str) -> Iterator[EcsShop]:
    """Prepared; the operator is not started."""
    host = {"endpoints": [{"host": "127.0.0.1", "port": server.port}], "hostKeys": list(server.host_keys())}
    with linux_cloud(server, folder / "cloud") as cloud:
        shop = EcsShop(cluster, cloud, host, folder, namespace)
        shop.prepare()
        yield shop
        shop.close()


@contextmanager
def windows_shop(cluster: Cluster, folder: Path, namespace: str) -> Iterator[EcsShop]:
    """As `ecs_shop`; the instance has a role, and no user."""
    host = {"engine": "Windows", "endpoints": [{"host": "desk.example.com", "port": 3389}]}
    with cloud_of(WindowsHost(), folder / "cloud") as cloud:
        cloud.ecs.role = "keyward-reader"
        shop = EcsShop(cluster, cloud, host, folder, namespace)
        shop.prepare()
        yield shop
        shop.close()
