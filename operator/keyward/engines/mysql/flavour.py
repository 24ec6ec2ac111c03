"""Which server this is, and what follows from it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyward.errors import Blocked, Reason

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Flavour(StrEnum):
    MYSQL = "MySQL"
    MARIADB = "MariaDB"


_OLDEST: Final = {Flavour.MYSQL: (5, 7, 8), Flavour.MARIADB: (10, 4, 3)}


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it told of itself."""

    flavour: Flavour
    version: tuple[int, int, int]
    literal_databases: bool = False  # partial_revokes: _ and % in a grant's database are no wildcards
    lower_case: bool = False  # database names are kept in lower case
    default_plugin: str = ""
    rounds: int = 5000  # of caching_sha2_password, for new values

    @property
    def mariadb(self) -> bool:
        return self.flavour is Flavour.MARIADB

    @property
    def keeps_marks(self) -> bool:
        """ATTRIBUTE, written by the statement that sets the password; account statements are atomic since 8.0."""
        return not self.mariadb and self.version >= (8, 0, 21)

    @property
    def two_passwords(self) -> bool:
        """RETAIN CURRENT PASSWORD."""
        return not self.mariadb and self.version >= (8, 0, 14)

    @property
    def has_roles(self) -> bool:
        return self.mariadb or self.version >= (8, 0, 0)

    @property
    def name_limit(self) -> int:
        """Of an account's name, in characters."""
        return 128 if self.mariadb else 32


def recognise(stated: Flavour, version: str) -> Server:
    """The server of this version text.

    Raises:
        Blocked: ENGINE_UNSUPPORTED, it is another one than stated, or too old.
    """
    found = _VERSION.match(version.removeprefix("5.5.5-"))  # what old MariaDB puts before its own
    flavour = Flavour.MARIADB if "mariadb" in version.lower() else Flavour.MYSQL
    if found is None:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, "the server does not say its version as MySQL and MariaDB do")
    numbers = int(found[1]), int(found[2]), int(found[3])
    if flavour is not stated:
        text = f"the Target says {stated}, but the server is {flavour} {found[0]}: correct its engine"
        raise Blocked(Reason.ENGINE_UNSUPPORTED, text)
    if numbers < _OLDEST[flavour]:
        oldest = ".".join(map(str, _OLDEST[flavour]))
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"{flavour} {oldest} is the oldest that is supported, not {found[0]}")
    return Server(flavour, numbers)
