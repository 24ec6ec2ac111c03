"""Lives of users of a real host, told in the words of those on PostgreSQL: key pairs that overlap, and passwords."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import asyncssh
from tests.cluster.sshd import SshServer
from tests.kills.api import Api
from tests.kills.consumers import Consumers, Unanswered
from tests.kills.lives import CREATION, IMPORTED, ROTATION, Json, Kin, Life, Tale
from tests.kills.stage import ADMIN, Stage

from keyward.crypto import key_pairs
from keyward.domain import openssh
from keyward.sensitive import Sensitive

TALES = (
    Tale(Kin("overlap, key import", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin("single, password import", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
)
GRACE = 4  # seconds
_LOGIN_SECONDS = 30


@cache
def key_of(name: str) -> Sensitive:
    """The key pair that somebody of this name has from the beginning."""
    return key_pairs.generate(key_pairs.ED25519, lambda size: hashlib.sha256(name.encode()).digest()[:size])


class HostLife(Life):
    """See `Life`."""

    __slots__ = ()

    @property
    def has_keys(self) -> bool:
        return "key" in self.kin.kind

    @property
    def accounts(self) -> tuple[str, ...]:
        return (self.role,)

    @property
    def grace(self) -> int:
        return GRACE if self.has_keys else 0

    @property
    def given(self) -> str:
        return key_of(self.role).reveal_text() if self.has_keys else IMPORTED + self.role

    @property
    def theirs(self) -> str:
        """The line of somebody else who logs in as this user."""
        return f"{openssh.public_line(key_of('theirs'))} laptop\n"

    def surroundings(self, trust: str) -> list[Json]:
        admin, target, source = super().surroundings(trust)
        admin["stringData"] = {"username": ADMIN, "ssh-privatekey": key_of(ADMIN).reveal_text()}
        source["stringData"] = {self.role: self.given}
        del target["spec"]["rds"]
        endpoint = {"host": "127.0.0.1", "port": self.through}
        target["spec"]["ecs"] = {"endpoints": [endpoint], "hostKeys": trust.splitlines()}
        return [admin, target, source]

    def _spec(self) -> Json:
        spec = super()._spec()
        del spec["rds"]
        wanted = {"secretType": "SSHKey" if self.has_keys else "Password", "import": {"accounts": self._given()}}
        return spec | {"ecs": {"targetRef": {"name": self.name}} | wanted}


class HostStage(Stage):
    """See `Stage`."""

    def __init__(self, api: Api, server: SshServer) -> None:
        super().__init__(api, server)  # type: ignore[arg-type]
        self.server = server

    def consumers(self) -> Consumers:
        return HostConsumers(self.api.kubeconfig, self.server.log)

    def _trust(self) -> str:
        return "\n".join(self.server.host_keys())

    def _databases(self) -> None:
        self.server.admin(ADMIN, openssh.public_line(key_of(ADMIN)))

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return HostLife(kin, name, self.namespace, "", self.server.port, through)

    def _have_accounts(self, life: Life) -> None:
        assert isinstance(life, HostLife)
        self.server.user(life.role)
        if life.has_keys:
            self.server.keys(life.role, f"{life.theirs}restrict {openssh.public_line(key_of(life.role))}\n")
        else:
            # As the operator writes it, so that the admin can compare it: a host's failed logins are rationed.
            self.server.run("chpasswd -c SHA512", f"{life.role}:{life.given}\n")

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """Those of `Stage`, and how many keys of ours open the account."""
        lives = list(lives)
        found, files = super().looks(lives), self._files()
        for life in lives:
            keys = [line for line in files.get(life.role, []) if line.startswith("restrict ")]
            found[life.name]["keys"] = len(keys)
            found[life.name]["waits"] = len(keys) > 1
        return found

    def _files(self) -> dict[str, list[str]]:
        """Lines of authorized_keys, by user."""
        files = self.server.path("/home").glob("k*/.ssh/authorized_keys")
        return {file.parent.parent.name: file.read_text(encoding="utf-8").splitlines() for file in files}

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every user: whether its password opens it, no mark, and what is stored of its password and its keys."""
        files = self._files()
        rows = [row for row in self.server.users.shadows() if row[0].startswith("k")]
        return {name: (stored[0] != "!", None, f"{stored} {files.get(name)}") for name, stored, *_ in rows}

    def _value(self, secret: dict[str, str]) -> str:
        return secret.get("password") or secret["ssh-privatekey"]

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert isinstance(life, HostLife)
        key = secret["ssh-privatekey"].encode() if life.has_keys else None
        assert self.server.lets_in(secret["username"], key=key, password=secret.get("password", ""))
        if life.has_keys:
            assert self._files()[life.role][0] == life.theirs.strip(), "somebody else is locked out"

    # --- the end ---

    def _drop(self, lives: list[Life]) -> None:
        self.server.drop({life.role for life in lives})


class HostConsumers(Consumers):
    """Who logs in to a host."""

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        key = secret.get("ssh-privatekey")
        options: dict[str, Any] = {
            "client_keys": None,
            "password": secret.get("password"),
            "preferred_auth": "password",
        }
        if key is not None:
            options |= {"client_keys": [asyncssh.import_private_key(key)], "preferred_auth": "publickey"}
        try:
            conn = await asyncio.wait_for(
                asyncssh.connect(
                    "127.0.0.1",
                    life.port,
                    username=secret["username"],
                    known_hosts=asyncssh.import_known_hosts(secret["known_hosts"]),
                    agent_path=None,
                    config=None,
                    **options,
                ),
                _LOGIN_SECONDS,
            )
        except asyncssh.PermissionDenied:
            return "PermissionDenied"
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise Unanswered from error
        conn.abort()
        return ""
