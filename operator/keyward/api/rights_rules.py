"""Where `spec.rotation.onRightsDrift` has nothing to compare, and is refused. Each message says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from keyward.api.base import Rule

_FIELD: Final = "spec.rotation.onRightsDrift"


def _unless_refused(cel: str, message: str, check: Callable[[Any], bool]) -> Rule:
    return Rule(
        f"self.rotation.onRightsDrift != 'Refuse' || {cel}",
        f"{_FIELD}: {message}",
        lambda spec: spec.rotation.on_rights_drift != "Refuse" or check(spec),
    )


def _has_a_model(spec: Any) -> bool:
    alone = [block for block in (spec.rds, spec.redis) if block is not None and block.import_ is not None]
    return all(block.account_management == "Dual" for block in alone)


def _gives_rights(spec: Any) -> bool:
    polardb = spec.polardb
    return polardb is None or polardb.engine != "PostgreSQL" or polardb.provider is None


RULES: Final[tuple[Rule, ...]] = (
    _unless_refused(
        "has(self.rds) || has(self.polardb) || has(self.redis)",
        "Refuse is for rds, polardb and redis, where accounts are given rights: remove it",
        lambda spec: spec.rds is not None or spec.polardb is not None or spec.redis is not None,
    ),
    _unless_refused(
        "((!has(self.rds) || !has(self.rds.__import__) || self.rds.accountManagement == 'Dual') && "
        "(!has(self.redis) || !has(self.redis.__import__)))",
        "the rights of an imported account that stands alone are compared with nobody's, and never touched: remove it",
        _has_a_model,
    ),
    _unless_refused(
        "!has(self.polardb) || self.polardb.engine != 'PostgreSQL' || !has(self.polardb.provider)",
        "the cloud's API gives no rights on PostgreSQL, and a pair that differs is never published: remove it",
        _gives_rights,
    ),
)
