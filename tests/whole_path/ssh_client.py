"""A consumer of a host: it reads its file right before each login, and prints one line per login, as the pod's does.

`python -m tests.whole_path.ssh_client FILE SECONDS`; it ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh

REFUSED = "PermissionDenied"


async def main(file: Path, interval: float) -> None:
    while True:
        login = _read(file)
        sys.stdout.write(json.dumps(await attempt(login)) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(interval)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


async def attempt(login: dict[str, Any]) -> dict[str, Any]:
    """One login and one command, with what the file said."""
    said = {"t": time.time_ns(), "user": login["username"], "version": login["version"], "ok": True, "refused": False}
    try:
        key = asyncssh.import_private_key(login["ssh-privatekey"])
        async with asyncssh.connect(
            login["host"],
            login["port"],
            username=login["username"],
            client_keys=[key],
            known_hosts=None,
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            login_timeout=60,
        ) as conn:
            await conn.run("true", check=True)
    except asyncssh.PermissionDenied:
        said |= {"ok": False, "refused": True, "code": REFUSED}
    except (asyncssh.Error, OSError) as error:
        said |= {"ok": False, "code": type(error).__name__}
    return said


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
