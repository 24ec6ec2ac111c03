"""A consumer of an AccessKey: it reads its file right before each call of STS, and prints one line per call, as a pod's does.

`python -m tests.whole_path.ram_client FILE SECONDS HOST:PORT CA`; the official SDK signs, with what the file says alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

REFUSED = ("InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "SignatureDoesNotMatch")


async def main(file: Path, interval: float, endpoint: str, ca: str) -> None:
    while True:
        login = _read(file)
        sys.stdout.write(json.dumps(await attempt(login, endpoint, ca)) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(interval)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


async def attempt(login: dict[str, Any], endpoint: str, ca: str) -> dict[str, Any]:
    """One call of GetCallerIdentity, with what the file said."""
    said = {"t": time.time_ns(), "user": login["UserName"], "version": login["version"], "ok": True, "refused": False}
    config = Config(
        access_key_id=login["AccessKeyId"],
        access_key_secret=login["AccessKeySecret"],
        endpoint=endpoint,
        protocol="HTTPS",
        read_timeout=60_000,
        ca=ca,
    )
    try:
        found = await Client(config).get_caller_identity_with_options_async(RuntimeOptions())
        assert found.body.arn.endswith(f":user/{login['UserName']}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        code = str(getattr(error, "code", "") or type(error).__name__)
        said |= {"ok": False, "refused": code in REFUSED, "code": code}
    return said


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]))
