"""Whether the cluster knows our kinds as this release means them: nothing begins before, and what is in the way is told.

An older CRD drops fields in silence: a credential would be rotated without the rule that its owner wrote down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from keyward.errors import Blocked, Reason
from keyward.kube.client import Client
from keyward.kube.kinds import (
    CLUSTER_TARGETS,
    CREDENTIAL_SETS,
    CREDENTIALS,
    CUSTOM_RESOURCES,
    ENCRYPTION_KEYS,
    TARGETS,
    VERSIONS,
    Kind,
)

Json = dict[str, Any]
Schemas = Mapping[str, Json]
"""By plural: the fields that this release was built with, in the form of an openAPIV3Schema."""

Warn = Callable[[Json, Blocked], None]
"""A CRD as the server has it, and what it lacks."""

KINDS: Final = (CREDENTIALS, CREDENTIAL_SETS, VERSIONS, TARGETS, CLUSTER_TARGETS, ENCRYPTION_KEYS)
_PAUSE: Final = 2.0
_log = logging.getLogger(__name__)


async def wait(
    client: Client, expected: Schemas, tell: Callable[[str], None], warn: Warn, pause: float = _PAUSE
) -> None:
    """Return when all our kinds are served and none is older. Meanwhile `tell` gets what is in the way, `warn` each older one.

    Raises:
        Retry: the API server does not answer.
    """
    said = ""
    while True:
        why = await _in_the_way(client, expected, warn)
        if not why:
            return
        tell(why)
        if why != said:
            _log.warning("%s", why)
            said = why
        await asyncio.sleep(pause)


async def _in_the_way(client: Client, expected: Schemas, warn: Warn) -> str:
    missing, older = [], []
    for kind in KINDS:
        crd = await client.get(CUSTOM_RESOURCES, "", kind.resource)
        if crd is None or not _established(crd):
            missing.append(kind.resource)
        elif kind.plural in expected:
            try:
                check(kind, crd, expected[kind.plural])
            except Blocked as error:
                warn(crd, error)
                older.append(error.message)
    if missing:
        older.append(f"waiting for these CRDs: {', '.join(missing)}: apply the CRDs of this release")
    return "; ".join(older)


def check(kind: Kind, crd: Json, expected: Json) -> None:
    """Compare one installed CRD with what is expected of it. Raises Blocked with CRD_OUTDATED."""
    served = [v for v in crd["spec"].get("versions", ()) if v.get("name") == kind.version and v.get("served")]
    if not served:
        raise _outdated(kind, f"version {kind.version}")
    installed = (served[0].get("schema") or {}).get("openAPIV3Schema") or {}
    field = lacking(expected, installed)
    if field is not None:
        raise _outdated(kind, f"field {field}")


def lacking(expected: Json, installed: Json, path: str = "") -> str | None:
    """The first field that is expected and not installed."""
    known = installed.get("properties") or {}
    for name, schema in (expected.get("properties") or {}).items():
        place = f"{path}.{name}" if path else name
        if name not in known:
            return place
        found = lacking(schema, known[name], place)
        if found is not None:
            return found
    for inner, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(expected.get(inner), dict) and isinstance(installed.get(inner), dict):
            found = lacking(expected[inner], installed[inner], path + suffix)
            if found is not None:
                return found
    return None


def _established(crd: Json) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)


def _outdated(kind: Kind, what: str) -> Blocked:
    return Blocked(
        Reason.CRD_OUTDATED,
        f"CustomResourceDefinition {kind.resource} is older than this program, it lacks {what}: apply the CRDs of this release; "
        "until then nothing is done",
    )
