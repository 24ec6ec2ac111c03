"""Who gives temporary keys: STS for a token of the cluster (RRSA), and the metadata service for an instance's role.

    python -m tests.cloud.chain FOLDER (oidc|metadata|nothing)

As the published documentation describes them, at the addresses that they have in the cloud: see `lone`. The operator's code asks
who it is, twice, in a fresh process; what it said, and what it was asked for, goes to standard output as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from tests.cloud.lone import METADATA, STS
from tests.cloud.ram import ACCOUNT, Ram
from tests.cloud.standin import HOST, StandIn

ROLE, PROVIDER = f"acs:ram::{ACCOUNT}:role/keyward", f"acs:ram::{ACCOUNT}:oidc-provider/cluster"
TOKENS = ("first-token-of-the-cluster", "second-token-of-the-cluster")
_KEYS = "/latest/meta-data/ram/security-credentials/"
_SESSION, _NEVER = "metadata-session", {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}

PROGRAM = """
import asyncio, sys
from pathlib import Path
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

endpoint, ca = Endpoint("127.0.0.1", int(sys.argv[1])), Path(sys.argv[2]).read_text()
place = Place((endpoint,), "", cloud=CloudApi({"STS": endpoint}, default_chain=True, ca_pem=ca))

async def ask():
    for _ in range(2):
        try:
            print((await Cloud(place, Login("", Sensitive("")), 5.0, chain=True).whoami()).arn, flush=True)
        except Failure as failure:
            print(failure.way.value, flush=True)

asyncio.run(ask())
"""


class Givers:
    """Keys that are over so soon that each call of the SDK asks for another one."""

    def __init__(self, ram: Ram, token_file: Path) -> None:
        self.ram, self.token_file = ram, token_file
        self.asked: Counter[str] = Counter()
        token_file.write_text(TOKENS[0])

    async def sts(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        # The kubelet has put a new token there meanwhile, and the one before is over.
        wanted = TOKENS[min(self.asked["AssumeRoleWithOIDC"], 1)]
        self.asked["AssumeRoleWithOIDC"] += 1
        named = (asked["Action"], asked["Version"], asked["RoleArn"], asked["OIDCProviderArn"], asked["OIDCToken"])
        if named != ("AssumeRoleWithOIDC", "2015-04-01", ROLE, PROVIDER, wanted):
            return web.json_response({"Code": "AuthenticationFail.OIDCToken.Invalid", "Message": "leaky"}, status=400)
        self.token_file.write_text(TOKENS[1])
        return web.json_response({"RequestId": "R", "Credentials": self._key("keyward", asked["RoleSessionName"])})

    async def metadata(self, request: web.Request) -> web.Response:
        self.asked[f"{request.method} {request.path}"] += 1
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            assert request.headers["X-aliyun-ecs-metadata-token-ttl-seconds"]
            return web.Response(text=_SESSION)
        if request.headers.get("X-aliyun-ecs-metadata-token") != _SESSION:
            return web.Response(status=403)  # of an instance whose metadata is hardened
        if request.path == _KEYS:
            return web.Response(text="keyward")
        return web.json_response({"Code": "Success"} | self._key("keyward", "i-bp1example"))

    def _key(self, role: str, session: str) -> dict[str, str]:
        key = self.ram.assumed(role, session)
        over = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        pair = {"AccessKeyId": key.id, "AccessKeySecret": key.secret}
        return pair | {"SecurityToken": key.token, "Expiration": over}

    def listen(self, tls: ssl.SSLContext) -> None:
        """In a thread of this process, which ends with it."""
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(tls, ready)), daemon=True).start()
        assert ready.wait(10)

    async def _serve(self, tls: ssl.SSLContext, ready: threading.Event) -> None:
        for handler, host, port, context in ((self.sts, HOST, 443, tls), (self.metadata, METADATA, 80, None)):
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", handler)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, host, port, ssl_context=context).start()
        ready.set()
        await asyncio.Event().wait()


def main(folder: Path, way: str) -> None:
    token_file = folder / "token"
    with StandIn(folder / "cloud") as cloud:
        givers = Givers(cloud.ram, token_file)
        pair = cloud.authority.server("sts", (STS,))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pair.cert, pair.key)
        givers.listen(tls)
        oidc = {
            "ALIBABA_CLOUD_ROLE_ARN": ROLE,
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": PROVIDER,
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token_file),
            "SSL_CERT_FILE": str(cloud.authority.ca_file),
        }
        environment = {"oidc": oidc | _NEVER, "metadata": {}, "nothing": _NEVER}[way]
        argv = [sys.executable, "-W", "error", "-c", PROGRAM, str(cloud.port), str(cloud.authority.ca_file)]
        found = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(folder)} | environment
        )
    told = {"said": found.stdout.split(), "errors": found.stderr, "asked": givers.asked}
    sys.stdout.write(json.dumps(told | {"calls": [action for action, _ in cloud.calls]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
