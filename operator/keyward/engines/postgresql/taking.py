"""Takes rights back within one database: what exceeds the spec at each change, and all that there is at the end.

What exceeds is judged by the kinds of rights that a level gives, on databases, schemas, tables, sequences and later ones of
them; of a privileged account it is the role that its Target named before. It is taken where the admin acts as the one who gave
it; another role's grant is no work of ours, and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composed, Identifier

from keyward.engines.base import Level, Privilege
from keyward.engines.postgresql import statements
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.errors import translated
from keyward.engines.postgresql.inspect import administers_by_option, rows
from keyward.engines.postgresql.rights import LEVELS


@dataclass(frozen=True, slots=True)
class Held:
    """Rights of one role on one object."""

    kind: str  # DATABASE, SCHEMA, TABLE, SEQUENCE, TABLES or SEQUENCES (the last two: default privileges)
    schema: str | None
    name: str  # of the object; for default privileges, of the role that will own it
    rights: str = "ALL"

    def __str__(self) -> str:
        if self.kind in ("TABLES", "SEQUENCES"):
            return f"{self.rights} on what role {self.name!r} makes in schema {self.schema!r}"
        place = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.rights} on {self.kind.lower()} {place!r}"

    def statement(self, role: str) -> Composed:
        """What takes them; `rights` and `kind` are words of PostgreSQL's own, never anybody's input."""
        rights, kind = SQL(self.rights), SQL(self.kind)
        if self.kind in ("TABLES", "SEQUENCES"):
            return SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} REVOKE {} ON {} FROM {}").format(
                Identifier(self.name), Identifier(self.schema or ""), rights, kind, Identifier(role)
            )
        parts = (self.name,) if self.schema is None else (self.schema, self.name)
        return SQL("REVOKE {} ON {} {} FROM {}").format(rights, kind, Identifier(*parts), Identifier(role))


# A right that was given with the grant option is never one of ours, and others may depend on it.
_EXCESS: Final = """
WITH who AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s),
     allowed AS (SELECT * FROM unnest(%(kinds)s::text[], %(places)s::text[], %(owners)s::text[], %(rights)s::text[])
                             AS a(kind, place, owner, w)),
     spaces AS (SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
     held AS (
       SELECT 'DATABASE' AS kind, NULL::name AS schema, d.datname AS name, d.datname AS place, ''::text AS later_of,
              d.datdba AS owner, x.*
       FROM pg_database d, aclexplode(d.datacl) x
       UNION ALL
       SELECT 'SCHEMA', NULL, s.nspname, s.nspname, '', s.nspowner, x.* FROM spaces s, aclexplode(s.nspacl) x
       UNION ALL
       SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, s.nspname, c.relname, s.nspname, '', c.relowner, x.*
       FROM spaces s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'),
            aclexplode(c.relacl) x
       UNION ALL
       SELECT CASE a.defaclobjtype WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, s.nspname, o.rolname, s.nspname, o.rolname,
              o.oid, x.*
       FROM spaces s JOIN pg_default_acl a ON a.defaclnamespace = s.oid AND a.defaclobjtype IN ('r', 'S')
            JOIN pg_roles o ON o.oid = a.defaclrole, aclexplode(a.defaclacl) x
     )
SELECT kind, schema, name, string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM held h
WHERE grantee = (TABLE who) AND owner <> grantee AND NOT is_grantable AND privilege_type = ANY (%(known)s)
      AND CASE WHEN pg_has_role(owner, 'USAGE') THEN grantor = owner ELSE pg_has_role(grantor, 'USAGE') END
      AND NOT EXISTS (SELECT FROM allowed a
                      WHERE a.kind = h.kind AND a.place = h.place AND a.owner = h.later_of AND a.w = h.privilege_type)
GROUP BY kind, schema, name ORDER BY kind, schema, name
"""


async def excess(conn: Connection, database: str, privileges: Sequence[Privilege], role: str) -> None:
    """Take what the role holds beyond all these privileges, in the database that is connected; inside of a transaction."""
    for held in await exceeding(conn, database, privileges, role):
        await translated(conn.execute(held.statement(role)))


async def exceeding(conn: Connection, database: str, privileges: Sequence[Privilege], role: str) -> list[Held]:
    """What the role holds beyond all these privileges and the admin can take, in the database that is connected."""
    kinds, places, owners, rights = zip(*_allowed(database, privileges), strict=True)
    every = LEVELS[Level.DB_OWNER]
    found = await rows(
        conn,
        _EXCESS,
        {
            "role": role,
            "kinds": list(kinds),
            "places": list(places),
            "owners": list(owners),
            "rights": list(rights),
            "known": [*every.database, *every.schema, *every.table, *every.sequence],
        },
    )
    return [Held(*row) for row in found]


def _allowed(database: str, privileges: Sequence[Privilege]) -> list[tuple[str, str, str, str]]:
    """Kind, database or schema, owner of later objects, right. Those on databases hold wherever one is connected."""
    found = []
    for privilege in privileges:
        level = LEVELS[privilege.level]
        found += [("DATABASE", privilege.database, "", right) for right in level.database]
        for schema in privilege.schemas if privilege.database == database else ():
            found += [("SCHEMA", schema, "", right) for right in level.schema]
            for kind, words in (("TABLE", level.table), ("SEQUENCE", level.sequence)):
                found += [(kind, schema, "", right) for right in words]
                found += [(f"{kind}S", schema, owner, right) for owner in privilege.owner_roles for right in words]
    return found


# As with rights: whoever gave it, and nobody else, takes it; nothing of ours was ever given with the admin option.
_FORMER: Final = """
SELECT r.rolname, g.rolname
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
     JOIN pg_roles g ON g.oid = m.grantor
WHERE u.rolname = %s AND r.rolname <> %s AND NOT m.admin_option AND NOT r.rolsuper AND pg_has_role(g.oid, 'USAGE')
ORDER BY r.rolname, g.rolname
"""


async def former(conn: Connection, member: str, role: str) -> list[tuple[str, str]]:
    """The roles that the admin, or one whose rights it has, gave this one, but for `role`; each with who gave it."""
    return [(str(name), str(grantor)) for name, grantor in await rows(conn, _FORMER, [member, role])]


async def former_roles(conn: Connection, member: str, role: str) -> None:
    """Take the roles that the admin gave this one, but for `role`; inside of a transaction."""
    for name, grantor in await former(conn, member, role):
        # Up to 15 there is one grant of a role, whoever gave it; since then each who gave it has one of his own.
        by = grantor if administers_by_option(conn) else None
        await translated(conn.execute(statements.revoke_role(name, member, by)))


_GRANTED: Final = """
SELECT CASE d.classid WHEN 'pg_database'::regclass THEN 'DATABASE' WHEN 'pg_namespace'::regclass THEN 'SCHEMA'
                      WHEN 'pg_class'::regclass THEN CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END END,
       (SELECT nspname FROM pg_namespace WHERE oid = c.relnamespace),
       CASE d.classid WHEN 'pg_database'::regclass THEN (SELECT datname FROM pg_database WHERE oid = d.objid)
                      WHEN 'pg_namespace'::regclass THEN (SELECT nspname FROM pg_namespace WHERE oid = d.objid)
                      ELSE c.relname END
FROM pg_shdepend d LEFT JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'a' AND d.refclassid = 'pg_authid'::regclass
  AND d.refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
  AND d.classid IN ('pg_database'::regclass, 'pg_namespace'::regclass, 'pg_class'::regclass)
  AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_DEFAULTS: Final = """
SELECT CASE a.defaclobjtype WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, n.nspname, pg_get_userbyid(a.defaclrole)
FROM pg_default_acl a JOIN pg_namespace n ON n.oid = a.defaclnamespace, aclexplode(a.defaclacl) x
WHERE x.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s) AND a.defaclobjtype IN ('r', 'S')
GROUP BY 1, 2, 3
"""


async def everything(conn: Connection, role: str) -> None:
    """Take back what we may have granted here; DROP OWNED is not used: it would drop an object made a moment ago."""
    for query in (_GRANTED, _DEFAULTS):
        for row in await rows(conn, query, [role]):
            await translated(conn.execute(Held(*row).statement(role)))
