"""A fresh control plane with what Keyward needs to begin: CRDs, namespaces, a key, and a user with the operator's rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import definitions, plain
from tests.cluster.model import Cluster
from tests.whole_path import running
from tests.whole_path.api import Api
from tests.whole_path.running import Operator

from benchmarks import environment

ROOT = Path(__file__).parents[1]
OPERATOR_NAMESPACE = "keyward-system"


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster without nodes. `limited` is a kubeconfig with the operator's rights and no others, `python` its interpreter."""

    cluster: Cluster
    limited: Path
    python: Path
    pids: dict[str, int]

    def operator(self, log: Path) -> AbstractContextManager[Operator]:
        """The operator of this checkout, for as long as the body runs."""
        code = {"PYTHONPATH": str(ROOT / "operator")}
        return running.running(self.limited, log, python=str(self.python), environment=code)

    @property
    def user(self) -> str:
        """As the API server's log calls whoever uses `limited`."""
        return running.USER


@contextmanager
def stage(namespaces: tuple[str, ...]) -> Iterator[Stage]:
    """For as long as the body runs."""
    python = environment.python()
    with plain.serving(need_pods=False) as cluster:
        definitions.install(cluster)
        made = [_item("v1", "Namespace", name) for name in (OPERATOR_NAMESPACE, *namespaces)]
        key = _item("keyward.dev/v1alpha1", "EncryptionKey", "default")
        made.append(key | {"spec": {"provider": {"local": {}}, "allowedNamespaces": ["*"]}})
        api = Api(cluster.kubeconfig)
        api.apply(*made)
        api.close()
        assert cluster.plane is not None
        yield Stage(cluster, running.limited(cluster), python, cluster.plane.pids)


def _item(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
