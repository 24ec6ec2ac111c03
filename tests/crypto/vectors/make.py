"""Adds vectors to envelope-v1.json; those that are there stay as they are, for ever.

Run from the repository's root: `python -m tests.crypto.vectors.make`, with `operator` on the path. It prints the line
that pins each new vector; those go into test_vectors.py.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.crypto.places import KEYRING, NOW, PLACE, counted

from keyward.crypto import keyring_document
from keyward.crypto.context import Context
from keyward.crypto.vault import Sealed, Vault
from keyward.sensitive import Sensitive

FILE = Path(__file__).with_name("envelope-v1.json")
RING = KEYRING.with_new_version("default", counted("vectors: second version"), NOW)
FIRST = replace(PLACE, version_id="v1", sequence=1, previous_digest=None)
VALUES: dict[str, tuple[Context, bytes]] = {
    "empty value": (PLACE, b""),
    "one byte": (PLACE, b"7"),
    "a password": (PLACE, b"R4nd0m_-pass"),
    "first version, without a previous digest": (FIRST, b"first"),
    "exactly one block": (PLACE, bytes(range(252))),
    "one byte more than a block": (PLACE, bytes(range(253))),
    "key/value with non-ASCII text": (replace(PLACE, type="generic"), '{"ключ":"wärt","鍵":"🔑"}'.encode()),
    "place with non-ASCII version id": (replace(PLACE, version_id="рабочая"), b"x"),
}


def pin(vector: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(vector, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def place(context: Context) -> dict[str, Any]:
    found = dataclasses.asdict(context)
    return found | {"previous_digest": context.previous_digest.hex() if context.previous_digest else None}


def written(context: Context, found: Sealed) -> dict[str, Any]:
    wraps = [w.to_dict() for w in found.wraps]
    return {"context": place(context), "envelope": found.envelope.to_dict(), "wraps": wraps}


def flipped(text: str) -> str:
    raw = base64.b64decode(text)
    return base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()


def negatives(good: dict[str, Any], other: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Vectors that must never open, each with the reason of its refusal."""
    found: dict[str, dict[str, Any]] = {}

    def add(name: str, fails: str, **change: Any) -> None:
        base = {k: v for k, v in good.items() if k not in ("value", "digest")}
        found[name] = (
            base
            | {part: base[part] | new for part, new in change.items() if part != "wraps"}
            | {
                **({"wraps": change["wraps"]} if "wraps" in change else {}),
                "fails": fails,
            }
        )

    envelope, wrap = good["envelope"], good["wraps"][0]
    for field, fails in (
        ("salt", "ContextMismatch"),
        ("commit", "ContextMismatch"),
        ("nonce", "EnvelopeInvalid"),
        ("ct", "EnvelopeInvalid"),
    ):
        add(f"{field}: one bit altered", fails, envelope={field: flipped(envelope[field])})
        add(f"{field}: of another envelope", fails, envelope={field: other["envelope"][field]})
    add("unknown version", "EnvelopeInvalid", envelope={"v": 2})
    add("unknown suite", "EnvelopeInvalid", envelope={"suite": "A256GCM"})
    add("unknown field", "EnvelopeInvalid", envelope={"extra": ""})
    add("base64 without padding", "EnvelopeInvalid", envelope={"salt": envelope["salt"].rstrip("=")})
    add("ciphertext cut by a block", "EnvelopeInvalid", envelope={"ct": base64.b64encode(bytes(16)).decode()})
    for field, value in (
        ("store", "00000000-0000-4000-8000-000000000000"),
        ("namespace", "shop2"),
        ("credential", "orders"),
        ("lineage", "1f" * 16),
        ("version_id", "v3"),
        ("sequence", 3),
        ("type", "generic"),
        ("previous_digest", "ff" * 32),
        ("previous_digest", None),
    ):
        add(f"{field}: {'absent' if value is None else 'another'}", "ContextMismatch", context={field: value})
    add("wrap of another value in the same place", "ContextMismatch", wraps=other["wraps"])
    add("wrap: its check value altered", "KeyUnavailable", wraps=[wrap | {"wrapped": flipped(wrap["wrapped"])}])
    add("wrap: key version exchanged", "KeyUnavailable", wraps=[wrap | {"keyVersion": "1"}])
    add("wrap: key version that is not there", "KeyUnavailable", wraps=[wrap | {"keyVersion": "3"}])
    add("wrap: key that is not there", "KeyUnavailable", wraps=[wrap | {"key": "absent"}])
    add("no wrap", "EnvelopeInvalid", wraps=[])
    return found


async def made() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, (context, value) in VALUES.items():
        vault = Vault.local(RING, counted(f"vectors: {name}"))
        sealed = await vault.seal(Sensitive(value), context, "default")
        digest = vault.digest(sealed.envelope, context).hex()
        found[name] = written(context, sealed) | {"value": value.hex(), "digest": digest}
    other = await Vault.local(RING, counted("vectors: other")).seal(Sensitive(b"another"), PLACE, "default")
    return found | negatives(found["a password"], written(PLACE, other))


def main() -> None:
    keyring = keyring_document.to_secret(RING)[keyring_document.DATA_KEY].reveal_text()
    document = json.loads(FILE.read_text()) if FILE.exists() else {"keyring": json.loads(keyring), "vectors": {}}
    for name, vector in asyncio.run(made()).items():
        if name not in document["vectors"]:
            document["vectors"][name] = vector
            print(f'    "{name}": "{pin(vector)}",')
    FILE.write_text(json.dumps(document, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
