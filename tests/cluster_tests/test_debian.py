"""Packages are installed one installation after the other: apt refuses a second one at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.cluster import debian


def test_two_installations_at_once_follow_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    running, most = 0, 0

    def apt(*_args: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        at_work.set()
        go_on.wait(10)
        running -= 1

    monkeypatch.setenv("KEYWARD_CACHE", str(tmp_path))
    monkeypatch.setattr(debian, "_apt", apt)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda *_args, **_options: "/usr/bin/apt-get")
    both = [threading.Thread(target=debian.install, args=([name],)) for name in ("a", "b")]
    for one in both:
        one.start()
    assert at_work.wait(10)
    both[0].join(0.2)
    both[1].join(0.2)
    go_on.set()
    for one in both:
        one.join(10)
    assert (running, most) == (0, 1)
