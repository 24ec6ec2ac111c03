"""How a stored Secret is seen as metadata."""

from __future__ import annotations

from datetime import datetime

from keyward.api import names
from keyward.domain.model import SecretView
from keyward.domain.projection import written_at
from keyward.domain.writes import StoredSecret


def secret_view(stored: StoredSecret) -> SecretView:
    metadata = stored.metadata
    labels, notes = metadata.get("labels", {}), metadata.get("annotations", {})
    owner = next((o["uid"] for o in metadata.get("ownerReferences", []) if o["kind"] == "Credential"), "")
    return SecretView(
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        managed=labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY,
        lineage=labels.get(names.LABEL_LINEAGE, ""),
        credential=labels.get(names.LABEL_CREDENTIAL, ""),
        sequence=int(notes.get(names.ANNOTATION_SEQUENCE, 0)),
        previous_sequence=int(notes.get(names.ANNOTATION_PREVIOUS_SEQUENCE, 0)),
        shape=notes.get(names.ANNOTATION_SHAPE, ""),
        written_at=written_at(_moment(notes.get(names.ANNOTATION_WRITTEN_AT)), _moment(metadata.get("booked"))),
        owner_uid=owner,
        intact=not metadata.get("edited", False),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
