"""A replica of a test's MySQL or MariaDB: a server of its own that does what its primary does from now on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.mysql_family import SUPERUSER, SUPERUSER_PASSWORD, FamilyServer

_WORDS = {
    "MySQL": ("REPLICA", "CHANGE REPLICATION SOURCE TO", "SOURCE", "SHOW BINARY LOG STATUS"),
    "MariaDB": ("SLAVE", "CHANGE MASTER TO", "MASTER", "SHOW MASTER STATUS"),
}


@contextmanager
def replica_of(primary: FamilyServer, database: str) -> Iterator[FamilyServer]:
    """It has this database, empty, and nothing else that was there before; and a CA of its own."""
    word, change, source, status = _WORDS[primary.name]
    with type(primary)(settings={"server-id": "2", "relay-log": "relay"}) as replica:
        log, position = primary.sql(status)[0][:2]
        replica.database(database)
        trusted = replica.folder / "primary.crt"
        trusted.write_text(primary.ca_pem, encoding="ascii")
        settings = {
            "HOST": "'127.0.0.1'",
            "PORT": str(primary.port),
            "USER": f"'{SUPERUSER}'",
            "PASSWORD": f"'{SUPERUSER_PASSWORD}'",
            "LOG_FILE": f"'{log}'",
            "LOG_POS": str(position),
            "SSL": "1",
            "SSL_CA": f"'{trusted}'",
        }
        replica.sql(f"{change} " + ", ".join(f"{source}_{name} = {value}" for name, value in settings.items()))
        replica.sql(f"START {word}")
        yield replica
        replica.sql(f"STOP {word}")


@contextmanager
def held_back(replica: FamilyServer) -> Iterator[None]:
    """It does nothing of what its primary does before the end of the body."""
    word = _WORDS[replica.name][0]
    replica.sql(f"STOP {word}")
    yield
    replica.sql(f"START {word}")


def promote(replica: FamilyServer) -> None:
    """It follows nobody any more, and takes writes."""
    replica.sql(f"STOP {_WORDS[replica.name][0]}")
    replica.sql("SET GLOBAL read_only = OFF")


def troubles(replica: FamilyServer) -> list[str]:
    """What it could not do."""
    found = [str(row) for row in replica.sql(f"SHOW {_WORDS[replica.name][0]} STATUS")]
    return [row for row in found if "error" in row.lower()]
