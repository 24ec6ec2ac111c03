"""A Linux host as two stages: passwords of its users, and their key pairs, of which two are valid at once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import ClassVar, NoReturn

from tests.cluster.sshd import SshServer
from tests.engines.conformance.stage import Stage, number
from tests.engines.ssh_system import admins_key, key_pair, public

from keyward.crypto import key_pairs
from keyward.engines.base import AccountSet, Endpoint, Engine, Login, Place, Transport
from keyward.engines.ssh import names
from keyward.engines.ssh.engine import SSH
from keyward.errors import Reason
from keyward.sensitive import Sensitive

_MADE_BY_OTHERS = "users of a host are there before us: none is made, so none can be taken meanwhile"
_KEPT = "users of a host are never disabled or dropped by us: they are the host's own"
_ROOT = "root is a user like others here: its Credential is what many want, and allowedAccounts says who may have it"
_ONE_RIGHT = "the login is all that a user's value gives: rights are the host's business"
_HIMSELF = "sshd lets nobody in as another user than the one that was named"
_PINNED = "a host proves itself by its key, not by a name in a certificate"
_NO_POLICY = "a host has policies for passwords, and none that looks at keys: no key is refused by what it is"
_NO_TEXT = "a key pair is no text that somebody chooses: it is made here, and its lines are base64"
_BESIDE = "a key that is late or another's stands beside the one in use and undoes nothing: test_overlap sends the same one anew"
_OTHERS_LINES = "other lines of authorized_keys are other people's keys, and no conflict"
_OPTIONS = "a line that was exchanged took its options with it: no key follows it, which is tried in test_ssh"
# As slow as needed, and for this user only.
_SYNC = """#!/bin/sh
held="/tmp/held.$(id -un)"
while [ -e "$held" ]; do sleep 0.05; done
exec sync.real "$@"
"""
_seconds = itertools.count(0, 61)


def clock() -> float:
    """Between any two logins a minute has passed, so that a failed one holds none of the next ones up."""
    return float(next(_seconds))


class LinuxStage(Stage):
    name = "Linux"
    server = "ssh_server"
    at_limit = "l" * names.MAX
    beyond = "m" * (names.MAX + 1)
    odd = ("_under", "Upper.dot-and_dash", "dollar$", "l" * (names.MAX - 1) + "$")
    creates = False
    patience = 5.0
    unfit: ClassVar[Mapping[str, str]] = {
        "test_a_name_that_was_taken_meanwhile_is_a_conflict_and_stays_its_owners": _MADE_BY_OTHERS,
        "test_retire": _KEPT,
        "test_a_removal_is_written_down_without_a_value": _KEPT,
        "test_an_account_with_rights_over_the_server_is_never_touched": _ROOT,
        "test_a_right_that_was_taken_is_missed": _ONE_RIGHT,
        "test_a_right_that_was_taken_is_given_again_by_the_next_change": _ONE_RIGHT,
        "test_rights": _ONE_RIGHT,
        "test_a_login_that_ends_as_somebody_else_is_a_wrong_identity": _HIMSELF,
        "test_a_certificate_for_another_name_is_refused": _PINNED,
        "test_the_certificates_name_may_differ_from_the_address": _PINNED,
    }

    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._engine = SSH(clock)
        self._transport = Transport.HASHED

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def port(self) -> int:
        return self._server.port

    def place(self, port: int | None = None) -> Place:
        endpoints = (Endpoint("127.0.0.1", port or self.port),)
        return Place(endpoints, "", host_keys=self._server.host_keys(), transport=self._transport)

    def stranger(self, _folder: Path) -> tuple[Place, Reason]:
        return replace(self.place(), host_keys=(public(key_pair()),)), Reason.HOST_KEY_CHANGED

    def can_be(self, name: str) -> bool:
        return names.fits(name[: names.MAX])

    def admin(self) -> Login:
        name = f"admin{number()}-of-suite"
        self._server.admin(name, public(admins_key()))
        return Login(name, admins_key())

    def powerless(self) -> Login:
        name = f"nobody{number()}-of-suite"
        self._server.user(name, None, public(admins_key()))
        return Login(name, admins_key())

    def made(self, _admin: Login, *names: str) -> AccountSet:
        return self.imported(*names)

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._server.user(name, password)

    def forbid(self, name: str) -> None:
        self._server.run(f"usermod -L {name}")

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        policy = "/etc/security/pwquality.conf"
        self._server.run(f"cp {policy} {policy}.kept; cat >> {policy}", "enforce_for_root\ndictcheck = 0\n")
        self._transport = Transport.PLAINTEXT  # a policy cannot look into a hash
        try:
            yield "short"
        finally:
            self._transport = Transport.HASHED
            self._server.run(f"mv {policy}.kept {policy}")

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        # What every program takes that changes /etc/shadow.
        with self._server.path("/etc/.pwd.lock").open("a") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            yield

    def make_mighty(self, name: str) -> NoReturn:
        raise NotImplementedError(_ROOT)

    def hijack(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_HIMSELF)

    def take_right(self, accounts: AccountSet) -> NoReturn:
        raise NotImplementedError(_ONE_RIGHT)

    def make_object(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_KEPT)

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return self._server.users.has(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._server.lets_in(name, password=password)

    def idle(self, admin: Login) -> bool:
        found = f"grep -lsz '^SUDO_USER={admin.account}$' /proc/[0-9]*/environ"
        found += f"; grep -lsz '^sshd: {admin.account}[ @]' /proc/[0-9]*/cmdline; true"
        return not self._server.run(found)

    def records(self) -> bytes:
        return self._server.records()


class LinuxKeysStage(LinuxStage):
    name = "Linux keys"
    overlaps = True
    side_by_side = True
    at_limit = "k" * names.MAX
    odd = ("_keys", "Upper.dot-and_keys", "keys$", "k" * (names.MAX - 1) + "$")
    unfit: ClassVar[Mapping[str, str]] = {
        **LinuxStage.unfit,
        "test_after_a_definite_refusal_the_next_candidate_is_taken": _NO_POLICY,
        "test_a_refused_candidate_leaves_the_value_in_use": _NO_POLICY,
        "test_any_password_that_text_can_hold_is_set_whole": _NO_TEXT,
        "test_a_statement_that_outlives_its_client_never_undoes_a_later_value": _BESIDE,
        "test_a_change_that_is_cancelled_in_flight_can_be_made_again": _BESIDE,
        "test_two_at_once_end_with_one_of_their_values": _BESIDE,
        "test_somebody_elses_second_value_is_a_conflict_and_stays": _OTHERS_LINES,
        "test_a_value_that_somebody_set_over_ours_is_replaced_and_not_kept": _OPTIONS,
    }

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
        return _key(text)

    def traces(self, text: str) -> tuple[bytes, ...]:
        # The first lines hold the public half, which is no secret.
        return (_key(text).reveal().splitlines()[3],)

    def imported(self, *names: str) -> AccountSet:
        return AccountSet(names, created=False, key_pair=True)

    def make(self, name: str, password: str) -> None:
        self._server.user(name, None, public(_key(password)))

    def forbid(self, name: str) -> None:
        self._server.run(f"chage -E 0 {name}")  # a locked password leaves keys as they are

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        # What the write of a file comes by.
        sync, real, held = map(self._server.path, ("/usr/bin/sync", "/usr/bin/sync.real", f"/tmp/held.{name}"))
        if not real.exists():
            sync.rename(real)
            sync.write_text(_SYNC, encoding="ascii")
            sync.chmod(0o755)
        held.touch()
        try:
            yield
        finally:
            held.unlink()

    def logs_in(self, name: str, password: str) -> bool:
        return self._server.lets_in(name, key=_key(password).reveal())


@cache
def _key(text: str | bytes) -> Sensitive:
    """The key pair that the suite calls by this text."""
    seed = hashlib.sha256(text.encode() if isinstance(text, str) else text)
    return key_pairs.generate(key_pairs.ED25519, lambda size: seed.digest()[:size])
