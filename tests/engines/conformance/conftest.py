"""The stages of the suite: each test runs once on each. A module of this folder with a stage in it is all that one needs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from tests.engines.conformance.stage import Stage

MODULES: tuple[ModuleType, ...] = tuple(
    import_module(f"tests.engines.conformance.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("*.py"))
    if file.stem != "conftest" and not file.stem.startswith("test_")
)
STAGES: dict[str, type[Stage]] = {
    kind.title or kind.name: kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Stage) and hasattr(kind, "name")
}


def pytest_configure(config: pytest.Config) -> None:
    """A stage's server may be a fixture of its own module."""
    for module in MODULES:
        if not config.pluginmanager.is_registered(module):
            config.pluginmanager.register(module)


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Stage:
    """A real server of one kind."""
    kind = STAGES[request.param]
    return kind(request.getfixturevalue(kind.server))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What means nothing on a kind of server is not run on it; its stage says why."""
    out = [item for item in items if _is_unfit(item)]
    if out:
        items[:] = [item for item in items if item not in out]
        config.hook.pytest_deselected(items=out)


def _is_unfit(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or item.path.parent != Path(__file__).parent:
        return False
    named = item.callspec.params.get("stage") if hasattr(item, "callspec") else None
    kind = STAGES.get(named) if isinstance(named, str) else None
    return kind is not None and not kind.unfit.keys().isdisjoint({item.originalname, item.path.stem})
