"""What the Credential's status says: a summary for people and tools, derived anew each time. Pure.

The planner reads nothing of it but the failure count. A failed rotation does not take Ready away while the published
value still works.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keyward.domain import commands, doubt, lineage, nodes, reserving, settling
from keyward.domain.conditions import Since, stamp
from keyward.domain.history import History
from keyward.domain.model import Observed, Obstacle
from keyward.domain.situation import Situation
from keyward.domain.steps import Wait
from keyward.domain.version import CauseKind, Mode, Version
from keyward.errors import REASONS, Reason

Json = dict[str, Any]
_LONGEST = 256  # characters of a short text, as the API has it
_WITNESSES = {"OnHost": "it was tried by a login on the host itself"}  # others compare it with what the system stores
_TOLD = ("Grace", "BackOff", "ConsumersNotCurrent", "ProjectionPending", "Suspended", Reason.TARGET_SUSPENDED)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in a concern during this pass."""

    reason: Reason
    message: str
    step: str = ""
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a pass ended."""

    rotation: Wait
    rotation_problem: Problem | None = None
    projection_problem: Problem | None = None
    key_problem: Problem | None = None
    failures: Json | None = None


def build(seen: Observed, outcome: Outcome, before: Json, now: datetime) -> Json:
    """The whole status. `before` is the one that stands, for the times of unchanged conditions."""
    resolution = lineage.resolve(seen)
    history = resolution.history if not isinstance(resolution, Wait) else History(seen.wish.lineage or "", ())
    current = history.current
    secrets = [
        s
        for p in seen.wish.projections
        if (s := seen.secrets.get(p.secret_name)) is not None and s.managed and s.lineage == history.lineage
    ]
    status: Json = {
        "observedGeneration": seen.wish.generation,
        "type": f"{seen.wish.type}/{seen.wish.engine}" if seen.wish.engine else seen.wish.type,
        "state": _state(seen, outcome),
        "lineage": history.lineage,
        "currentVersion": current.version_id if current else "",
        "nextRotation": _next_rotation(seen, history, now),
        "projections": [
            {"secretName": s.name, "sequence": s.sequence, "version": _named(history, s.sequence)} for s in secrets
        ],
        "secrets": _glance([s.name for s in secrets]),
        "conditions": _conditions(seen, history, outcome, Since(before, now)),
    }
    if current is not None and current.promoted is not None:
        status["lastRotated"] = stamp(current.promoted.at)
    gap = _gap(seen, current, before)
    if gap:
        status["lastGap"] = gap
    if outcome.failures:
        status["failures"] = outcome.failures
    status |= _of_cloud(seen, before)
    if outcome.rotation.reason in _TOLD:
        # While the clock is behind, each process counts from when it noticed: two would write their times by turns.
        until = outcome.rotation.until if seen.memory.behind_since is None else None
        status["waiting"] = {"reason": str(outcome.rotation.reason)} | ({"until": stamp(until)} if until else {})
    if outcome.rotation.reason in doubt.TEXTS:
        status["takeover"] = commands.takeover_text(seen, history)
    return status


def _gap(seen: Observed, current: Version | None, before: Json) -> str:
    """How long the last rotation of a single account left its readers without a value; empty if that is not known."""
    if current is None or current.mode is not Mode.SINGLE:
        return ""
    if seen.memory.gap is not None and seen.memory.gap[0] == current.sequence:
        return f"{seen.memory.gap[1].total_seconds():.2f}s"
    return str(before.get("lastGap", "")) if before.get("currentVersion") == current.version_id else ""


def invalid(before: Json, generation: int, problem: Problem, now: datetime) -> Json:
    """The status of a spec that cannot be followed: what is published stays, and so does what was said of it."""
    since = Since(before, now)
    kept = [c for c in before.get("conditions", []) if c.get("type") not in ("Rotated", "Stalled", "Reconciling")]
    if not kept:
        kept = [since.condition("Ready", False, problem.reason, problem.message, generation)]
    told = [
        since.condition("Rotated", False, problem.reason, problem.message, generation),
        since.condition("Stalled", True, problem.reason, problem.message, generation),
    ]
    return {**before, "observedGeneration": generation, "state": "Invalid", "conditions": kept + told}


def newly_in_the_way(before: Json, after: Json) -> tuple[str, str] | None:
    """Reason and message of what keeps a rotation back since this status; a failure was told already."""
    old, new = _in_the_way(before), _in_the_way(after)
    if new is None or new == old or after.get("failures"):
        return None
    return new


def _in_the_way(status: Json) -> tuple[str, str] | None:
    found = {c.get("type"): c for c in status.get("conditions", [])}
    for kind, state in (("Stalled", "True"), ("Rotated", "False")):
        told = found.get(kind, {})
        if told.get("status") == state and told.get("reason") in REASONS:
            return told["reason"], told.get("message", "")
    return None


def _glance(names: list[str]) -> str:
    """All names in one line, as a column of kubectl shows one text of a field; what is too long is counted."""
    told = ", ".join(names)
    while len(told) > _LONGEST:
        *names, _ = names
        told = f"{', '.join(names)} and more"
    return told


def _named(history: History, sequence: int) -> str:
    return next((v.version_id for v in history.versions if v.sequence == sequence), "")


def _state(seen: Observed, outcome: Outcome) -> str:
    if seen.wish.deleting_since is not None:
        return "PendingDeletion"
    if outcome.rotation_problem is not None and outcome.rotation_problem.reason is Reason.INVALID_SPEC:
        return "Invalid"
    return "Disabled" if seen.wish.suspended else "Enabled"


def _next_rotation(seen: Observed, history: History, now: datetime) -> str:
    if seen.obstacle is not None or not history.versions or seen.wish.deleting_since is not None:
        return ""
    if _switched_off(seen):
        return "suspended"
    takeover = commands.takes_over(seen, history)
    situation = Situation(seen, history, now, takeover)
    need, current = reserving.next_need(situation), history.current
    if need is None:
        return ""
    if need.kind is not CauseKind.SCHEDULE or current is None or current.promoted is None:
        return "due"  # a need of this very moment has no time that stays: it would be another status at each look
    # Until when a process puts off what it missed is its own affair: two would write their times by turns.
    return stamp(reserving.due_at(situation, current.promoted.at))


def _switched_off(seen: Observed) -> bool:
    return seen.wish.suspended or seen.frozen or (seen.target is not None and seen.target.suspended)


def _conditions(seen: Observed, history: History, outcome: Outcome, since: Since) -> list[Json]:
    generation = seen.wish.generation
    is_ready, reason, message = _ready(seen, history, outcome)
    found = [
        since.condition("Ready", is_ready, reason, message, generation),
        since.condition("Rotated", *_rotated(seen, history, outcome), generation),
    ]
    if outcome.key_problem is not None:
        problem = outcome.key_problem
        found.append(since.condition("KeyAvailable", False, problem.reason, problem.message, generation))
    found += _of_nodes(seen, history, since)
    found += _of_witness(seen, since)
    problem_or_wait = _stalled(outcome)
    if problem_or_wait is not None:
        found.append(since.condition("Stalled", True, *problem_or_wait, generation))
    elif not is_ready and _is_new(since, generation) and not _switched_off(seen) and seen.wish.deleting_since is None:
        found.append(since.condition("Reconciling", True, reason, message, generation))
    return found


def _is_new(since: Since, generation: int) -> bool:
    """Whether this spec has not been Ready yet. Told from the status that stands, it changes in no write but Ready's own."""
    ready = since.standing("Ready")
    if ready is None or ready.get("observedGeneration") != generation:
        return True
    unready = ready.get("status") != "True"
    return unready and any(since.standing(kind) is not None for kind in ("Reconciling", "Stalled"))


