"""Calls of RAM and STS with the official SDK: one client per Target and login, with the trust of that Target alone.

The SDK's asynchronous way makes a TLS context for each call, so nothing that one Target trusts is trusted for another; its
other way keeps one per host for the whole process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

from alibabacloud_credentials.client import Client as DefaultChain
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from keyward.engines.alibaba.failures import Failure, Way, reduced
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

CONNECT_SECONDS: Final = 5
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")


@dataclass(frozen=True, slots=True)
class Key:
    """An AccessKey as the cloud lists it. `created` is by the cloud's clock, to the second."""

    id: str
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """An AccessKey whose secret was just told, for the only time."""

    key: Key
    secret: Sensitive
    request_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys of a user, and what the cloud's clock said then."""

    keys: tuple[Key, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose AccessKey it is, as STS says."""

    kind: str
    account: str
    arn: str


class Cloud:
    """RAM and STS, called with one login. Every call raises Failure, and nothing else that tells of what was asked."""

    def __init__(self, place: Place, login: Login, timeout: float, *, chain: bool = False) -> None:
        """`timeout` in seconds bounds each answer; `chain`: the SDK's default chain has the login."""
        assert place.cloud is not None
        _be_quiet()
        self._place, self._login, self._chain, self._timeout = place, login, chain, timeout

    async def keys(self, user: str) -> Listing:
        request = ram.ListAccessKeysRequest(user_name=user)
        answer = await self._ram("list_access_keys", request)
        found = answer.body.access_keys.access_key or ()
        return Listing(tuple(_key(one) for one in found), _date(answer))

    async def create(self, user: str) -> Issued:
        """A further key. Done or not, a call that gets no answer has no second one: see `Failure.is_unknown`."""
        answer = await self._ram("create_access_key", ram.CreateAccessKeyRequest(user_name=user))
        made = answer.body.access_key
        if not made.access_key_id or not made.access_key_secret:
            raise Failure(Way.MALFORMED)
        return Issued(_key(made), Sensitive(made.access_key_secret), answer.body.request_id or "")

    async def deactivate(self, user: str, key: str) -> str:
        """The request's id. A key that is not there raises Failure with the code `errors.GONE`."""
        request = ram.UpdateAccessKeyRequest(user_name=user, user_access_key_id=key, status="Inactive")
        return (await self._ram("update_access_key", request)).body.request_id or ""

    async def delete(self, user: str, key: str) -> str:
        """As `deactivate`."""
        request = ram.DeleteAccessKeyRequest(user_name=user, user_access_key_id=key)
        return (await self._ram("delete_access_key", request)).body.request_id or ""

    async def was_used(self, user: str, key: str) -> bool:
        request = ram.GetAccessKeyLastUsedRequest(user_name=user, user_access_key_id=key)
        used = (await self._ram("get_access_key_last_used", request)).body.access_key_last_used
        return bool(used and used.last_used_date and used.last_used_date[:1].isdigit())

    async def whoami(self) -> Caller:
        config = self._config(self._place.primary)
        found = (await _answer(lambda: StsClient(config).get_caller_identity_with_options_async(RuntimeOptions()))).body
        return Caller(found.identity_type or "", found.account_id or "", found.arn or "")

    async def _ram(self, operation: str, request: Any) -> Any:
        config = self._config(self._api.ram)
        return await _answer(
            lambda: getattr(RamClient(config), f"{operation}_with_options_async")(request, RuntimeOptions())
        )

    @property
    def _api(self) -> CloudApi:
        assert self._place.cloud is not None
        return self._place.cloud

    def _config(self, endpoint: Endpoint) -> Config:
        port = "" if endpoint.port == 443 else f":{endpoint.port}"
        config = Config(
            endpoint=f"{endpoint.host}{port}",
            region_id=self._api.region or None,
            protocol="HTTPS",
            connect_timeout=CONNECT_SECONDS * 1_000,
            read_timeout=int(self._timeout * 1_000),
            ca=_trusted(self._place.ca_pem) if self._place.ca_pem else None,
        )
        if self._chain:
            config.credential = _chain()
        else:
            config.access_key_id = self._login.account
            config.access_key_secret = self._login.password.reveal_text().strip()
        return config


async def _answer(call: Any) -> Any:
    """The answer to a call. Raises Failure."""
    failure: Failure
    try:
        answer = await _awaited(call())
    except Failure as known:
        failure = known
    except Exception as error:  # noqa: BLE001 - the border: the text of whatever it is stays behind
        failure = reduced(error)
    else:
        if answer.body is None:
            failure = Failure(Way.MALFORMED)  # a body of another shape is dropped by the SDK without a word
        else:
            return answer
    raise failure


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def _key(found: Any) -> Key:
    try:
        created = datetime.fromisoformat(found.create_date)
        return Key(str(found.access_key_id), found.status == "Active", created.astimezone(UTC))
    except (TypeError, ValueError):
        pass
    raise Failure(Way.MALFORMED)


def _date(answer: Any) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        pass
    raise Failure(Way.MALFORMED)


@cache
def _chain() -> DefaultChain:
    """Environment, workload identity, instance role, as the SDK documents them; only for ClusterTargets that say so."""
    return DefaultChain()


@cache
def _trusted(ca_pem: str) -> str:
    """A path to these certificates, as the SDK reads files alone: in memory, so nothing is left behind on a disk."""
    descriptor = os.memfd_create("keyward-ca")
    os.write(descriptor, ca_pem.encode())
    return f"/proc/{os.getpid()}/fd/{descriptor}"


@cache
def _be_quiet() -> None:
    """The SDK writes to standard error and sends through a proxy as the environment says, and has no switch for either."""
    for name in _PROXIES:
        os.environ.pop(name, None)
    if os.environ.get("DEBUG", "").lower() == "sdk":
        del os.environ["DEBUG"]
    for name in ("darabonba-core", "alibabacloud_credentials", "credentials"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
        logger.disabled = True
