"""Whether two accounts of a PostgreSQL may do the same, as either of them can see it: no admin logs in there.

The cloud's API gives rights on PostgreSQL to one account at a time, or none; what a person granted to one of a pair and not to
the other, or what one of them owns, would come and go with each rotation.
"""

from __future__ import annotations

from typing import Final

from keyward.engines.base import AccountSet, Endpoint, Login, Place
from keyward.engines.deadline import within
from keyward.engines.postgresql.connect import Goal, connect
from keyward.engines.postgresql.inspect import rows
from keyward.errors import Blocked, Reason, Retry

_SECONDS: Final = 15.0
_TWO: Final = 2
_DIFFERENCE: Final = """
WITH pair AS (SELECT a.oid AS a, b.oid AS b FROM pg_roles a, pg_roles b
              WHERE a.rolname = %(one)s AND b.rolname = %(other)s),
     roles AS (SELECT m.member, m.roleid FROM pg_auth_members m),
     settings AS (SELECT s.setrole AS role, s.setdatabase AS base, unnest(s.setconfig) AS setting
                  FROM pg_db_role_setting s
                  WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))),
     things AS (
       SELECT 'role ' || r.rolname AS what,
              EXISTS (SELECT FROM roles m WHERE m.member = a AND m.roleid = r.oid) AS one,
              EXISTS (SELECT FROM roles m WHERE m.member = b AND m.roleid = r.oid) AS other
       FROM pair, pg_roles r
       UNION ALL
       SELECT w || ' on database ' || d.datname, has_database_privilege(a, d.oid, w), has_database_privilege(b, d.oid, w)
       FROM pair, pg_database d, unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) AS w
       WHERE d.datname = current_database()
       UNION ALL
       SELECT w || ' on schema ' || n.nspname, has_schema_privilege(a, n.oid, w), has_schema_privilege(b, n.oid, w)
       FROM pair, pg_namespace n, unnest(ARRAY['USAGE', 'CREATE']) AS w
       WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL
       SELECT w || ' on table ' || n.nspname || '.' || c.relname,
              has_table_privilege(a, c.oid, w), has_table_privilege(b, c.oid, w)
       FROM pair, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS w
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL
       SELECT w || ' on sequence ' || n.nspname || '.' || c.relname,
              has_sequence_privilege(a, c.oid, w), has_sequence_privilege(b, c.oid, w)
       FROM pair, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS w
       WHERE c.relkind = 'S' AND n.nspname !~ '^pg_'
       UNION ALL
       SELECT 'EXECUTE on function ' || n.nspname || '.' || p.proname,
              has_function_privilege(a, p.oid, 'EXECUTE'), has_function_privilege(b, p.oid, 'EXECUTE')
       FROM pair, pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL
       SELECT 'USAGE on type ' || n.nspname || '.' || t.typname,
              has_type_privilege(a, t.oid, 'USAGE'), has_type_privilege(b, t.oid, 'USAGE')
       FROM pair, pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
       WHERE t.typtype IN ('c', 'd', 'e', 'r') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL
       SELECT w.privilege_type || ' by default on what ' || r.rolname || ' makes',
              bool_or(w.grantee = a), bool_or(w.grantee = b)
       FROM pair, pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole, aclexplode(d.defaclacl) AS w
       WHERE w.grantee IN (a, b)
       GROUP BY d.oid, r.rolname, w.privilege_type
       UNION ALL
       SELECT 'the setting of ' || split_part(s.setting, '=', 1),
              EXISTS (SELECT FROM settings x WHERE x.role = a AND (x.base, x.setting) = (s.base, s.setting)),
              EXISTS (SELECT FROM settings x WHERE x.role = b AND (x.base, x.setting) = (s.base, s.setting))
       FROM pair, settings s WHERE s.role IN (a, b)
     )
SELECT what, one FROM things WHERE one <> other ORDER BY what LIMIT 1
"""


async def prove(place: Place, endpoint: Endpoint, login: Login, accounts: AccountSet) -> None:
    """Log in and compare the accounts, if they are two.

    Raises:
        Blocked: PRIVILEGE_MISSING, naming what one of them may do and the other may not.
        Retry: no answer that tells anything.
    """
    if len(accounts.names) != _TWO:
        return
    try:
        found = await within(_SECONDS, _differs(place, endpoint, login, accounts.names))
    except TimeoutError:
        pass
    else:
        _judge(accounts.names, found)
        return
    raise Retry(Reason.TIMEOUT, f"{endpoint} did not answer within {_SECONDS:g} s: see to the server")


def _judge(names: tuple[str, ...], found: tuple[str, bool] | None) -> None:
    if found is None:
        return
    what, is_first = found
    has, lacks = names if is_first else names[::-1]
    raise Blocked(
        Reason.PRIVILEGE_MISSING,
        f"accounts {has!r} and {lacks!r} are not equal: {what} is the first one's alone: grant it to both or to none; the "
        "cloud's API cannot",
    )


async def _differs(place: Place, endpoint: Endpoint, login: Login, names: tuple[str, ...]) -> tuple[str, bool] | None:
    conn = await connect(Goal(place, endpoint, place.database, login, _SECONDS))
    try:
        found = await rows(conn, _DIFFERENCE, {"one": names[0], "other": names[1]})
    finally:
        await conn.close()
    return (str(found[0][0]), bool(found[0][1])) if found else None
