"""Engines by name, imported when first asked for: a driver that is not installed stops nothing but its own type."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from keyward.engines.base import Engine
from keyward.errors import Blocked, Reason

_ENGINES: Final = {
    "PostgreSQL": ("keyward.engines.postgresql.engine", "PostgreSQL", "psycopg[binary]"),
    "MySQL": ("keyward.engines.mysql.engine", "MySQL", "keyward[mysql]"),
    "MariaDB": ("keyward.engines.mysql.engine", "MariaDB", "keyward[mysql]"),
    "Redis": ("keyward.engines.redis.engine", "Redis", "keyward[redis]"),
    "Linux": ("keyward.engines.ssh.engine", "SSH", "keyward[ssh]"),
}


def get(name: str) -> Engine:
    """The engine of this name.

    Raises:
        Blocked: ENGINE_UNSUPPORTED, no such engine, or its driver is not installed.
    """
    if name not in _ENGINES:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"there is no engine {name!r}; there is {', '.join(sorted(_ENGINES))}")
    module, kind, driver = _ENGINES[name]
    try:
        engine: Engine = getattr(import_module(module), kind)()
    except ImportError:
        text = f"the driver of {name} is not installed: install {driver}"
        raise Blocked(Reason.ENGINE_UNSUPPORTED, text) from None
    return engine
