"""Steps that write Secrets: rendered whole, made or replaced as they were judged, removed where nothing wishes them any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from keyward.controller import gap
from keyward.controller.passes import Pass
from keyward.controller.ports import Clock, SecretStore
from keyward.domain import ownership
from keyward.domain.model import Observed, SecretView
from keyward.domain.steps import Project, Unproject
from keyward.domain.version import Version
from keyward.domain.writes import SecretContent
from keyward.errors import Conflict, Reason
from keyward.sensitive import Sensitive

Render = Callable[[Pass, Project, tuple[Sensitive, Sensitive | None], datetime], SecretContent]
Note = Callable[[str, SecretView | None, str], None]
"""Namespace, the Secret as it is now or None, its name."""


@dataclass(frozen=True, slots=True)
class Projecting:
    """The part of the executor that writes Secrets."""

    secrets: SecretStore
    render: Render
    clock: Clock
    note: Note
    opened: Callable[[Pass, Version], Awaitable[Sensitive]]

    async def project(self, run: Pass, seen: Observed, step: Project) -> None:
        current = await self.opened(run, step.version)
        previous = await self.opened(run, step.previous) if step.previous else None
        content = self.render(run, step, (current, previous), self.clock())
        judged = seen.secrets.get(content.name)
        written = await (self._create(content) if judged is None else self._replace(content, judged))
        self.note(content.namespace, written, content.name)
        gap.measure(run, step.version, judged, self.clock())

    async def _create(self, content: SecretContent) -> SecretView:
        """A Secret that no watch has shown: only if the name is taken after all is it read, to say by whom."""
        try:
            return await self.secrets.create(content)
        except Conflict:
            there = await self.secrets.read(content.namespace, content.name)
            if there is not None:
                ownership.judge(there, content)
            raise

    async def _replace(self, content: SecretContent, judged: SecretView) -> SecretView:
        there = await self.secrets.read(content.namespace, content.name)
        if there is None:
            return await self.secrets.create(content)
        ownership.judge(there, content)
        if judged.resource_version != there.metadata["resourceVersion"]:
            # One that slept since it planned would put an old value over a newer one.
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"Secret {content.name} was changed since it was judged")
        return await self.secrets.replace(content, there)

    async def remove(self, _run: Pass, seen: Observed, step: Unproject) -> None:
        await self.secrets.delete(seen.wish.namespace, step.secret)
        self.note(seen.wish.namespace, None, step.secret.name)
