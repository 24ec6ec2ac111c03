"""A shop whose Target is a cloud account: the operator as a process, the stand-in of the cloud in this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cloud.ram import Key
from tests.cloud.standin import HOST, StandIn
from tests.cluster import Cluster
from tests.whole_path.world import OPERATOR_NAMESPACE, Json, Shop, keyward, until

ADMIN = "keyward-admin"


class CloudShop(Shop):
    """`prefix` is what its ClusterTarget and the names of its users begin with: those are nobody else's."""

    def __init__(self, cluster: Cluster, cloud: StandIn, folder: Path, namespace: str) -> None:
        super().__init__(cluster, _Folder(folder), namespace)  # type: ignore[arg-type]
        self.cloud, self.ram = cloud, cloud.ram

    def _prepare_server(self) -> None:
        self.admin = self.ram.user(ADMIN, admin=True).keys[0]

    def target(self) -> Json:
        endpoints = [{"service": service, "host": HOST, "port": self.cloud.port} for service in ("RAM", "STS")]
        return {
            "ram": {"endpoints": endpoints, "tls": {"ca": self.cloud.ca_pem}},
            "admin": {"secretRef": {"name": f"{self.namespace}-admin"}},
            "allowedAccounts": ["orders-*"],
            "allowUnverifiedImport": ["orders-wrong"],
            "allowedNamespaces": [self.namespace, OPERATOR_NAMESPACE],
            "maxConcurrentRotations": 64,
        }

    def prepare(self) -> None:
        self.install()
        self._prepare_server()
        spaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in (OPERATOR_NAMESPACE, self.namespace)
        ]
        key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
        del key["metadata"]["namespace"]
        login = {"accessKeyId": self.admin.id, "accessKeySecret": self.admin.secret}
        admin = self.plain_secret(f"{self.namespace}-admin", login)
        admin["metadata"]["namespace"] = OPERATOR_NAMESPACE
        target = keyward("ClusterTarget", self.namespace, self.target())
        del target["metadata"]["namespace"]
        self.apply(*spaces)
        self.apply(key, admin, target)

    def close(self) -> None:
        self.api.delete("clustertarget", self.namespace, "")
        self.api.delete("secret", f"{self.namespace}-admin", OPERATOR_NAMESPACE)
        super().close()

    def credential(self, name: str, user: str, *keys: tuple[str, str], **spec: Any) -> list[Json]:
        """The Credential and the Secrets that it takes its first keys from, each an id and a secret."""
        label, given = {"keyward.dev/source-for": name}, []
        for number, (id_, secret) in enumerate(keys):
            data = {"AccessKeyId": id_, "AccessKeySecret": secret}
            given.append(self.plain_secret(f"{name}-given-{number}", data, labels=label))
        wanted = {
            "ram": {
                "targetRef": {"kind": "ClusterTarget", "name": self.namespace},
                "userName": user,
                "accessKeysFrom": [{"secretName": item["metadata"]["name"]} for item in given],
            },
            "rotation": {"interval": "7d", "gracePeriod": "3s"},
            "projections": [{"secretName": name}],
        }
        return [*given, self.made("Credential", name, wanted | spec)]

    @contextmanager
    def kept(self, user: str, key: Key) -> Iterator[str]:
        """A ClusterTarget that is worked on with a key of this user, and the Credential of the same name that keeps it."""
        name = f"{self.namespace}-kept"
        projection = {"secretName": name, "keys": {"AccessKeyId": "accessKeyId", "AccessKeySecret": "accessKeySecret"}}
        made = self.credential(name, user, pair(key), projections=[projection], deletion={"recoveryWindow": "0s"})
        for item in made:
            item["metadata"]["namespace"] = OPERATOR_NAMESPACE  # where the admin Secrets of ClusterTargets are
        target = keyward("ClusterTarget", name, self.target() | {"admin": {"secretRef": {"name": name}}})
        del target["metadata"]["namespace"]
        self.apply(target, *made)
        yield name
        self.api.delete("credential", name, OPERATOR_NAMESPACE)
        until("the keeper's end", lambda: self.api.get("credential", name, OPERATOR_NAMESPACE) is None)
        self.api.delete("clustertarget", name, "")
        self.api.delete("secret", f"{name}-given-0", OPERATOR_NAMESPACE)

    @contextmanager
    def other_target(self) -> Iterator[str]:
        """A second ClusterTarget of the same cloud account, with an admin Secret of its own."""
        name = f"{self.namespace}-other"
        admin = self.plain_secret(name, {"accessKeyId": self.admin.id, "accessKeySecret": self.admin.secret})
        admin["metadata"]["namespace"] = OPERATOR_NAMESPACE
        target = keyward("ClusterTarget", name, self.target() | {"admin": {"secretRef": {"name": name}}})
        del target["metadata"]["namespace"]
        self.apply(admin, target)
        yield name
        self.api.delete("clustertarget", name, "")
        self.api.delete("secret", name, OPERATOR_NAMESPACE)

    def named(self, kind: str) -> dict[str, Json]:
        """All objects of a kind in the namespace, by name."""
        return {item["metadata"]["name"]: item for item in self.api.items(kind, self.namespace)}

    def published(self, name: str) -> dict[str, str]:
        found: dict[str, str] = until(f"the first Secret of {name}", lambda: self.secret(name))
        return found

    def rotated(self, name: str, token: str, seconds: float = 60.0) -> dict[str, str]:
        before = self.secret(name)
        self.annotate(name, "rotate", token)
        found: dict[str, str] = until(
            f"a rotation of {name}", lambda: (s := self.secret(name)) != before and s, seconds
        )
        return found

    def keys(self, user: str) -> dict[str, str]:
        """Status by id."""
        return {key.id: key.status for key in self.ram.users[user].keys}


class _Folder:
    """Where the operator's log goes; there is no server that has one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def pair(key: Key) -> tuple[str, str]:
    return key.id, key.secret


@contextmanager
def cloud_shop(cluster: Cluster, folder: Path, namespace: str) -> Iterator[CloudShop]:
    """Prepared; the operator is not started."""
    with StandIn(folder / "cloud") as cloud:
        shop = CloudShop(cluster, cloud, folder, namespace)
        shop.prepare()
        yield shop
        shop.close()
