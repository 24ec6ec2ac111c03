"""Hosts in the cloud that are not there, of another system or of another key, and users who are missing or locked."""

from __future__ import annotations

from tests.cloud.windows import Person
from tests.engines.ssh_system import key_pair, public
from tests.inputs.cloud_cases import Begun, case, corrected, ecs, ecs_target, host_user, value_of, windows
from tests.inputs.cloud_desk import CloudDesk

from keyward.errors import Reason

OF = "spec.ecs.openApi of ClusterTarget inputs-cloud-{}: "
FIELD = "spec.ecs.import.accounts[].name"


def _no_host(desk: CloudDesk, name: str) -> Begun:
    return ecs(desk, name, instanceId="i-bp1gone"), corrected(desk, name, ecs_target(desk, name))


def _stopped(desk: CloudDesk, name: str) -> Begun:
    return ecs(desk, name, instanceId="i-bp1off"), lambda: setattr(desk.off, "assistant", "true")


def _another_system(desk: CloudDesk, name: str) -> Begun:
    return ecs(desk, name, instanceId="i-bp1desk"), corrected(desk, name, ecs_target(desk, name))


def _no_role(desk: CloudDesk, name: str) -> Begun:
    desk.people.people["Administrator"] = Person(value_of(name))
    return windows(desk, name, "Administrator"), lambda: setattr(desk.windows, "role", "keyward-reader")


def _no_user(desk: CloudDesk, name: str) -> Begun:
    return ecs(desk, name, there=False), lambda: host_user(desk, name)


def _another_key(desk: CloudDesk, name: str) -> Begun:
    """Whoever answers at the endpoint is not the host that somebody compared."""
    objects = ecs(desk, name)
    objects[1]["spec"]["ecs"]["hostKeys"] = [public(key_pair())]
    return objects, corrected(desk, name, ecs_target(desk, name))


def _locked(desk: CloudDesk, name: str) -> Begun:
    objects, host = ecs(desk, name), desk.behind.ssh
    host.run(f"usermod -L {name}")

    def unlock() -> None:
        assert host.shadow(name)[1].startswith("!"), "it was healed"
        host.run(f"usermod -U {name}")

    return objects, unlock


CASES = (
    case(
        "no-host",
        Reason.INVALID_SPEC,
        (
            OF.format("no-host"),
            "instanceId, regionId",
            "no such instance there",
            "correct them, or",
        ),
        _no_host,
    ),
    case(
        "stopped",
        Reason.UNREACHABLE,
        (OF.format("stopped"), "does not answer on i-bp1off", "start the instance, and the agent"),
        _stopped,
    ),
    case(
        "not-linux",
        Reason.INVALID_SPEC,
        ("spec.ecs.engine", "i-bp1desk runs Windows, not Linux", "correct it"),
        _another_system,
    ),
    case(
        "no-role",
        Reason.ADMIN_PRIVILEGE_MISSING,
        (OF.format("no-role"), "i-bp1desk has no RAM role", "attach one", "oos:GetSecretParameter"),
        _no_role,
    ),
    case(
        "nouser",
        Reason.ACCOUNT_MISSING,
        (FIELD, "user 'nouser' is not on the host", "create it"),
        _no_user,
    ),
    case(
        "host-key",
        Reason.HOST_KEY_CHANGED,
        (
            "spec.ecs.hostKeys of ClusterTarget inputs-cloud-host-key",
            "none of those in hostKeys",
            "compare it on the host's console",
        ),
        _another_key,
    ),
    case("locked-u", Reason.ACCOUNT_DISABLED, (FIELD, "user 'locked-u'", "locked"), _locked),
)
