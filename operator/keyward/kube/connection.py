"""How the API server is reached: its address, its CA, and who we are. In the cluster or by a kubeconfig.

A token is read again when its file changes. Nothing secret is in a repr, and key material touches no disk that was not
its home.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from keyward.errors import Blocked, Reason
from keyward.kube import kubeconfig
from keyward.kube.tokens import ExecSource, FixedSource, Source, TokenFile
from keyward.sensitive import Sensitive

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server and our login to it.

    `server`, `ca_pem`, `insecure`, `client_cert` and `namespace` are the raw facts for other clients; `source` gives the
    bearer token, if there is one.
    """

    server: str
    ca_pem: str | None = None
    insecure: bool = False
    client_cert: tuple[str, Sensitive] | None = None  # certificate and key, PEM
    server_name: str | None = None  # in the server's certificate, where it differs from the address
    namespace: str = "default"
    source: Source = field(default_factory=lambda: FixedSource(None), repr=False)

    def ssl_context(self) -> ssl.SSLContext:
        """TLS as the facts say; the client certificate is loaded from memory."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert is not None:
            certificate, key = self.client_cert
            _load_chain(context, certificate.encode() + b"\n" + key.reveal())
        return context

    async def headers(self) -> dict[str, str]:
        """The Authorization header as it is now; refreshed when it is due."""
        token = await self.source.token()
        return {} if token is None else {"Authorization": f"Bearer {token.reveal_text()}"}

    def session(self, limit: int) -> aiohttp.ClientSession:
        """A session of its own with at most `limit` connections (0: as many as are asked for). The caller closes it.

        The login is added to each request as it is sent, so that a renewed token needs no new session.
        """
        context = self.ssl_context() if self.server.startswith("https:") else False
        connector = aiohttp.TCPConnector(limit=limit, ssl=context, ttl_dns_cache=30, keepalive_timeout=60)
        return aiohttp.ClientSession(
            base_url=self.server if self.server.endswith("/") else f"{self.server}/",
            connector=connector,
            middlewares=(self._authorize,),
            headers={"Accept-Encoding": "identity", "User-Agent": "keyward"},
            timeout=aiohttp.ClientTimeout(total=30, connect=10),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _authorize(
        self,
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        request.headers.update(await self.headers())
        response = await handler(request)
        if response.status == 401:
            self.source.expire()
        return response


def _load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    # The ssl module reads files only: an anonymous one in memory never reaches a disk.
    handle = os.memfd_create("client", os.MFD_CLOEXEC)
    try:
        os.write(handle, pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    except (ssl.SSLError, OSError):
        raise Blocked(
            Reason.API_REFUSED, "the client certificate or key of the API server's login cannot be read"
        ) from None
    finally:
        os.close(handle)


def in_cluster(root: Path = SERVICE_ACCOUNT) -> Connection | None:
    """The connection of a pod's service account; None outside of a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (root / "token").exists():
        return None
    host = f"[{host}]" if ":" in host else host
    return Connection(
        server=f"https://{host}:{port}",
        ca_pem=(root / "ca.crt").read_text(),
        namespace=(root / "namespace").read_text().strip() or "default",
        source=TokenFile(root / "token", time.monotonic),
    )


def from_kubeconfig(path: str | None = None, context: str | None = None) -> Connection:
    """The connection that a kubeconfig describes: `path`, else KUBECONFIG, else ~/.kube/config.

    Raises:
        Blocked: it is not there, is damaged, or uses what we do not support.
    """
    facts = kubeconfig.read(path, context)
    source: Source = FixedSource(facts.token)
    if facts.token_file is not None:
        source = TokenFile(facts.token_file, time.monotonic)
    elif facts.command is not None:
        source = ExecSource(facts.command, time.time)
    return Connection(
        server=facts.server,
        ca_pem=facts.ca_pem,
        insecure=facts.insecure,
        client_cert=facts.client_cert,
        server_name=facts.server_name,
        namespace=facts.namespace,
        source=source,
    )


def connect(path: str | None = None, context: str | None = None) -> Connection:
    """A named kubeconfig first, then the pod's service account, then the usual kubeconfig.

    Raises:
        Blocked: none of them describes a server.
    """
    if path is None and context is None and "KUBECONFIG" not in os.environ:
        inside = in_cluster()
        if inside is not None:
            return inside
    return from_kubeconfig(path, context)
