"""Steps that change the outside system: apply, end, verify, enable, disable, drop (protocol §5, §7, §8).

Order within each: open the admin session, read and judge the world, then send on that same session; the engine refuses
to write if the world is no longer as judged. Nothing here decides what to do next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from keyward.controller.passes import Hook, Pass
from keyward.controller.ports import Access, Vault
from keyward.controller.proof import Proof, see_refused
from keyward.domain import commands, located, making, marks
from keyward.domain.model import MarkView, Mended
from keyward.domain.version import Mode, Origin, Version
from keyward.engines.base import AccountSet, Action, Change, Expectation, Flip, Inspection, Login, Removal, Role
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.pernode import Mending, PerNodeSession, Stored
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

MENDING_SECONDS: Final = 3.0  # for each answer of a node: consumers may be refused while a node is mended


@dataclass(frozen=True, slots=True)
class Bearings:
    """What is known beyond this Credential when a mark is judged."""

    known_lineages: frozenset[str] = frozenset()
    takeover: bool = False
    takeover_text: str = ""  # what the annotation would have to say now
    in_use: str | None = None  # the account of the current version
    record_applying: Callable[[], Awaitable[object]] | None = None  # a compare-and-swap; raises Conflict
    keep: Sensitive | None = None  # overlap: the current value
    sending: Callable[[], None] = lambda: None  # called right before the send


class Effects:
    """The outside half of the executor."""

    def __init__(self, vault: Vault, hook: Hook) -> None:
        self._vault = vault
        self._hook = hook

    async def check(self, run: Pass, top: Version | None = None, flip: Flip | None = None) -> Inspection:
        """CHECK: the admin logs in to a writable primary and has every right that this Credential needs.

        With the newest version that is stored, a mark that is ahead of it is noticed before its number is taken again:
        a backup that is still being restored would find the name of a lost version occupied. With a flip, what it would do to
        rights is judged as well.
        """
        _, accounts = _reach(run)
        session = await run.admin()
        inspection = await session.inspect(accounts)
        if top is not None:
            self._look_for_newer(run, top, inspection)
        await session.check(replace(accounts, flip=flip), inspection)
        return inspection

    def _look_for_newer(self, run: Pass, top: Version, inspection: Inspection) -> None:
        found = [marks.parse(state.mark) for state in inspection.accounts.values()]
        ours = [m for m in found if m is not None and m.lineage == top.lineage]
        newest = max(ours, key=lambda m: m.sequence, default=None)
        known = run.memory.mark.sequence if run.memory.mark else top.sequence
        if newest is not None and newest.sequence > max(known, top.sequence):
            run.learn(mark=MarkView(newest.sequence, newest.digest8))
            raise Conflict(Reason.FENCED, "the target carries a later version than any that is stored here")

    async def apply(self, run: Pass, version: Version, password: Sensitive, bearings: Bearings) -> None:
        """Set this value on its account; the outcome goes to the pass's memory."""
        _, accounts = _reach(run)
        try:
            session = await run.admin()
            inspection = await session.inspect(accounts)
            self._judge(run, version, inspection, bearings)
            await session.check(accounts, inspection)
            change = self._change(version, password, accounts, inspection)
            if accounts.overlap:
                change = replace(change, keep=bearings.keep, terminate_sessions=False)
            if bearings.in_use != version.account:
                change = replace(change, like=bearings.in_use)
            await self._hook("apply:before")
            record = None if inspection.keeps_marks else bearings.record_applying
            await session.apply(change, self._send_hook("apply:send", record, bearings.sending))
        except Rejected:
            run.forget_sent(version.sequence)
            run.learn(refused=run.memory.refused | {version.sequence})
            raise
        except Unsettled:
            run.forget_sent(version.sequence)
            raise
        finally:
            await run.drop_session()
        await self._hook("apply:after")
        login = (version.sequence, _digest(run))
        run.learn(
            unsent=run.memory.unsent - {version.sequence},
            sent=run.memory.sent | {version.sequence},
            denied=run.memory.denied - {login},
        )

    async def end(
        self, run: Pass, top: Version, values: tuple[Sensitive, Sensitive], bearings: Bearings, *, forced: bool
    ) -> None:
        """Let the second of these values alone log in. `top` is the newest version that is stored."""
        _, accounts = _reach(run)
        try:
            session = await run.admin()
            assert isinstance(session, OverlapSession)
            inspection = await session.inspect(accounts)
            self._judge(run, top, inspection, bearings)
            ending = Ending(top.account, accounts, inspection, *values, terminate_sessions=forced)
            await self._hook("end:before")
            await session.end(ending, self._send_hook("end:send"))
        finally:
            await run.drop_session()
        await self._hook("end:after")

    def _send_hook(
        self,
        point: str,
        record: Callable[[], Awaitable[object]] | None = None,
        sending: Callable[[], None] = lambda: None,
    ) -> _Send:
        return _Send(self._hook, point, record, sending)

    def _judge(self, run: Pass, version: Version, inspection: Inspection, bearings: Bearings) -> None:
        accounts = run.accounts
        assert accounts is not None
        claim = marks.Claim(
            store=self._vault.store,
            version=version,
            names=accounts.names,
            others=() if accounts.rights_role is None else (accounts.rights_role,),
            imported=not accounts.created,
            known_lineages=bearings.known_lineages,
            takeover=bearings.takeover,
            takeover_text=bearings.takeover_text,
            returning=bool(version.disabled_by_us),
            recorded=None if inspection.keeps_marks else making.ours(version),
        )
        try:
            marks.judge(claim, _accounts(accounts, inspection))
        except marks.Fenced as fenced:
            run.learn(mark=fenced.mark)
            raise Blocked(
                Reason.FENCED, "the target carries a later version, or another one of the same number"
            ) from None

    def _change(self, version: Version, password: Sensitive, accounts: AccountSet, seen: Inspection) -> Change:
        mark = self._mark(version)
        absent = [name for name in accounts.all_roles if not seen.accounts[name].exists]
        touched = {*absent, version.account} if accounts.created else {version.account}
        return Change(
            account=version.account,
            password=password,
            accounts=accounts,
            expected=seen,
            comments={name: marks.write(seen.accounts[name].mark, mark) for name in sorted(touched)},
            create=accounts.created,
            # Whoever has the leaked value may have logged in with it already.
            terminate_sessions=commands.is_forced(version.cause.text),
        )

    def _mark(self, version: Version, *, disabled: bool = False) -> marks.Mark:
        return marks.Mark(self._vault.store, version.lineage, version.sequence, version.digest[:8], disabled)

    async def verify(self, run: Pass, version: Version, password: Sensitive) -> None:
        """Log in on every endpoint, the primary first. Success and a certain refusal go to the pass's memory."""
        access, accounts = _reach(run)
        sent = version.sequence in run.memory.sent
        login = Login(version.account, password)
        proof = Proof(
            access, login, Expectation(accounts, _acts_as(accounts, version), version=str(self._mark(version)))
        )
        for endpoint in await proof.endpoints():
            try:
                await run.as_admin(lambda at=endpoint: proof.at(at, _reach(run)[0].admin))  # type: ignore[misc]
            except Blocked as error:
                self._note_refusal(run, version, error, primary=endpoint.role is not Role.REPLICA)
                if sent:
                    raise Retry(error.reason, located.unproven(error)) from None
                if error.reason is not Reason.LOGIN_REFUSED:
                    raise
                return
        proof.must_be_one()
        run.proved(version.sequence, _digest(run))
        run.learn(witness=proof.witness)

    async def disprove(self, run: Pass, version: Version, password: Sensitive) -> None:
        """See every endpoint refuse a value that has leaked. Raises as `proof.see_refused`."""
        access, accounts = _reach(run)
        expect = Expectation(accounts, None, access.admin, str(self._mark(version)))
        await see_refused(access, Login(version.account, password), expect, version)

    async def mend(self, run: Pass, stored: Mapping[str, Stored]) -> Mended:
        """Give nodes what they lack of these accounts. Raises Retry or Blocked: some may lack it still."""
        access, accounts = _reach(run)
        await self._hook("mend:before")
        async with access.engine.open(access.place, access.admin, MENDING_SECONDS) as session:
            assert isinstance(session, PerNodeSession)
            mended = await session.mend(Mending(accounts, stored), self._send_hook("mend:send"))
        await self._hook("mend:after")
        return mended

    def _note_refusal(self, run: Pass, version: Version, error: KeywardError, *, primary: bool) -> None:
        if error.reason is Reason.ACCOUNT_DISABLED:
            run.learn(disabled=run.memory.disabled | {version.sequence})
        if error.reason is not Reason.LOGIN_REFUSED:
            return
        if not primary:
            raise Retry(
                Reason.PROPAGATION_TIMEOUT,
                "a replica does not accept the new value yet: nothing is published before it does",
            )
        run.was_denied(version, _digest(run))

    async def remove(self, run: Pass, version: Version, action: Action) -> Action:
        """Disable, enable or drop the accounts that are this lineage's by mark or record, and only those."""
        access, accounts = _reach(run)
        if access.admin.account in accounts.names and action is not Action.ENABLE:
            raise Blocked(
                Reason.ADMIN_CYCLE, "spec.deletion.accounts: is not done to the admin login itself: set Retain"
            )
        try:
            session = await run.admin()
            inspection = await session.inspect(accounts)
            ours = self._ours(accounts, inspection, version)
            removal = Removal(
                action=action,
                accounts=ours,
                expected=inspection,
                comments=self._comments(version, ours, inspection, disabled=action is not Action.ENABLE),
            )
            await self._hook(f"{action.value.lower()}:before")
            done = await session.remove(removal, self._send_hook(f"{action.value.lower()}:send"))
        finally:
            await run.drop_session()
        await self._hook(f"{action.value.lower()}:after")
        return done

    def _ours(self, accounts: AccountSet, inspection: Inspection, version: Version) -> AccountSet:
        """What carries our lineage's mark, or is ours by record; everything else is somebody's and stays as it is."""
        recorded = making.ours(version)

        def is_ours(name: str) -> bool:
            if not inspection.keeps_marks:
                return name in recorded
            mark = marks.parse(inspection.accounts[name].mark)
            if mark is not None and mark.lineage == version.lineage and mark.sequence > version.sequence:
                raise Blocked(Reason.FENCED, f"account {name!r} carries a later version than any that is stored here")
            return mark is not None and mark.lineage == version.lineage

        rights = accounts.rights_role
        return replace(
            accounts,
            names=tuple(name for name in accounts.names if is_ours(name)),
            rights_role=rights if rights is not None and is_ours(rights) else None,
        )

    def _comments(
        self, version: Version, accounts: AccountSet, seen: Inspection, *, disabled: bool
    ) -> Mapping[str, str]:
        """Each account keeps the sequence of its own mark: only the word `disabled` comes or goes."""
        comments = {}
        for name in accounts.names:
            mark = marks.parse(seen.accounts[name].mark) or self._mark(version)
            comments[name] = marks.write(seen.accounts[name].mark, replace(mark, disabled=disabled))
        return comments


