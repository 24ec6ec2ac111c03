"""CredentialSets: keeps the Credentials of each as its template says, and counts them. What they do is theirs.

One set at a time, with a bounded number of writes at once, and at most one status in some seconds: a thousand Credentials
that become Ready one after another must not be a thousand writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn

from keyward.api.base import parse
from keyward.api.credential_set import CredentialSet
from keyward.api.encryption_key import allows
from keyward.controller.cache import Cache
from keyward.controller.intake import Intake
from keyward.controller.queue import Key
from keyward.domain import members
from keyward.domain.conditions import Since
from keyward.domain.members import Aim, Change, Failure, Make, Plan, Remove
from keyward.errors import Blocked, Conflict, KeywardError
from keyward.kube import statuses
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import Client
from keyward.kube.kinds import CREDENTIAL_SETS, CREDENTIALS

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_AT_ONCE: Final = 16
_PAUSE: Final = 2.0  # between two rounds over the sets that changed
_AGAIN: Final = 10.0  # after something did not go through
_TOLD: Final = 50


@dataclass(slots=True)
class _Round:
    """How one look at a set went."""

    plan: Plan
    failures: list[Failure] = field(default_factory=list)
    done: list[str] = field(default_factory=list)  # Credentials that were made or changed
    again: bool = False


class CredentialSets:
    """`wake` neither waits nor raises; `run` works."""

    def __init__(self, intake: Intake, client: Client, clock: Callable[[], datetime], pause: float = _PAUSE) -> None:
        self._intake, self._client, self._clock, self._pause = intake, client, clock, pause
        self._waiting: set[Key] = set()
        self._woken = asyncio.Event()

    @property
    def _cache(self) -> Cache:
        return self._intake.cache

    def wake(self, key: Key) -> None:
        """Something of this set may have changed."""
        self._waiting.add(key)
        self._woken.set()

    async def run(self) -> NoReturn:
        """Look after the sets for ever; cancel it."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            waiting, self._waiting = self._waiting, set()
            again = [key for key in sorted(waiting) if not await self._look(key)]
            await asyncio.sleep(_AGAIN if again else self._pause)
            for key in again:
                self.wake(key)

    async def _look(self, key: Key) -> bool:
        """One look at one set; False: something did not go through."""
        raw = self._cache.credential_set(key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            return True  # owner references do the rest
        try:
            wish = parse(CredentialSet, raw)
            found = _Round(members.plan(wish, raw, self._aims(wish), self._there(wish)))
            await self._do(wish, found)
            await self._report(key, raw, found)
        except Conflict:
            return False
        except KeywardError as error:
            _log.info("CredentialSet %s/%s is looked at later: %s", *key, error.message)
            return False
        return not found.again

    # --- reads ---

    def _aims(self, wish: CredentialSet) -> Iterator[Aim]:
        namespace, kind = wish.metadata.namespace, wish.spec.targets.kind
        for found, place, name in self._cache.targets():
            if found != kind or (kind == "Target" and place != namespace):
                continue
            raw = self._cache.target(kind, place or None, name) or {"metadata": {}}
            granted = kind == "Target" or allows(
                tuple((raw.get("spec") or {}).get("allowedNamespaces") or ()), namespace
            )
            yield Aim(name, raw["metadata"].get("labels") or {}, granted)

    def _there(self, wish: CredentialSet) -> dict[str, Json]:
        """The set's Credentials, and those that are named as one of it would be."""
        namespace, name = wish.metadata.namespace, wish.metadata.name
        keys = set(self._cache.credentials_of_set((namespace, name)))
        keys |= {(namespace, f"{name}-{aim.name}") for aim in self._aims(wish)}
        return {key[1]: raw for key in keys if (raw := self._cache.credential(key)) is not None}

    # --- writes ---

    async def _do(self, wish: CredentialSet, found: _Round) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(step: Make | Change | Remove) -> None:
            async with limit:
                await self._step(wish, step, found)

        await asyncio.gather(*(one(step) for step in found.plan.steps))

    async def _step(self, wish: CredentialSet, step: Make | Change | Remove, found: _Round) -> None:
        try:
            await self._effect(wish, step)
        except NotFound:
            return
        except Blocked as error:
            target = step.name if isinstance(step, Remove) else step.member.target
            found.failures.append(Failure(target, error.reason, error.message))
        except KeywardError as error:
            _log.debug("a Credential of a set is looked at again: %s", error.message)
            found.again = True
        else:
            if not isinstance(step, Remove):
                found.done.append(step.member.name)

    async def _effect(self, wish: CredentialSet, step: Make | Change | Remove) -> None:
        namespace = wish.metadata.namespace
        match step:
            case Make(member=member):
                metadata = {
                    "name": member.name,
                    "namespace": namespace,
                    "labels": dict(member.labels),
                    "annotations": dict(member.annotations),
                    "ownerReferences": _owners(wish),
                }
                body = {"apiVersion": CREDENTIALS.api_version, "kind": CREDENTIALS.name, "metadata": metadata}
                self._intake.credential(
                    "Added", await self._client.create(CREDENTIALS, namespace, body | {"spec": member.spec})
                )
            case Change(member=member, patch=patch):
                patch["metadata"]["ownerReferences"] = _owners(wish)
                asked = Asked("patch", CREDENTIALS, namespace, member.name)
                self._intake.credential("Modified", await self._client.merge(asked, patch))
            case Remove(name=name, patch=None, uid=uid):
                await self._client.delete(CREDENTIALS, namespace, name, {"uid": uid})
            case Remove(name=name, patch=patch):
                assert patch is not None
                asked = Asked("patch", CREDENTIALS, namespace, name)
                self._intake.credential("Modified", await self._client.merge(asked, patch))

    # --- status ---

    async def _report(self, key: Key, raw: Json, found: _Round) -> None:
        before = raw.get("status") or {}
        status = self._status(raw, found)
        if status == before:
            return
        asked = Asked("patch", CREDENTIAL_SETS, key[0], key[1], "status")
        self._cache.put_set(await statuses.replace(self._client, asked, raw["metadata"]["uid"], status))

    def _status(self, raw: Json, found: _Round) -> Json:
        plan, generation = found.plan, raw["metadata"].get("generation", 0)
        failures = sorted((*plan.failures, *found.failures), key=lambda f: f.target)
        made = [*plan.current, *found.done]
        ready = sum(self._is_ready((raw["metadata"]["namespace"], name)) for name in made)
        since = Since(raw.get("status") or {}, self._clock())
        complete = ready == plan.desired
        message = f"{ready} of {plan.desired} Credentials are Ready"
        reason = "AllReady" if complete else "MembersFailed" if failures else "MembersNotReady"
        return {
            "observedGeneration": generation,
            "desired": plan.desired,
            "created": len(made),
            "ready": ready,
            "failed": len(failures),
            "failures": [
                {"target": f.target, "reason": str(f.reason), "message": f.message[:1024]} for f in failures[:_TOLD]
            ],
            "conditions": [since.condition("Ready", complete, reason, message, generation)],
        }

    def _is_ready(self, key: Key) -> bool:
        conditions = ((self._cache.credential(key) or {}).get("status") or {}).get("conditions") or ()
        return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _owners(wish: CredentialSet) -> list[Json] | None:
    """Deleted with the set, or not owned at all: an owner would take it along when the set goes."""
    if wish.spec.removal_policy == "Orphan":
        return None
    owner = {"apiVersion": CREDENTIAL_SETS.api_version, "kind": CREDENTIAL_SETS.name, "name": wish.metadata.name}
    return [owner | {"uid": wish.metadata.uid, "controller": True}]
