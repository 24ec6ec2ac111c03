"""Values that the tests of the stores begin with."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from keyward.crypto.keyring import Keyring
from keyward.crypto.vault import Vault
from keyward.crypto.versions import VersionVault
from keyward.domain.model import ScheduleWish, Wish
from keyward.domain.version import Cause, CauseKind, Handled, Mode, Origin, PreviousLink, Promotion, TargetIdentity
from keyward.domain.writes import NewVersion, SecretContent
from keyward.kube.kinds import CREDENTIALS
from keyward.sensitive import Sensitive

NOW = datetime(2026, 11, 24, 2, 0, 0, 123456, tzinfo=UTC)
LINEAGE = "0123456789abcdef" * 2
CLUSTER = "7f0f1b5c-64f5-4d0a-9a39-0d6c6b8a5a11"


def vault() -> VersionVault:
    return VersionVault(Vault.local(Keyring.mint(["default"], os.urandom, NOW)))


def new_version(namespace: str, sequence: int = 1, **changes: Any) -> NewVersion:
    base = NewVersion(
        namespace=namespace,
        credential="orders",
        lineage=LINEAGE,
        sequence=sequence,
        version_id=f"v{sequence}",
        type="generic",
        cluster=CLUSTER,
        cause=Cause(CauseKind.SOURCE, recovery_window=timedelta(days=7)),
        mode=Mode.GENERIC,
        origin=Origin.SOURCE,
        account="",
        accounts=(),
        target=None,
        source_digest="ab" * 32,
        previous=None,
        envelope={},
        wraps=(),
    )
    return replace(base, **changes)


def account_version(namespace: str, sequence: int = 2) -> NewVersion:
    return new_version(
        namespace,
        sequence,
        type="rds",
        cause=Cause(CauseKind.TOKEN, "leak-4", NOW, Handled("leak-4", None, ""), timedelta(days=30)),
        mode=Mode.DUAL,
        origin=Origin.GENERATED,
        account="orders_clone",
        accounts=("orders", "orders_clone"),
        target=TargetIdentity("Target", "orders-pg", "cd" * 32, "uid-9"),
        source_digest="",
        previous=PreviousLink(1, "ef" * 32),
        absent=("orders_clone",),
        made=('od"d, näme\n',),
    )


PROMOTION = Promotion(1, NOW, "v1#again")


def wish(namespace: str, uid: str, **changes: Any) -> Wish:
    base = Wish(
        namespace=namespace,
        name="orders",
        uid=uid,
        generation=1,
        type="generic",
        mode=Mode.GENERIC,
        key="default",
        schedule=ScheduleWish(automatic=False),
    )
    return replace(base, **changes)


def credential(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": CREDENTIALS.api_version,
        "kind": "Credential",
        "metadata": {"name": "orders", "namespace": namespace},
        "spec": {
            "generic": {"type": "KeyValue", "source": {"secretRef": {"name": "orders-source"}}},
            "projections": [{"secretName": "orders"}],
        },
    }


def secret_content(
    namespace: str, *, data: dict[str, str] | None = None, sequence: int = 1, **changes: Any
) -> SecretContent:
    base = SecretContent(
        namespace=namespace,
        name="orders",
        type="Opaque",
        data={key: Sensitive(text) for key, text in (data or {"user": "bob", "password": "one"}).items()},
        labels={
            "app.kubernetes.io/managed-by": "keyward",
            "keyward.dev/credential": "orders",
            "keyward.dev/lineage": LINEAGE,
        },
        annotations={
            "keyward.dev/version": f"v{sequence}",
            "keyward.dev/sequence": str(sequence),
            "keyward.dev/written-at": "2026-11-24T02:00:00Z",
            "keyward.dev/shape": "s1",
        },
    )
    return replace(base, **changes)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
