"""The names of labels, annotations and the finalizer that we read and write on API objects. Names only."""

from __future__ import annotations

from typing import Final

GROUP: Final = "keyward.dev"
VERSION: Final = "v1alpha1"
MANAGED_BY: Final = "keyward"
FINALIZER: Final = "keyward.dev/finalizer"

# Labels
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
COMPONENT_KEYRING: Final = "keyring"
LABEL_CREDENTIAL: Final = "keyward.dev/credential"
LABEL_LINEAGE: Final = "keyward.dev/lineage"
LABEL_SOURCE_FOR: Final = "keyward.dev/source-for"
LABEL_SET: Final = "keyward.dev/set"  # on a Credential: the CredentialSet that it is of
LABEL_KEEP: Final = "keyward.dev/keep"  # on a CredentialVersion: retention keeps it

# Annotations: commands and the lineage on a Credential
ANNOTATION_ROTATE: Final = "keyward.dev/rotate"
ANNOTATION_PROMOTE: Final = "keyward.dev/promote"
ANNOTATION_TAKEOVER: Final = "keyward.dev/takeover"
ANNOTATION_LINEAGE: Final = "keyward.dev/lineage"

# Annotation on a Credential of a CredentialSet: digest of what the set last made of it
ANNOTATION_SET_DIGEST: Final = "keyward.dev/set-digest"
# The CredentialSet that let it go as its Target left, and takes it up again if that comes back
ANNOTATION_SET_LEFT: Final = "keyward.dev/set-left"

# Annotations on a projected Secret
ANNOTATION_VERSION: Final = "keyward.dev/version"
ANNOTATION_SEQUENCE: Final = "keyward.dev/sequence"
ANNOTATION_PREVIOUS_SEQUENCE: Final = "keyward.dev/previous-sequence"
ANNOTATION_WRITTEN_AT: Final = "keyward.dev/written-at"
ANNOTATION_SHAPE: Final = "keyward.dev/shape"
ANNOTATION_KEYS: Final = "keyward.dev/keys"  # digest of the names of the data's keys

# Annotation on an admin Secret: the digests of endpoints and CA that its writers approved
ANNOTATION_APPROVED: Final = "keyward.dev/approved-digests"
