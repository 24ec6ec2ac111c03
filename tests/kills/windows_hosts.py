"""Lives of users of a Windows instance: a password goes there as a secret parameter that is there for one command.

What runs the commands is a stand-in, which keeps how often each password was set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cloud.hosts import Cloud, cloud_of
from tests.cloud.windows import Person, WindowsHost
from tests.kills.api import Api
from tests.kills.cloud_hosts import CloudLife, CloudStage
from tests.kills.consumers import Consumers
from tests.kills.lives import CREATION, ROTATION, Json, Kin, Life, Tale
from tests.kills.stage import Stage

TALE = Tale(Kin("single, password import", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION))


@dataclass(frozen=True, slots=True)
class Desk:
    """Where its users log in: what consumers are told, and nobody of the tests goes to."""

    host: str = "desk.example.com"
    port: int = 3389


class WindowsLife(CloudLife):
    """See `Life`."""

    __slots__ = ()

    def _spec(self) -> Json:
        spec = super()._spec()
        spec["ecs"]["engine"] = "Windows"
        return spec


class WindowsStage(CloudStage):
    """See `Stage`."""

    def __init__(self, api: Api, cloud: Cloud) -> None:
        super().__init__(api, Desk(), cloud)  # type: ignore[arg-type]
        self.people: dict[str, Person] = cloud.ecs.host.people  # type: ignore[attr-defined]

    def consumers(self) -> Consumers:
        return WindowsConsumers(self.api.kubeconfig, Path(), people=self.people)

    def _trust(self) -> str:
        return ""

    def _host(self) -> Json:
        return {"engine": "Windows", "endpoints": [{"host": self.server.host, "port": self.server.port}]}

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return WindowsLife(kin, name, self.namespace, "", self.server.port, through)

    def _have_accounts(self, life: Life) -> None:
        assert isinstance(life, WindowsLife)
        self.people[life.role] = Person(life.given)

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """Those of `Stage`; how often the password was set, and whether anybody's value is still a parameter."""
        lives = list(lives)
        found = Stage.looks(self, lives)
        for life in lives:
            # Each process says it once it has proven a value itself: who is killed before has said it not yet.
            ((found[life.name]["credential"] or {}).get("conditions") or {}).pop("VerifiedBy", None)
            found[life.name] |= {"set": self.people[life.role].set, "parameters": len(self.cloud.oos.secrets)}
        return found

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        return {
            name: (person.enabled, None, f"{person.password} {person.set}")
            for name, person in list(self.people.items())
        }

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert secret["password"] == self.people[life.role].password

    # --- the end ---

    def _drop(self, lives: list[Life]) -> None:
        for life in lives:
            del self.people[life.role]


@dataclass(slots=True)
class WindowsConsumers(Consumers):
    """Who logs in there, were it a Windows."""

    people: dict[str, Person] = field(kw_only=True)

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        return "" if self.people[secret["username"]].password == secret["password"] else "LogonFailure"


@contextmanager
def windows_cloud(folder: Path) -> Iterator[Cloud]:
    """An instance with a role, and without a user."""
    with cloud_of(WindowsHost(), folder) as cloud:
        cloud.ecs.role = "keyward-reader"
        yield cloud
