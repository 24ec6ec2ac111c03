"""Made-up figures, round enough to check sums by eye."""

from __future__ import annotations

from benchmarks.figures import Envelope, Figures, Fleet, Leg, Restart, Rotation


def leg(count: int, seconds: float, **cpu: float) -> Leg:
    return Leg(
        count=count,
        seconds=seconds,
        cpu={"kube-apiserver": 10.0} | cpu,
        others=0.25,
        writes={"create secrets": count, "patch credentials/status": count},
        curve=[(0.5, 1), (seconds, count)],
    )


def fleet(count: int = 2_000, seconds: float = 20.0, *, own_cpu: float = 2.0, peak: int = 100 * 2**20) -> Fleet:
    return Fleet(
        bare=[leg(count, 10.0, client=1.0), leg(count, 30.0, client=1.0)],
        operator=leg(count, seconds, operator=own_cpu, client=0.0),
        ready_seconds=1.5,
        peak_bytes=peak,
        requests={"create secrets": count, "list secrets": 3},
        restart=Restart(fresh_seconds=5.0, cpu_seconds=2.0, writes=0, key_calls=0, requests=30, peak_bytes=peak),
    )


def all_figures() -> Figures:
    return Figures(
        facts={"date": "today", "commit": "abc"},
        fleets=[fleet(), fleet(10_000)],
        rotation=Rotation(
            bare=[0.02, 0.02, 0.9],
            ours=[0.025, 0.024, 0.026],
            bare_cpu=0.01,
            ours_cpu=0.015,
            statements=31,
            connections=2,
        ),
        envelope=Envelope({"32": 30e-6, "30720": 90e-6}, {"32": 100e-6, "30720": 300e-6}),
    )
