"""authorized_keys of one user: read, judged as sshd would, and replaced as a whole by a file that is written beside it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from itertools import groupby

from keyward.engines.ssh import errors, lines
from keyward.engines.ssh.caller import Answer, Caller
from keyward.engines.ssh.lines import PublicKey
from keyward.engines.ssh.look import User
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Unsettled

_ABSENT = "absent"
_FOR_OTHERS = 0o022  # modes that sshd does not accept with StrictModes: somebody else may write


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One file as it was read. `content` is None if it is not there."""

    user: User
    writer: str  # whose rights it is read and written with
    path: str
    content: bytes | None

    @property
    def digest(self) -> str:
        return _ABSENT if self.content is None else hashlib.sha256(self.content).hexdigest()


async def read(shell: Caller, user: User, *keys: PublicKey) -> KeyFile:
    """The file that holds one of these keys, else the first that sshd looks at.

    Raises:
        Blocked: KEY_FILE_UNUSABLE, saying what is wrong with it, and ACCOUNT_MISSING-like states never.
        Retry: as the host answers.
    """
    places = [_Place(user, path) for path in dict.fromkeys(user.key_files())]
    groups = [list(alike) for _, alike in groupby(places, lambda place: (place.writer, place.top))]
    answers = await shell.calls(*(("kw_read", of[0].writer, of[0].top, *(place.path for place in of)) for of in groups))
    found = [file for of, answer in zip(groups, answers, strict=True) for file in _found(shell, of, answer)]
    for key in keys:
        if sum(lines.holds(file.content or b"", key) for file in found) > 1:
            text = f"user {user.name!r}: a key has more than one line, and nobody can tell whose options hold: remove all but one"
            raise _at(shell, Blocked(Reason.KEY_FILE_UNUSABLE, text))
    return next((file for file in found for key in keys if lines.holds(file.content or b"", key)), found[0])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where sshd looks for keys of a user."""

    user: User
    path: str

    @property
    def is_below_home(self) -> bool:
        return self.path.startswith(self.user.home.rstrip("/") + "/")

    @property
    def writer(self) -> str:
        return self.user.name if self.is_below_home and self.user.uid else "root"

    @property
    def top(self) -> str:
        """The folder from which on modes are judged."""
        return self.user.home if self.is_below_home else "/"


def _found(shell: Caller, places: list[_Place], answer: Answer) -> list[KeyFile]:
    """The files of an answer: of each the modes that matter, and then what is in it."""
    unread = Blocked(Reason.KEY_FILE_UNUSABLE, f"{' or '.join(repr(place.path) for place in places)} cannot be read")
    if answer.status:
        raise _at(shell, errors.of_status(answer.status, answer.said) or unread)
    found: list[KeyFile] = []
    for line in answer.said.split(b"\n"):
        what, _, rest = line.partition(b" ")
        if what == b"mode":
            _judge_mode(shell, places[0].user, rest)
        elif what in (b"file", b"absent") and len(found) < len(places):
            place, content = places[len(found)], base64.b64decode(rest) if what == b"file" else None
            found.append(KeyFile(place.user, place.writer, place.path, content))
    if len(found) < len(places):
        raise _at(shell, unread)
    return found


def _judge_mode(shell: Caller, user: User, found: bytes) -> None:
    if user.settings.get("strictmodes", "yes") != "yes":
        return
    number, uid, rest = found.split(b" ", 2)
    mode, owner, path = int(number, 8), int(uid), rest.rpartition(b" ")[0].decode("utf-8", "replace")
    if owner not in (0, user.uid):
        text = f"{path!r} is neither the user's nor root's, and StrictModes of sshd then takes no key: chown it"
    elif mode & _FOR_OTHERS:
        text = f"others may write {path!r}, and StrictModes of sshd then takes no key: chmod go-w it"
    else:
        return
    raise _at(shell, Blocked(Reason.KEY_FILE_UNUSABLE, text))


async def write(shell: Caller, file: KeyFile, content: bytes) -> None:
    """Replace the file, if it still is what was read.

    Raises:
        Conflict: somebody else wrote it meanwhile.
        Retry, Blocked: it was not written.
        Unsettled: nobody knows.
    """
    text = base64.b64encode(content).decode("ascii")
    wanted = hashlib.sha256(content).hexdigest()
    answer = await shell.call("kw_write", file.writer, file.path, file.digest, wanted, text)
    if answer.status:
        raise _at(shell, _unwritten(answer))


def _unwritten(answer: Answer) -> KeywardError:
    if answer.status == errors.CHANGED:
        return Conflict(Reason.WRITTEN_BY_ANOTHER, "somebody else wrote authorized_keys just now")
    found = errors.of_status(answer.status, answer.said)
    return found or Unsettled(Reason.UNKNOWN_OUTCOME, "authorized_keys may not have been written")


def _at(shell: Caller, error: KeywardError) -> KeywardError:
    return errors.at(shell.way.endpoint, error)
