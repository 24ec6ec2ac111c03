"""The whole demo, without a terminal: it plays, sums up, and leaves nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.cluster import plain, remains
from tests.demo import run
from tests.demo.run import left


def test_with_pods_it_logs_in_and_rotates_without_a_refusal_and_leaves_nothing(start, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a node needs root")
    demo = start("--seconds", "16", "--record", str(tmp_path / "demo.svg"))
    folder = demo.folder
    demo.await_sight("*/node.json")
    (node,) = run.names_of_nodes(folder)
    demo.await_sight("demo-*/logs-*.log")
    assert [trace.split()[0] for trace in left(folder) if trace.startswith("mount")]
    demo.await_line("v1 → v2")
    assert demo.end() == 0, demo.out + demo.err
    logins, rotations, refused = demo.counted()
    assert logins >= 3 * 4 * 16 * 0.5
    assert rotations >= 4
    assert refused == 0
    assert re.search(r"0 refused; first rotation after \d+ s$", demo.out, re.MULTILINE)
    assert re.search(r"deploy-key +v1 → v2", demo.out)
    assert "Each pod rereads" in demo.out
    assert len(re.findall(r"^\d\d:\d\d:\d\d +\w+-(?:db|key) +v\d+ → v\d+ ", demo.out, re.MULTILINE)) == rotations
    assert f"{rotations}&#160;rotations" in (tmp_path / "demo.svg").read_text()
    assert left(folder) == []
    assert not Path("/sys/class/net", node).exists()
    assert not any(group.exists() for group in remains._groups(node))


def test_without_a_node_processes_log_in_and_it_says_so(start):
    demo = start("--seconds", "16", "--no-pods")
    folder = demo.folder
    assert demo.end() == 0, demo.out + demo.err
    logins, rotations, refused = demo.counted()
    assert logins >= 3 * 4 * 16 * 0.5
    assert rotations >= 4
    assert refused == 0
    assert "No pods: none were asked for." in demo.out
    assert left(folder) == []


def test_in_a_cluster_that_the_caller_names_it_takes_away_what_it_applied_and_refuses_one_that_has_a_keyward(start):
    with plain.serving(need_pods=False) as cluster:
        env = {"KEYWARD_KUBECONFIG": str(cluster.kubeconfig)}
        demo = start("--seconds", "14", env=env)
        assert demo.end() == 0, demo.out + demo.err
        assert "No pods: KEYWARD_LOGIN_IMAGE names no image." in demo.out
        assert demo.counted()[1] >= 1
        for kind in ("crd", "namespace"):
            assert "keyward" not in cluster.kubectl("get", kind, "-o", "name")
        cluster.kubectl("apply", "--server-side", "-f", str(run.ROOT / "crds"))
        refused = start(env=env)
        assert refused.end() == 1
        assert "credentials.keyward.dev" in refused.err
        assert "this cluster has" in refused.err
        assert "credentials.keyward.dev" in cluster.kubectl("get", "crd", "-o", "name")
