"""Lines of other programs: whole ones only, each once, and a program that ends is started again."""

from __future__ import annotations

import os

import pytest
from demo.feeds import Feed, Tail
from demo.seen import Status
from tests.cluster.process import Server
from tests.cluster_tests.helpers import until

from demo import feeds


def test_a_line_is_given_once_and_only_when_it_is_whole(tmp_path):
    path = tmp_path / "log"
    tail = Tail(path)
    assert list(tail.lines()) == []
    path.write_bytes(b"one\ntw")
    assert list(tail.lines()) == ["one"]
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert list(tail.lines()) == ["two", "three"]
    assert list(tail.lines()) == []


def test_a_program_that_ends_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(feeds, "_AGAIN_SECONDS", 0.05)
    server = Server(name="a", argv=["/bin/echo", "x|{}"], ready=lambda: True, log=tmp_path / "log")
    feed = Feed(server, lambda line: Status(line, "", ""))
    found: list[object] = []

    def thrice() -> bool:
        found.extend(feed.poll())
        return len(found) >= 3

    until(thrice)
    feed.stop()
    feed.stop()


def test_a_program_that_is_stopped_is_gone(tmp_path):
    server = Server(name="a", argv=["/bin/sleep", "1000"], ready=lambda: True, log=tmp_path / "log")
    feed = Feed(server, lambda _: None)
    assert list(feed.poll()) == []
    assert feed._running is not None
    pid = feed._running.pid
    feed.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
