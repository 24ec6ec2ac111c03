"""Whether an existing Secret may be written for a Credential: by its labels and its owners, never by its data. Pure.

A stranger's Secret is refused, with the words that would hand it over; what we made for this Credential's name is ours,
of whatever lineage: a retained one of a life that is over is taken up again (protocol §7, §11).
"""

from __future__ import annotations

from typing import Any

from keyward.api import names
from keyward.domain.writes import SecretContent, StoredSecret
from keyward.errors import Blocked, Reason


def judge(stored: StoredSecret, content: SecretContent) -> None:
    """Allow `content` to replace `stored`, or say why not.

    Raises:
        Blocked: with SECRET_CONFLICT, naming the Secret, whose it is and how it can be handed over.
    """
    labels = stored.metadata.get("labels") or {}
    credential = content.labels[names.LABEL_CREDENTIAL]
    if labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY or not labels.get(names.LABEL_LINEAGE):
        raise _conflict(
            content,
            "is there already and was not made by Keyward: choose another secretName, delete it, or hand it over with "
            f"`kubectl label --overwrite secret {content.name} -n {content.namespace} {_as_labels(content)}`, which replaces all "
            "its data",
        )
    holder = labels.get(names.LABEL_CREDENTIAL, "")
    if holder != credential:
        raise _conflict(
            content, f"belongs to Credential {holder!r}, and each Secret has one: choose another secretName"
        )
    for owner in stored.metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") != "Credential":
            what = f"{owner.get('kind')} {owner.get('name')}"
            raise _conflict(content, f"is controlled by {what}, which would fight over it: choose another secretName")


def _as_labels(content: SecretContent) -> str:
    ours: tuple[Any, ...] = (names.LABEL_MANAGED_BY, names.LABEL_CREDENTIAL, names.LABEL_LINEAGE)
    return " ".join(f"{key}={content.labels[key]}" for key in ours)


def _conflict(content: SecretContent, why: str) -> Blocked:
    return Blocked(Reason.SECRET_CONFLICT, f"spec.projections[secretName={content.name}]: this Secret {why}")
