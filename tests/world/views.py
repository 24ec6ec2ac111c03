"""How a stored Secret is seen as metadata."""

from __future__ import annotations

from datetime import datetime

from keyward.domain.model import SecretView
from keyward.domain.writes import StoredSecret

PREFIX = "keyward.dev/"


def secret_view(stored: StoredSecret) -> SecretView:
    metadata = stored.metadata
    labels, notes = metadata.get("labels", {}), metadata.get("annotations", {})
    written = notes.get(PREFIX + "written-at")
    owner = next((o["uid"] for o in metadata.get("ownerReferences", []) if o["kind"] == "Credential"), "")
    return SecretView(
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        managed=PREFIX + "lineage" in labels,
        lineage=labels.get(PREFIX + "lineage", ""),
        credential=labels.get(PREFIX + "credential", ""),
        sequence=int(notes.get(PREFIX + "sequence", 0)),
        previous_sequence=int(notes.get(PREFIX + "previous-sequence", 0)),
        shape=notes.get(PREFIX + "shape", ""),
        written_at=datetime.fromisoformat(written) if written else None,
        owner_uid=owner,
    )
