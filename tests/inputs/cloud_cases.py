"""How a mistake on a Target of the cloud is written down, and a Credential of each product that makes none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.cloud.ecs import REGION
from tests.cloud.standin import HOST
from tests.inputs.bait import bait
from tests.inputs.case import Case
from tests.inputs.cloud_desk import DATABASE, CloudDesk
from tests.whole_path.world import Json, until

from keyward.errors import Reason

SOON = 90.0
"""Seconds: a pair of RDS is made in four attempts, two seconds apart, and a change of an admin Secret is noticed within 30."""
MADE = ("CreateAccount", "GrantAccountPrivilege", "ResetAccountPassword")
"""What was asked for once the accounts are there and have a value."""
Mend = Callable[[], object]
Begun = tuple[list[Json], Mend]


@dataclass(frozen=True, slots=True)
class CloudCase(Case):
    """`changes` is what may have been asked for while the mistake stands: by default nothing that changes anything."""

    changes: frozenset[str] = frozenset()


def case(name: str, reason: Reason, says: tuple[str, ...], begin: Callable[[CloudDesk, str], Begun]) -> CloudCase:
    """`begin` answers what is applied, and what mends it; then it is asked for again."""
    mending: dict[CloudDesk, Mend] = {}

    def arrange(desk: Any) -> list[Json]:
        applied, mending[desk] = begin(desk, name)
        return applied

    def mend(desk: Any) -> None:
        mending[desk]()
        desk.annotate(name, "rotate", "now")

    return CloudCase(name, reason, says, arrange, mend, SOON)


def changing(found: CloudCase, *actions: str) -> CloudCase:
    """The same where the mistake shows only after these."""
    return replace(found, changes=frozenset(actions))


def account(name: str) -> str:
    """Of at most 10 characters, as a pair of MariaDB has them in the cloud."""
    return name.replace("-", "_")


# --- RDS ---


def rds(desk: CloudDesk, name: str, *, given: Json | None = None, **changes: Any) -> list[Json]:
    """Admin, Target and Credential; `given` stands in the place of a pair that is made."""
    made = {"create": {"name": account(name), "privileges": [{"database": DATABASE, "level": "ReadWrite"}]}}
    wanted = {"engine": "MariaDB", "databaseName": DATABASE} | (given or made)
    return [desk.admin(name), rds_target(desk, name, **changes), desk.credential_on(name, "rds", wanted)]


def rds_target(desk: CloudDesk, name: str, endpoint: Json | None = None, **api: Any) -> Json:
    system = {
        "engine": "MariaDB",
        "endpoints": [{"host": HOST, "port": desk.behind.sql.port} | (endpoint or {})],
        "tls": {"ca": desk.behind.sql.ca_pem},
    }
    return desk.target_on(name, "rds", system, **({"instanceId": "rm-bp1main", "regionId": REGION} | api))


def imported(desk: CloudDesk, name: str) -> list[Json]:
    """An account of the Credential's name that is there already, or should be, alone."""
    kept = [{"name": account(name), "passwordFrom": {"secretName": f"{name}-old"}}]
    objects = rds(desk, name, given={"accountManagement": "Single", "import": {"accounts": kept}})
    return [desk.values(f"{name}-old", {"password": value_of(name)}, name), *objects]


def value_of(name: str) -> str:
    """What somebody set in the cloud's console: 8 to 32 characters of three classes."""
    return f"{bait(name)}-A"


# --- Tair ---


def redis(desk: CloudDesk, name: str, **changes: Any) -> list[Json]:
    wanted = {"create": {"name": account(name), "privilege": "ReadWrite"}}
    return [desk.admin(name), redis_target(desk, name, **changes), desk.credential_on(name, "redis", wanted)]


def redis_target(desk: CloudDesk, name: str, system: Json | None = None, port: int = 0, **api: Any) -> Json:
    """On the main instance, which is a Redis."""
    server = desk.behind.redis
    found = {
        "engine": "Redis",
        "endpoints": [{"host": HOST, "port": port or server.port}],
        "tls": {"ca": server.ca_pem},
    }
    api = {"instanceId": "r-bp1main", "regionId": REGION} | api
    return desk.target_on(name, "redis", found | (system or {}), **api)


# --- hosts ---


def ecs(desk: CloudDesk, name: str, *, there: bool = True, **changes: Any) -> list[Json]:
    """The password of a user of the Credential's name, who is there unless it is said otherwise."""
    if there:
        host_user(desk, name)
    return [desk.admin(name), ecs_target(desk, name, **changes), *_of_host(desk, name, name)]


def host_user(desk: CloudDesk, name: str) -> None:
    desk.behind.ssh.user(name)
    # As sha512-crypt it can be compared: after a failed login no other is tried by guess for a minute.
    desk.behind.ssh.run("chpasswd -c SHA512", f"{name}:{value_of(name)}\n")


def ecs_target(desk: CloudDesk, name: str, **api: Any) -> Json:
    server = desk.behind.ssh
    system = {"endpoints": [{"host": HOST, "port": server.port}], "hostKeys": list(server.host_keys())}
    return desk.target_on(name, "ecs", system, **({"instanceId": "i-bp1main", "regionId": REGION} | api))


def windows(desk: CloudDesk, name: str, user: str) -> list[Json]:
    system = {"engine": "Windows", "endpoints": [{"host": "desk.example.com", "port": 3389}]}
    target = desk.target_on(name, "ecs", system, instanceId="i-bp1desk", regionId=REGION)
    return [desk.admin(name), target, *_of_host(desk, name, user, engine="Windows")]


def _of_host(desk: CloudDesk, name: str, user: str, **more: Any) -> list[Json]:
    kept = [{"name": user, "passwordFrom": {"secretName": f"{name}-old"}}]
    wanted = {"secretType": "Password", "import": {"accounts": kept}} | more
    given = desk.values(f"{name}-old", {"password": value_of(name)}, name)
    return [given, desk.credential_on(name, "ecs", wanted)]


# --- mending ---


def again(desk: CloudDesk, name: str, *objects: Json) -> None:
    """What cannot be changed is made anew."""
    desk.api.delete("credential", name, desk.namespace)
    until(f"the end of {name}", lambda: desk.get("credential", name) is None)
    desk.apply(*objects)


def corrected(desk: CloudDesk, name: str, target: Json) -> Mend:
    """Another place, which has to be approved."""

    def mend() -> None:
        desk.apply(target)
        desk.agree(name)

    return mend