class _Send:
    """The engine's last question before it sends: the record, where no mark will tell of it, then the named point.

    At that point faults are injected and the lease's deadline is looked at.
    """

    def __init__(
        self, hook: Hook, point: str, record: Callable[[], Awaitable[object]] | None, sending: Callable[[], None]
    ) -> None:
        self._hook, self._point, self._record, self._sending = hook, point, record, sending

    async def __call__(self) -> None:
        if self._record is not None:
            await self._record()
        self._sending()
        await self._hook(self._point)


def _reach(run: Pass) -> tuple[Access, AccountSet]:
    assert run.access is not None
    assert run.accounts is not None
    return run.access, run.accounts


def _digest(run: Pass) -> str:
    target = run.subject.wish.target
    return target.digest if target else ""


def _acts_as(accounts: AccountSet, version: Version) -> str | None:
    if accounts.rights_role is not None:
        return accounts.rights_role
    if version.origin is Origin.IMPORTED:
        return None  # nothing has been set on it by us yet: it acts as itself
    # An imported pair acts as its first-named account, so that objects never change owner.
    return accounts.names[0] if version.mode is Mode.DUAL and not accounts.created else None


def _accounts(accounts: AccountSet, inspection: Inspection) -> dict[str, marks.Account]:
    return {
        name: marks.Account(state.exists, state.can_login, state.superuser and not accounts.admins, state.mark)
        for name, state in inspection.accounts.items()
    }
