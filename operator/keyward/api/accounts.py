"""Names of accounts: those that we make, those that nobody may claim, and what fits into each kind of server. Pure."""

from __future__ import annotations

import re
from typing import Final

CREATED: Final = r"^[a-z_][a-z0-9_]{0,56}$"
RESERVED: Final = r"^(postgres|public|none|pg_.*|current_role|current_user|session_user)$"
RESERVED_BY_MYSQL: Final = r"^(root|mysql|mysql\..*|mariadb\..*|sys|rdsadmin|aliyun_root)$"
CREATED_IN_REDIS: Final = r"^[a-z][a-z0-9_]*$"
IMPORTED_IN_REDIS: Final = r"^[!-~]+$"
DEFAULT_OF_REDIS: Final = "default"
RESERVED_BY_TAIR: Final = (
    r"^(admin|aurora|drc_rds|eagleye|guest|information_schema|mysql|replicator|root|test|xtrabak)$"
)
"""Names of the service's own. It keeps many words more, as `select`, and refuses them itself before anything is made."""
RESERVED_BY_POLARDB: Final = r"^(root|admin|mysql|sys|aurora|rdsadmin|postgres|public|none|pg_.*)$"
CREATED_IN_POLARDB: Final = r"^[a-z][a-z0-9_]{0,8}[a-z0-9]$"
"""PolarDB's own names have 2 to 16 characters, the clone's included."""
CREATED_IN_THE_CLOUD: Final = r"^[a-z][a-z0-9_]*[a-z0-9]$"
MAX_OF_MARIADB_IN_THE_CLOUD: Final = 16
"""As RDS documents CreateAccount: 2 to 16 for MariaDB, 2 to 32 for MySQL (16 for 5.6), 2 to 63 for PostgreSQL."""
MAX_BYTES: Final = 63
"""PostgreSQL cuts a longer identifier off without an error: it would be somebody else's."""
MAX_OF_MYSQL: Final = 32
CLONE: Final = "_clone"
RIGHTS: Final = "_rights"
MAX_CREATED: Final = MAX_BYTES - len(RIGHTS)
MAX_CREATED_IN_MYSQL: Final = MAX_OF_MYSQL - len(CLONE)
"""In MariaDB too, although it takes more: one limit for both is easier to remember."""
LONGEST: Final = 100
"""Of an account's name on any system; Redis has the longest."""
MAX_CREATED_IN_REDIS: Final = LONGEST - len(CLONE)

_RESERVED = re.compile(RESERVED, re.IGNORECASE)
_RESERVED_BY_MYSQL = re.compile(RESERVED_BY_MYSQL, re.IGNORECASE)


def fits(name: str) -> bool:
    """Whether PostgreSQL keeps the name whole: the schema counts characters, PostgreSQL bytes."""
    return 0 < len(name.encode()) <= MAX_BYTES and "\0" not in name


def fits_mysql(name: str, limit: int = MAX_OF_MYSQL) -> bool:
    """Whether MySQL and MariaDB keep the name whole: they cut spaces off its end, and know three bytes a character."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(name) <= limit and "\0" not in name and not name.endswith(" ") and max(map(ord, name)) <= 0xFFFF


def is_reserved(name: str) -> bool:
    """Whether the name is PostgreSQL's own, in any case of its letters."""
    return _RESERVED.fullmatch(name) is not None


def is_reserved_by_mysql(name: str) -> bool:
    """Whether the name is MySQL's, MariaDB's or a managed service's own, in any case of its letters."""
    return _RESERVED_BY_MYSQL.fullmatch(name) is not None


def clone_of(name: str) -> str:
    return name + CLONE


def rights_of(name: str) -> str:
    return name + RIGHTS
