"""The cloud's OpenAPI, where a system's accounts are changed through it and log in at the system's own endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.places import PORT, SECRET, SERVICES
from keyward.api.tls import Certificates, Host

Provider = Literal["AlibabaCloud"]
RegionId = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+$")]
InstanceId = Annotated[str, StringConstraints(min_length=3, max_length=64, pattern=r"^[a-z]{1,8}-[a-z0-9]+$")]

_INSTANCES: Final[Mapping[str, tuple[str, str]]] = {
    "rds": ("^(rm|pgm)-[a-z0-9]+$", "an RDS instance, such as rm-bp1example: read-only ones have no accounts"),
    "polardb": ("^pc-[a-z0-9]+$", "a PolarDB cluster, such as pc-bp1example"),
    "redis": ("^(r|tt)-[a-z0-9]+$", "a Tair or Redis instance, such as r-bp1example"),
    "ecs": ("^i-[a-z0-9]+$", "an ECS instance, such as i-bp1example"),
}


class ServiceEndpoint(Model):
    """Where one of the cloud's services is, in the place of where the cloud has it."""

    service: Literal["RDS", "PolarDB", "Tair", "ECS", "OOS"]
    """Which: RDS for rds, PolarDB for polardb, Tair for redis, ECS and OOS for ecs."""
    host: Host
    """Host name or IP address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = PORT
    """TCP port."""


class OpenApiTls(Model):
    """How the cloud's services prove their identity: always by certificate and name."""

    ca: Certificates | None = None
    """For a ClusterTarget: certificates of the CA in PEM, at most 64 KiB, trusted beside the trust store of the image."""


class OpenApi(Model):
    """How accounts are changed through the cloud's OpenAPI. A change has to be approved with `keyward target approve`."""

    instance_id: InstanceId
    """Id of the RDS instance, the PolarDB cluster, the Tair or Redis instance or the ECS instance."""
    region_id: RegionId
    """Region that it is in, such as cn-hangzhou."""
    credentials: Literal["Secret", "DefaultChain"] = SECRET
    """Where the admin's AccessKey comes from. Secret: admin.secretRef, with the keys accessKeyId and accessKeySecret, and
    securityToken of a temporary one. DefaultChain, for a ClusterTarget: the SDK's default chain (environment, RRSA, instance
    role), with the operator's own rights; the Secret then only carries the approval, and may be empty."""
    endpoints: Annotated[
        tuple[ServiceEndpoint, ...],
        Field(
            max_length=4,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["service"]},
        ),
    ] = ()
    """For a ClusterTarget: other places than the cloud's own, as of a gateway."""
    tls: OpenApiTls = OpenApiTls()
    """How they prove their identity."""


def target_rules(block: str) -> tuple[Rule, ...]:
    """What holds for the two fields in a block of a Target."""
    form, words = _INSTANCES[block]
    services, instance = SERVICES[block], re.compile(form)
    return (
        Rule(
            "has(self.provider) == has(self.openApi)",
            f"spec.{block}.provider, spec.{block}.openApi: one needs the other: set both, or neither",
            lambda t: (t.provider is None) == (t.open_api is None),
        ),
        Rule(
            f"!has(self.openApi) || self.openApi.instanceId.matches('{form}')",
            f"spec.{block}.openApi.instanceId: must be the id of {words}",
            lambda t: t.open_api is None or instance.fullmatch(t.open_api.instance_id) is not None,
        ),
        Rule(
            "!has(self.openApi) || !has(self.openApi.endpoints) || "
            f"self.openApi.endpoints.all(e, e.service in {list(services)})",
            f"spec.{block}.openApi.endpoints[].service: must be {' or '.join(services)}: remove the others",
            lambda t: t.open_api is None or all(e.service in services for e in t.open_api.endpoints),
        ),
    )


def _is_plain(target: Any, block: str) -> bool:
    found = getattr(target.spec, block)
    api = found and found.open_api
    return api is None or (not api.endpoints and api.tls.ca is None and api.credentials == SECRET)


def _namespaced(block: str) -> Rule:
    api = f"self.spec.{block}.openApi"
    return Rule(
        f"!has(self.spec.{block}) || !has({api}) || ((!has({api}.endpoints) || size({api}.endpoints) == 0) && "
        f"!has({api}.tls.ca) && {api}.credentials == 'Secret')",
        f"spec.{block}.openApi.endpoints, tls.ca, credentials: other endpoints, their ca and DefaultChain are for a "
        "ClusterTarget: remove them, or make one",
        lambda t: _is_plain(t, block),
    )


NAMESPACED: Final[tuple[Rule, ...]] = tuple(_namespaced(block) for block in SERVICES)
"""Of a Target: whoever may write one must not have the operator's own rights used, nor calls sent elsewhere."""
