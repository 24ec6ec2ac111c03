"""Rights as the server tells them: read from SHOW GRANTS, compared, and the statements that make one set of them another.

Objects stay as the server quotes them. A line that is not understood is refused as a whole; nothing is guessed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from keyward.engines.base import Level, Privilege
from keyward.engines.mysql import objects, text
from keyward.engines.mysql.flavour import Server
from keyward.errors import Blocked, Reason

Right = tuple[str, str]
"""(object as the server writes it, right in capitals); a right on a column has it in parentheses."""

ALL: Final = "ALL PRIVILEGES"
OPTION: Final = "GRANT OPTION"
SERVER: Final = "*.*"

_READ: Final = ("SELECT", "SHOW VIEW")
_WRITE: Final = ("DELETE", "EVENT", "EXECUTE", "INSERT", "TRIGGER", "UPDATE")
_BOTH: Final = ("CREATE TEMPORARY TABLES", "LOCK TABLES")
_SHAPE: Final = ("ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE VIEW", "DROP", "INDEX")
LEVELS: Final[dict[Level, frozenset[str]]] = {
    Level.READ_ONLY: frozenset(_READ),
    Level.READ_WRITE: frozenset((*_READ, *_WRITE, *_BOTH, *_SHAPE, "REFERENCES")),
    Level.DDL_ONLY: frozenset((*_SHAPE, *_BOTH, "SHOW VIEW")),
    Level.DML_ONLY: frozenset((*_READ, *_WRITE, *_BOTH)),
}
_OF_TABLES: Final = LEVELS[Level.READ_WRITE] - {"ALTER ROUTINE", "CREATE ROUTINE", "EVENT", "EXECUTE", *_BOTH}
_MARIADB_MORE: Final = frozenset({"DELETE HISTORY"})

# With any of these over the whole server, an account can become, make or unmake others.
_MIGHTY: Final = frozenset(
    """ALL PRIVILEGES|SUPER|CREATE USER|CREATE ROLE|DROP ROLE|GRANT OPTION|FILE|SHUTDOWN|INSERT|UPDATE|DELETE|PROXY
    SYSTEM_USER|ROLE_ADMIN|SET_USER_ID|SET_ANY_DEFINER|ALLOW_NONEXISTENT_DEFINER|CONNECTION_ADMIN|SYSTEM_VARIABLES_ADMIN
    PERSIST_RO_VARIABLES_ADMIN|APPLICATION_PASSWORD_ADMIN|AUTHENTICATION_POLICY_ADMIN|PASSWORDLESS_USER_ADMIN|BINLOG_ADMIN
    REPLICATION_SLAVE_ADMIN|REPLICATION_APPLIER|GROUP_REPLICATION_ADMIN|CLONE_ADMIN|SERVICE_CONNECTION_ADMIN
    SET USER|CONNECTION ADMIN|BINLOG ADMIN|BINLOG REPLAY|READ_ONLY ADMIN|FEDERATED ADMIN
    REPLICATION MASTER ADMIN|REPLICATION SLAVE ADMIN""".replace("\n", "|")
    .replace("    ", "")
    .split("|")
)
_WRITES: Final = frozenset({ALL, "INSERT", "UPDATE", "DELETE", "ALTER", "DROP", "CREATE"})


@dataclass(frozen=True, slots=True)
class Grants:
    """What one account, or one role, was granted itself; of a session, what is in effect there."""

    rights: frozenset[Right] = frozenset()
    taken: frozenset[Right] = frozenset()  # partial revokes: what a right over the server does not cover
    roles: frozenset[str] = frozenset()
    passed_on: frozenset[str] = frozenset()  # of the roles, those that may be granted on: WITH ADMIN OPTION
    literal: bool = False  # a grant's database is no pattern

    def holds(self, obj: str, right: str) -> bool:
        """Whether a right is there, on the object itself or over the whole server."""
        names = (right, ALL)
        if any((obj, name) in self.rights for name in names):
            return True
        kept = {(obj, right), (f"{obj.rpartition('.')[0]}.*", right)}.isdisjoint(self.taken)
        return kept and any((SERVER, name) in self.rights for name in names)

    def gives(self, role: str, server: Server) -> bool:
        """Whether who holds these may grant the role, and take it."""
        anyone = not server.mariadb and any(self.holds(SERVER, right) for right in ("ROLE_ADMIN", "SUPER"))
        return anyone or role in self.passed_on

    def mighty(self) -> bool:
        """Whether it has rights over the whole server, or over the tables in which accounts are kept."""
        return any(
            (obj == SERVER and right in _MIGHTY)
            or right == "PROXY"
            or (obj.startswith("`mysql`.") and right.partition(" (")[0] in _WRITES)
            for obj, right in self.rights
        )

    def grantable(self, obj: str, right: str) -> bool:
        """Whether who holds these may give the right on: held on the object, or on a pattern that covers the database."""
        if not objects.is_whole(obj):
            return self._grantable_within(obj, right)
        held = {obj, *self._covering(obj)}
        return right != OPTION and any(self.holds(one, right) and self.holds(one, OPTION) for one in held)

    def _grantable_within(self, obj: str, right: str) -> bool:
        """Of a table, a column or a routine: right and option may each be held there, on the database or on the server."""
        database = objects.database_of(obj, literal=self.literal)
        if database is None:
            return True  # no object of a database: the server tells
        scopes = {obj, database, *self._covering(database)}
        each = _OF_TABLES if right == ALL else {right.partition(" (")[0]}
        held = (obj, right) in self.rights or all(any(self.holds(scope, one) for scope in scopes) for one in each)
        return held and any(self.holds(scope, OPTION) for scope in scopes)

    def sees(self, database: str) -> bool:
        """Whether there is any right on this database, so that the server tells of it."""
        return bool(self._covering(database))

    def _covering(self, obj: str) -> set[str]:
        """What was granted that means this database: itself, or a pattern that covers it."""
        return {one for one, _ in self.rights if one == obj or (not self.literal and objects.covers(one, obj))}


def wanted(privileges: Sequence[Privilege], server: Server, role: str | None = None) -> Grants:
    """The rights that a created account shall have, and the role."""
    found: set[Right] = set()
    for privilege in privileges:
        if privilege.level not in LEVELS:
            allowed = ", ".join(level.value for level in LEVELS)
            text_ = f"{server.flavour} has no level {privilege.level.value}: use one of {allowed}"
            raise Blocked(Reason.INVALID_SPEC, text_)
        obj = text.database(privilege.database, server)
        found |= {(obj, right) for right in LEVELS[privilege.level]}
    return Grants(frozenset(found), roles=frozenset({text.role(role, server)} if role else ()))


# --- reading ---

_TOKEN: Final = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|[(),]|[^\s`'(),]+", re.DOTALL)


def parse(lines: Iterable[str], server: Server) -> Grants:
    """The lines of SHOW GRANTS.

    Raises:
        Blocked: ENGINE_UNSUPPORTED, a line has a form that is not known here.
    """
    rights: set[Right] = set()
    taken: set[Right] = set()
    roles: set[str] = set()
    passed_on: set[str] = set()
    for line in lines:
        if line.startswith("SET DEFAULT ROLE "):
            continue
        words = _Line(line)
        given, role = words.rights()
        if role:
            roles |= given
            passed_on |= given if words.ends_with("ADMIN") else set()
            continue
        obj = words.obj
        found = {(obj, right) for right in _expanded(given, obj, server) if right != "USAGE"}
        if line.startswith("REVOKE "):
            taken |= found
        else:
            rights |= found | ({(obj, OPTION)} if words.ends_with("GRANT") else set())
    return Grants(frozenset(rights), frozenset(taken), frozenset(roles), frozenset(passed_on), server.literal_databases)


def _expanded(rights: set[str], obj: str, server: Server) -> set[str]:
    """All rights on a database are a list that has an end; the server tells it by one word."""
    if ALL not in rights or obj == SERVER or not obj.endswith(".*"):
        return rights
    more = _MARIADB_MORE if server.mariadb else frozenset[str]()
    return (rights - {ALL}) | LEVELS[Level.READ_WRITE] | more


class _Line:
    """One line, cut at its top-level words."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._cuts: dict[str, tuple[int, int]] = {}
        depth = 0
        for token in _TOKEN.finditer(line):
            word = token[0]
            depth += (word == "(") - (word == ")")
            if depth == 0 and word in ("GRANT", "REVOKE", "ON", "TO", "FROM"):
                self._cuts.setdefault(word, token.span())
        self._end = self._cuts.get("TO") or self._cuts.get("FROM")
        start = self._cuts.get("GRANT") or self._cuts.get("REVOKE")
        if self._end is None or start is None or start[0] != 0:
            raise Blocked(Reason.ENGINE_UNSUPPORTED, "the server lists a grant in a form that is not known here")
        self._start = start[1]

    @property
    def obj(self) -> str:
        assert self._end is not None
        return self._line[self._cuts["ON"][1] : self._end[0]].strip()

    def rights(self) -> tuple[set[str], bool]:
        """What is granted, and whether these are roles. A list of columns becomes a right for each of them."""
        assert self._end is not None
        role = "ON" not in self._cuts
        stop = self._end[0] if role else self._cuts["ON"][0]
        return {right for part in split(self._line[self._start : stop]) for right in _columns(part)}, role

    def ends_with(self, option: str) -> bool:
        """Whether it is WITH GRANT OPTION or WITH ADMIN OPTION."""
        assert self._end is not None
        tail = [token[0] for token in _TOKEN.finditer(self._line[self._end[1] :])]
        return any(tail[i : i + 2] == [option, "OPTION"] for i in range(len(tail)))


