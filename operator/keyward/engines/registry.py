"""Engines by name, imported when first asked for: a driver that is not installed stops nothing but its own type."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from keyward.engines.base import Engine
from keyward.errors import Blocked, Reason

ENGINES: Final[dict[str, tuple[str, str, str]]] = {
    "PostgreSQL": ("keyward.engines.postgresql.engine", "PostgreSQL", "psycopg[binary]"),
    "MySQL": ("keyward.engines.mysql.engine", "MySQL", "keyward[mysql]"),
    "MariaDB": ("keyward.engines.mysql.engine", "MariaDB", "keyward[mysql]"),
    "Redis": ("keyward.engines.redis.engine", "Redis", "keyward[redis]"),
    "AlibabaCloud": ("keyward.engines.alibaba.ram.engine", "Ram", "keyward[alibaba]"),
    "AlibabaCloud/Linux": ("keyward.engines.alibaba.hosts.engine", "LinuxHost", "keyward[alibaba,ssh]"),
    "AlibabaCloud/Windows": ("keyward.engines.alibaba.hosts.windows", "WindowsHost", "keyward[alibaba]"),
    "AlibabaCloud/Redis": ("keyward.engines.alibaba.caches.engine", "CloudRedis", "keyward[alibaba,redis]"),
    "AlibabaCloud/MySQL": ("keyward.engines.alibaba.databases.engine", "CloudMySQL", "keyward[alibaba,mysql]"),
    "AlibabaCloud/MariaDB": ("keyward.engines.alibaba.databases.engine", "CloudMariaDB", "keyward[alibaba,mysql]"),
    "AlibabaCloud/PostgreSQL": ("keyward.engines.alibaba.databases.engine", "CloudPostgreSQL", "keyward[alibaba]"),
    "Linux": ("keyward.engines.ssh.engine", "SSH", "keyward[ssh]"),
}
"""By name: module, class, and what to install if its driver is missing; empty for one that needs no driver."""


def get(name: str) -> Engine:
    """The engine of this name.

    Raises:
        Blocked: ENGINE_UNSUPPORTED, no such engine, or its driver is not installed.
    """
    if name not in ENGINES:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"there is no engine {name!r}; there is {', '.join(sorted(ENGINES))}")
    module, kind, driver = ENGINES[name]
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "keyward" or not driver:
            raise  # a mistake of ours, which no driver mends
    else:
        engine: Engine = getattr(found, kind)()
        return engine
    text = f"the driver of {name} is not installed (there is no Python package {missing}): install {driver}"
    raise Blocked(Reason.ENGINE_UNSUPPORTED, text)
