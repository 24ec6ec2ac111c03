"""authorized_keys of one user: read, judged as sshd would, and replaced as a whole by a file that is written beside it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

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
    answers = await shell.calls(*(("kw_read", place.writer, place.path, place.top) for place in places))
    found = [_found(shell, place, answer) for place, answer in zip(places, answers, strict=True)]
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
        return self.user.name if self.is_below_home else "root"

    @property
    def top(self) -> str:
        """The folder from which on modes are judged."""
        return self.user.home if self.is_below_home else "/"


def _found(shell: Caller, place: _Place, answer: Answer) -> KeyFile:
    user = place.user
    if answer.status:
        failure = errors.of_status(answer.status, answer.said)
        raise _at(shell, failure or Blocked(Reason.KEY_FILE_UNUSABLE, f"{place.path!r} cannot be read"))
    content: bytes | None = None
    for line in answer.said.splitlines():
        what, _, rest = line.partition(b" ")
        if what == b"mode" and user.settings.get("strictmodes", "yes") == "yes":
            _judge_mode(shell, user, rest.split(b" "))
        elif what == b"file":
            content = base64.b64decode(rest)
    return KeyFile(user, place.writer, place.path, content)


def _judge_mode(shell: Caller, user: User, found: list[bytes]) -> None:
    mode, owner, path = int(found[0], 8), int(found[1]), base64.b64decode(found[2]).decode("utf-8", "replace")
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
