"""Rights within one database: what a level means, what is missing, what grants it.

Rights are given where they are missing, so that a repetition writes nothing and needs no right of the admin. It never
changes an owner and never drops an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composed, Identifier

from keyward.engines.base import Level, Privilege
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.errors import translated
from keyward.engines.postgresql.inspect import rows
from keyward.errors import Blocked, Reason


@dataclass(frozen=True, slots=True)
class _Kinds:
    database: tuple[str, ...]
    schema: tuple[str, ...]
    table: tuple[str, ...]
    sequence: tuple[str, ...]


_SHOWN: Final = 8
_DML: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
LEVELS: Final = {
    Level.READ_ONLY: _Kinds(("CONNECT",), ("USAGE",), ("SELECT",), ("SELECT",)),
    Level.READ_WRITE: _Kinds(("CONNECT",), ("USAGE",), _DML, ("USAGE", "SELECT")),
    Level.DB_OWNER: _Kinds(
        ("CONNECT", "CREATE", "TEMPORARY"),
        ("USAGE", "CREATE"),
        (*_DML, "TRUNCATE", "REFERENCES", "TRIGGER"),
        ("USAGE", "SELECT", "UPDATE"),
    ),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """One right that a role lacks on one object."""

    kind: str  # DATABASE, SCHEMA, TABLE, SEQUENCE, TABLES or SEQUENCES (the last two: default privileges)
    schema: str | None
    name: str  # of the object; for default privileges, of the role that will own it
    right: str
    grantable: bool  # by the role that is connected
    owner: str

    def __str__(self) -> str:
        if self.kind in ("TABLES", "SEQUENCES"):
            return f"default privileges of role {self.name!r} in schema {self.schema!r}"
        place = f"{self.schema}.{self.name}" if self.schema and self.kind != "SCHEMA" else self.name
        return f"{self.right} on {self.kind.lower()} {place!r}"

    def statement(self, role: str) -> Composed:
        """What grants it; `right` and `kind` are words of this module, never anybody's input."""
        right, kind = SQL(self.right), SQL(self.kind)
        if self.kind in ("TABLES", "SEQUENCES"):
            return SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} ON {} TO {}").format(
                Identifier(self.name), Identifier(self.schema or ""), right, kind, Identifier(role)
            )
        parts = (self.name,) if self.kind in ("DATABASE", "SCHEMA") else (self.schema or "", self.name)
        return SQL("GRANT {} ON {} {} TO {}").format(right, kind, Identifier(*parts), Identifier(role))


