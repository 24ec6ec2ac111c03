"""How long a value may be that somebody gives for an account, a host's user or a RAM user: to the byte, told by its field."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.api import objects

from keyward.api import names
from keyward.api.base import parse
from keyward.api.credential import Credential
from keyward.controller.contents import Contents
from keyward.domain import access_keys
from keyward.domain.writes import StoredSecret
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MOST = 30_720


class Secrets:
    """Each of them holds the same, and says that it may be read."""

    def __init__(self, **data: bytes) -> None:
        self._data = {key: Sensitive(value) for key, value in data.items()}

    async def read(self, _namespace: str, _name: str) -> StoredSecret:
        return StoredSecret({"labels": {names.LABEL_SOURCE_FOR: "orders"}}, "Opaque", self._data)


async def imported(item: dict[str, Any], account: str, **data: bytes) -> Sensitive:
    """What is taken from such Secrets for an account of this Credential."""
    wish = SimpleNamespace(namespace="shop", name="orders")
    subject: Any = SimpleNamespace(credential=parse(Credential, item), wish=wish)
    return await Contents(Secrets(**data)).imported(subject, account)  # type: ignore[arg-type]


async def refused(item: dict[str, Any], account: str, **data: bytes) -> str:
    with pytest.raises(Blocked) as caught:
        await imported(item, account, **data)
    assert caught.value.reason is Reason.VALUE_TOO_LARGE
    return caught.value.message


def of_ram(*secrets: str) -> dict[str, Any]:
    ram = objects.RAM["spec"]["ram"] | {"accessKeysFrom": [{"secretName": name} for name in secrets]}
    return objects.RAM | {"spec": objects.RAM["spec"] | {"ram": ram}}


def of_host(kind: str) -> dict[str, Any]:
    ecs = objects.ECS["spec"]["ecs"] | {"secretType": kind}
    return objects.ECS | {"spec": objects.ECS["spec"] | {"ecs": ecs}}


async def test_the_secret_of_an_access_key_has_as_many_bytes_as_any_value():
    found = await imported(of_ram("given"), "orders-app", AccessKeyId=b"LTAI1", AccessKeySecret=b"x" * MOST)
    (pair,) = access_keys.decode(found)
    assert len(pair.secret) == MOST
    said = await refused(of_ram("given"), "orders-app", AccessKeyId=b"LTAI1", AccessKeySecret=b"x" * (MOST + 1))
    assert said.startswith("spec.ram.accessKeysFrom: Secret given: AccessKeySecret has 30721 bytes, and at most 30720")


async def test_what_one_version_cannot_hold_of_two_access_keys_is_told_by_their_field():
    data = {"AccessKeyId": b"LTAI1", "AccessKeySecret": b"x" * MOST}
    said = await refused(of_ram("given", "given-too"), "orders-app", **data)
    assert said.startswith("spec.ram.accessKeysFrom: the list of AccessKeys has ")


async def test_the_password_of_a_host_s_user_has_as_many_bytes_as_any_value():
    assert len(await imported(of_host("Password"), "deploy", password=b"x" * MOST)) == MOST
    said = await refused(of_host("Password"), "deploy", password=b"x" * (MOST + 1))
    assert said.startswith("spec.ecs.import.accounts[].passwordFrom: Secret ")
    assert "the value has 30721 bytes, and at most 30720" in said


async def test_a_key_of_a_host_s_user_is_too_long_before_it_is_read_as_one():
    said = await refused(of_host("SSHKey"), "deploy", **{"ssh-privatekey": b"x" * (MOST + 1)})
    assert said.startswith("spec.ecs.import.accounts[].passwordFrom: Secret ")
