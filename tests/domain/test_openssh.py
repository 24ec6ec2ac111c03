"""The public half is read out of a private key's text, and of nothing else."""

from __future__ import annotations

import base64

import pytest
from tests.engines.ssh_system import key_pair, public

from keyward.domain import openssh
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

BEGIN, END = "-----BEGIN OPENSSH PRIVATE KEY-----\n", "-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp384"])
def test_it_is_the_line_of_authorized_keys(kind: str):
    value = key_pair(kind)
    assert openssh.public_line(value) == public(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        f"{BEGIN}{END}",
        f"{BEGIN}not base64!\n{END}",
        f"{BEGIN}{base64.b64encode(b'openssh-key-v1' + bytes(1)).decode()}\n{END}",
        f"{BEGIN}{base64.b64encode(b'openssh-key-v1' + bytes(1) + bytes([255] * 40)).decode()}\n{END}",
        f"{BEGIN}{base64.b64encode(b'another-format' + bytes(60)).decode()}\n{END}",
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str):
    with pytest.raises(Blocked) as caught:
        openssh.public_line(Sensitive(text))
    assert caught.value.reason is Reason.ENVELOPE_INVALID
    assert caught.value.__context__ is None