def split(listed: str) -> list[str]:
    """At its top-level commas."""
    parts, depth, begin = [], 0, 0
    for token in _TOKEN.finditer(listed):
        depth += (token[0] == "(") - (token[0] == ")")
        if token[0] == "," and depth == 0:
            parts.append(listed[begin : token.start()].strip())
            begin = token.end()
    return [*parts, listed[begin:].strip()]


def _columns(part: str) -> list[str]:
    opening = next((t.start() for t in _TOKEN.finditer(part) if t[0] == "("), None)
    if opening is None or part.startswith("`"):
        return [part]
    return [f"{part[:opening].strip()} ({column})" for column in split(part[opening + 1 : part.rindex(")")])]


# --- changing ---


def change(account: str, held: Grants, target: Grants) -> list[str]:
    """The statements that give `account` (as text.account writes it) exactly the rights and roles of `target`."""
    statements = []
    surplus = held.rights - target.rights
    for obj, rights in _by_object(surplus):
        statements += [f"REVOKE {listed} ON {obj} FROM {account}" for listed in rights]
    for obj, rights in _by_object(target.rights - held.rights):
        statements += [f"GRANT {listed} ON {obj} TO {account}" for listed in rights]
    statements += [f"REVOKE {role} FROM {account}" for role in sorted(held.roles - target.roles)]
    statements += [f"GRANT {role} TO {account}" for role in sorted(target.roles - held.roles)]
    return statements


def _by_object(rights: Iterable[Right]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for obj, right in sorted(rights):
        found.setdefault(obj, []).append(right)
    # Some words stand alone in a statement.
    return [
        (obj, [", ".join(r for r in listed if r not in (ALL, OPTION)), *(r for r in listed if r in (ALL, OPTION))])
        if any(r not in (ALL, OPTION) for r in listed)
        else (obj, listed)
        for obj, listed in found.items()
    ]
