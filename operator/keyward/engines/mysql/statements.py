"""Each statement that changes accounts. A password gets in as what the server stores of it, or, by explicit wish, in clear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from keyward.engines.mysql import text
from keyward.engines.mysql.flavour import Server

_VERIFIER: Final = re.compile(r"[A-Za-z0-9*$./+]{40,128}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What shall let a row in: a verifier of its plug-in, or a password in clear."""

    name: str
    host: str
    plugin: str
    verifier: str | None = None
    clear: str | None = None
    retained: bytes | None = None  # the verifier that goes on to let the row in beside this one

    @property
    def row(self) -> str:
        return text.account(self.name, self.host)

    def sql(self, server: Server) -> str:
        if self.clear is not None:
            by, secret = ("PASSWORD({})" if server.mariadb else "BY {}"), self.clear
        elif self.verifier is not None and _VERIFIER.fullmatch(self.verifier):
            by, secret = ("{}" if server.mariadb else "AS {}"), self.verifier
        else:
            raise ValueError("not a verifier")
        way = f"VIA {text.identifier(self.plugin)} USING" if server.mariadb else f"WITH {text.literal(self.plugin)}"
        retain = " RETAIN CURRENT PASSWORD" if self.retained is not None else ""
        return f"{self.row} IDENTIFIED {way} {by.format(text.literal(secret))}{retain}"


def create(proofs: Sequence[Proof], server: Server, mark: str | None) -> str:
    """Rows that are not there."""
    return f"CREATE USER {_rows(proofs, server)} PASSWORD EXPIRE NEVER{_attribute(mark, server)}"


def set_password(proofs: Sequence[Proof], server: Server, mark: str | None, options: Iterable[str] = ()) -> str:
    """All rows of one account in one statement: since MySQL 8 all of it is done, or nothing."""
    more = "".join(f" {option}" for option in options)
    return f"ALTER USER {_rows(proofs, server)}{more}{_attribute(mark, server)}"


def discard(accounts: Sequence[str]) -> str:
    """End the second password of each row."""
    return "ALTER USER " + ", ".join(f"{account} DISCARD OLD PASSWORD" for account in accounts)


def lock(accounts: Sequence[str], server: Server, mark: str | None, *, locked: bool) -> str:
    """Take or give back the right to log in."""
    return f"ALTER USER {', '.join(accounts)} ACCOUNT {'LOCK' if locked else 'UNLOCK'}{_attribute(mark, server)}"


def drop(accounts: Sequence[str]) -> str:
    return f"DROP USER {', '.join(accounts)}"


def _rows(proofs: Sequence[Proof], server: Server) -> str:
    return ", ".join(proof.sql(server) for proof in proofs)


def _attribute(mark: str | None, server: Server) -> str:
    # Merged into what others keep there.
    if mark is None or not server.keeps_marks:
        return ""
    return f" ATTRIBUTE {text.literal(orjson.dumps({'keyward': mark}).decode())}"
