"""Where the cloud has its services, and Targets and Credentials that agree on the way to a system."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_oos20190601.client import Client as OosClient
from alibabacloud_polardb20170801.client import Client as PolarDBClient
from alibabacloud_r_kvstore20150101.client import Client as TairClient
from alibabacloud_rds20140815.client import Client as RdsClient
from alibabacloud_tea_openapi.utils_models import Config
from tests.api import objects as o
from tests.api.server import changed
from tests.world.scenario import wish_of

from keyward.api import places
from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.controller.access import Targets
from keyward.controller.cache import Cache
from keyward.domain import located
from keyward.domain.version import TargetIdentity
from keyward.errors import Blocked, Reason, Retry, Underway

CLIENTS = {"RDS": RdsClient, "PolarDB": PolarDBClient, "Tair": TairClient, "ECS": EcsClient, "OOS": OosClient}
REGIONS = [
    "cn-hangzhou",
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-qingdao",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
]
REGIONS += ["cn-zhangjiakou", "cn-huhehaote", "cn-wulanchabu", "cn-hongkong", "ap-southeast-1", "ap-southeast-3"]
REGIONS += ["ap-southeast-5", "ap-northeast-1", "us-west-1", "us-east-1", "eu-central-1", "eu-west-1", "me-east-1"]


@pytest.mark.parametrize("block", places.SERVICES)
def test_each_service_is_where_its_own_sdk_has_it(block):
    for region in REGIONS:
        found = places.of_services(block, region, ())
        for service, (host, port) in found.items():
            config = Config(access_key_id="x", access_key_secret="x", region_id=region)
            assert (service, region, host, port) == (service, region, CLIENTS[service](config)._endpoint, 443)


def test_a_named_endpoint_takes_the_place_of_the_clouds_own():
    found = places.of_services("ecs", "cn-hangzhou", [("OOS", "oos.gateway", 8443)])
    assert found == {"ECS": ("ecs-cn-hangzhou.aliyuncs.com", 443), "OOS": ("oos.gateway", 8443)}


def sight(target, credential):
    cache = Cache()
    metadata = {"namespace": "shop", "uid": "u", "resourceVersion": "1"}
    target, credential = copy.deepcopy(target), copy.deepcopy(credential)
    block = next(name for name in target["spec"] if name != "admin")
    target["metadata"] |= metadata | {"name": credential["spec"][block]["targetRef"]["name"]}
    credential["metadata"] |= metadata
    cache.put_target("Target", target)
    cache.put_credential(credential)
    targets = Targets(cache, None, "keyward-system", lambda: datetime.now(UTC))  # type: ignore[arg-type]
    return targets.look(parse(Credential, credential))


@pytest.mark.parametrize(
    ("target", "credential", "engine", "product", "host"),
    [
        (o.CLOUD_TARGET, o.CLOUD_MYSQL, "AlibabaCloud/MySQL", "RDS", "rds.aliyuncs.com"),
        (o.CLOUD_POLARDB_TARGET, o.CLOUD_POLARDB_PG, "AlibabaCloud/PostgreSQL", "PolarDB", "polardb.aliyuncs.com"),
        (o.CLOUD_REDIS_TARGET, o.CLOUD_REDIS, "AlibabaCloud/Redis", "Tair", "r-kvstore.aliyuncs.com"),
        (o.CLOUD_ECS_TARGET, o.CLOUD_ECS, "AlibabaCloud/Linux", "ECS", "ecs-cn-hangzhou.aliyuncs.com"),
    ],
)
def test_the_provider_has_an_engine_of_its_own_and_the_endpoints_stay(target, credential, engine, product, host):
    found = sight(target, credential)
    assert found.engine == engine
    cloud = found.place.cloud
    assert (cloud.product, cloud.services[product].host, cloud.region) == (product, host, "cn-hangzhou")
    assert cloud.instance.endswith("-bp1example")
    block = next(name for name in target["spec"] if name != "admin")
    assert found.place.primary.host == target["spec"][block]["endpoints"][0]["host"]


@pytest.mark.parametrize(
    ("target", "credential", "message"),
    [
        (o.CLOUD_TARGET, o.MYSQL, "through the API of AlibabaCloud: set AlibabaCloud here, or name another"),
        (
            o.MYSQL_TARGET,
            o.CLOUD_MYSQL,
            "is worked on directly: set provider and openApi there, or remove provider here",
        ),
        (
            o.CLOUD_TARGET,
            changed(o.CLOUD_MYSQL, "spec.rds.engine", "MariaDB"),
            "spec.rds.engine says MariaDB, but Target mysql is another kind",
        ),
    ],
)
def test_a_credential_that_says_another_way_than_its_target_is_told_both(target, credential, message):
    found = sight(target, credential).obstacle
    assert found.reason is Reason.INVALID_SPEC
    assert found.message.startswith("spec.rds.")
    assert message in found.message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Underway(Reason.BUSY, "openApi: at work", 2.0), "spec.rds.openApi of Target pg: at work"),
        (Blocked(Reason.UNKNOWN_CA, "openApi: not that CA"), "spec.rds.openApi of Target pg: not that CA"),
        (Retry(Reason.BUSY, "the server is", 3.0), "spec.rds.endpoints of Target pg: the server is"),
    ],
)
def test_what_speaks_of_the_way_to_the_cloud_is_told_from_what_speaks_of_the_endpoints(error, message):
    found = located.at_field(error, replace(wish_of("rds"), target=TargetIdentity("Target", "pg", "d")))
    assert (type(found), found.reason, found.message) == (type(error), error.reason, message)
    assert getattr(found, "after", None) == getattr(error, "after", None)
