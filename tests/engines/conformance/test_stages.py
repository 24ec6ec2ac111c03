"""Each engine stands on a stage, and what is not asked of a kind of server is said there, with the reason."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from tests.engines.conformance.conftest import STAGES

from keyward.engines import registry


def _suite() -> set[str]:
    """Its tests, and the modules that they stand in."""
    modules = [file.stem for file in Path(__file__).parent.glob("test_*.py")]
    found = [vars(import_module(f"tests.engines.conformance.{name}")) for name in modules]
    return {*modules, *(name for module in found for name in module if name.startswith("test_"))}


def test_each_engine_has_a_stage() -> None:
    assert set(registry.ENGINES) <= {kind.name for kind in STAGES.values()}


@pytest.mark.parametrize("kind", STAGES.values(), ids=STAGES)
def test_what_is_not_asked_of_a_kind_of_server_is_of_the_suite_and_has_a_reason(kind) -> None:
    assert set(kind.unfit) <= _suite()
    assert all(len(reason) > 30 for reason in kind.unfit.values())
