"""What a session learns of the server and sets for itself before anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from keyward.engines.mysql import flavour, hashing
from keyward.engines.mysql.flavour import Flavour, Server
from keyward.engines.mysql.wire import Wire
from keyward.errors import Reason, Retry

_IDLE: Final = 60  # seconds: the server ends a session that says nothing, and with it the locks that it holds
_TOLD: Final = (
    "lower_case_table_names",
    "read_only",
    "super_read_only",
    "partial_revokes",
    "authentication_policy",
    "default_authentication_plugin",
    "caching_sha2_password_digest_rounds",
)


async def learn(wire: Wire, stated: Flavour) -> tuple[Server, dict[str, str]]:
    """The server, and what it says of its settings. Raises Blocked with ENGINE_UNSUPPORTED."""
    version = str((await wire.rows("SELECT VERSION()"))[0][0])
    server = flavour.recognise(stated, version)
    found = await wire.rows("SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", [_TOLD])
    told = {str(name).lower(): str(value) for name, value in found}
    return replace(
        server,
        literal_databases=_is_on(told.get("partial_revokes")),
        lower_case=told.get("lower_case_table_names", "0") != "0",
        default_plugin=_default_plugin(server, told),
        rounds=int(told.get("caching_sha2_password_digest_rounds", "5000")),
    ), told


def _default_plugin(server: Server, told: dict[str, str]) -> str:
    if server.mariadb or not server.has_roles:
        return hashing.NATIVE
    first = told.get("authentication_policy", "*").partition(",")[0].strip()
    chosen = told.get("default_authentication_plugin", "") if first in ("", "*") else first
    return chosen if chosen in hashing.KNOWN else hashing.SHA2


def _is_on(value: str | None) -> bool:
    return value is not None and value.upper() in ("1", "ON")


async def greet(wire: Wire, stated: Flavour, seconds: float) -> Server:
    """Prepare the session of an admin: limits on the server, and the dialect that our statements are written in.

    Raises:
        Retry: READ_ONLY_ENDPOINT. An admin with enough rights could write to a replica all the same, and nobody would be told.
        Blocked: ENGINE_UNSUPPORTED.
    """
    server, told = await learn(wire, stated)
    if _is_on(told.get("read_only")) or _is_on(told.get("super_read_only")):
        text = "the primary leads to a read-only server: correct the roles, or wait for the end of a failover"
        raise Retry(Reason.READ_ONLY_ENDPOINT, text)
    limit = max(1, int(min(5.0, seconds)))
    settings = {
        # Without the word, GRANT would make an account without a password where there is none.
        "sql_mode": "''" if server.has_roles and not server.mariadb else "'NO_AUTO_CREATE_USER'",
        "sql_quote_show_create": "1",
        "lock_wait_timeout": str(limit),
        "innodb_lock_wait_timeout": str(limit),
        "wait_timeout": str(_IDLE),
    }
    if server.mariadb:
        # Its lock_wait_timeout does not interrupt ALTER USER while somebody holds a global read lock.
        settings["max_statement_time"] = str(max(1, int(min(15.0, seconds))))
    await wire.rows("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items()))
    return server
