"""A stand-in for a Windows host. No PowerShell is run: it knows our scripts by their text, and does what they are meant to do."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from tests.cloud.ecs import Ran

from keyward.engines.alibaba.hosts import powershell

_NAME = re.compile(r"Plain '([A-Za-z0-9+/=]*)'")
_VALUE = re.compile(r"\$secret = '([^']*)'")
_TICKS = re.compile(r"\$set -ne '([0-9]*)'")


@dataclass
class Person:
    password: str
    set: int = 1
    enabled: bool = True
    expired: str = ""


@dataclass
class WindowsHost:
    """`refused`: passwords that its policy does not take."""

    people: dict[str, Person] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    sets: int = 0
    system: str = "Windows"

    def run(self, script: str) -> Ran:
        status, said = self._run(script)
        return Ran(0, f"keyward {status} {base64.b64encode(said.encode()).decode()}\r\n".encode())

    def _run(self, script: str) -> tuple[int, str]:
        name = _decoded(_NAME, script)
        assert name is not None
        person = self.people.get(name)
        if person is None:
            return powershell.MISSING, ""
        if "$said = @(" in script:
            lines = [f"enabled {person.enabled}", f"set {person.set}"]
            return 0, "\n".join(lines + ([f"expired {person.expired}"] if person.expired else []))
        value = _decoded(_VALUE, script)
        logs_in = value == person.password
        if "Set-LocalUser" in script:
            return self._change(person, script, value or "", logs_in=logs_in)
        if not person.enabled or person.expired:
            return powershell.SHUT, "1331"
        return (0 if logs_in else powershell.WRONG), ""

    def _change(self, person: Person, script: str, value: str, *, logs_in: bool) -> tuple[int, str]:
        if logs_in and person.enabled:
            return 0, ""
        ticks = _TICKS.search(script)
        assert ticks is not None
        if ticks[1] != str(person.set):
            return powershell.CHANGED, ""
        if not person.enabled:
            return powershell.SHUT, ""
        if value in self.refused:
            return powershell.REFUSED, ""
        person.password, person.set, self.sets = value, person.set + 1, self.sets + 1
        return 0, ""


def _decoded(pattern: re.Pattern[str], script: str) -> str | None:
    found = pattern.search(script)
    # As Encoding.UTF8 there: what is no text becomes other text.
    return base64.b64decode(found[1]).decode("utf-8", "replace") if found else None
