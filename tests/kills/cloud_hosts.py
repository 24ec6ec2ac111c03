"""Lives of users of a real host that Cloud Assistant's API changes: as those through SSH, on one ClusterTarget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cloud.ecs import INSTANCE, REGION
from tests.cloud.hosts import Cloud, linux_cloud
from tests.cloud.standin import HOST
from tests.cluster.sshd import SshServer
from tests.kills.api import Api
from tests.kills.hosts import HostLife, HostStage
from tests.kills.lives import Json, Kin, Life
from tests.whole_path.world import OPERATOR_NAMESPACE

from keyward.kube.kinds import CLUSTER_TARGETS, SECRETS


class CloudLife(HostLife):
    """See `Life`."""

    __slots__ = ()

    def surroundings(self, trust: str) -> list[Json]:
        _, _, source = super().surroundings(trust)
        return [source]

    def _spec(self) -> Json:
        spec = super()._spec()
        spec["ecs"] |= {"targetRef": {"kind": "ClusterTarget", "name": self.namespace}, "provider": "AlibabaCloud"}
        return spec


class CloudStage(HostStage):
    """See `Stage`."""

    def __init__(self, api: Api, server: SshServer, cloud: Cloud) -> None:
        super().__init__(api, server)
        self.cloud = cloud

    def _databases(self) -> None:
        login = {"accessKeyId": self.cloud.admin.account, "accessKeySecret": self.cloud.admin.password.reveal_text()}
        admin = {"name": self.namespace, "namespace": OPERATOR_NAMESPACE}
        self.api.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": admin, "stringData": login},
            {
                "apiVersion": "keyward.dev/v1alpha1",
                "kind": "ClusterTarget",
                "metadata": {"name": self.namespace},
                "spec": self._target(),
            },
        )

    def _target(self) -> Json:
        places = [{"service": name, "host": HOST, "port": self.cloud.standin.port} for name in ("ECS", "OOS")]
        api = {
            "instanceId": INSTANCE,
            "regionId": REGION,
            "endpoints": places,
            "tls": {"ca": self.cloud.standin.ca_pem},
        }
        return {
            "ecs": {"provider": "AlibabaCloud", "openApi": api} | self._host(),
            "admin": {"secretRef": {"name": self.namespace}},
            "allowedAccounts": ["k*"],
            "allowedNamespaces": [self.namespace],
            "maxConcurrentRotations": 64,
        }

    def _host(self) -> Json:
        """What the Target says of the host itself."""
        endpoint = {"host": "127.0.0.1", "port": self.server.port}
        return {"endpoints": [endpoint], "hostKeys": list(self.server.host_keys())}

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return CloudLife(kin, name, self.namespace, "", self.server.port, through)

    def leave(self) -> None:
        self.api.delete(CLUSTER_TARGETS, "", self.namespace)
        self.api.delete(SECRETS, OPERATOR_NAMESPACE, self.namespace)
        super().leave()


@contextmanager
def cloud_host(folder: Path) -> Iterator[tuple[SshServer, Cloud]]:
    """A host, and the cloud that it is an instance of."""
    with SshServer() as server, linux_cloud(server, folder) as cloud:
        yield server, cloud
