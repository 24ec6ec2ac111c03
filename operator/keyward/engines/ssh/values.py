"""What a value is: a password, or the private half of a key pair in the text that OpenSSH writes."""

from __future__ import annotations

from typing import Final

import asyncssh

from keyward.engines.ssh.lines import PublicKey
from keyward.errors import Blocked, Reason, Rejected
from keyward.sensitive import Sensitive

LEAST_RSA: Final = 3072  # bits
_PEM: Final = b"-----BEGIN "
_ED25519: Final = "ssh-ed25519"
_RSA: Final = "ssh-rsa"


def is_key(value: Sensitive) -> bool:
    """Whether this is a private key, or means to be one."""
    return value.reveal().lstrip().startswith(_PEM)


def private_key(value: Sensitive) -> asyncssh.SSHKey:
    """The key pair. Raises Blocked with LOGIN_REFUSED: what cannot be read opens nothing."""
    try:
        return asyncssh.import_private_key(value.reveal())
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        pass
    text = "the value is no private key that can be read, or one with a passphrase: give it in OpenSSH's format, without one"
    raise Blocked(Reason.LOGIN_REFUSED, text)


def public_key(value: Sensitive) -> PublicKey:
    """Its public half. Raises Blocked as `private_key` does."""
    kind, blob = private_key(value).export_public_key("openssh").decode("ascii").split()[:2]
    return PublicKey(kind, blob)


def check_new_key(value: Sensitive) -> None:
    """Raise Rejected for a key that nobody should begin to use: another kind than Ed25519 and RSA, or a short one."""
    kind = None
    try:
        found = private_key(value)
        kind = found.get_algorithm()
        strong = kind == _ED25519 or (kind == _RSA and getattr(found.pyca_key, "key_size", 0) >= LEAST_RSA)
    except Blocked:
        strong = False
    if not strong:
        raise Rejected(Reason.PASSWORD_REFUSED, f"a new key is Ed25519, or RSA with at least {LEAST_RSA} bits")


def check_new_password(account: str, value: Sensitive) -> None:
    """Raise Rejected for a password that chpasswd would read as something else, or that any policy would refuse."""
    secret = value.reveal()
    if not secret or any(byte in b"\n\r:\0" for byte in secret):
        raise Rejected(
            Reason.PASSWORD_REFUSED, "a password of a host has no line break, no colon and no NUL, and is not empty"
        )
    if secret == account.encode() or is_key(value):
        raise Rejected(Reason.PASSWORD_REFUSED, "the account's own name, or a private key, is no password")
