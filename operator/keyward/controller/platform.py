"""What one process has in hand: stores, cache, keys, metrics. Made once by `app`, handed to whoever reconciles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from keyward.controller.intake import Intake
from keyward.controller.keyring import KeyKeeper
from keyward.controller.metrics import Metrics
from keyward.controller.nodes import NodeWatches
from keyward.controller.ports import Hook
from keyward.controller.settings import Settings
from keyward.controller.target_health import TargetHealth
from keyward.kube.client import Client
from keyward.kube.credentials import KubeCredentialStore
from keyward.kube.events import EventRecorder
from keyward.kube.secrets import KubeSecretStore
from keyward.kube.targets import AdminSecrets
from keyward.kube.versions import KubeVersionStore


@dataclass(frozen=True, slots=True)
class Platform:
    """`intake` leads to the cache, the queue, the schedule and the limits."""

    settings: Settings
    client: Client
    intake: Intake
    keeper: KeyKeeper  # the port `Vault`
    versions: KubeVersionStore
    credentials: KubeCredentialStore
    secrets: KubeSecretStore
    admins: AdminSecrets
    events: EventRecorder
    target_health: TargetHealth
    nodes: NodeWatches
    metrics: Metrics
    clock: Callable[[], datetime]
    hook: Hook
    cluster: Callable[[], str]  # uid of this cluster's kube-system; known once the start is done
    awake_since: Callable[[], datetime]  # what fell due before was missed; known once the start is done
