"""The arithmetic: rates, ratios, what is counted from the audit log, and which aims are met."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
from tests.benchmarks.figures import all_figures, fleet

from benchmarks import audit, figures, procfs, targets
from benchmarks.figures import Figures, thinned


def event(user="bare", verb="create", resource="secrets", name="a", namespace="team-00", **more: object):
    about = {"resource": resource, "namespace": namespace, "name": name} | more.pop("about", {})
    code = more.pop("code", 201)
    return {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": user},
        "objectRef": about,
        "responseStatus": {"code": code},
        "stageTimestamp": "2026-01-01T00:00:01.500000Z",
    } | more


def line(**fields: object):
    return json.dumps(event(**fields), separators=(",", ":")) + "\n"


def test_the_ceiling_is_all_bare_runs_together_not_the_better_one():
    found = fleet(seconds=20.0)
    assert found.bare_rate == pytest.approx(4_000 / 40)
    assert found.operator.rate == pytest.approx(100)
    assert found.ratio == pytest.approx(1.0)


def test_own_cpu_is_spread_over_every_write_that_the_server_saw():
    assert fleet(own_cpu=8.0).cpu_per_write == pytest.approx(8.0 / 4_000)


def test_writes_of_other_users_and_halves_of_lines_are_not_counted(tmp_path):
    log = tmp_path / "audit.log"
    log.write_text(line(name="before"))
    tail = audit.Tail(log, "bare")
    with log.open("a") as out:
        out.write(line() + line(user="someone") + line(name="b")[:40])
    assert tail.read() == 1
    with log.open("a") as out:
        out.write(line(name="b")[40:])
    assert tail.read() == 1
    assert tail.tally() == {"create secrets": 2}


def test_a_refused_write_is_counted_by_its_code_and_makes_no_object(tmp_path):
    log = tmp_path / "audit.log"
    log.touch()
    tail = audit.Tail(log, "bare")
    log.write_text(line(code=409) + line(namespace="elsewhere") + line() + line())
    tail.read()
    assert tail.tally() == {"create secrets": 3, "create secrets (409)": 1}
    assert len(tail.done("create", "secrets", ("team-00",))) == 1


def test_a_subresource_is_a_write_of_its_own():
    written = audit.parse(event(verb="patch", about={"subresource": "status"}), "bare")
    assert written is not None
    assert (audit.label(written), written.at % 60) == ("patch secrets/status", 1.5)


def test_a_curve_keeps_its_end_and_few_points():
    times = [100.0 + n / 10 for n in range(10_000)]
    curve = thinned(times, 100.0)
    assert len(curve) <= figures.POINTS + 1
    assert curve[0] == (0.0, 1)
    assert curve[-1] == (999.9, 10_000)
    assert thinned([], 0.0) == []


def test_figures_that_are_written_are_read_again_as_they_were(tmp_path):
    path = tmp_path / "figures.json"
    figures.write(all_figures(), path)
    assert figures.read(path) == all_figures()


def verdict(found: Figures, part: str):
    return next(v for v in targets.verdicts(found) if part in v.what)


def test_aims_are_judged_by_what_was_measured():
    found = all_figures()
    slow = dataclasses.replace(found, fleets=[fleet(seconds=40.0, own_cpu=4.1, peak=129 * 2**20)])
    for part in ("share of the bare", "own CPU", "peak of memory"):
        assert verdict(found, part).met
        assert not verdict(slow, part).met
    assert verdict(slow, "share of the bare").measured == "50% (50/s of 100/s)"


def test_a_peer_from_another_machine_is_compared_by_its_share_of_what_that_machine_allowed():
    half = dataclasses.replace(all_figures(), fleets=[fleet(seconds=40.0)])
    assert verdict(half, "default share").measured == "5.7 (50% by 9%)"
    assert not verdict(half, "default share").met
    assert verdict(all_figures(), "default share").met


def test_own_cpu_is_judged_at_the_pace_of_the_machine_where_the_aim_was_set():
    found = fleet(own_cpu=6.0)
    twice = [dataclasses.replace(leg, cpu=leg.cpu | {"kube-apiserver": 20.8}) for leg in found.bare]
    slower = Figures({}, [dataclasses.replace(found, bare=twice)])
    assert verdict(slower, "own CPU").measured == "0.75 ms (1.50 ms here, where a CPU takes 2.0 times as long)"
    assert verdict(slower, "own CPU").met
    assert not verdict(Figures({}, [found]), "own CPU").met


def test_one_write_after_a_restart_is_one_too_many():
    found = fleet()
    again = dataclasses.replace(found, restart=dataclasses.replace(found.restart, writes=1))
    assert verdict(Figures({}, [found]), "writes after a restart").met
    assert not verdict(Figures({}, [again]), "writes after a restart").met


def test_a_rotation_is_judged_by_medians_so_that_one_stall_decides_nothing():
    found = verdict(all_figures(), "one rotation")
    assert found.measured == "1.25 (25.0 ms by 20.0 ms)"
    assert found.met


def test_only_what_was_measured_is_judged():
    assert targets.verdicts(Figures({})) == []


def test_a_watch_tells_our_own_cpu_from_that_of_others():
    watch = procfs.Watch({"us": os.getpid()})
    began = procfs.cpu_seconds(os.getpid())
    while procfs.cpu_seconds(os.getpid()) < began + 0.2:
        sum(range(1000))
    usage = watch.end()
    assert usage.cpu["us"] >= 0.19
    assert 0 <= usage.others <= 1


def test_memory_is_told_in_bytes():
    now = procfs.memory(os.getpid(), "VmRSS")
    # The kernel counts both with some slack.
    assert procfs.memory(os.getpid(), "VmHWM") > 0.9 * now > 2**20
