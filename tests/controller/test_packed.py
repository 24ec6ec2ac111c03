"""What is packed comes out as it was, in the same bytes each time, and a usual Credential is small."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from keyward.controller import packed
from keyward.controller.objects import Objects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_packed_comes_out_as_it_was_and_packs_alike(found):
    text = orjson.dumps(found)
    assert packed.unpack(packed.pack(text)) == text
    assert packed.pack(text) == packed.pack(bytes(bytearray(text)))


def test_a_long_spec_comes_out_whole():
    text = orjson.dumps({"spec": {f"key-{n}": f"{n * n}" for n in range(50_000)}})
    assert packed.unpack(packed.pack(text)) == text


def test_a_credential_as_most_are_takes_a_quarter():
    spec = {
        "deletion": {"recoveryWindow": "30d", "secrets": "Delete"},
        "encryptionKeyName": "default",
        "generic": {"generate": {"allowWeak": False, "key": "password", "length": 32}, "type": "KeyValue"},
        "projections": [{"composite": True, "secretName": "billing-api", "type": "Opaque"}],
        "rotation": {"driftInterval": "10m", "gracePeriod": "5m", "onDrift": "Rotate", "timeZone": "UTC"},
    }
    metadata = {"name": "billing-api", "namespace": "shop", "uid": "364f4b52-e2bd-4c4d-8dbd-6ff914e3bc14"}
    text = orjson.dumps({"metadata": metadata, "spec": spec})
    assert len(packed.pack(text)) < len(text) / 4
    objects: Objects[str] = Objects()
    there = metadata | {"resourceVersion": "7"}
    objects.put("a", {"metadata": there, "spec": spec, "status": {"state": "Enabled"}})
    assert objects.get("a") == {"metadata": there, "spec": spec, "status": {"state": "Enabled"}}
