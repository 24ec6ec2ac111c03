"""`keyward takeover` on a real API server: who is held is shown, and a status that another cluster wrote is not believed."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from tests.cluster import definitions
from tests.whole_path.api import MERGE, Api, place

NOBODY = "no Credential waits for a takeover"


class Place:
    """A namespace with Credentials that nobody works on: their statuses are what a test writes."""

    def __init__(self, cluster) -> None:
        self.kubeconfig, self.namespace = cluster.kubeconfig, f"takeover-{uuid.uuid4().hex[:6]}"
        self.api = Api(cluster.kubeconfig)
        self.uid = self.api.get("namespace", "kube-system", "")["metadata"]["uid"]
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def held(self, name: str, text: str) -> None:
        spec = {"generic": {"generate": {}}, "rotation": {"automatic": False}}
        metadata = {"name": name, "namespace": self.namespace}
        item = {"apiVersion": "keyward.dev/v1alpha1", "kind": "Credential", "metadata": metadata, "spec": spec}
        self.api.apply(item)
        path = place("credential", self.namespace, name)
        self.api.ask("PATCH", f"{path}/status", {"status": {"takeover": text}}, MERGE)

    def annotation(self, name: str) -> str | None:
        found = self.api.get("credential", name, self.namespace)
        return found["metadata"].get("annotations", {}).get("keyward.dev/takeover")

    def takeover(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "keyward", "takeover", "-n", self.namespace, *words]
        command += ["--kubeconfig", str(self.kubeconfig)]
        return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def there(control_plane):
    definitions.install(control_plane)
    there = Place(control_plane)
    yield there
    there.api.delete("namespace", there.namespace, "")
    there.api.close()


def test_who_is_held_is_shown_and_told_its_own_number_on_yes(there):
    there.held("one", f"{there.uid}:3")
    there.held("two", f"{there.uid}:7")
    shown = there.takeover()
    assert shown.returncode == 0, shown.stderr
    assert "2 would be taken over" in shown.stdout
    assert there.annotation("one") is None
    assert "taken over: 1 of 1" in there.takeover("two", "--yes").stdout
    assert (there.annotation("one"), there.annotation("two")) == (None, f"{there.uid}:7")
    assert "taken over: 1 of 1" in there.takeover("--yes").stdout
    assert there.annotation("one") == f"{there.uid}:3"
    assert there.takeover("--yes").stdout.strip() == NOBODY


def test_a_status_that_another_cluster_wrote_is_not_believed(there):
    there.held("one", f"{uuid.uuid4()}:3")
    answer = there.takeover("--yes")
    assert answer.returncode == 1
    assert "was written by the operator of another cluster" in answer.stderr
    assert there.annotation("one") is None


def test_a_name_that_waits_for_nothing_is_said_to_and_nobody_is_taken_over(there):
    there.held("one", f"{there.uid}:3")
    answer = there.takeover("one", "elsewhere", "--yes")
    assert answer.returncode == 2
    assert "elsewhere" in answer.stderr
    assert there.annotation("one") is None
