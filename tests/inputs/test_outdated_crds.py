"""CRDs that an upgrade left behind: nothing is done, it is said where somebody looks, and applying them is all it takes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from tests.cluster import Cluster, definitions, plain
from tests.whole_path.running import Operator, running
from tests.whole_path.world import keyward, until

from keyward.errors import Reason

CRD = "credentials.keyward.dev"
FIELD = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/description"


@pytest.fixture(scope="module")
def older() -> Iterator[Cluster]:
    """A cluster of its own, whose Credentials know nothing of descriptions."""
    with plain.serving(need_pods=False) as cluster:
        definitions.install(cluster)
        cluster.kubectl("patch", "crd", CRD, "--type=json", "-p", json.dumps([{"op": "remove", "path": FIELD}]))
        yield cluster


def events(cluster: Cluster) -> list[dict[str, str]]:
    found = json.loads(cluster.kubectl("get", "events", "-n", "default", "-o", "json"))["items"]
    return [e for e in found if e["involvedObject"]["name"] == CRD]


def readiness(operator: Operator) -> str:
    """What it answers to whoever asks why it is not ready."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{operator.address}/readyz", timeout=5)
    with refused.value as answer:
        return answer.read().decode()


def test_an_operator_that_is_newer_than_the_crds_waits_says_so_and_begins_once_they_are_applied(older, tmp_path):
    key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]}, "")
    word = keyward(
        "Credential", "word", {"generic": {"generate": {}}, "projections": [{"secretName": "word"}]}, "default"
    )
    log = tmp_path / "operator.log"
    with running(older.kubeconfig, log) as operator:
        older.kubectl("create", "namespace", "keyward-system")
        older.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [key, word]}))
        event = until("the event", lambda: events(older))[0]
        assert (event["type"], event["reason"]) == ("Warning", Reason.CRD_OUTDATED)
        said = readiness(operator)
        for part in (CRD, "lacks field spec.description", "apply the CRDs of this release"):
            assert part in event["message"]
            assert part in said
            assert part in log.read_text()
        assert operator.process.poll() is None
        assert not older.kubectl("get", "credentialversions", "-A", "-o", "name")

        definitions.apply(older)
        operator.await_ready()
        until("the Secret", lambda: older.kubectl("get", "secret", "word", "--ignore-not-found", "-o", "name"))
        assert log.read_text().count("lacks field") == 1, "the same was said again and again"
