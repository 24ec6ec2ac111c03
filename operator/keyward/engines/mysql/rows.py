"""Reads the rows of the server's table of accounts, and judges what an account is from them. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from keyward.engines.base import ABSENT, AccountSet, AccountState, Inspection
from keyward.engines.mysql import grants, text
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.wire import Wire
from keyward.errors import Blocked, Conflict, Reason

_ROLES_DEEP: Final = 8


_OF_OLD_MYSQL: Final = """
    SELECT User, Host, plugin, HEX(authentication_string), account_locked = 'Y', password_expired = 'Y', NULL, 0, NULL
    FROM mysql.user WHERE User IN %s
"""
_OF_MYSQL: Final = """
    SELECT User, Host, plugin, HEX(authentication_string), account_locked = 'Y', password_expired = 'Y',
           JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.keyward')),
           JSON_CONTAINS_PATH(User_attributes, 'one', '$.multi_factor_authentication'),
           HEX(JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password')))
    FROM mysql.user WHERE User IN %s
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One user@host, as the server keeps it."""

    name: str
    host: str
    plugin: str
    stored: bytes  # the verifier
    locked: bool = False
    expired: bool = False
    mark: str | None = None
    odd: bool = False  # more than one way in
    second: bytes | None = None  # the verifier of a second password

    @property
    def sql(self) -> str:
        return text.account(self.name, self.host)


async def read(wire: Wire, server: Server, names: Iterable[str]) -> list[Row]:
    """All rows of these names, by any host."""
    wanted = sorted(set(names))
    if not wanted:
        return []  # a removal that was killed right after its effect finds nothing of ours; `IN ()` is no SQL
    if server.mariadb:
        found = await wire.rows("SELECT User, Host, Priv FROM mysql.global_priv WHERE User IN %s", [wanted])
        rows = [_of_json(*found_row) for found_row in found]
    else:
        found = await wire.rows(_OF_MYSQL if server.two_passwords else _OF_OLD_MYSQL, [wanted])
        rows = [_of_columns(found_row) for found_row in found]
    # The server compares without regard to spaces at the end; a name is meant as it is written.
    return sorted((row for row in rows if row.name in wanted), key=lambda row: (row.name, row.host))


def _of_columns(row: Sequence[Any]) -> Row:
    name, host, plugin, stored, locked, expired, mark, odd, second = row
    old = None if second is None else bytes.fromhex(second)
    return Row(name, host, plugin, bytes.fromhex(stored), bool(locked), bool(expired), mark, bool(odd), old)


def _of_json(name: str, host: str, priv: str) -> Row:
    told = orjson.loads(priv)
    return Row(
        name=name,
        host=host,
        plugin=told.get("plugin", "mysql_native_password"),
        stored=str(told.get("authentication_string", "")).encode(),
        locked=bool(told.get("account_locked")),
        expired=told.get("password_last_changed") == 0,
        odd="auth_or" in told,
    )


async def granted(wire: Wire, server: Server, account: str) -> Grants:
    """The rights and roles of one row or role, as it was given them."""
    return grants.parse([row[0] for row in await wire.rows(f"SHOW GRANTS FOR {account}")], server)


_TERMS: Final = (
    "REQUIRE",
    "MAX_QUERIES_PER_HOUR",
    "MAX_UPDATES_PER_HOUR",
    "MAX_CONNECTIONS_PER_HOUR",
    "MAX_USER_CONNECTIONS",
)
_TERMS_OF: Final = """
    SELECT CONCAT_WS(' ', ssl_type, HEX(ssl_cipher), HEX(x509_issuer), HEX(x509_subject)),
           max_questions, max_updates, max_connections, max_user_connections
    FROM mysql.user WHERE User = %s AND Host = %s
"""


async def differing(wire: Wire, one: Row, other: Row) -> list[str]:
    """What the server asks of one of two rows and not of the other, beside the password, in its own words."""
    [asked], [of_other] = [await wire.rows(_TERMS_OF, [row.name, row.host]) for row in (one, other)]
    return [word for word, here, there in zip(_TERMS, asked, of_other, strict=True) if here != there]


async def is_mighty(wire: Wire, server: Server, account: str) -> bool:
    """Whether it has, or can put on by a role, rights over the whole server."""
    seen: set[str] = set()
    waiting = [account]
    for _ in range(_ROLES_DEEP):
        found = [await granted(wire, server, one) for one in waiting]
        if any(one.mighty() for one in found):
            return True
        seen.update(waiting)
        waiting = sorted(set().union(*(one.roles for one in found)) - seen)
        if not waiting:
            return False
    return True  # roles within roles without an end that we would care to see


async def roles_on(wire: Wire, server: Server) -> list[str]:
    """The roles that this session has put on, as the server writes them among grants."""
    found = (await wire.rows("SELECT CURRENT_ROLE()"))[0][0]
    if server.mariadb:
        return [text.identifier(str(found))] if found else []
    return [] if found == "NONE" else grants.split(str(found))


async def is_role(wire: Wire, server: Server, name: str) -> bool:
    """Whether there is a role of this name. For MySQL that is an account that cannot log in."""
    if server.mariadb:
        query = "SELECT 1 FROM mysql.user WHERE User = %s AND User <> 'PUBLIC' AND Host = '' AND is_role = 'Y'"
        return bool(await wire.rows(query, [name]))
    return any(row.host == "%" and row.locked for row in await read(wire, server, [name]))


async def default_roles(wire: Wire, server: Server, row: Row) -> list[str]:
    """The roles that a login puts on, as the server writes them."""
    if server.mariadb:
        query = "SELECT default_role FROM mysql.user WHERE User = %s AND Host = %s AND default_role <> ''"
        return [text.identifier(one) for (one,) in await wire.rows(query, [row.name, row.host])]
    query = "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = %s AND HOST = %s ORDER BY 1, 2"
    found = await wire.rows(query, [row.name, row.host])
    return [f"{text.identifier(role)}@{text.identifier(host)}" for role, host in found]


_DEFINES: Final = """
    (SELECT 1 FROM information_schema.VIEWS WHERE DEFINER IN %(who)s LIMIT 1)
    UNION (SELECT 1 FROM information_schema.ROUTINES WHERE DEFINER IN %(who)s LIMIT 1)
    UNION (SELECT 1 FROM information_schema.TRIGGERS WHERE DEFINER IN %(who)s LIMIT 1)
    UNION (SELECT 1 FROM information_schema.EVENTS WHERE DEFINER IN %(who)s LIMIT 1)
"""


async def defines_objects(wire: Wire, found: Sequence[Row]) -> bool:
    """Whether a view, routine, trigger or event runs as one of these rows: without it, it would run no more."""
    who = [f"{row.name}@{row.host}" for row in found]
    return bool(who) and bool(await wire.rows(_DEFINES, {"who": who}))


async def inspection(wire: Wire, server: Server, accounts: AccountSet, found: Sequence[Row]) -> Inspection:
    """What the rows say about each account of the set."""
    states = {}
    for name in accounts.names:
        rows = [row for row in found if row.name == name and is_listed(row, accounts)]
        mighty = [row for row in rows if await is_mighty(wire, server, row.sql)]
        states[name] = _state(rows, superuser=bool(mighty), created=accounts.created)
    return Inspection(states, keeps_marks=server.keeps_marks)


def _state(rows: Sequence[Row], *, superuser: bool, created: bool) -> AccountState:
    if not rows:
        return ABSENT
    return AccountState(
        exists=True,
        can_login=not any(row.locked for row in rows),
        expired=any(row.expired for row in rows),
        superuser=superuser,
        mark=_mark(rows, created=created),
    )


def _mark(rows: Sequence[Row], *, created: bool) -> str | None:
    """Of all rows together. One that was added by hand has none: it makes an account nobody's that we made, and nobody's free."""
    marks = {row.mark for row in rows}
    if len(marks) > 1 and created:
        return None
    return max((mark for mark in marks if mark is not None), default=None)


def is_listed(row: Row, accounts: AccountSet) -> bool:
    """Whether the spec names this row's host."""
    return row.host.lower() in {host.lower() for host in accounts.hosts}


def only_listed(found: Iterable[Row], accounts: AccountSet) -> None:
    """Raise Blocked for a row of a managed name that nobody listed: it would keep its password, and win over ours."""
    for row in found:
        if not is_listed(row, accounts):
            raise Blocked(
                Reason.UNLISTED_HOST,
                f"account {row.name!r} exists for host {row.host!r} too, which is not listed: list it in hosts, or "
                "remove it from the server; the more specific host wins at a login",
            )


def compare(expected: Inspection, found: Inspection) -> None:
    """Raises Conflict if existence, the right to log in or the mark of an account differ."""
    for name, state in expected.accounts.items():
        now = found.accounts.get(name, ABSENT)
        if (state.exists, state.can_login, state.mark) != (now.exists, now.can_login, now.mark):
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} changed after it was judged")


def by_host(found: Iterable[Row], name: str) -> Mapping[str, Row]:
    """The rows of one name, by host in lower case."""
    return {row.host.lower(): row for row in found if row.name == name}
