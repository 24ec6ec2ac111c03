"""A kind of server that cannot be had here: the demo says why, and plays with the others."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from demo.servers import KINDS, here
from demo.world import World

from demo import notes, objects


@pytest.fixture
def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)


def test_each_kind_has_a_credential() -> None:
    servers = {objects.server_of(one) for one in objects.credentials(KINDS)}
    assert servers == {kind.name for kind in KINDS} == {"PostgreSQL", "MariaDB", "Redis", "Linux"}


@pytest.mark.usefixtures("without_root")
def test_without_root_the_host_is_left_out_and_that_is_said() -> None:
    kinds, missing = here()
    assert [kind.name for kind in kinds] == ["PostgreSQL", "MariaDB", "Redis"]
    listed = objects.credentials(kinds)
    assert {objects.server_of(one) for one in listed} == {"PostgreSQL", "MariaDB", "Redis"}
    cluster = SimpleNamespace(way="plain", kubeconfig=Path("k"))
    world = World(cluster, listed, {}, [], "a node needs root", missing, SimpleNamespace())  # type: ignore[arg-type]
    said = notes.about(world)
    assert "No Linux: a host with users of its own needs root." in said
    assert "No pods: a node needs root." in said