def _of_nodes(seen: Observed, history: History, since: Since) -> list[Json]:
    """Of a system that keeps accounts per node. While its nodes are not looked at, what was said of them stands."""
    if seen.nodes is None:
        return [kept for kind in ("NodesCurrent", "Persistent") if (kept := since.standing(kind)) is not None]
    generation, lacking = seen.wish.generation, nodes.behind(seen) if history.current is not None else []
    away = [node.problem for node in seen.nodes if node.problem]
    forgetful = [node.name for node in seen.nodes if not node.keeps]
    if lacking:
        text = f"{', '.join(lacking)} lacks an account or its value and is being given it; until then logins may fail there"
        verdict = (False, str(Reason.PROPAGATION_TIMEOUT), text)
    elif away:
        verdict = (False, str(Reason.UNREACHABLE), "; ".join(away))
    elif more := nodes.exceeding(seen):
        text = (
            f"{', '.join(more)} holds a password beside ours that other nodes do not hold: one that was ended while it was away, "
            "or somebody's; look whose it is, and end it there with ACL SETUSER"
        )
        verdict = (False, str(Reason.SECOND_PASSWORD), text)
    else:
        verdict = (True, "NodesAgree", "")
    found = [since.condition("NodesCurrent", *verdict, generation)]
    if forgetful:
        text = (
            f"{', '.join(forgetful)} keeps accounts in memory only: let it write an ACL file, or a configuration file"
        )
        found.append(since.condition("Persistent", False, Reason.NOT_PERSISTENT, text, generation))
    return found


