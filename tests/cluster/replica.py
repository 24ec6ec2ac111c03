"""A streaming replica of a test's PostgreSQL: read-only, a moment behind its primary, or as far behind as a test wants."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import process
from tests.cluster.postgres import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer, binaries


@dataclass(slots=True, kw_only=True)
class Replica(PostgresServer):
    """A context manager, as its primary is, which has to be up. It has the primary's CA, roles and databases."""

    primary: PostgresServer

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Receive what the primary does, and show nothing of it before the end of the body."""
        self.sql("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            self.sql("SELECT pg_wal_replay_resume()")

    def _prepare(self) -> None:
        self.authority = self.primary.authority
        self.folder.chmod(0o711)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        self._give(data)
        self._copy(data)
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"port = '{self.port}'\n")

    def _copy(self, data: Path) -> None:
        argv = [str(binaries() / "pg_basebackup"), "-D", str(data), "-h", "127.0.0.1", "-p", str(self.primary.port)]
        argv += ["-U", SUPERUSER, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
        process.run_tool(argv, Path(tempfile.gettempdir()), os.environ | {"PGPASSWORD": SUPERUSER_PASSWORD})
