"""Users of a real host that the cloud's API changes, and the calls of the engine in the order of the executor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cloud.ecs import INSTANCE, REGION, Ecs, Host, LinuxHost
from tests.cloud.oos import Oos
from tests.cloud.standin import HOST, StandIn
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser

from keyward.engines import registry
from keyward.engines.base import CloudApi, Endpoint, Engine, Login, Place
from keyward.engines.guard import guarded
from keyward.sensitive import Sensitive

ECS_VERSION, OOS_VERSION = "2014-05-26", "2019-06-01"
STORE, LINEAGE = "0f0f", "0123456789abcdef" * 2


def mark(sequence: int, digest8: str = "0a1b2c3d") -> str:
    """What a version is named by."""
    return f"keyward/1 {STORE} {LINEAGE} {sequence} {digest8}"


@dataclass
class Cloud:
    """A cloud with an admin, one instance and secret parameters."""

    standin: StandIn
    ecs: Ecs
    oos: Oos
    admin: Login

    @property
    def api(self) -> CloudApi:
        endpoint = Endpoint(HOST, self.standin.port)
        services = {"ECS": endpoint, "OOS": endpoint}
        return CloudApi(services, product="ECS", region=REGION, instance=INSTANCE, ca_pem=self.standin.ca_pem)


@contextmanager
def cloud_of(host: Host, folder: Path) -> Iterator[Cloud]:
    with StandIn(folder) as standin:
        ecs, oos = Ecs(host), Oos()
        ecs.parameters = oos.read
        standin.products |= {ECS_VERSION: ecs, OOS_VERSION: oos}
        key = standin.ram.user("keyward", admin=True).keys[0]
        try:
            yield Cloud(standin, ecs, oos, Login(key.id, Sensitive(key.secret)))
        finally:
            ecs.close()


@dataclass(slots=True)
class CloudUser(HostUser):
    """One user of the instance. `engine` is within its guard; `version` is what is being set."""

    cloud: Cloud = field(kw_only=True)
    version: str = field(default_factory=lambda: mark(1))

    def __post_init__(self) -> None:
        self.admin = self.cloud.admin
        self.engine = self.fresh()  # type: ignore[assignment]

    @property
    def comments(self) -> dict[str, str]:
        return {self.name: self.version}

    @staticmethod
    def fresh() -> Engine:
        """As a process has it that has just started."""
        return guarded(registry.get("AlibabaCloud/Linux"))

    @property
    def place(self) -> Place:
        endpoint = Endpoint("127.0.0.1", self.port or self.server.port)
        return Place((endpoint,), "", host_keys=self.server.host_keys(), cloud=self.cloud.api)


@contextmanager
def linux_cloud(server: SshServer, folder: Path) -> Iterator[Cloud]:
    with cloud_of(LinuxHost(server), folder) as cloud:
        yield cloud
