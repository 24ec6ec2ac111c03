"""How a reserved version ends: promoted after a login, or retired (protocol §5, §10).

Roll forward with the stored value. After an unknown outcome a login tells; only then is the same value sent again.
"""

from __future__ import annotations

from keyward.domain import admins, doubt, issuing, located, suspension
from keyward.domain.history import History
from keyward.domain.model import Observed, ProjectionWish
from keyward.domain.situation import Situation
from keyward.domain.steps import Apply, Promote, Retire, Step, Verify, Wait
from keyward.domain.version import Mode, Origin, Promotion, RetiredAs, Version
from keyward.errors import Reason


def plan(s: Situation) -> Step | Wait | None:
    """The next step of what is pending; None if nothing is, or an import still lacks its second version."""
    pending = s.history.pending
    if not pending or import_incomplete(s.seen, s.history):
        return None
    version = _second_named_first(s, pending)
    if s.proven(version):
        return Promote(version, Promotion(s.history.next_number, s.now))
    if version.origin is Origin.IMPORTED:
        return _settle_import(s, version)
    if s.seen.wish.issued and not version.digest:
        return issuing.settle(s, version, wanted=_still_wanted(s, version))
    if s.takeover and doubt.why(s.seen, s.history) is not None:
        # What was taken over may have been sent by the other side: tried once, then its account stays dead.
        return Retire(version, RetiredAs.TAKEN_OVER) if s.denied(version) else Verify(version)
    if s.seen.wish.issued:
        return issuing.settle(s, version, wanted=True)
    return _settle_generated(s, version)


def _second_named_first(s: Situation, pending: tuple[Version, ...]) -> Version:
    """What ends next: of imports the second-named account's, so that the first-named is promoted last and is current."""
    accounts = s.seen.wish.accounts
    importing = [v for v in pending if v.origin is Origin.IMPORTED and v.account in accounts]
    return max(importing, key=lambda v: accounts.index(v.account), default=pending[0])


def import_incomplete(seen: Observed, history: History) -> bool:
    """Whether an account that is to be imported has no version yet: the first-named of two, or a corrected one."""
    if seen.wish.imported and history.to_import_again:
        return True
    if not (seen.wish.imported and seen.wish.mode is Mode.DUAL and history.versions):
        return False
    # Both exist at once or the higher sequences would not: only version 1 alone means that the second is missing.
    return len(history.versions) == 1 and history.versions[0].sequence == 1 and not history.versions[0].settled


def _settle_import(s: Situation, version: Version) -> Step | Wait:
    if not s.denied(version):
        return Verify(version)
    given = s.seen.imports.get(version.account, "")
    if given and version.source_digest and given != version.source_digest:
        return Retire(version, RetiredAs.SUPERSEDED)
    target, message = s.seen.target, located.imported(s.seen.wish, version.account)
    if not admins.is_the_only_login(s.seen):
        if target is not None and version.account in target.unverified_import:
            return Retire(version, RetiredAs.UNVERIFIED)
        where = f"{target.identity.kind} {target.identity.name}" if target else "the Target"
        message += (
            "; or, to have it reset by the first rotation, add the line "
            f"'allowUnverifiedImport: [{version.account}]' to the spec of {where}"
        )
    return Wait(None, Reason.IMPORTED_VALUE_UNVERIFIED, message, stalled=True)


def _settle_generated(s: Situation, version: Version) -> Step | Wait:
    memory, sequence = s.seen.memory, version.sequence
    wanted = _still_wanted(s, version)
    if not wanted and sequence in memory.unsent:
        return Retire(version, RetiredAs.SUPERSEDED)
    if sequence in memory.sent:
        return Verify(version)
    moved = version.target is not None and version.target.digest != s.digest
    if sequence in memory.unsent and not moved:
        return _apply(s, version)
    if not s.denied(version):
        return Verify(version)
    if sequence in memory.refused:
        return Retire(version, RetiredAs.REFUSED)
    return _send_again(s, version, wanted=wanted)


def _send_again(s: Situation, version: Version, *, wanted: bool) -> Step | Wait:
    """Pending does not log in and may have been sent: current tells whether this is still the same system."""
    current = s.history.current
    if current is not None and not s.proven(current):
        if not s.denied(current):
            return Verify(current)
        if current.target is not None and current.target.digest != s.digest:
            return located.other_data(s.seen.wish)
        if admins.changes_itself(s.seen):
            return admins.locked_out(s.seen)
    if not wanted:
        return Retire(version, RetiredAs.TAKEN_OVER)
    return _apply(s, version)


def _apply(s: Situation, version: Version) -> Step | Wait:
    return suspension.rest(s) or spare_the_one_in_use(s, version) or admins.spare_the_admin(s.seen) or Apply(version)


def spare_the_one_in_use(s: Situation, version: Version) -> Step | None:
    """The account that current has is never touched, whatever the records say."""
    current = s.history.current
    if version.mode is Mode.DUAL and current is not None and current.account == version.account:
        return Retire(version, RetiredAs.SUPERSEDED)
    return None


def _still_wanted(s: Situation, version: Version) -> bool:
    wish = s.seen.wish
    if version.account not in wish.accounts or version.mode is not wish.mode or wish.target is None:
        return False
    if version.target is None or not version.target.same_name(wish.target):
        return False
    approved = s.seen.target.approved if s.seen.target else ()
    return version.target.digest in {wish.target.digest, *approved}


def importing(seen: Observed, history: History) -> bool:
    """Whether not every imported account is settled: nothing is projected before, so that the first-named is current."""
    return import_incomplete(seen, history) or any(v.origin is Origin.IMPORTED for v in history.pending)


def unwritten(seen: Observed, history: History) -> tuple[ProjectionWish, ...]:
    """The projections whose Secret is not what it should be."""
    current = history.current
    if current is None or importing(seen, history):
        return ()
    return tuple(p for p in seen.wish.projections if differs(seen, history, p, current))


def differs(seen: Observed, history: History, projection: ProjectionWish, current: Version) -> bool:
    """Whether a Secret has to be made or changed."""
    secret = seen.secrets.get(projection.secret_name)
    if secret is None or not secret.managed or secret.lineage != history.lineage or not secret.intact:
        return True
    previous = history.previous if projection.include_previous else None
    owner = seen.wish.uid if seen.wish.deletion.secrets == "Delete" else ""
    return (secret.sequence, secret.previous_sequence, secret.shape, secret.owner_uid) != (
        current.sequence,
        previous.sequence if previous else 0,
        projection.shape,
        owner,
    )
