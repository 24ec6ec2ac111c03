"""A consumer of MySQL or MariaDB: it reads its file right before each login, and prints one line per login, as the pod's does.

`python -m tests.whole_path.mysql_client FILE CA SECONDS`; it ends on SIGTERM.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import pymysql

REFUSALS = {1045, 1698, 3118, 4151}


def main(file: Path, ca: Path, interval: float) -> None:
    context = ssl.create_default_context(cafile=str(ca))
    while True:
        login = json.loads(file.read_text(encoding="utf-8"))
        sys.stdout.write(json.dumps(attempt(login, context)) + "\n")
        sys.stdout.flush()
        time.sleep(interval)


def attempt(login: dict[str, Any], context: ssl.SSLContext) -> dict[str, Any]:
    """One login and one statement, with what the file said."""
    said = {"t": time.time_ns(), "user": login["username"], "version": login["version"], "ok": True, "refused": False}
    try:
        with (
            pymysql.connect(
                host=login["host"],
                port=login["port"],
                user=login["username"],
                password=login["password"].encode(),
                database=login["database"],
                ssl=context,
                connect_timeout=20,
            ) as conn,
            conn.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
    except (pymysql.MySQLError, OSError) as error:
        code = error.args[0] if error.args else 0
        said |= {"ok": False, "refused": code in REFUSALS, "code": str(code)}
    return said


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
