"""A shop whose Targets are Tair instances: the stand-in of the cloud in this process, the accounts on a real Redis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cloud.standin import HOST, StandIn
from tests.cloud.tair import INSTANCE, VERSION, Tair
from tests.cluster.redis import RedisServer
from tests.whole_path.consumers import Client, program
from tests.whole_path.ram_shop import CloudShop
from tests.whole_path.world import Json


class TairShop(CloudShop):
    """Its ClusterTarget has the namespace's name."""

    def __init__(self, cluster: Any, cloud: StandIn, tair: Tair, folder: Path, namespace: str) -> None:
        super().__init__(cluster, cloud, folder, namespace)
        self.tair = tair

    def target(self) -> Json:
        api = {
            "instanceId": INSTANCE,
            "regionId": "cn-hangzhou",
            "endpoints": [{"service": "Tair", "host": HOST, "port": self.cloud.port}],
            "tls": {"ca": self.cloud.ca_pem},
        }
        redis = {
            "provider": "AlibabaCloud",
            "engine": self.tair.instance_type,
            "openApi": api,
            "authentication": "Combined" if self.tair.combined else "ACL",
            "endpoints": [{"host": HOST, "port": self.tair.server.port}],
            "tls": {"ca": self.tair.server.ca_pem},
        }
        return {
            "redis": redis,
            "admin": {"secretRef": {"name": f"{self.namespace}-admin"}},
            "allowedAccounts": ["orders*"],
            "allowedNamespaces": [self.namespace],
        }

    def credential(self, name: str, account: str, privilege: str = "ReadWrite", **spec: Any) -> Json:  # type: ignore[override]
        redis = {
            "targetRef": {"kind": "ClusterTarget", "name": self.namespace},
            "provider": "AlibabaCloud",
            "create": {"name": account, "privilege": privilege},
        }
        wanted = {
            "redis": redis,
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def logs_in(self, secret: dict[str, str]) -> bool:  # type: ignore[override]
        user, password = ("default", secret["auth"]) if self.tair.combined else (secret["username"], secret["password"])
        return self.tair.server.logs_in(user, password)

    def client(self) -> Client:
        """One that logs in up to twice a second, as the Secret says."""
        return lambda file: program("redis_client", file, str(self.tair.server.ca_file), "0.5")


@contextlib.contextmanager
def tair_shop(
    cluster: Any, folder: Path, namespace: str, *, combined: bool = False, kind: str = "Tair"
) -> Iterator[TairShop]:
    """The shop with an operator at work."""
    with RedisServer(log_statements=True) as server, StandIn(folder / "cloud") as cloud:
        cloud.products[VERSION] = tair = Tair(server, combined=combined)
        tair.instance_type = kind
        shop = TairShop(cluster, cloud, tair, folder, namespace)
        shop.prepare()
        with shop.operator():
            yield shop
        shop.close()
        tair.close()
