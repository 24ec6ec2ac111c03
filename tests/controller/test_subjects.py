"""Credentials are parsed when they change, and a wish is made anew when its Target is another one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from keyward.controller import subjects
from keyward.controller.access import Sight
from keyward.controller.cache import Cache
from keyward.controller.subjects import Subjects
from keyward.domain.version import TargetIdentity
from keyward.errors import Blocked, Reason

KEY = ("shop", "orders")
GENERIC = {"generic": {"generate": {}}, "projections": [{"secretName": "orders"}]}
MANAGED = {
    "rds": {
        "targetRef": {"name": "pg"},
        "create": {"name": "orders", "privileges": [{"database": "orders", "level": "ReadWrite"}]},
        "databaseName": "orders",
    },
    "rotation": {"interval": "24h"},
}


class Targets:
    """Shows what it is told to."""

    def __init__(self) -> None:
        self.sight = Sight(identity=TargetIdentity("Target", "pg", "digest-1"))

    def look(self, _credential: object) -> Sight:
        return self.sight


@pytest.fixture
def parsed(monkeypatch) -> list[object]:
    """What was parsed."""
    done: list[object] = []
    real = subjects.parse

    def parse(model: Any, item: Any) -> Any:
        done.append(item)
        return real(model, item)

    monkeypatch.setattr(subjects, "parse", parse)
    return done


class World:
    def __init__(self) -> None:
        self.cache, self.targets = Cache(), Targets()
        self.subjects = Subjects(self.cache, self.targets)  # type: ignore[arg-type]
        self.version = 10

    def put(self, spec=GENERIC, status=None, name="orders", **metadata: Any) -> None:
        self.version += 1
        metadata = {"name": name, "namespace": "shop", "uid": "u1", "resourceVersion": str(self.version)} | metadata
        self.cache.put_credential({"metadata": metadata, "spec": spec} | ({"status": status} if status else {}))

    def look(self, name="orders"):
        found = self.subjects.look(("shop", name))
        return None if found is None else found.subject


@pytest.fixture
def world() -> World:
    return World()


def test_a_pass_of_many_looks_parses_once_and_a_status_changes_nothing(world, parsed):
    world.put()
    first = world.look()
    world.put(status={"state": "Enabled"})
    assert world.look().wish is first.wish
    assert len(parsed) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"spec": GENERIC | {"encryptionKeyName": "other"}},
        {"annotations": {"keyward.dev/rotate": "now"}},
        {"uid": "u2"},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
    ],
)
def test_whatever_a_person_changes_is_seen_at_the_next_look(world, changed):
    world.put()
    before = world.look().wish
    world.put(**changed)
    assert world.look().wish != before


def test_a_credential_that_is_gone_is_gone_and_one_made_anew_is_another(world):
    world.put()
    world.look()
    world.cache.drop_credential(KEY, str(world.version))
    assert world.look() is None
    world.put(uid="u2")
    assert world.look().wish.uid == "u2"


def test_another_target_makes_another_wish_of_the_same_credential(world, parsed):
    world.put(spec=MANAGED)
    first = world.look().wish
    assert world.look().wish is first
    world.targets.sight = dataclasses.replace(world.targets.sight, identity=TargetIdentity("Target", "pg", "digest-2"))
    assert world.look().wish.target.digest == "digest-2"
    assert len(parsed) == 1


def test_a_spec_that_cannot_be_followed_is_refused_at_each_look(world):
    world.put(spec=GENERIC | {"rotation": {"interval": "24h"}})
    for _ in range(2):
        with pytest.raises(Blocked) as refused:
            world.look()
        assert refused.value.reason is Reason.INVALID_SPEC


def test_only_so_many_are_kept(world, monkeypatch, parsed):
    monkeypatch.setattr(subjects, "_KEPT", 2)
    for name in ("a", "b", "c"):
        world.put(name=name)
        world.look(name)
    world.look("a")
    assert len(parsed) == 4
    assert len(world.subjects._known) == 2
