"""docs/benchmarks.md: tables of the figures, what they mean, and which aims were reached. Every number in it is computed."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from benchmarks.figures import Envelope, Figures, Fleet, Rotation
from benchmarks.targets import MIB, PEER, PEER_CEILING, PEER_LARGE, PEER_SERVER_CPU, rotation_ratio, verdicts

_HEAD = """# Benchmarks

`make bench` measured and wrote this page, the plot and `benchmarks.json`; nothing here is written by hand. All servers are
real and run on the machine that is described at the end, together with what is measured and with whatever else it was doing.
**Compare ratios within one run, not times of two runs.**
"""
_READING = """## How to read it

- **Fleet**: so many generic Credentials with a generated value and one projected Secret each, in ten namespaces. They are
  there before the clock starts. A control plane without nodes (etcd, kube-apiserver, kube-controller-manager) is made anew
  for each row.
- **Bare client**: the fastest way to write the same three objects per credential (version with its promotion, Secret,
  status): an asyncio client with 32 requests in flight that watches, plans and seals nothing. It runs before and after the
  operator, so that two rows show how steady the machine was. It is the ceiling: the API server is the limit, not whoever
  writes.
- **Operator**: `keyward controller` as a process of its own, with its defaults, the rights of `examples/rbac.yaml` and the
  packages of `requirements.lock`. Its time counts from the start of the process, its CPU from the first import. When
  something was written, and by whom, is taken from the API server's audit log; memory and CPU are the kernel's figures.
- **Others** is the share of the machine that went to processes without a part in it. The more of it, the less a row is worth.
- **External Secrets Operator 2.9** was measured once, on another machine with 2 cores, with its fake provider and 2,000
  ExternalSecrets: {defaults:g} Secrets a second with its defaults, {tuned:g} with 32 workers and no limit of its own on requests;
  {large:g}, and a peak of 340 MB, at 10,000. The bare client wrote {ceiling:g} credentials a second there. What is compared is
  therefore the share of the bare client's rate that each reaches on its machine; the plot draws the peer by that share.
- **Own CPU**: the aim was set on that machine, too, where the API server spent {server:g} ms of CPU on the three writes of one
  credential. What it spends on the bare client's here tells how fast this processor is; the measured time is divided by that.
- **Rotation**: a PostgreSQL account, both accounts in turn. Everything of the operator runs but the wire to the API server.
  The bare sequence is what the operator was seen to send, repeated by the driver alone: the same connects with TLS and SCRAM,
  the same statements, the same verifier made. Both take turns on one server; the figures are medians.
- **Envelope**: the fastest of 300 short batches, in one thread. With the vault: a fresh data key, its wrap under the local
  keyring, and JSON.
"""


def render(found: Figures) -> str:
    """The page."""
    parts = [_HEAD, _aims(found)]
    if found.fleets:
        parts += [
            "![Secrets over time](benchmarks.svg)\n",
            _fleets(found.fleets),
            _work(found.fleets),
            _restarts(found.fleets),
        ]
    if found.rotation is not None:
        parts.append(_rotation(found.rotation))
    if found.envelope is not None:
        parts.append(_envelope(found.envelope))
    parts.append(_READING.format(**PEER, large=PEER_LARGE, ceiling=PEER_CEILING, server=PEER_SERVER_CPU * 1e3))
    parts.append("## The machine\n\n" + table(("what", "which"), found.facts.items()))
    return "\n".join(parts)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; columns after the first are aligned to the right where they hold figures."""
    head, lines = tuple(head), [tuple(row) for row in rows]
    right = [n > 0 and all(_is_figure(line[n]) for line in lines) for n in range(len(head))]
    rule = ["---:" if figures else "---" for figures in right]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, tuple(rule), *lines))


def _is_figure(text: str) -> bool:
    return text[:1].isdigit() or not text


def _aims(found: Figures) -> str:
    rows = [(v.what, v.wanted, v.measured, "met" if v.met else "**not met**") for v in verdicts(found)]
    return "## Aims\n\n" + table(("what", "wanted", "measured", ""), rows)


def _fleets(fleets: list[Fleet]) -> str:
    rows = []
    for fleet in fleets:
        first, last = fleet.bare
        for name, leg in (("bare client, before", first), ("operator", fleet.operator), ("bare client, after", last)):
            own = leg.cpu["operator" if name == "operator" else "client"]
            server = leg.cpu["kube-apiserver"]
            rows.append(
                (
                    f"{fleet.count:,}",
                    name,
                    f"{leg.seconds:.1f} s",
                    f"{leg.rate:.0f}/s",
                    f"{own / leg.count * 1e3:.2f} ms",
                    f"{server / leg.count * 1e3:.2f} ms",
                    f"{leg.others:.0%}",
                )
            )
    head = ("credentials", "who writes", "time", "rate", "own CPU each", "API server's CPU each", "others")
    return "## From nothing to all Secrets\n\n" + table(head, rows)


def _work(fleets: list[Fleet]) -> str:
    rows = [
        (
            f"{fleet.count:,}",
            f"{fleet.writes_each:.2f}",
            f"{sum(fleet.requests.values()) / fleet.count:.2f}",
            f"{fleet.cpu_per_write * 1e3:.2f} ms",
            f"{fleet.ready_seconds:.1f} s",
            f"{fleet.peak_bytes / MIB:.0f} MiB",
        )
        for fleet in fleets
    ]
    head = ("credentials", "writes each", "requests each", "own CPU per write", "until ready", "peak RSS")
    return "## What the operator used\n\n" + table(head, rows) + "\n" + _tally(fleets[-1])


def _tally(fleet: Fleet) -> str:
    rows = [(name, f"{count:,}") for name, count in fleet.requests.items()]
    return f"Its requests at {fleet.count:,} credentials, watches aside:\n\n" + table(("request", "how many"), rows)


def _restarts(fleets: list[Fleet]) -> str:
    rows = []
    for fleet in fleets:
        again = fleet.restart
        rows.append(
            (
                f"{fleet.count:,}",
                str(again.writes),
                str(again.key_calls),
                f"{again.requests:,}",
                f"{again.fresh_seconds:.1f} s",
                f"{again.cpu_seconds:.1f} s",
                f"{again.peak_bytes / MIB:.0f} MiB",
            )
        )
    head = (
        "credentials",
        "writes",
        "calls of key providers",
        "requests",
        "all looked at after",
        "CPU until then",
        "peak RSS",
    )
    return "## A restart with nothing due\n\n" + table(head, rows)


def _rotation(found: Rotation) -> str:
    def row(name: str, times: list[float], cpu: float) -> tuple[str, ...]:
        return name, *(f"{x * 1e3:.1f} ms" for x in (median(times), min(times), max(times), cpu))

    text = table(
        ("who", "median", "fastest", "slowest", "own CPU"),
        (
            row("driver alone", found.bare, found.bare_cpu),
            row("operator", found.ours, found.ours_cpu),
        ),
    )
    return (
        f"## One rotation\n\n{found.connections} connections and {found.statements} statements each, {len(found.ours)} rotations."
        f" The operator takes {rotation_ratio(found):.2f} times as long.\n\n{text}"
    )


def _envelope(found: Envelope) -> str:
    rows = [
        (f"{int(size):,} bytes", f"{found.seal_open[size] * 1e6:.0f} µs", f"{found.vault[size] * 1e6:.0f} µs")
        for size in found.seal_open
    ]
    return "## Seal and open\n\n" + table(("value", "envelope alone", "with the vault"), rows)
