"""The lines of authorized_keys, and the two edits that a rotation makes in them. Pure.

Every line but the one that is added or taken away stays byte for byte as it was, also one that nobody understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keyward.errors import Blocked, Conflict, Reason

COMMENT: Final = "keyward"
# Options end at the first white space outside of quotes; within quotes a backslash hides a quote.
_OPTIONS: Final = rb'(?P<options>(?:[^\s"]|"(?:[^"\\]|\\.)*")+)'
_KEY: Final = rb"(?P<kind>[a-z0-9@.-]+)[ \t]+(?P<blob>[A-Za-z0-9+/]+=*)(?=[ \t\r\n]|$)"
_BARE: Final = re.compile(rb"[ \t]*" + _KEY)
_WITH_OPTIONS: Final = re.compile(rb"[ \t]*" + _OPTIONS + rb"[ \t]+" + _KEY)
_KINDS: Final = re.compile(rb"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key pair, as a line of authorized_keys has it."""

    kind: str
    blob: str

    def line(self, options: bytes) -> bytes:
        """The whole line."""
        start = options + b" " if options else b""
        return start + f"{self.kind} {self.blob} {COMMENT}\n".encode()


def options_of(line: bytes, key: PublicKey) -> bytes | None:
    """The options in a line that is this key's; None if it is another one's, or none at all, as one that is commented out."""
    if line.lstrip(b" \t").startswith(b"#"):
        return None
    for pattern in (_BARE, _WITH_OPTIONS):
        found = pattern.match(line)
        if found is not None and _KINDS.fullmatch(found["kind"]):
            if found["blob"] != key.blob.encode():
                return None
            return found["options"] if pattern is _WITH_OPTIONS else b""
    return None


def holds(content: bytes, key: PublicKey) -> int:
    """How many lines are this key's."""
    return len(_own(_split(content), key))


def added(content: bytes, new: PublicKey, in_use: PublicKey | None) -> bytes:
    """The file with a line for the new key, right behind the one in use and with its options; the same if it is there.

    Raises:
        Blocked: KEY_FILE_UNUSABLE, a key has more than one line; ACCOUNT_DISABLED, the line in use is gone.
    """
    lines = _split(content)
    if _only(_own(lines, new)) is not None:
        return content
    if in_use is None:
        return _ended(content) + new.line(b"")
    old = _only(_own(lines, in_use))
    if old is None:
        # Its options said what the account may do: without them the new line would allow more than the old one did.
        text = "the line of the key in use is gone: somebody took it, and with it its options; put it back"
        raise Blocked(Reason.ACCOUNT_DISABLED, text)
    place, options = old
    lines[place] = _ended(lines[place])
    return b"".join([*lines[: place + 1], new.line(options), *lines[place + 1 :]])


def removed(content: bytes, old: PublicKey, kept: PublicKey) -> bytes:
    """The file without the old key's line; the same if it has none.

    Raises:
        Blocked: KEY_FILE_UNUSABLE, a key has more than one line.
        Conflict: the key that shall be kept has no line, and the old one may be the last that opens the account.
    """
    lines = _split(content)
    old_line, kept_line = _only(_own(lines, old)), _only(_own(lines, kept))
    if old_line is None:
        return content
    if kept_line is None:
        raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the key in use has no line: the one before it is not taken away")
    return b"".join(lines[: old_line[0]] + lines[old_line[0] + 1 :])


def _split(content: bytes) -> list[bytes]:
    # Not splitlines: a carriage return ends no line for sshd.
    return re.findall(rb"[^\n]*\n|[^\n]+", content)


def _own(lines: Iterable[bytes], key: PublicKey) -> list[tuple[int, bytes]]:
    found = ((place, options_of(line, key)) for place, line in enumerate(lines))
    return [(place, options) for place, options in found if options is not None]


def _only(found: list[tuple[int, bytes]]) -> tuple[int, bytes] | None:
    if len(found) > 1:
        text = "a key has more than one line, and nobody can tell whose options hold: remove all but one of them"
        raise Blocked(Reason.KEY_FILE_UNUSABLE, text)
    return found[0] if found else None


def _ended(content: bytes) -> bytes:
    """With the newline that the last line of a file often lacks."""
    return content if not content or content.endswith(b"\n") else content + b"\n"
