"""The screen: 80 columns, 24 lines, whatever happens; a refusal is red; the picture asks nobody for anything."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from demo.play import Play, Row
from demo.screen import HEIGHT, WIDTH, Footing, screen
from rich.console import Console
from tests.demo.sights import NAMES, NOON, empty_play, login, playing, rotate, status, stored

from demo import picture

LONG = "x" * 200
NOTES = ("how it differs from everyday life", "who logs in", LONG, LONG, LONG)


def shown(play: Play, *, notes: tuple[str, ...] = NOTES[:2], seconds: float | None = 60.0, color: bool = False) -> str:
    console = Console(
        width=WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=color, color_system="standard" if color else None
    )
    console.print(screen(play, Footing("pods", notes, seconds), now=NOON + 40, began=NOON))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def busy() -> Play:
    """Long in play: large numbers, many rotations, a problem, a rotation that does not come."""
    play = playing()
    for name in NAMES:
        for number in range(2, 130):
            rotate(play, f"v{number}", NOON + 10 * number, took=3, name=name)
        play.rows[name].logins, play.rows[name].refused, play.rows[name].failed = 1_234_567, 45_678, 3
        play.see(status("PendingDeletion", f"Stalled: {LONG}", name=name), NOON)
        play.asked(play.rows[name], NOON - 9_999)
        play.rows[name].code = "connection"
    return play


@pytest.mark.parametrize("play", [empty_play(), playing(), busy()], ids=["empty", "playing", "busy"])
@pytest.mark.parametrize("notes", [NOTES[:2], NOTES], ids=["short", "keep"])
def test_it_fits(play, notes):
    lines = shown(play, notes=notes).rstrip("\n").split("\n")
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("notes", [NOTES[:2], (*NOTES, LONG, LONG)], ids=["short", "keep"])
def test_five_kinds_of_servers_fit_side_by_side(notes):
    play = busy()
    for name, server in (("sessions-db", "Redis"), ("deploy-key", "Linux")):
        play.rows[name] = Row(name, f"secret-of-{name}", server)
        rotate(play, "v2", NOON + 20, took=1, name=name)
    lines = shown(play, notes=notes).rstrip("\n").split("\n")
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


def test_it_shows_each_credential_with_server_state_version_account_next_rotation_logins_and_refusals():
    play = playing()
    rotate(play, "v2", NOON + 20, took=1)
    play.asked(play.rows[NAMES[0]], NOON + 34)
    rotate(play, "v3", NOON + 34, took=0.5)
    play.see(stored("v2", name=NAMES[1], promoted=False), NOON + 40)
    text = shown(play)
    assert re.search(r"orders-db +PostgreSQL +Enabled +v3 +orders +in 4 s +3 +0", text)
    assert re.search(r"billing-db +MariaDB +Enabled +v1 +billing +now +1 +0", text)
    assert "0:40 of 1:00" in text
    assert "5 logins, 2 rotations, 0 refused" in text
    assert re.search(r"orders-db +v2 → v3 +orders_clone → orders +0.5 s", text)
    assert "From Secret to file 0.5 s, at most 1.0 s" in text


def test_a_refusal_is_red_and_none_is_not():
    play = playing()
    assert "\x1b[1;37;41m" not in shown(play, color=True)
    play.see(login(NOON + 5, refused=True), NOON + 5)
    text = shown(play, color=True)
    assert re.search(r"\x1b\[1;37;41m *1\x1b", text)
    assert "\x1b[1;37;41m1 refused\x1b[0m" in text


def test_what_is_wrong_takes_the_place_of_the_first_note():
    play = playing()
    assert NOTES[0] in shown(play)
    play.see(status(problem="Ready: the target refuses the login"), NOON)
    text = shown(play)
    assert "orders-db: Ready: the target refuses the login" in text
    assert NOTES[0] not in text
    assert NOTES[1] in text


def test_a_rotation_that_does_not_come_says_how_long_it_was_asked_for():
    play = playing()
    play.asked(play.rows[NAMES[0]], NOON + 5)
    assert "since 35 s" in shown(play)


def test_the_picture_is_an_svg_that_names_no_address_but_its_format(tmp_path):
    path = tmp_path / "demo.svg"
    picture.write(path, screen(playing(), Footing("pods", NOTES[:2], 60.0), now=NOON, began=NOON))
    text = path.read_text(encoding="utf-8")
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert re.findall(r"https?://[^\"' <]*|@import|url\((?!#)|<script|<image|href", text) == [
        "http://www.w3.org/2000/svg"
    ]
    assert "orders-db" in text
    assert "monospace" in text


def test_the_picture_of_the_readme_is_such_a_one():
    text = (Path(__file__).parents[2] / "docs" / "demo.svg").read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\"' <]*", text) == ["http://www.w3.org/2000/svg"]
    assert "0&#160;refused" in text
