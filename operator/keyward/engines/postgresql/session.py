"""The admin session: inspect, check, apply, remove.

Transactions of PostgreSQL do not span databases. The order is therefore: roles with their marks; rights, in each database,
each given only where it is missing and taken only where it is too much; the password with the account's mark, last. With one
database all is one transaction. A kill in between leaves marked roles that nobody can log in to, and rights that the next run
finds as they shall be: it can always be run again. Nothing is published on the strength of it: VERIFY logs in to each
database and asks for the effective rights.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keyward.engines import scram
from keyward.engines.base import AccountSet, Action, BeforeSend, Change, Inspection, Removal
from keyward.engines.deadline import within
from keyward.engines.postgresql import check, clone, compare, inspect, rights, statements, taking
from keyward.engines.postgresql.connect import Connection, Goal, connect
from keyward.engines.postgresql.errors import translated
from keyward.engines.postgresql.inspect import rows
from keyward.engines.postgresql.transaction import Transaction, locked
from keyward.errors import Blocked, KeywardError, Reason, Retry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """Implements `AdminSession`."""

    conn: Connection
    goal: Goal

    async def inspect(self, accounts: AccountSet) -> Inspection:
        check.whole(accounts)
        return await self._within(inspect.states(self.conn, accounts.all_roles), Transaction())

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self._within(self._check(accounts, inspection), Transaction())

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        state = Transaction()
        await self._within(self._apply(change, before_send, state), state)
        if change.terminate_sessions:
            with suppress(KeywardError):
                await self._within(self._terminate(change.account), Transaction())

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        state = Transaction()
        return await self._within(self._remove(removal, before_send, state), state)

    async def _within(self, work: Coroutine[Any, Any, T], state: Transaction) -> T:
        try:
            return await within(self.goal.timeout, work)
        except TimeoutError:
            pass
        if state.committing:
            raise state.unsettled()
        raise Retry(
            Reason.TIMEOUT, f"the server did not finish within {self.goal.timeout:g} s: see to its load and locks"
        )

    # --- check ---

    async def _check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await check.admin_may(self.conn, accounts, inspection)
        for privilege in accounts.privileges:
            await self._database_exists(privilege.database)
        if accounts.flip is not None:
            databases = [*await self._elsewhere(accounts), self.goal.database]
            await compare.judge(self.conn, accounts, inspection, databases, self._database)
        for privilege in accounts.privileges:
            async with self._database(privilege.database) as conn:
                lacks = await rights.missing(conn, privilege, _holder(accounts))
            told = rights.told([lack for lack in lacks if not lack.grantable])
            if told:
                text = (
                    f"the admin cannot grant {told} in database {privilege.database!r}: it needs the GRANT OPTION, or the "
                    "owner's role"
                )
                raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text)

    async def _database_exists(self, name: str) -> None:
        found = await rows(
            self.conn, "SELECT has_database_privilege(oid, 'CONNECT') FROM pg_database WHERE datname = %s", [name]
        )
        if not found:
            raise Blocked(
                Reason.DATABASE_MISSING, f"database {name!r} is not on the server: create it, or correct the name"
            )
        if not found[0][0]:
            raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"the admin lacks CONNECT on database {name!r}: grant it")

    @asynccontextmanager
    async def _database(self, name: str) -> AsyncIterator[Connection]:
        if name == self.goal.database:
            yield self.conn
            return
        conn = await connect(replace(self.goal, database=name))
        try:
            yield conn
        finally:
            await conn.close()

    # --- apply ---

    async def _apply(self, change: Change, before_send: BeforeSend, state: Transaction) -> None:
        _may_be_set(change)
        if change.like is not None:
            await clone.equal(self.conn, change.accounts.names, created=change.accounts.created)
        expected, accounts = change.expected, change.accounts
        elsewhere = await self._elsewhere(accounts)
        absent = [name for name in accounts.all_roles if not expected.accounts[name].exists]
        if absent and elsewhere:
            async with locked(self.conn, expected, state):
                await before_send()
                await self._create(change, absent)
                expected = await inspect.states(self.conn, tuple(expected.accounts))
            absent = []
        async with locked(self.conn, expected, state):
            await before_send()
            # While only the advisory lock is held: sessions in other databases must find no row of ours locked.
            for database in elsewhere:
                await self._bring_to_spec_elsewhere(database, accounts)
            await self._create(change, absent)
            await self._grant_here(accounts)
            await self._set(change)

    async def _create(self, change: Change, absent: list[str]) -> None:
        for name in absent:
            login = name in change.accounts.names
            await translated(self.conn.execute(statements.create(name, login=login)))
            if name in change.comments:
                await translated(self.conn.execute(statements.comment(name, change.comments[name])))
        rights_role = change.accounts.rights_role
        if change.accounts.created and rights_role is not None:
            for name in change.accounts.names:
                await clone.act_as(self.conn, name, rights_role)

    async def _grant_here(self, accounts: AccountSet) -> None:
        if not accounts.created:
            return
        holder = _holder(accounts)
        if accounts.preset_role is not None:
            await clone.join(self.conn, accounts.preset_role, holder)
            await taking.former_roles(self.conn, holder, accounts.preset_role)
        await self._bring_to_spec(self.conn, self.goal.database, accounts)

    async def _bring_to_spec(self, conn: Connection, database: str, accounts: AccountSet) -> None:
        """Give what is missing and take what exceeds. Without privileges the rights are somebody else's to give and take."""
        for privilege in accounts.privileges:
            if privilege.database == database:
                await rights.ensure(conn, privilege, _holder(accounts))
        if accounts.privileges:
            await taking.excess(conn, database, accounts.privileges, _holder(accounts))

    async def _elsewhere(self, accounts: AccountSet) -> list[str]:
        """The other databases that the privileges name, and those that they do not name any more."""
        listed = [privilege.database for privilege in accounts.privileges]
        left = await self._databases_with_rights([_holder(accounts)]) if listed else []
        return [name for name in dict.fromkeys([*listed, *left]) if name != self.goal.database]

    async def _bring_to_spec_elsewhere(self, database: str, accounts: AccountSet) -> None:
        try:
            async with self._database(database) as conn:
                await translated(conn.execute("BEGIN"))
                await self._bring_to_spec(conn, database, accounts)
                await translated(conn.execute("COMMIT"))
        except KeywardError as error:
            # Where the admin is not let in nothing can be taken; it must not keep the named ones from being worked on.
            if error.reason not in compare.SHUT_OUT or any(p.database == database for p in accounts.privileges):
                raise

    async def _set(self, change: Change) -> None:
        account, accounts = change.account, change.accounts
        if not accounts.created and len(accounts.names) > 1 and account == accounts.names[1]:
            await clone.act_as(self.conn, account, accounts.names[0])
            await clone.copy_settings(self.conn, accounts.names[0], account)
        if change.enable:
            await translated(self.conn.execute(statements.login(account, allowed=True)))
        if accounts.created:
            await translated(self.conn.execute(statements.never_expires(account)))
        for name, text in change.comments.items() if change.expected.keeps_marks else ():
            await translated(self.conn.execute(statements.comment(name, text)))
        secret = scram.verifier(change.password, os.urandom(scram.MIN_SALT))
        await translated(self.conn.execute(statements.set_password(account, secret)), setting_password=True)

    async def _terminate(self, account: str) -> None:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()"
        await rows(self.conn, query, [account])

    # --- remove ---

    async def _remove(self, removal: Removal, before_send: BeforeSend, state: Transaction) -> Action:
        if removal.action is not Action.DROP:
            await self._switch(removal, before_send, state)
            return removal.action
        if await self._drop(removal, before_send, state):
            return Action.DROP
        await self._switch(replace(removal, action=Action.DISABLE), before_send, state)
        return Action.DISABLE

    async def _switch(self, removal: Removal, before_send: BeforeSend, state: Transaction) -> None:
        expected = removal.expected
        async with locked(self.conn, expected, state):
            await before_send()
            for name in removal.accounts.names:
                if not expected.accounts[name].exists:
                    continue
                allowed = removal.action is Action.ENABLE
                await translated(self.conn.execute(statements.login(name, allowed=allowed)))
                if name in removal.comments:
                    await translated(self.conn.execute(statements.comment(name, removal.comments[name])))

    async def _drop(self, removal: Removal, before_send: BeforeSend, state: Transaction) -> bool:
        names = [name for name in removal.accounts.all_roles if removal.expected.accounts[name].exists]
        try:
            async with locked(self.conn, removal.expected, state):
                now = await inspect.states(self.conn, names)
                if any(found.owns_objects for found in now.accounts.values()):
                    return False
                await before_send()
                for database in await self._databases_with_rights(names):
                    await self._revoke(database, names)
                for name in names:
                    await translated(self.conn.execute(statements.drop(name)))
        except Blocked as error:
            if error.reason is not Reason.OBJECT_OWNER:
                raise
            return False
        return True

    async def _databases_with_rights(self, names: list[str]) -> list[str]:
        query = """
            SELECT DISTINCT coalesce(b.datname, current_database())
            FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = d.dbid
            WHERE d.deptype = 'a' AND d.refclassid = 'pg_authid'::regclass
              AND d.refobjid IN (SELECT oid FROM pg_roles WHERE rolname = ANY (%s))
        """
        found = [row[0] for row in await rows(self.conn, query, [names])]
        # Ours last, for the same reason as in apply: no row may be locked while others' sessions write.
        return sorted(found, key=lambda name: name == self.goal.database)

    async def _revoke(self, database: str, names: list[str]) -> None:
        async with self._database(database) as conn:
            for name in names:
                await taking.everything(conn, name)


def _holder(accounts: AccountSet) -> str:
    return accounts.rights_role or accounts.names[0]


def _may_be_set(change: Change) -> None:
    state = change.expected.accounts[change.account]
    if not state.exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {change.account!r} is not on the server: create it there")
    if any(change.expected.accounts[name].superuser for name in change.accounts.all_roles):
        raise Blocked(
            Reason.ACCOUNT_RESERVED, "an account is superuser-like, and such accounts are never touched: choose another"
        )
    if state.exists and not state.can_login and not change.enable:
        raise Blocked(
            Reason.ACCOUNT_DISABLED,
            f"account {change.account!r} is NOLOGIN: give LOGIN back on the server, we never do",
        )
    if state.expired and not change.accounts.created:
        raise Blocked(
            Reason.ACCOUNT_DISABLED,
            f"account {change.account!r} has expired: move VALID UNTIL on the server, we never do",
        )
