"""What a platform engineer has on the desk: the cluster, a PostgreSQL, the operator, and what each of them says."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from benchmarks.audit import Tail
from tests.cluster import Cluster
from tests.cluster.postgres import PostgresServer
from tests.cluster.proxy import FaultProxy
from tests.whole_path.api import MERGE, place
from tests.whole_path.running import USER, Operator, limited, running
from tests.whole_path.world import Json, Shop

from keyward.cli.target import approve


class Desk(Shop):
    """A namespace of its own. The operator has the rights of examples/rbac.yaml and no others."""

    def __init__(self, cluster: Cluster, postgres: PostgresServer, namespace: str) -> None:
        if cluster.plane is None or cluster.audit_log is None:
            pytest.skip("what is counted here stands in the audit log of a control plane of our own")
        super().__init__(cluster, postgres, namespace)
        self.audit = cluster.audit_log
        self.log = postgres.folder / f"operator-{namespace}.log"
        self.borrowed = ExitStack()
        self.held = self.borrowed.enter_context(ExitStack())  # connections that leave no room
        self.servers: dict[str, PostgresServer] = {}
        self.proxies: dict[str, FaultProxy] = {}

    @contextmanager
    def limited_operator(self) -> Iterator[Operator]:
        with running(limited(self.cluster), self.log) as operator:
            operator.await_ready()
            yield operator

    def close(self) -> None:
        """Take away what is not in the namespace as well."""
        for kind in ("clustertarget", "encryptionkey"):
            for item in self.api.items(kind):
                name = item["metadata"]["name"]
                if name.startswith(self.namespace):
                    self.api.delete(kind, name, "")
                    self.api.ask("PATCH", place(kind, "", name), {"metadata": {"finalizers": None}}, MERGE)
        super().close()

    # --- what is said ---

    def conditions(self, name: str) -> dict[str, Json]:
        """By type."""
        found = ((self.get("credential", name) or {}).get("status") or {}).get("conditions", [])
        return {c["type"]: c for c in found}

    def events(self, name: str) -> list[Json]:
        """About one object of this namespace."""
        found = self.api.items("events", self.namespace)
        return [e for e in found if e["involvedObject"]["name"] == name]

    def ready(self, name: str) -> bool:
        """Whether it is ready, and says so of the spec as it is now."""
        found = self.get("credential", name)
        return found is not None and _is_ready(found)

    def all_ready(self) -> set[str]:
        """The Credentials that are."""
        return {c["metadata"]["name"] for c in self.api.items("credential", self.namespace) if _is_ready(c)}

    def everything_said(self, operator: Operator) -> str:
        """Statuses and events of the namespace, the log and the metrics of the operator."""
        kinds = ("credentials", "targets", "events")
        objects = [item for kind in kinds for item in self.api.items(kind, self.namespace)]
        said = [{"status": o.get("status"), "message": o.get("message"), "reason": o.get("reason")} for o in objects]
        return "\n".join((json.dumps(said), self.log.read_text(), operator.page("metrics") or ""))

    # --- what is done ---

    def writes(self) -> Tail:
        """The operator's writes to the API server from now on."""
        return Tail(self.audit, USER)

    def logins(self) -> Callable[[], Counter[str]]:
        """How often each user logged in, or was refused, from now until that is asked for."""
        log = self.postgres.log
        seen = log.stat().st_size

        def since() -> Counter[str]:
            with log.open("rb") as said:
                said.seek(seen)
                return Counter(_users(said.read().decode(errors="replace").splitlines()))

        return since

    def approve(self, target: str, *, cluster: bool = False) -> None:
        """Vouch for a Target as it is now, by the command that the condition asks for; without the price of a process."""
        approve([target], self.namespace, cluster, kubeconfig=self.kubeconfig)

    def give_up_hope(self, name: str) -> None:
        """As if it had failed for hours: by the back-off alone it would not be tried again within this test."""
        failures = {"count": 12, "lastAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        path = place("credential", self.namespace, name)
        self.api.ask("PATCH", f"{path}/status", {"status": {"failures": failures}}, MERGE)

    # --- objects ---

    def values(self, name: str, data: Mapping[str, str | bytes], credential: str = "") -> Json:
        """A Secret that a Credential may be read from."""
        return self.plain_secret(name, data, labels={"keyward.dev/source-for": credential or name})

    def plain_secret(self, name: str, data: Mapping[str, str | bytes], **metadata: Any) -> Json:
        """A Secret that somebody else writes; its data as the API has it, so that what is left out goes."""
        found = super().plain_secret(name, {}, **metadata)
        del found["stringData"]
        return found | {"data": {k: _text(v.encode() if isinstance(v, str) else v) for k, v in data.items()}}

    def generic(self, name: str, **spec: object) -> Json:
        """A Credential that reads the Secret of its own name with `-source` and projects to one of its own name."""
        wanted = {"generic": {"source": {"secretRef": {"name": f"{name}-source"}}}}
        return self.made("Credential", name, wanted | {"projections": [{"secretName": name}]} | spec)


def _users(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        if "connection authorized" in line or "FATAL" in line:
            yield line.partition("user=")[2].partition(" ")[0]


def _is_ready(credential: Json) -> bool:
    found = (credential.get("status") or {}).get("conditions", [])
    ready = next((c for c in found if c["type"] == "Ready"), {})
    return ready.get("status") == "True" and ready["observedGeneration"] == credential["metadata"]["generation"]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
