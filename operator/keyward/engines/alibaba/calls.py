"""Calls with the official SDKs: one client per Target and login, with the trust of that Target alone.

The SDK's asynchronous way makes a TLS context for each call, so nothing that one Target trusts is trusted for another; its
other way keeps one per host for the whole process.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

from alibabacloud_credentials.client import Client as DefaultChain
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from keyward.engines.alibaba.failures import Failure, Way, reduced
from keyward.engines.base import CloudApi, Login, Place
from keyward.sensitive import Sensitive

CONNECT_SECONDS: Final = 5
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")


class Caller:
    """The services of a place's cloud, called with one login. Every call raises Failure, and nothing else."""

    def __init__(self, place: Place, login: Login, timeout: float, *, chain: bool = False) -> None:
        """`timeout` in seconds bounds each answer; `chain`: the SDK's default chain has the login."""
        assert place.cloud is not None
        be_quiet()
        self.api: CloudApi = place.cloud
        self._login, self._chain, self._timeout = login, chain, timeout

    async def call(self, client: Callable[[Config], Any], service: str, operation: str, *request: Any) -> Any:
        """The answer of `operation`, by the name of the SDK's method without its ending. Raises Failure.

        `client` is the SDK's class for that service. Of the answer, `body` is there.
        """
        config = self._config(service)
        return await answered(
            lambda: getattr(client(config), f"{operation}_with_options_async")(*request, RuntimeOptions())
        )

    def _config(self, service: str) -> Config:
        endpoint = self.api.services[service]
        port = "" if endpoint.port == 443 else f":{endpoint.port}"
        config = Config(
            endpoint=f"{endpoint.host}{port}",
            region_id=self.api.region or None,
            protocol="HTTPS",
            connect_timeout=int(min(CONNECT_SECONDS, self._timeout) * 1_000),
            read_timeout=int(self._timeout * 1_000),
            ca=_trusted(self.api.ca_pem) if self.api.ca_pem else None,
        )
        if self._chain:
            config.credential = _default_chain()
        else:
            config.access_key_id, config.access_key_secret = self._login.account, _text(self._login.password)
            if not _ID.fullmatch(self._login.account):
                raise Failure(Way.UNSIGNED)  # it would mean something else in the header that it goes into
            if self._login.token is not None:
                config.security_token = _text(self._login.token)
        return config


def _text(secret: Sensitive) -> str:
    """What a call is signed with. Raises Failure."""
    try:
        found = secret.reveal_text().strip()
    except ValueError:
        found = ""
    if not found:
        raise Failure(Way.UNSIGNED)
    return found


async def answered(call: Callable[[], Awaitable[Any]]) -> Any:
    """The answer to a call. Raises Failure."""
    failure: Failure
    try:
        answer = await call()
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


@cache
def _default_chain() -> DefaultChain:
    """Environment, workload identity, instance role, as the SDK documents them; only for ClusterTargets that say so."""
    return DefaultChain()


@cache
def _trusted(ca_pem: str) -> str:
    """A path to these certificates, as the SDK reads files alone: in memory, so nothing is left behind on a disk."""
    descriptor = os.memfd_create("keyward-ca")
    os.write(descriptor, ca_pem.encode())
    return f"/proc/{os.getpid()}/fd/{descriptor}"


@cache
def be_quiet() -> None:
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
