"""Lives on Tair instances, each with one to itself, told in the words of those on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.cloud.pace import Unhurried
from tests.cloud.standin import HOST, StandIn
from tests.cloud.tair import VERSION, Fleet, Tair
from tests.cluster.redis import RedisServer
from tests.kills.api import Api
from tests.kills.at_work import CloudStage
from tests.kills.lives import CREATION, DELETION, LIFE, RETURN, ROTATION, Json, Kin, Life, Tale
from tests.kills.redis import RedisConsumers

from keyward.engines.alibaba import descriptions
from keyward.kube.kinds import CLUSTER_TARGETS, SECRETS

OPERATOR = "keyward-system"
_LIFE = (CREATION, ROTATION, DELETION, RETURN)
TALES = (
    Tale(Kin("dual create", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin("dual create", "Disable"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("dual create", "Drop"), (CREATION, ROTATION, DELETION), (DELETION,)),
)


class TairLife(Life):
    """See `Life`. Its Target is a ClusterTarget, as only such a one may lead to a stand-in."""

    __slots__ = ("stage",)
    stage: TairStage

    @property
    def instance(self) -> str:
        return f"r-{self.name.replace('-', '')}"

    @property
    def accounts(self) -> tuple[str, ...]:
        return (self.role, f"{self.role}_clone")

    def surroundings(self, ca_pem: str) -> list[Json]:
        cloud, admin = self.stage.cloud, self.stage.admin
        login = {"accessKeyId": admin.id, "accessKeySecret": admin.secret}
        secret = self._object("Secret", f"{self.name}-admin", {"stringData": login}, "v1")
        secret["metadata"]["namespace"] = OPERATOR
        api = {
            "instanceId": self.instance,
            "regionId": "cn-hangzhou",
            "endpoints": [{"service": "Tair", "host": HOST, "port": cloud.port}],
            "tls": {"ca": cloud.ca_pem},
        }
        redis = {
            "provider": "AlibabaCloud",
            "openApi": api,
            "endpoints": [{"host": HOST, "port": self.through}],
            "tls": {"ca": ca_pem},
        }
        target = {
            "redis": redis,
            "admin": {"secretRef": {"name": f"{self.name}-admin"}},
            "allowedAccounts": ["k*"],
            "allowedNamespaces": [self.namespace],
            "maxConcurrentRotations": 64,
        }
        found = self._object("ClusterTarget", self.name, {"spec": target})
        del found["metadata"]["namespace"]
        return [secret, found]

    def _spec(self) -> Json:
        spec = super()._spec()
        del spec["rds"]
        redis = {
            "targetRef": {"kind": "ClusterTarget", "name": self.name},
            "provider": "AlibabaCloud",
            "create": {"name": self.role, "privilege": "ReadWrite"},
        }
        return spec | {"redis": redis}


class TairStage(CloudStage):
    """See `Stage`."""

    def __init__(self, api: Api, server: RedisServer, cloud: StandIn) -> None:
        super().__init__(api, server)  # type: ignore[arg-type]
        self.server, self.cloud, self.fleet = server, cloud, Fleet()
        cloud.products[VERSION] = self.fleet
        self.admin = cloud.ram.user("keyward-kills", admin=True).keys[0]

    def consumers(self) -> RedisConsumers:
        return RedisConsumers(self.api.kubeconfig, self.server.ca_file)

    def _databases(self) -> None:
        """There are none."""

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        life = TairLife(kin, name, self.namespace, "0", self.server.port, through)
        life.stage = self
        self.fleet.instances[life.instance] = made = Tair(self.server, instance=life.instance)
        made.waits_for = self.waits_for
        return life

    def unhurried(self) -> list[Unhurried]:
        return [*self.fleet.instances.values()]

    # --- looking ---

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every account: whether it may log in, its mark, its password."""
        found: dict[str, tuple[bool, str | None, str | None]] = {}
        for instance in list(self.fleet.instances.values()):
            for name, account in list(instance.accounts.items()):
                comment = descriptions.read(account.description)
                may = account.status == "Available" and not descriptions.is_disabled(comment)
                found[name] = (may, comment, account.password)
        return found

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert self.server.logs_in(secret["username"], secret["password"])

    # --- the end ---

    def clear(self, lives: Iterable[Life]) -> None:
        lives = list(lives)
        super().clear(lives)
        gone = [life.name for life in lives]
        self.api.delete_all(CLUSTER_TARGETS, "", LIFE, gone)
        self.api.delete_all(SECRETS, OPERATOR, LIFE, gone)

    def _drop(self, lives: list[Any]) -> None:
        for life in lives:
            self.fleet.instances.pop(life.instance).close()
