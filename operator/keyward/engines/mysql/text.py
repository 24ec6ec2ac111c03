"""Names and texts as literals of a statement. Everything that comes from outside gets into a statement through here.

The session's sql_mode is set by `connect`: a backslash escapes, a double quote delimits a string. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyward.api import accounts
from keyward.engines.mysql.flavour import Server
from keyward.errors import Blocked, Reason


def literal(text: str) -> str:
    """A string literal."""
    if "\0" in text:
        raise ValueError("a text with a NUL is no name")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted identifier."""
    if "\0" in name:
        raise ValueError("a text with a NUL is no name")
    return "`" + name.replace("`", "``") + "`"


def account(name: str, host: str) -> str:
    """One row of the server's accounts: 'name'@'host'."""
    return f"{literal(name)}@{literal(host)}"


def role(name: str, server: Server) -> str:
    """A role as the server lists it among the grants of whoever has it. Raises Blocked as `whole` does."""
    whole([name], server, "the Target's privilegedRole")
    return identifier(name) if server.mariadb else f"{identifier(name)}@`%`"


def database(name: str, server: Server) -> str:
    """A database as GRANT takes it: without the backslashes, `my_db` would mean `myXdb` as well."""
    name = name.lower() if server.lower_case else name
    if not server.literal_databases:
        name = name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return f"{identifier(name)}.*"


def whole(names: Sequence[str], server: Server, what: str = "account") -> None:
    """Raise Blocked for a name that would mean somebody else."""
    for name in names:
        if not accounts.fits_mysql(name, server.name_limit):
            raise Blocked(
                Reason.INVALID_SPEC,
                f"{what} {name!r}: {server.flavour} takes 1 to {server.name_limit} characters of Unicode's first plane, "
                "without a NUL and without a space at the end",
            )