def _of_witness(seen: Observed, since: Since) -> list[Json]:
    """By what a value was proven, where no login can. Until this process has proven one, what was said stands."""
    witness = seen.memory.witness
    if not witness:
        return [kept for kept in [since.standing("VerifiedBy")] if kept is not None]
    if witness == "Login":
        return []
    how = _WITNESSES.get(witness, "the admin compared it with what is stored there")
    text = f"VerifiedBy={witness}: the system lets nobody in from here with this value, so {how}"
    return [since.condition("VerifiedBy", True, witness, text, seen.wish.generation)]


def _of_cloud(seen: Observed, before: Json) -> Json:
    """The name that the source system gives, and the last calls that changed something there, also of the process before."""
    told = dict.fromkeys([*before.get("requests", []), *seen.memory.requests])
    found: Json = {"credentialName": f"acs/ram/user/{seen.wish.accounts[0]}"} if seen.wish.issued else {}
    return found | ({"requests": list(told)[-4:]} if told else {})


def _ready(seen: Observed, history: History, outcome: Outcome) -> tuple[bool, str, str]:
    current = history.current
    problem = outcome.projection_problem
    if current is None:
        cause = outcome.rotation_problem or problem or outcome.key_problem
        if cause is not None:
            return False, cause.reason, cause.message
        return False, outcome.rotation.reason or "Pending", outcome.rotation.message or "no version is current yet"
    if seen.denied(current):
        return False, Reason.LOGIN_REFUSED, "the target refuses the login of the current version"
    if problem is not None:
        return False, problem.reason, problem.message
    if settling.importing(seen, history):
        return False, outcome.rotation.reason or "ImportPending", outcome.rotation.message
    lacking = nodes.behind(seen)
    if lacking:
        return False, Reason.PROPAGATION_TIMEOUT, f"logins may fail at {', '.join(lacking)} until it is mended"
    unwritten = settling.unwritten(seen, history)
    if unwritten:
        names = ", ".join(p.secret_name for p in unwritten[:3])
        cause = outcome.rotation_problem
        if cause is not None:
            return False, cause.reason, cause.message
        return False, "ProjectionPending", f"these Secrets do not hold the current version yet: {names}"
    return True, "Projected" if seen.wish.projections else "Stored", f"version {current.version_id} is current"


def _rotated(seen: Observed, history: History, outcome: Outcome) -> tuple[bool, str, str]:
    problem = outcome.rotation_problem
    if problem is not None:
        return False, problem.reason, problem.message
    command = commands.promote_candidate(seen, history)
    if isinstance(command, Obstacle):
        return False, command.reason, command.message
    if outcome.rotation.stalled:
        return False, outcome.rotation.reason, outcome.rotation.message
    if history.current is None:
        return False, outcome.rotation.reason or "Pending", outcome.rotation.message
    return True, "UpToDate", ""


def _stalled(outcome: Outcome) -> tuple[str, str] | None:
    """Stalled, in the sense of kstatus: only what a person or a change of a spec can mend."""
    problem = outcome.rotation_problem
    if problem is not None and problem.stalled:
        return problem.reason, problem.message
    if outcome.rotation.stalled:
        return outcome.rotation.reason, outcome.rotation.message
    problem = outcome.projection_problem
    return (problem.reason, problem.message) if problem is not None and problem.stalled else None