# `%(role)s` need not exist yet: who does not exist has nothing but what everybody has.
_MISSING: Final = """
WITH who AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s),
     spaces AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = ANY (%(schemas)s)),
     things AS (
       SELECT 1 AS step, 'DATABASE' AS kind, NULL::name AS schema, d.datname AS name, p.w,
              CASE WHEN EXISTS (TABLE who) THEN has_database_privilege((TABLE who), d.oid, p.w)
                   ELSE has_database_privilege('public', d.oid, p.w) END AS held,
              has_database_privilege(d.oid, p.w || ' WITH GRANT OPTION') AS grantable, d.datdba AS owner
       FROM pg_database d, unnest(%(database)s::text[]) AS p(w) WHERE d.datname = current_database()
       UNION ALL
       SELECT 2, 'SCHEMA', s.nspname, s.nspname, p.w,
              CASE WHEN EXISTS (TABLE who) THEN has_schema_privilege((TABLE who), s.oid, p.w)
                   ELSE has_schema_privilege('public', s.oid, p.w) END,
              has_schema_privilege(s.oid, p.w || ' WITH GRANT OPTION'), s.nspowner
       FROM spaces s, unnest(%(schema)s::text[]) AS p(w)
       UNION ALL
       SELECT 3, 'TABLE', s.nspname, c.relname, p.w,
              CASE WHEN EXISTS (TABLE who) THEN has_table_privilege((TABLE who), c.oid, p.w)
                   ELSE has_table_privilege('public', c.oid, p.w) END,
              has_table_privilege(c.oid, p.w || ' WITH GRANT OPTION'), c.relowner
       FROM spaces s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f'),
            unnest(%(table)s::text[]) AS p(w)
       UNION ALL
       SELECT 4, 'SEQUENCE', s.nspname, c.relname, p.w,
              CASE WHEN EXISTS (TABLE who) THEN has_sequence_privilege((TABLE who), c.oid, p.w)
                   ELSE has_sequence_privilege('public', c.oid, p.w) END,
              has_sequence_privilege(c.oid, p.w || ' WITH GRANT OPTION'), c.relowner
       FROM spaces s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind = 'S',
            unnest(%(sequence)s::text[]) AS p(w)
       UNION ALL
       SELECT 5, k.kind, s.nspname, o.rolname, p.w,
              EXISTS (SELECT FROM pg_default_acl a, aclexplode(a.defaclacl) x
                      WHERE a.defaclrole = o.oid AND a.defaclnamespace = s.oid AND a.defaclobjtype = k.letter
                        AND x.grantee = (TABLE who) AND x.privilege_type = p.w),
              pg_has_role(o.oid, 'USAGE'), o.oid
       FROM spaces s, pg_roles o,
            (VALUES ('TABLES', 'r'::"char"), ('SEQUENCES', 'S'::"char")) AS k(kind, letter),
            LATERAL unnest(CASE k.letter WHEN 'r' THEN %(table)s::text[] ELSE %(sequence)s::text[] END) AS p(w)
       WHERE o.rolname = ANY (%(owners)s)
     )
SELECT kind, schema, name, w, grantable, pg_get_userbyid(owner) FROM things
WHERE NOT held ORDER BY step, schema, name, w
"""


async def missing(conn: Connection, privilege: Privilege, role: str) -> list[Missing]:
    """What the role lacks of the privilege in the database that is connected.

    Raises:
        Blocked: a schema or an owner role that the privilege names does not exist.
    """
    await _all_exist(conn, privilege)
    kinds = LEVELS[privilege.level]
    found = await rows(
        conn,
        _MISSING,
        {
            "role": role,
            "schemas": list(privilege.schemas),
            "owners": list(privilege.owner_roles),
            "database": list(kinds.database),
            "schema": list(kinds.schema),
            "table": list(kinds.table),
            "sequence": list(kinds.sequence),
        },
    )
    return [Missing(*row) for row in found]


async def _all_exist(conn: Connection, privilege: Privilege) -> None:
    schemas = await rows(conn, "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%s)", [list(privilege.schemas)])
    owners = await rows(conn, "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [list(privilege.owner_roles)])
    _complain("schema", privilege.schemas, [row[0] for row in schemas], privilege.database)
    _complain("owner role", privilege.owner_roles, [row[0] for row in owners], privilege.database)


def _complain(what: str, wanted: Sequence[str], found: Sequence[str], database: str) -> None:
    for name in wanted:
        if name not in found:
            raise Blocked(
                Reason.INVALID_SPEC, f"{what} {name!r} is not in database {database!r}: create it, or correct the name"
            )


def told(lacks: Sequence[Missing]) -> str:
    """Each right, in words; of many, how many more there are. Empty for none."""
    shown = [str(lack) for lack in lacks[:_SHOWN]]
    more = len(lacks) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


async def ensure(conn: Connection, privilege: Privilege, role: str) -> None:
    """Grant what is missing; called inside of a transaction."""
    for lack in await missing(conn, privilege, role):
        await translated(conn.execute(lack.statement(role)))


def lacking_login(lacks: Sequence[Missing], privilege: Privilege) -> Missing | None:
    """The first right without which a login is no proof.

    Tables of owners whom the privilege does not name may come at any time, without rights for us: they must not take the
    proof away from a value that is in use, or nobody could add a table without stopping the rotation.
    """
    covered = set(privilege.owner_roles)
    bound = [x for x in lacks if x.kind not in ("TABLES", "SEQUENCES")]
    return next((x for x in bound if x.kind in ("DATABASE", "SCHEMA") or x.owner in covered), None)
