"""Hosts without the user or with a locked one, with files that sshd does not accept, without room, or whose admin is nobody."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import admins_key, key_pair, public
from tests.inputs.bait import bait
from tests.inputs.case import POLLED, Case
from tests.inputs.desk import Desk
from tests.whole_path.world import Json, until

from keyward.errors import Reason

USER = "deploy"
PLACES = 2  # for connections that have not logged in
FIELD = "spec.ecs.import.accounts[].name"
Begun = tuple[list[Json], Callable[[], object]]


def _host(desk: Desk, config: str = "") -> SshServer:
    server = desk.borrowed.enter_context(SshServer(config=config))
    server.admin("keyward", public(admins_key()))
    return server


def _target(desk: Desk, name: str, server: SshServer, *host_keys: str) -> Json:
    """One that leads to this host, which proves itself with these keys, or else with its own."""
    keys = host_keys or server.host_keys()
    spec = {
        "ecs": {"endpoints": [{"host": "127.0.0.1", "port": server.port}], "hostKeys": list(keys)},
        "admin": {"secretRef": {"name": f"{name}-admin"}},
        "allowedAccounts": [USER],
    }
    return desk.made("Target", name, spec)


def _on(desk: Desk, name: str, server: SshServer, kind: str, value: str) -> list[Json]:
    """A Credential on a Target of its own name, which leads to this host."""
    account = {"name": USER, "passwordFrom": {"secretName": f"{name}-given", "key": "value"}}
    wanted = {
        "ecs": {"targetRef": {"name": name}, "secretType": kind, "import": {"accounts": [account]}},
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
    return [
        desk.plain_secret(f"{name}-admin", {"username": "keyward", "ssh-privatekey": admins_key().reveal_text()}),
        desk.plain_secret(f"{name}-given", {"value": value}, labels={"keyward.dev/source-for": name}),
        _target(desk, name, server),
        desk.made("Credential", name, wanted),
    ]


def _missing(desk: Desk, name: str) -> Begun:
    server, password = _host(desk), bait(name)
    return _on(desk, name, server, "Password", password), lambda: server.user(USER, password)


def _locked(desk: Desk, name: str) -> Begun:
    server, password = _host(desk), bait(name)
    server.user(USER)
    # As sha512-crypt the admin can compare it: after a failed login no other is tried by guess for a minute.
    server.run("chpasswd -c SHA512", f"{USER}:{password}\n")
    server.run(f"usermod -L {USER}")
    return _on(desk, name, server, "Password", password), lambda: server.run(f"usermod -U {USER}")


def _open_to_others(desk: Desk, name: str) -> Begun:
    server, value = _host(desk), key_pair()
    server.user(USER, None, public(value))
    server.run(f"chmod 777 /home/{USER}")
    return _on(desk, name, server, "SSHKey", value.reveal_text()), lambda: server.run(f"chmod 755 /home/{USER}")


def _nobody(desk: Desk, name: str) -> Begun:
    server, password = _host(desk), bait(name)
    server.user(USER, password)
    server.run("mv /etc/sudoers.d/keyward /root/kept")
    return _on(desk, name, server, "Password", password), lambda: server.run("mv /root/kept /etc/sudoers.d/keyward")


def _full(desk: Desk, name: str) -> Begun:
    """Whoever connects and never logs in holds a place."""
    server, password = _host(desk, "LoginGraceTime 0"), bait(name)
    server.user(USER, password)
    server.run(f"sed -i 's/^MaxStartups .*/MaxStartups {PLACES}/' /etc/ssh/sshd_config")
    server.stop()
    server.start()
    held: list[socket.socket] = []

    def hold() -> bool:
        stranger = desk.borrowed.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        if stranger.recv(100).startswith(b"SSH-"):
            held.append(stranger)
        return len(held) == PLACES

    until("nobody's place", hold)
    return _on(desk, name, server, "Password", password), lambda: [stranger.close() for stranger in held]


def _another_key(desk: Desk, name: str) -> Begun:
    server, value = _host(desk), key_pair()
    server.user(USER, None, public(value))
    *given, _, wanted = _on(desk, name, server, "SSHKey", value.reveal_text())

    def correct() -> None:
        assert b"Accepted" not in server.log.read_bytes(), "somebody logged in"
        desk.apply(_target(desk, name, server))
        desk.approve(name)

    return [*given, _target(desk, name, server, public(key_pair())), wanted], correct


def _case(
    name: str, reason: Reason, says: tuple[str, ...], begin: Callable[[Desk, str], Begun], soon: float = 90.0
) -> Case:
    """`begin` answers what is applied, and what mends it; then it is asked for again."""
    mending: dict[Desk, Callable[[], object]] = {}

    def arrange(desk: Desk) -> list[Json]:
        applied, mending[desk] = begin(desk, name)
        return applied

    def mend(desk: Desk) -> None:
        mending[desk]()
        desk.annotate(name, "rotate", "now")

    return Case(name, reason, says, arrange, mend, soon)


CASES = (
    _case("host-user", Reason.ACCOUNT_MISSING, (FIELD, "user 'deploy' is not on the host", "create it"), _missing),
    _case("host-locked", Reason.ACCOUNT_DISABLED, (FIELD, "user 'deploy'", "locked"), _locked),
    _case("host-modes", Reason.KEY_FILE_UNUSABLE, (FIELD, "StrictModes", "chmod go-w"), _open_to_others),
    _case(
        "host-full",
        Reason.UNREACHABLE,
        ("spec.ecs.endpoints of Target host-full", "sshd ended it", "MaxStartups"),
        _full,
        POLLED,
    ),
    _case(
        "host-key",
        Reason.HOST_KEY_CHANGED,
        ("spec.ecs.hostKeys of Target host-key", "none of those in hostKeys", "compare it on the host's console"),
        _another_key,
        POLLED,
    ),
    _case(
        "host-sudo",
        Reason.ADMIN_PRIVILEGE_MISSING,
        ("spec.admin.secretRef of Target host-sudo", "no shell of root", "sudo without a password"),
        _nobody,
    ),
)
