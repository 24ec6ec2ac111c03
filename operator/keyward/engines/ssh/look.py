"""What the host says of a user: its entry, its password's state, and how sshd lets it in. It writes nothing."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from keyward.engines.base import ABSENT, AccountState
from keyward.engines.ssh import errors
from keyward.engines.ssh.caller import Caller
from keyward.errors import Blocked, Reason

_NONE = "none"


@dataclass(frozen=True, slots=True)
class User:
    """One user. `settings` are sshd's for this user, each as sshd writes it."""

    name: str
    uid: int
    home: str
    local: bool  # has a line in /etc/shadow
    password: str  # set, open (none is asked), none, locked
    expired: str = ""  # what is over, in our words; empty if nothing is
    settings: dict[str, str] = field(default_factory=dict)

    def state(self, *, key_pair: bool) -> AccountState:
        """In the words of the contract. A key opens an account with a locked password, unless sshd does without PAM."""
        locked = self.password == "locked"  # noqa: S105 - a state
        shut = locked and (not key_pair or self.settings.get("usepam") == "no")
        if not key_pair and self.password == _NONE:
            shut = True  # nobody ever gave it a password: to set one would open it
        return AccountState(exists=True, can_login=not shut, expired=bool(self.expired))

    def takes_passwords(self) -> str:
        """The method by which sshd takes a password of this user; empty if it takes none."""
        if self.uid == 0 and self.settings.get("permitrootlogin", "yes") != "yes":
            return ""
        if self.settings.get("passwordauthentication", "yes") == "yes" and self._suffices("password"):
            return "password"
        by_question = self.settings.get("kbdinteractiveauthentication") == "yes"
        return "keyboard-interactive" if by_question and self._suffices("keyboard-interactive") else ""

    def _suffices(self, method: str) -> bool:
        """Whether sshd lets the user in by this method alone; AuthenticationMethods may ask for several, one after the other."""
        lists = self.settings.get("authenticationmethods", "any").split()
        return "any" in lists or method in {one.partition(":")[0] for one in lists}

    def key_files(self) -> tuple[str, ...]:
        """Where sshd looks for keys of this user.

        Raises:
            Blocked: KEY_FILE_UNUSABLE, sshd asks a program for them, or looks for none.
        """
        if self.settings.get("authorizedkeyscommand", _NONE) != _NONE:
            text = f"sshd asks AuthorizedKeysCommand for the keys of user {self.name!r}: change them where it has them from"
            raise Blocked(Reason.KEY_FILE_UNUSABLE, text)
        patterns = self.settings.get("authorizedkeysfile", ".ssh/authorized_keys").split()
        found = tuple(self._expanded(pattern) for pattern in patterns if pattern != _NONE)
        if not found or self.settings.get("pubkeyauthentication") == "no" or not self._suffices("publickey"):
            text = (
                f"sshd lets user {self.name!r} in with no key, or not with a key alone: set PubkeyAuthentication, "
                "AuthorizedKeysFile and AuthenticationMethods"
            )
            raise Blocked(Reason.KEY_FILE_UNUSABLE, text)
        return found

    def _expanded(self, pattern: str) -> str:
        known = {"%h": self.home, "%u": self.name, "%U": str(self.uid), "%%": "%"}
        path, rest = "", pattern
        while rest:
            token = rest[:2]
            path += known.get(token, rest[0])
            rest = rest[2 if token in known else 1 :]
        return path if path.startswith("/") else posixpath.join(self.home, path)


async def user(shell: Caller, name: str, settings: dict[str, str] | None = None) -> User | None:
    """The user of this name; None if the host has none. `settings` are sshd's where they were asked for before.

    Raises:
        Retry, Blocked: the host could not be asked, or what it says cannot be understood.
    """
    answer = await shell.call("kw_look" if settings is None else "kw_entry", name)
    said = answer.said.decode("utf-8", "replace")
    if answer.status == 0 and said.strip() == _NONE:
        return None
    words = dict(line.partition(" ")[::2] for line in said.splitlines())
    if answer.status or not {"uid", "home", "age", "today"} <= words.keys():
        raise errors.at(shell.way.endpoint, Blocked(Reason.ENGINE_UNSUPPORTED, "the host does not tell of its users"))
    if "nosshd" in words:
        text = "sshd on the host does not tell its settings (sshd -T): see to its configuration"
        raise errors.at(shell.way.endpoint, Blocked(Reason.ENGINE_UNSUPPORTED, text))
    return User(
        name=name,
        uid=int(words["uid"]),
        home=words["home"],
        local=words.get("shadow") == "yes",
        password=words["set"],
        expired=_expired(words["age"], int(words["today"])),
        settings={key.lower(): value for key, value in words.items()} if settings is None else settings,
    )


def _expired(age: str, today: int) -> str:
    changed, longest, _inactive, over = (_number(text) for text in (age.split(":") + [""] * 4)[:4])
    if over is not None and today >= over:
        return "the account has expired (chage -E)"
    if changed == 0:
        return "the password has to be changed at the next login (chage -d)"
    if changed is not None and longest is not None and 0 <= longest < 99_999 and today > changed + longest:
        return "the password has expired (chage -M)"
    return ""


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def state_of(found: User | None, *, key_pair: bool) -> AccountState:
    """Of a user that may not be there."""
    return ABSENT if found is None else found.state(key_pair=key_pair)
