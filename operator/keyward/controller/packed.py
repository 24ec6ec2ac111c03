"""JSON of our objects, packed for as long as it only lies there: ten thousand Credentials look very much alike.

The words that most of them have are in a dictionary that packing starts from, so that what is left of one is about what tells
it from the others. A value never comes here.
"""

from __future__ import annotations

import zlib
from typing import Final

# What comes last is cheapest to refer to. A change of it makes other bytes, which live no longer than this process.
_WORDS: Final = (
    b'"labels":{"app.kubernetes.io/name":"","app.kubernetes.io/part-of":"","app.kubernetes.io/managed-by":"",'
    b'"helm.sh/chart":"","annotations":{"keyward.dev/lineage":"","keyward.dev/rotate":"","keyward.dev/promote":"",'
    b'"finalizers":["keyward.dev/finalizer"]"Unknown","False","reason":"Pending","ProjectionPending",'
    b'"waiting":{"reason":"Grace","until":"","failures":{"count":1,"lastAt":"'
    b'"rds":{"accountManagement":"Dual","create":{"name":"","privileged":false,"privileges":[{"database":"",'
    b'"level":"ReadWrite","ownerRoles":[],"schemas":["public"]}]},"databaseName":"","targetRef":{"kind":"Target",'
    b'"name":""}},"rotation":{"automatic":true,"interval":"24h","type":"rds/PostgreSQL","spec":{"deletion":'
    b'{"accounts":"Disable","recoveryWindow":"30d","secrets":"Delete"},'
    b'{"metadata":{"name":"","namespace":"","uid":"","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z"},'
    b'"spec":{"deletion":{"recoveryWindow":"30d","secrets":"Delete"},"encryptionKeyName":"default","generic":'
    b'{"generate":{"allowWeak":false,"classes":["Lowercase","Uppercase","Digits","Symbols"],"key":"password",'
    b'"length":32,"symbols":"_-"},"maxVersions":10,"type":"KeyValue","versionId":"v1"},"projections":'
    b'[{"composite":true,"includePrevious":false,"secretName":"","type":"Opaque"}],"rotation":{"driftInterval":"10m",'
    b'"gracePeriod":"5m","onDrift":"Rotate","suspend":false,"timeZone":"UTC"}}}'
    b'{"conditions":[{"lastTransitionTime":"2026-01-01T00:00:00Z","message":"version v1 is current",'
    b'"observedGeneration":1,"reason":"Projected","status":"True","type":"Ready"},{"lastTransitionTime":'
    b'"2026-01-01T00:00:00Z","message":"","observedGeneration":1,"reason":"UpToDate","status":"True",'
    b'"type":"Rotated"}],"currentVersion":"v1","lastRotated":"2026-01-01T00:00:00Z","lineage":"","nextRotation":"",'
    b'"observedGeneration":1,"projections":[{"secretName":"","sequence":1,"version":"v1"}],"state":"Enabled",'
    b'"type":"generic"}'
)
# A window as long as the dictionary, and little memory of its own: the usual 256 KB take longer to set up than to use.
_WINDOW, _MEMORY, _LEVEL = -12, 4, 3


def pack(text: bytes) -> bytes:
    """The same bytes for the same text, within this process."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packer.compress(text) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """What was packed."""
    return zlib.decompressobj(_WINDOW, _WORDS).decompress(packed)
