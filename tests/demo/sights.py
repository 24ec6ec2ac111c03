"""What the tests let a play see."""

from __future__ import annotations

from demo.play import Play, Row
from demo.seen import Login, Status, Stored, Written

NAMES = ("orders-db", "billing-db", "reports-db")
NOON = 1_800_000_000.0


def empty_play() -> Play:
    servers = ("PostgreSQL", "MariaDB", "PostgreSQL")
    return Play({name: Row(name, f"secret-of-{name}", server) for name, server in zip(NAMES, servers, strict=True)})


def login(at: float, version: str = "v1", *, name: str = NAMES[0], refused: bool = False, code: str = "") -> Login:
    return Login(
        name, at, ok=not (refused or code), refused=refused, version=version, code="28P01" if refused else code
    )


def stored(version: str, *, name: str = NAMES[0], promoted: bool = True) -> Stored:
    base = name.removesuffix("-db")
    return Stored(name, version, base if int(version[1:]) % 2 else f"{base}_clone", promoted)


def written(at: float, version: str, *, name: str = NAMES[0]) -> Written:
    return Written(f"secret-of-{name}", version, at)


def status(state: str = "Enabled", problem: str = "", *, name: str = NAMES[0]) -> Status:
    return Status(name, state, problem)


def rotate(play: Play, version: str, at: float, *, took: float, name: str = NAMES[0]) -> None:
    """Let a version go all its way: written at this time, in the file and logged in with so many seconds later."""
    play.see(stored(version, name=name), at)
    play.see(written(at, version, name=name), at)
    play.see(login(at + took, version, name=name), at + took)


def playing() -> Play:
    """A play whose clients log in with their first version since NOON."""
    play = empty_play()
    for name in NAMES:
        rotate(play, "v1", NOON, took=0.5, name=name)
        play.see(status(name=name), NOON)
        play.rows[name].not_before = NOON + 2
    return play
