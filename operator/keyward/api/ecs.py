"""The type `ecs`: the password or the SSH key pair of a user that a host has already."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.open_api import OpenApi, Provider, target_rules
from keyward.api.places import BLOCKS
from keyward.api.rds import TargetReference
from keyward.api.tls import Host
from keyward.api.values import ObjectName, SecretKey

HASHED: Final = "Hashed"
KEY_PAIR: Final = "SSHKey"
WINDOWS: Final = "Windows"
_OF_WINDOWS: Final = r"^[A-Za-z_][A-Za-z0-9_.-]{0,19}$"
UserName = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*[$]?$")]
HostKey = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=2048, pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$"
    ),
]


class ValueReference(Model):
    """One key of a Secret in the same namespace."""

    secret_name: ObjectName
    """Name of the Secret."""
    key: SecretKey | None = None
    """Key of the Secret that holds the value. Absent: password, or ssh-privatekey for an SSHKey."""


class ImportedUser(Model):
    """A user that the host has already, and its value of now."""

    name: UserName
    """Name of the user, such as root."""
    password_from: ValueReference
    """Where its password, or its private key without a passphrase, is read from, once. One that does not log in is mended by the
    first rotation, if the Target lists the user in allowUnverifiedImport."""


class UserImport(Model):
    """The user whose value is rotated. Users are never made, disabled or dropped."""

    accounts: Annotated[
        tuple[ImportedUser, ...],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """Exactly one."""


class Ecs(Model):
    """The password or the SSH key pair of a user of a host."""

    target_ref: TargetReference
    """The host. It cannot be changed: use another Credential."""
    provider: Provider | None = None
    """AlibabaCloud: the user's value is changed through the cloud's OpenAPI, as its Target says. It cannot be changed."""
    engine: Literal["Linux", "Windows"] = "Linux"
    """Kind of host, as its Target says. Windows only with provider, and with passwords. It cannot be changed."""
    secret_type: Literal["Password", "SSHKey"]
    """SSHKey: two keys are valid at once while consumers go over to the new one, so none of them is refused. Password: a host
    keeps one, so there is a short gap at each rotation. It cannot be changed."""
    import_: Annotated[UserImport, Field(alias="import")]
    """The user, and its value of now."""
    key_algorithm: Literal["Ed25519", "RSA3072", "RSA4096"] = "Ed25519"
    """SSHKey: of the keys that are made. A change holds from the next rotation on."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.secretType == 'SSHKey' || self.keyAlgorithm == 'Ed25519'",
            "spec.ecs.keyAlgorithm: is for secretType SSHKey: remove it",
            lambda e: e.secret_type == KEY_PAIR or e.key_algorithm == "Ed25519",
        ),
        Rule(
            "self.engine != 'Windows' || has(self.provider)",
            "spec.ecs.engine: Windows hosts are worked on through a cloud's API alone: set provider, here and on the Target",
            lambda e: e.engine != WINDOWS or e.provider is not None,
        ),
        Rule(
            "self.engine != 'Windows' || self.secretType == 'Password'",
            "spec.ecs.secretType: users of Windows hosts have passwords here: use Password",
            lambda e: e.engine != WINDOWS or e.secret_type != KEY_PAIR,
        ),
        Rule(
            f"self.engine != 'Windows' || self.__import__.accounts.all(a, a.name.matches('{_OF_WINDOWS}'))",
            "spec.ecs.import.accounts[].name: Windows has at most 20 characters, and no $ at the end",
            lambda e: e.engine != WINDOWS or all(re.fullmatch(_OF_WINDOWS, a.name) for a in e.import_.accounts),
        ),
    )


class HostEndpoint(Model):
    """Where the host listens for SSH."""

    host: Host
    """Host name or IP address."""
    port: Annotated[int, Field(ge=1, le=65_535)] = BLOCKS["ecs"]
    """TCP port."""


class EcsTarget(Model):
    """A host: Linux with OpenSSH, or a Windows instance of a cloud."""

    engine: Literal["Linux", "Windows"] = "Linux"
    """Kind of host. Windows only with provider."""
    provider: Provider | None = None
    """AlibabaCloud: users' values are changed through the cloud's OpenAPI, by openApi. Absent: on the host itself. Either way,
    they are proven at endpoints."""
    open_api: OpenApi | None = None
    """With provider: what the cloud knows it as, and how it is called."""
    endpoints: Annotated[
        tuple[HostEndpoint, ...],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "port"]},
        ),
    ]
    """Where it is: exactly one. Nothing of ours logs in to a Windows host: there it is what consumers are told, such as the port
    of RDP. A change has to be approved with `keyward target approve` before the admin logs in there."""
    host_keys: Annotated[
        tuple[HostKey, ...], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = ()
    """For Linux, at least one: public keys that the host may prove itself with, as in its /etc/ssh/ssh_host_*_key.pub, without
    the comment. An unknown one is never trusted. A change has to be approved as one of endpoints has."""
    password_transport: Literal["Hashed", "Plaintext"] = HASHED
    """How a new password gets to the host. Hashed: as sha512-crypt, so that no tool of the host sees it. Plaintext: in clear
    within SSH, where a policy of the host insists on judging it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *target_rules("ecs"),
        Rule(
            "self.engine != 'Windows' || has(self.provider)",
            "spec.ecs.engine: Windows hosts are worked on through a cloud's API alone: set provider and openApi",
            lambda e: e.engine != WINDOWS or e.provider is not None,
        ),
        Rule(
            "(self.engine == 'Linux') == (has(self.hostKeys) && size(self.hostKeys) > 0)",
            "spec.ecs.hostKeys: a Linux host needs at least one, as of its /etc/ssh/ssh_host_ed25519_key.pub; Windows has none",
            lambda e: (e.engine != WINDOWS) == bool(e.host_keys),
        ),
        Rule(
            "!has(self.provider) || self.passwordTransport == 'Hashed'",
            "spec.ecs.passwordTransport: is for hosts that are worked on through SSH: remove it",
            lambda e: e.provider is None or e.password_transport == HASHED,
        ),
    )
