"""What an arriving change means: into the cache, and its Credentials into the queue. Constant time, no calls, no decisions.

Whatever feeds it (streams, the first lists, a resync) may repeat itself, come late or out of order: the cache sorts that
out. A change that we wrote ourselves is known already and wakes nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from keyward.api import names
from keyward.controller.cache import Cache, Source
from keyward.controller.heap import Schedule
from keyward.controller.limits import RotationLimits, TargetKey
from keyward.controller.objects import Verdict, key_of
from keyward.controller.queue import Key, Priority, WorkQueue
from keyward.domain.model import Identity, SecretView
from keyward.kube.informer import Change

Json = dict[str, Any]
View = Callable[[Json], SecretView]


@dataclass(frozen=True, slots=True)
class Intake:
    """The one way in. `sweep` is set when versions may have lost their Credential, `keys` when EncryptionKeys changed."""

    cache: Cache
    queue: WorkQueue
    schedule: Schedule
    limits: RotationLimits
    view: View
    forget_secret: Callable[[str, str], None] = lambda _namespace, _name: None
    note_status: Callable[[str, Json | None], None] = lambda _uid, _status: None
    forget_status: Callable[[str], None] = lambda _uid: None
    sweep: asyncio.Event = field(default_factory=asyncio.Event)
    keys: asyncio.Event = field(default_factory=asyncio.Event)

    def everything(self) -> None:
        """Have every Credential looked at, in no haste."""
        self._add(self.cache.credentials(), Priority.BULK)

    # --- our kinds ---

    def credential(self, change: Change, item: Json) -> None:
        key = key_of(item)
        if change == "Deleted":
            rivals = self.cache.rivals(key)
            known = self.cache.credential(key)
            if self.cache.drop_credential(key, item["metadata"].get("resourceVersion", "")):
                self.schedule.forget(key)
                self.limits.forget(key)
                self.forget_status((known or {"metadata": {}})["metadata"].get("uid", ""))
                self._add([key, *rivals])
                self.sweep.set()
            return
        new, before = self.cache.credential_version(key) == 0, self.cache.rivals(key)
        verdict = self.cache.put_credential(item)
        if verdict is not Verdict.STALE:
            self.note_status(intern(item["metadata"].get("uid", "")), item.get("status"))
        if verdict is Verdict.CHANGED:
            self._add([key], Priority.BULK if new else Priority.NOW)
            # Who lost a rival, or won one, is judged anew.
            self._add(before ^ self.cache.rivals(key))

    def answered(self, item: Json) -> None:
        """A Credential as the server answered our own write of it.

        Its answer holds what somebody else changed right before, a deletion say, and the stream that tells of it is then
        late: nobody would be woken.
        """
        self.credential("Modified", item)

    def gone(self, of: Identity) -> None:
        """A write found that this Credential is not there any more.

        The stream never tells of one that went before it was open: such a one would be kept, and worked on, for long.
        """
        known = self.cache.credential((of.namespace, of.name))
        if known is not None and known["metadata"].get("uid") == of.uid:
            version = str(self.cache.credential_version((of.namespace, of.name)))
            metadata = {"namespace": of.namespace, "name": of.name, "resourceVersion": version}
            self.credential("Deleted", {"metadata": metadata})

    def credential_set(self, change: Change, item: Json) -> None:
        key = key_of(item)
        if change == "Deleted":
            self.cache.drop_set(key, item["metadata"].get("resourceVersion", ""))
        elif self.cache.put_set(item) is Verdict.CHANGED:
            self.cache.set_changed(key)

    def target(self, kind: str, change: Change, item: Json) -> None:
        target: TargetKey = (kind, *key_of(item))
        if change == "Deleted":
            news = self.cache.drop_target(target, item["metadata"].get("resourceVersion", ""))
        else:
            news = self.cache.put_target(kind, item) is Verdict.CHANGED
        if news:
            self._add(self.cache.credentials_using_target(*target))
            for key in self.cache.sets():
                self.cache.set_changed(key)

    def encryption_key(self, change: Change, item: Json) -> None:
        name = item["metadata"]["name"]
        if change == "Deleted":
            news = self.cache.drop_encryption_key(name, item["metadata"].get("resourceVersion", ""))
        else:
            news = self.cache.put_encryption_key(item) is Verdict.CHANGED
        if news:
            self.keys.set()
            self._add(self.cache.credentials_using_key(name), Priority.BULK)

    # --- what we write ---

    def version(self, change: Change, item: Json) -> None:
        owner = self.cache.version_index.take(change, item)
        if owner is not None:
            namespace, _, name = owner.partition("/")
            self._known([(namespace, name)])

    def secret(self, change: Change, item: Json) -> None:
        """A projected Secret's metadata."""
        namespace, name = key_of(item)
        if change == "Deleted":
            self.forget_secret(namespace, name)
            gone = self.cache.drop_secret(namespace, name, item["metadata"].get("resourceVersion", ""))
            if gone is not None:
                self._concerned(namespace, gone)
            return
        view = self.view(item)
        if self.cache.put_secret(namespace, view):
            self._concerned(namespace, view)

    def wrote_secret(self, namespace: str, view: SecretView | None, name: str) -> None:
        """We have written it, or deleted it. An admin login's: whoever works by it may have waited for it."""
        self.cache.note_secret(namespace, view, name)
        if view is not None:
            self._add(self.cache.credentials_using_admin(namespace, name))

    def source(self, change: Change, item: Json) -> None:
        """A Secret that is labelled as the source of a generic Credential."""
        namespace, name = key_of(item)
        metadata = item["metadata"]
        credential = (metadata.get("labels") or {}).get(names.LABEL_SOURCE_FOR)
        if change == "Deleted" or not credential:
            self._known(self.cache.drop_source(namespace, name))
        else:
            self._known(self.cache.put_source(namespace, credential, Source(name, metadata["resourceVersion"])))

    def _concerned(self, namespace: str, view: SecretView) -> None:
        claimed = self.cache.secret_claims(namespace, view.name)
        self._known({(namespace, view.credential), *([claimed] if claimed else [])})

    def _known(self, keys: Iterable[Key]) -> None:
        # A name without a Credential is the sweep's business.
        self._add(key for key in keys if self.cache.credential_version(key))

    def _add(self, keys: Iterable[Key], priority: Priority = Priority.NOW) -> None:
        for key in keys:
            self.queue.add(key, priority)
