"""SSH key pairs, held against OpenSSH's own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from keyward.crypto import key_pairs
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


def public(folder: Path, value: Sensitive) -> list[str]:
    """What ssh-keygen says of a private key."""
    path = folder / "key"
    path.touch(0o600)
    path.write_bytes(value.reveal())
    return subprocess.run(["ssh-keygen", "-y", "-f", path], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    ("algorithm", "kind", "bits"), [("Ed25519", "ssh-ed25519", "256"), ("RSA3072", "ssh-rsa", "3072")]
)
def test_openssh_reads_what_is_generated(tmp_path: Path, algorithm: str, kind: str, bits: str):
    value = key_pairs.generate(algorithm, os.urandom)
    assert public(tmp_path, value)[0] == kind
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key"], check=True, capture_output=True, text=True
    ).stdout
    assert told.split()[0] == bits
    assert key_pairs.generate(algorithm, os.urandom) != value


@pytest.mark.parametrize(
    "options", [["-t", "ed25519"], ["-t", "rsa", "-b", "2048", "-m", "PEM"], ["-t", "ecdsa", "-m", "PKCS8"]]
)
def test_a_given_key_stays_the_same_pair_in_one_format(tmp_path: Path, options: list[str]):
    path = tmp_path / "given"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", path, *options], check=True)
    value = key_pairs.normalised(Sensitive(path.read_bytes()))
    assert key_pairs.normalised(Sensitive(path.read_bytes())) == value
    assert key_pairs.normalised(value) == value
    assert value.reveal().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert public(tmp_path, value)[:2] == (tmp_path / "given.pub").read_text(encoding="ascii").split()[:2]


@pytest.mark.parametrize(
    "text", ["", "words", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str):
    with pytest.raises(Blocked) as caught:
        key_pairs.normalised(Sensitive(text))
    assert caught.value.reason is Reason.SOURCE_INVALID
    assert caught.value.__context__ is None


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path):
    for form in ("RFC4716", "PEM", "PKCS8"):
        path = tmp_path / form
        subprocess.run(["ssh-keygen", "-q", "-N", "a passphrase", "-t", "rsa", "-m", form, "-f", path], check=True)
        with pytest.raises(Blocked):
            key_pairs.normalised(Sensitive(path.read_bytes()))
