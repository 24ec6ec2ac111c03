"""The type `ram`: the AccessKeys of a RAM user that exists, and the cloud account that has it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.places import PORT, SECRET
from keyward.api.rds import TargetReference
from keyward.api.tls import Host, Tls
from keyward.api.values import ObjectName

UserName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


class AccessKeyReference(Model):
    """A Secret in the same namespace with one AccessKey."""

    secret_name: ObjectName
    """Name of the Secret; its keys are AccessKeyId and AccessKeySecret."""


class Ram(Model):
    """The AccessKey of a RAM user that exists. Two are valid at once while consumers go over to the new one."""

    target_ref: TargetReference
    """The cloud account. It cannot be changed: use another Credential."""
    user_name: UserName
    """Name of the RAM user, which is never made, disabled or dropped. Each has one Credential. It cannot be changed."""
    access_keys_from: Annotated[
        tuple[AccessKeyReference, ...],
        Field(
            min_length=1,
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["secretName"]},
        ),
    ]
    """Every AccessKey that the user has, read once. The first is published as it is; the second is withdrawn when the first
    rotation needs its place. One that is wrong is mended by the first rotation, if the Target lists the user in
    allowUnverifiedImport."""


class CloudEndpoint(Model):
    """Where one of the cloud's services is, in the place of where the cloud has it."""

    service: Literal["RAM", "STS"]
    """RAM: where AccessKeys are made and deleted. STS: where one is proven."""
    host: Host
    """Host name or IP address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = PORT
    """TCP port."""


class RamTarget(Model):
    """A cloud account whose RAM users are managed, through the cloud's OpenAPI."""

    provider: Literal["AlibabaCloud"] = "AlibabaCloud"
    """The cloud."""
    region_id: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+$")] | None = None
    """Region whose STS proves AccessKeys, such as cn-hangzhou. Absent: the cloud's central one."""
    credentials: Literal["Secret", "DefaultChain"] = SECRET
    """Where the admin's AccessKey comes from. Secret: admin.secretRef, with the keys accessKeyId and accessKeySecret, and
    securityToken of a temporary one. DefaultChain, for a ClusterTarget: the SDK's default chain (environment, RRSA, instance
    role), with the operator's own rights; the Secret then only carries the approval, and may be empty."""
    endpoints: Annotated[
        tuple[CloudEndpoint, ...],
        Field(
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["service"]},
        ),
    ] = ()
    """For a ClusterTarget: other places than the cloud's own, as of a gateway. A change has to be approved with
    `keyward target approve`."""
    tls: Tls = Tls()
    """How they prove their identity. A ca is for a ClusterTarget, and is trusted beside the trust store of the image."""


def _is_plain(target: Any) -> bool:
    ram = target.spec.ram
    return ram is None or (not ram.endpoints and ram.tls.ca is None and ram.credentials == SECRET)


NAMESPACED: Final = Rule(
    "!has(self.spec.ram) || ((!has(self.spec.ram.endpoints) || size(self.spec.ram.endpoints) == 0) && "
    "!has(self.spec.ram.tls.ca) && self.spec.ram.credentials == 'Secret')",
    "spec.ram.endpoints, spec.ram.tls.ca, spec.ram.credentials: other endpoints, their ca and DefaultChain are for a "
    "ClusterTarget: remove them, or make one",
    _is_plain,
)
"""Of a Target: whoever may write one must not have the operator's own rights used, nor calls sent elsewhere."""
