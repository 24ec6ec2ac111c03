"""A consumer of Redis: it reads its file right before each login, and prints one line per login, as the pod's does.

`python -m tests.whole_path.redis_client FILE CA SECONDS`; it ends on SIGTERM. It goes to each endpoint of the file in turn.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

REFUSED = "WRONGPASS"


def main(file: Path, ca: Path, interval: float) -> None:
    for turn in itertools.count():
        login = json.loads(file.read_text(encoding="utf-8"))
        sys.stdout.write(json.dumps(attempt(login, turn, ca)) + "\n")
        sys.stdout.flush()
        time.sleep(interval)


def attempt(login: dict[str, Any], turn: int, ca: Path) -> dict[str, Any]:
    """One login and one command, with what the file said."""
    said = {"t": time.time_ns(), "user": login["username"], "version": login["version"], "ok": True, "refused": False}
    endpoint = login["endpoints"][turn % len(login["endpoints"])]
    client = redis.Redis(
        host=endpoint["host"],
        port=endpoint["port"],
        username=None if "auth" in login else login["username"],
        password=login.get("auth", login["password"]),
        ssl=True,
        ssl_ca_certs=str(ca),
        socket_timeout=20,
        socket_connect_timeout=20,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        with client:
            client.execute_command(*(("PING",) if "auth" in login else ("ACL", "WHOAMI")))
    except redis.AuthenticationError:
        said |= {"ok": False, "refused": True, "code": REFUSED}
    except (redis.RedisError, OSError) as error:
        said |= {"ok": False, "code": type(error).__name__}
    return said


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
