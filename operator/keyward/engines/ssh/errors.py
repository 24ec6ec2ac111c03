"""The driver's exceptions and the host's answers as ours: codes and texts from here, never theirs."""

from __future__ import annotations

import re
import socket
from typing import Final

import asyncssh

from keyward.errors import Blocked, KeywardError, Reason, Retry

BUSY: Final = 75
"""Status of the remote script: the lock was not free in time."""
CHANGED: Final = 33
"""Status: somebody else wrote the file meanwhile."""

_STATUSES: Final[dict[int, tuple[type[KeywardError], str]]] = {
    20: (Blocked, "the folder of authorized_keys is not the user's own or root's: correct its owner and mode"),
    21: (Blocked, "authorized_keys is a symbolic link, which is not followed: replace it by a file"),
    22: (Blocked, "the folder of authorized_keys is a symbolic link, which is not followed: replace it by a folder"),
    23: (Blocked, "authorized_keys is no ordinary file: replace it by one"),
    24: (Blocked, "authorized_keys has more than 256 KiB: shorten it"),
}
_SAID: Final[tuple[tuple[str, type[KeywardError], Reason, str], ...]] = (
    (
        "no space left|quota exceeded",
        Retry,
        Reason.KEY_FILE_UNUSABLE,
        "the disk is full, or the user's quota is used up: make room",
    ),
    ("read-only file system", Blocked, Reason.READ_ONLY_ENDPOINT, "the file system is read-only: mount it for writing"),
    (
        "operation not permitted",
        Blocked,
        Reason.KEY_FILE_UNUSABLE,
        "the file or its folder is immutable: see lsattr and chattr -i",
    ),
    ("permission denied", Blocked, Reason.KEY_FILE_UNUSABLE, "the user may not write there: correct owner and mode"),
    (
        "no such file|not a directory",
        Blocked,
        Reason.KEY_FILE_UNUSABLE,
        "the user's home, or a folder above the file, is missing",
    ),
    ("cannot lock|try again", Retry, Reason.BUSY, "another program changes the users just now"),
)


def translate(error: Exception) -> KeywardError:
    """Of a connection that was not made, or that was lost."""
    if isinstance(error, asyncssh.PermissionDenied):
        return Blocked(Reason.LOGIN_REFUSED, "the login was refused")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        text = "the host's key is none of those in hostKeys: if it was made anew, compare it on the host's console, then list it"
        return Blocked(Reason.HOST_KEY_CHANGED, text)
    if isinstance(error, asyncssh.KeyExchangeFailed | asyncssh.ProtocolNotSupported):
        return Blocked(
            Reason.ENGINE_UNSUPPORTED, "the host and we have no algorithm in common: update the host's OpenSSH"
        )
    if isinstance(error, socket.gaierror):
        return Retry(Reason.NAME_RESOLUTION, "the host's name has no address: correct it, or the DNS")
    if isinstance(error, ConnectionRefusedError):
        return Retry(Reason.UNREACHABLE, "nobody listens there: start sshd, or correct host and port")
    if isinstance(error, TimeoutError):
        return Retry(Reason.TIMEOUT, "the host did not answer in time")
    if isinstance(error, asyncssh.DisconnectError | OSError):
        text = "the connection was lost, or sshd ended it (MaxStartups, PerSourcePenalties, an expired account)"
        return Retry(Reason.UNREACHABLE, text)
    return Retry(Reason.INTERNAL_ERROR, f"the driver ended with {type(error).__name__}")


def of_status(status: int, said: bytes) -> KeywardError | None:
    """What a status of the remote script means, of those that every part of it may end with."""
    if status == BUSY:
        return Retry(Reason.BUSY, "another change of the same user is not over yet")
    if status in _STATUSES:
        kind, text = _STATUSES[status]
        return kind(Reason.KEY_FILE_UNUSABLE, text)
    text = said.decode("utf-8", "replace")
    for pattern, kind, reason, ours in _SAID:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(reason, ours)
    return None


def as_admin(error: KeywardError) -> KeywardError:
    """The same, said of the admin's login."""
    if error.reason is Reason.LOGIN_REFUSED:
        return Blocked(Reason.ADMIN_LOGIN_REFUSED, f"admin login: {error.message}")
    return error


def at(where: object, error: KeywardError) -> KeywardError:
    """The same, with the host that it speaks of."""
    text = f"{where}: {error.message}"
    if isinstance(error, Retry):
        return type(error)(error.reason, text, error.after)
    return type(error)(error.reason, text)
