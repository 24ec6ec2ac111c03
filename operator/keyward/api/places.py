"""Where a Target leads to, without the models: what approves a Target reads it raw, and need not load them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

PORT: Final = 443
DEFAULT_CHAIN: Final = "DefaultChain"
SECRET: Final = "Secret"  # noqa: S105 - the word of the API
RDS: Final = "RDS"
POLARDB: Final = "PolarDB"
TAIR: Final = "Tair"
ECS: Final = "ECS"
OOS: Final = "OOS"
RAM: Final = "RAM"
STS: Final = "STS"
_ACCOUNT_HOSTS: Final = {RAM: "ram.aliyuncs.com", STS: "sts.aliyuncs.com"}
BLOCKS: Final[Mapping[str, int]] = {"rds": 5432, "polardb": 5432, "redis": 6379, "ecs": 22, "ram": PORT}
"""The blocks of a Target, and the port that an endpoint without one has."""
SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "rds": (RDS,),
    "polardb": (POLARDB,),
    "redis": (TAIR,),
    "ecs": (ECS, OOS),
}
"""The services that a block is worked on through; the first is the one that has the instance."""
_HOSTS: Final[Mapping[str, str]] = {
    RDS: "rds.{}.aliyuncs.com",
    POLARDB: "polardb.{}.aliyuncs.com",
    TAIR: "r-kvstore.{}.aliyuncs.com",
    ECS: "ecs.{}.aliyuncs.com",
    OOS: "oos.{}.aliyuncs.com",
}
# The regions that a service has at its central address, by the endpoints that the cloud publishes for each.
_CENTRAL: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    RDS: (
        "rds.aliyuncs.com",
        (
            "cn-qingdao",
            "cn-beijing",
            "cn-hangzhou",
            "cn-shanghai",
            "cn-shenzhen",
            "cn-heyuan",
            "cn-hongkong",
            "ap-southeast-1",
            "us-west-1",
            "us-east-1",
        ),
    ),
    POLARDB: (
        "polardb.aliyuncs.com",
        ("cn-qingdao", "cn-beijing", "cn-wulanchabu", "cn-hangzhou", "cn-shanghai", "cn-heyuan"),
    ),
    TAIR: ("r-kvstore.aliyuncs.com", ("cn-hangzhou",)),
    ECS: ("ecs-cn-hangzhou.aliyuncs.com", ("cn-hangzhou",)),
    OOS: ("", ()),
}


def of_services(block: str, region_id: str, endpoints: Iterable[tuple[str, str, int]]) -> dict[str, tuple[str, int]]:
    """Host and port by service: the cloud's own, and those that are named in their place."""
    named = {service: (host, port) for service, host, port in endpoints}
    return {service: (_host(service, region_id), PORT) for service in SERVICES[block]} | named


def _host(service: str, region_id: str) -> str:
    central, regions = _CENTRAL[service]
    return central if region_id in regions else _HOSTS[service].format(region_id)


def of_account(region_id: str | None, endpoints: Iterable[tuple[str, str, int]]) -> dict[str, tuple[str, int]]:
    """The same of a cloud account, which may have no region."""
    sts = f"sts.{region_id}.aliyuncs.com" if region_id else _ACCOUNT_HOSTS[STS]
    named = {service: (host, port) for service, host, port in endpoints}
    return {RAM: (_ACCOUNT_HOSTS[RAM], PORT), STS: (sts, PORT)} | named


def uses_default_chain(api: Mapping[str, Any]) -> bool:
    """Of the raw block: whether the admin's Secret carries no login."""
    return api.get("credentials") == DEFAULT_CHAIN
