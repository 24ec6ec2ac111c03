"""Envelopes that were sealed once open for ever, and what was refused once is refused for ever, for the same reason.

A vector is never changed and never removed: a release that needs to has broken the values that users have stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.crypto.vectors.make import pin

from keyward.crypto import keyring_document
from keyward.crypto.context import Context
from keyward.crypto.envelope import Envelope
from keyward.crypto.keys import Wrap
from keyward.crypto.vault import Vault
from keyward.errors import Blocked
from keyward.sensitive import Sensitive

DOCUMENT = json.loads((Path(__file__).parent / "vectors" / "envelope-v1.json").read_text())
VECTORS: dict[str, dict[str, Any]] = DOCUMENT["vectors"]
KEYRING_PIN = "9b083d0bfd082b78a04af6d0f4b504e02fb3727bc68dedbaf50382d1dffe3980"
PINS = {
    "empty value": "674d29cd2053d2447c0622e747a138c12f7f83f36baae707e3fea93e1758d486",
    "one byte": "a9f15a78ba275f26a7526b283402ec766eaeb31d7411120e839d7ae49203c164",
    "a password": "5e31c22327f502fdf55ac33540b44a0a562275ea613b8e31056f01e9f8ebee6b",
    "first version, without a previous digest": "9fc9263cc63f7a266cf0a3d98bad67992de16ebf63a9cc40373f915985cdb7f2",
    "exactly one block": "2bf5411d268c1e7ad4e15665c8abb1c6c8bdfa08bbe03bd9f97aeee81560bae5",
    "one byte more than a block": "2148eb96a451036d1d4ce1e02dd04587369b4b482fa94d04d1ef40176d8774f3",
    "key/value with non-ASCII text": "513daa9620a3151b0d2981f1c8b0c16738e65e7f08d2881cd09ff8c630fa52ad",
    "place with non-ASCII version id": "6f38f3273b946ce400e9a4b58b612e8c24284045d2d1110402f178ce2100f9a5",
    "salt: one bit altered": "a41b027b745afb556a9f13e26d6f4e57300ac9093f0e0075d78de65b0689bf40",
    "salt: of another envelope": "86b0b8c61df2a5a3db4328262211c6d85112ce1e89665ef9f22bfc5ef3bb2242",
    "commit: one bit altered": "0646724bcc5f6eab9844cfd54e1c54159faf45b1f5d1330dd99eac0cb5b68932",
    "commit: of another envelope": "31b8676d5fe4a164b9b93f44da85ebf2663bd3299c2c5017541e0e9ac28a3f2c",
    "nonce: one bit altered": "fb55dcf57edbf9fa65deaed8fc9df1bad78b55d36eb3da9b2c11286287c7fb40",
    "nonce: of another envelope": "03619bbb077ae86ebb9b4d3e2d71daca5ab15e35ca792108fe047ce790fc17b1",
    "ct: one bit altered": "6311c0988a3d41bb3d5eaecd72d28720f114b940e5fd281abc390db663ae3319",
    "ct: of another envelope": "333b07d315838d206545e89d89c252e03e9d89bead6976a23a6591dc76700973",
    "unknown version": "cbffa67e0f4b082eba1a579eda50f213dc3b5b47c56a26770dcc3bb000352c14",
    "unknown suite": "39a01a3af2f7d8f21e1fefd06f6dc48e561ea7a9504f38886903ff62cd0bb894",
    "unknown field": "1cfa1c1e8035d99a022bd6cb3f27f7ada0a60091479a0691235141d469fca2e7",
    "base64 without padding": "dc601a0e556379880410203a5b119bb78030f976d55b6eec5b9ee0d84c436af2",
    "ciphertext cut by a block": "da1cf978c64f87c1fa8644e8e2d5a7cd41fbcf5fdfdf7e3d80d79d8f0ee8e438",
    "store: another": "e7522d13ba41b04ab419570c5d40d38bdc158a2573f4ecac6aa8f9a0dac84e95",
    "namespace: another": "5439c30f0292a02d4e21d434492485768b362f0dd14ba849c368ce52fe5f4f1c",
    "credential: another": "565806d5aa4ad18f0f998f4f45040cf83511752044c39a5fbe9393c102106082",
    "lineage: another": "4888ec51d964d066d4d51f620de3274f705899fea7865091a6c90056bebf1012",
    "version_id: another": "8add353e98a1e22ac8bcef6bb008c705c4f3b05fc25c237c6d628b75e2731296",
    "sequence: another": "4e6dbfc169d1a5fabdb8fab912896fe5d4bb30352117474b46c4f8befa84b877",
    "type: another": "1a34e09a9f3413360916d792aae3bbdf9745c13917a938d24d4c04f0db58f9d7",
    "previous_digest: another": "64efd29910456f71e8d9289063dc9f1d30f45bedbe98c701a1c5808aac89d81a",
    "previous_digest: absent": "480a5883dd1761f78336fce2ec2123e3f66ec09690e64754348f82a01108f764",
    "wrap of another value in the same place": "42884cc1b8bffccf6f9281b02a2564c82b545cc68e805f1db559e275847bb80e",
    "wrap: its check value altered": "2a9969b6141065a85f0c62c227bea750ce779decf7ddd7eeec7e92bed3c55b42",
    "wrap: key version exchanged": "551551c4c007595dd4e935f45d42e7a8971009153d503fb1249a37cf34b98d94",
    "wrap: key version that is not there": "89f8bc62389b8fea45e5ff9e5789a39961bbaa9c57cb7017b046dccf5a8341d3",
    "wrap: key that is not there": "47b5596598e66e235c2588150530f481f6dba07a5610510bef0a3dbffed7e477",
    "no wrap": "51cda17dfaf2ff5f595846d7660877b5b2941e809e626a278ae6da4ce5f2dc40",
}
GOOD = {name: vector for name, vector in VECTORS.items() if "fails" not in vector}
BAD = {name: vector for name, vector in VECTORS.items() if "fails" in vector}


def keeper() -> Vault:
    data = {keyring_document.DATA_KEY: Sensitive(json.dumps(DOCUMENT["keyring"]))}
    return Vault.local(keyring_document.from_secret(data))


def place(vector: dict[str, Any]) -> Context:
    previous = vector["context"]["previous_digest"]
    return Context(**vector["context"] | {"previous_digest": bytes.fromhex(previous) if previous else None})


async def opened(vector: dict[str, Any]) -> Sensitive:
    envelope, wraps = Envelope.from_dict(vector["envelope"]), [Wrap.from_dict(w) for w in vector["wraps"]]
    return await keeper().open(envelope, wraps, place(vector))


def test_no_vector_was_ever_changed_added_unseen_or_removed() -> None:
    assert {name: pin(vector) for name, vector in VECTORS.items()} == PINS
    assert pin(DOCUMENT["keyring"]) == KEYRING_PIN


@pytest.mark.parametrize("name", GOOD)
async def test_an_envelope_of_an_earlier_release_opens(name: str) -> None:
    assert (await opened(GOOD[name])).reveal().hex() == GOOD[name]["value"]


@pytest.mark.parametrize("name", GOOD)
def test_its_digest_is_still_the_same(name: str) -> None:
    found = keeper().digest(Envelope.from_dict(GOOD[name]["envelope"]), place(GOOD[name]))
    assert found.hex() == GOOD[name]["digest"]


@pytest.mark.parametrize("name", GOOD)
def test_it_is_written_as_it_was_read(name: str) -> None:
    assert Envelope.from_dict(GOOD[name]["envelope"]).to_dict() == GOOD[name]["envelope"]
    assert [Wrap.from_dict(w).to_dict() for w in GOOD[name]["wraps"]] == GOOD[name]["wraps"]


@pytest.mark.parametrize("name", BAD)
async def test_what_was_refused_is_refused_for_the_same_reason(name: str) -> None:
    with pytest.raises(Blocked) as caught:
        await opened(BAD[name])
    assert caught.value.reason == BAD[name]["fails"]
