"""What the admin may do: what is in effect in its session, granted to itself or to a role that is on.

No role is put on for the work: whoever logs in as the admin has what the server puts on at a login, and so has the operator.
Where a role that was granted and is not on would give what lacks, it is named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from keyward.engines.mysql import grants, rows, text
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.wire import Wire
from keyward.errors import Blocked, KeywardError

Check = Callable[[Grants], None]
"""Raises Blocked with what is lacking in these."""


@dataclass(frozen=True, slots=True)
class Admin:
    """The account that the session is logged in as, and what it may do there."""

    wire: Wire
    server: Server
    may: Grants

    async def demand(self, check: Check) -> None:
        """Raise what the check does; with a role that would mend it, if there is one."""
        failure = _failure(check, self.may)
        if failure is not None:
            raise Blocked(failure.reason, failure.message + await self.remedy(check))

    async def remedy(self, check: Check) -> str:
        """A role that the admin has, that is not on and with which it would pass, as the end of a sentence; or nothing."""
        if not self.server.has_roles:
            return ""
        with suppress(KeywardError):  # what is lacking is known already
            on = await rows.roles_on(self.wire, self.server)
            async for roles, more in self._idle(on):
                if _failure(check, more) is None:
                    named, are = " and ".join(roles), "are" if len(roles) > 1 else "is"
                    return (
                        f"; {named}, which it was granted, would do, but {are} not on after its login: {self._mend(on)}"
                    )
        return ""

    def _mend(self, on: list[str]) -> str:
        if not self.server.mariadb:
            return "make it a default role (ALTER USER … DEFAULT ROLE)"
        if on:
            return f"grant it to {on[0]}, as only one is on at a time"
        return "make it the default role (SET DEFAULT ROLE … FOR)"

    async def _idle(self, on: list[str]) -> AsyncIterator[tuple[list[str], Grants]]:
        """Each role that was granted and is not on, at last all of them; and what the admin might do with it."""
        if self.server.mariadb:
            async for found in self._idle_one_by_one(on):
                yield found
            return
        name, _, host = str((await self.wire.rows("SELECT CURRENT_USER()"))[0][0]).rpartition("@")
        idle = sorted((await rows.granted(self.wire, self.server, text.account(name, host))).roles - set(on))
        for roles in [*([role] for role in idle), *([idle] if len(idle) > 1 else [])]:
            listed = ", ".join([*on, *roles])
            yield roles, await rows.granted(self.wire, self.server, f"CURRENT_USER() USING {listed}")

    async def _idle_one_by_one(self, on: list[str]) -> AsyncIterator[tuple[list[str], Grants]]:
        """MariaDB tells a role's rights to who has put it on."""
        query = "SELECT ROLE_NAME FROM information_schema.APPLICABLE_ROLES WHERE GRANTEE = CURRENT_USER() ORDER BY 1"
        for (name,) in await self.wire.rows(query):
            role = text.identifier(str(name))
            if role in on:
                continue
            await self.wire.rows(f"SET ROLE {role}")
            put_on = await _in_effect(self.wire, self.server)
            await self.wire.rows(f"SET ROLE {on[0] if on else 'NONE'}")
            yield [role], replace(self.may, rights=self.may.rights | put_on.rights)


async def logged_in(wire: Wire, server: Server) -> Admin:
    """The admin of this session."""
    may = await _in_effect(wire, server)
    if server.mariadb:
        # A role may be passed on by whoever has it WITH ADMIN OPTION through any role, on or not.
        query = "SELECT ROLE_NAME FROM information_schema.APPLICABLE_ROLES WHERE IS_GRANTABLE = 'YES'"
        may = replace(may, passed_on=frozenset(text.identifier(str(name)) for (name,) in await wire.rows(query)))
    return Admin(wire, server, may)


async def _in_effect(wire: Wire, server: Server) -> Grants:
    # Without FOR, both kinds of server add what comes by the roles that are on.
    return grants.parse([row[0] for row in await wire.rows("SHOW GRANTS")], server)


def _failure(check: Check, may: Grants) -> Blocked | None:
    try:
        check(may)
    except Blocked as error:
        return error
    return None
