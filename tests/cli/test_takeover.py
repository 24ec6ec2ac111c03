"""`keyward takeover` on a real API server: who is held is shown, and a status that another cluster wrote is not believed."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest
from tests.cluster import definitions

NOBODY = "no Credential waits for a takeover"


class Place:
    """A namespace with Credentials that nobody works on: their statuses are what a test writes."""

    def __init__(self, cluster) -> None:
        self.cluster, self.namespace = cluster, f"takeover-{uuid.uuid4().hex[:6]}"
        self.uid = cluster.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").strip()
        cluster.kubectl("create", "namespace", self.namespace)

    def held(self, name: str, text: str) -> None:
        spec = {"generic": {"generate": {}}, "rotation": {"automatic": False}}
        metadata = {"name": name, "namespace": self.namespace}
        item = {"apiVersion": "keyward.dev/v1alpha1", "kind": "Credential", "metadata": metadata, "spec": spec}
        self.cluster.kubectl("apply", "-f", "-", input=json.dumps(item))
        patch = json.dumps({"status": {"takeover": text}})
        options = ("-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)
        self.cluster.kubectl("patch", "credential", name, *options)

    def annotation(self, name: str) -> str | None:
        found = json.loads(self.cluster.kubectl("get", "credential", name, "-n", self.namespace, "-o", "json"))
        return found["metadata"].get("annotations", {}).get("keyward.dev/takeover")

    def takeover(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "keyward", "takeover", "-n", self.namespace, *words]
        command += ["--kubeconfig", str(self.cluster.kubeconfig)]
        return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def place(control_plane):
    definitions.install(control_plane)
    place = Place(control_plane)
    yield place
    control_plane.kubectl("delete", "namespace", place.namespace, "--wait=false")


def test_who_is_held_is_shown_and_told_its_own_number_on_yes(place):
    place.held("one", f"{place.uid}:3")
    place.held("two", f"{place.uid}:7")
    shown = place.takeover()
    assert shown.returncode == 0, shown.stderr
    assert "2 would be taken over" in shown.stdout
    assert place.annotation("one") is None
    assert "taken over: 1 of 1" in place.takeover("two", "--yes").stdout
    assert (place.annotation("one"), place.annotation("two")) == (None, f"{place.uid}:7")
    assert "taken over: 1 of 1" in place.takeover("--yes").stdout
    assert place.annotation("one") == f"{place.uid}:3"
    assert place.takeover("--yes").stdout.strip() == NOBODY


def test_a_status_that_another_cluster_wrote_is_not_believed(place):
    place.held("one", f"{uuid.uuid4()}:3")
    answer = place.takeover("--yes")
    assert answer.returncode == 1
    assert "was written by the operator of another cluster" in answer.stderr
    assert place.annotation("one") is None


def test_a_name_that_waits_for_nothing_is_said_to_and_nobody_is_taken_over(place):
    place.held("one", f"{place.uid}:3")
    answer = place.takeover("one", "elsewhere", "--yes")
    assert answer.returncode == 2
    assert "elsewhere" in answer.stderr
    assert place.annotation("one") is None
