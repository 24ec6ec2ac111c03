"""A server is ready or its log is in the error, and its end is certain."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from tests.cluster import owned, process
from tests.cluster.process import Server, ServerError
from tests.cluster_tests.helpers import until

SH = "/bin/sh"


def shell(script: str, log: Path, **settings: object) -> Server:
    given = {"ready": lambda: True, "name": "shell"} | settings
    return Server(argv=[SH, "-c", script], log=log, **given)  # type: ignore[arg-type]


def test_a_server_that_dies_before_it_is_ready_shows_the_tail_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"shell ended with status 3 before it was ready.*\n.*wrong flag"):
        process.start(shell("echo wrong flag; exit 3", tmp_path / "log", ready=lambda: False))


def test_a_server_that_never_gets_ready_is_ended_and_shows_the_tail_of_its_log(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    server = shell(
        f"echo $$ > {pids}; echo still thinking; sleep 100 & wait",
        tmp_path / "log",
        ready=lambda: False,
        deadline_seconds=0.5,
    )
    with pytest.raises(ServerError, match=r"was not ready within 0.5 s(.|\n)*still thinking"):
        process.start(server)
    assert owned.start_time(int(pids.read_text())) is None


def test_only_the_tail_of_a_long_log_is_shown(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i.; done; exit 1"
    with pytest.raises(ServerError) as caught:
        process.start(shell(script, tmp_path / "log", ready=lambda: False))
    assert "line 200." in str(caught.value)
    assert "line 2." not in str(caught.value)


def test_an_error_of_the_probe_means_not_yet(tmp_path: Path) -> None:
    answers = iter([ConnectionRefusedError(), ConnectionResetError(), None])

    def ready() -> bool:
        answer = next(answers)
        if answer is not None:
            raise answer
        return True

    with process.serving(shell("exec sleep 100", tmp_path / "log", ready=ready)) as running:
        assert running.alive()
    assert next(answers, "asked three times") == "asked three times"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    server = Server(name="postgres", argv=["/nowhere/postgres"], ready=lambda: True, log=tmp_path / "log")
    with pytest.raises(ServerError, match=r"postgres cannot be started: No such file.*/nowhere/postgres"):
        process.start(server)


def test_stop_ends_the_children_too_even_when_they_ignore_the_signal(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"(trap '' TERM; sleep 100) & echo $! > {pids}.new && mv {pids}.new {pids}; wait"
    with process.serving(shell(script, tmp_path / "log", ready=pids.exists)):
        child = int(pids.read_text())
        assert owned.start_time(child) is not None
    until(lambda: owned.start_time(child) is None)  # it is killed, and goes when the kernel comes to it


def test_a_server_that_ignores_the_signal_is_killed_in_the_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap '' TERM; touch {ready}; while :; do sleep 0.1; done"
    running = process.start(shell(script, tmp_path / "log", ready=ready.exists, stop_seconds=0.3))
    running.stop()
    assert running.child.returncode == -signal.SIGKILL
    running.stop()


def test_one_that_has_ended_by_itself_is_stopped_with_what_it_left_behind(tmp_path: Path) -> None:
    pids, ends = tmp_path / "pids", tmp_path / "ends"
    script = f"sleep 100 & echo $! > {pids}.new && mv {pids}.new {pids}; until test -e {ends}; do sleep 0.05; done"
    with process.serving(shell(script, tmp_path / "log", ready=pids.exists)) as running:
        child = int(pids.read_text())
        ends.touch()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
    until(lambda: owned.start_time(child) is None)


def test_an_interrupt_in_the_body_ends_the_server(tmp_path: Path) -> None:
    seen = []

    def body() -> None:
        with process.serving(shell("exec sleep 100", tmp_path / "log")) as running:
            seen.append(running)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        body()
    assert [one.alive() for one in seen] == [False]


def test_a_free_port_is_below_those_of_outgoing_connections_and_never_given_twice() -> None:
    ports = [process.free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 32768


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(process, "_PORTS", range(port, port + 1))
        with pytest.raises(ServerError, match="no free port"):
            process.free_port()
        assert process.accepts(port)
    assert not process.accepts(port)
