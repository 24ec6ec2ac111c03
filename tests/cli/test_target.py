"""`keyward target approve` on a real API server."""

from __future__ import annotations

import json
import uuid

import pytest
from tests.cluster import definitions
from tests.whole_path.api import Api
from tests.whole_path.world import keyward

from keyward.api import names
from keyward.cli.target import approve
from keyward.errors import Blocked

APPROVED = names.ANNOTATION_APPROVED


class Place:
    """A namespace with Targets that nobody works on."""

    def __init__(self, cluster) -> None:
        self.kubeconfig, self.namespace = cluster.kubeconfig, f"target-{uuid.uuid4().hex[:6]}"
        self.api = Api(cluster.kubeconfig)
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for name in ("one", "two"):
            self._target(name)

    def _target(self, name: str) -> None:
        login = {"username": "rotator", "password": "rotators-password"}
        metadata = {"name": f"{name}-admin", "namespace": self.namespace}
        rds = {"engine": "PostgreSQL", "endpoints": [{"host": f"{name}.example"}]}
        spec = {"rds": rds, "admin": {"secretRef": {"name": f"{name}-admin"}}, "allowedAccounts": ["orders*"]}
        self.api.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": login},
            keyward("Target", name, spec, self.namespace),
        )

    def approved(self) -> set[str]:
        """The Targets that an admin Secret of theirs vouches for."""
        secrets = [self.api.get("secret", f"{name}-admin", self.namespace) or {} for name in ("one", "two")]
        texts = [secret.get("metadata", {}).get("annotations", {}).get(APPROVED, "") for secret in secrets]
        return {name for name, text in zip(("one", "two"), texts, strict=True) if f'"Target/{name}"' in text}


@pytest.fixture
def there(control_plane):
    definitions.install(control_plane)
    there = Place(control_plane)
    yield there
    there.api.delete("namespace", there.namespace, "")
    there.api.close()


def test_several_are_approved_at_once_and_with_a_wrong_name_none_is(there, capsys):
    with pytest.raises(Blocked, match="there is no Target three in namespace"):
        approve(["one", "two", "three"], there.namespace, kubeconfig=there.kubeconfig)
    assert there.approved() == set()
    approve(["one", "two"], there.namespace, kubeconfig=there.kubeconfig)
    assert there.approved() == {"one", "two"}
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" as ")[0] for line in said] == ["approved Target one", "approved Target two"]


def test_where_the_admin_secret_of_one_is_not_there_none_is_approved(there):
    there.api.delete("secret", "two-admin", there.namespace)
    with pytest.raises(Blocked, match="two-admin, the admin login, is not there: create it"):
        approve(["one", "two"], there.namespace, kubeconfig=there.kubeconfig)
    assert there.approved() == set()


def test_two_that_share_an_admin_secret_are_approved_one_after_the_other(there):
    there.api.merge("target", "two", there.namespace, {"spec": {"admin": {"secretRef": {"name": "one-admin"}}}})
    approve(["one", "two"], there.namespace, kubeconfig=there.kubeconfig)
    shared = there.api.get("secret", "one-admin", there.namespace)
    assert set(json.loads(shared["metadata"]["annotations"][APPROVED])) == {"Target/one", "Target/two"}
