"""Databases and caches that are not there or of another kind, and accounts that cannot be had."""

from __future__ import annotations

from tests.cloud.databases import Account
from tests.cloud.ram import Key
from tests.inputs.bait import bait
from tests.inputs.cloud_cases import (
    DATABASE,
    MADE,
    Begun,
    account,
    again,
    case,
    changing,
    corrected,
    imported,
    rds,
    rds_target,
    redis,
    redis_target,
    value_of,
)
from tests.inputs.cloud_desk import CloudDesk
from tests.whole_path.world import Json

from keyward.errors import Reason

OF = "{} of ClusterTarget inputs-cloud-{}: "

# --- instances ---


def _no_instance(desk: CloudDesk, name: str) -> Begun:
    return rds(desk, name, instanceId="rm-bp1gone"), corrected(desk, name, rds_target(desk, name))


def _no_cache(desk: CloudDesk, name: str) -> Begun:
    return redis(desk, name, instanceId="r-bp1gone"), corrected(desk, name, redis_target(desk, name))


def _another_engine(desk: CloudDesk, name: str) -> Begun:
    return rds(desk, name, instanceId="rm-bp1mysql"), corrected(desk, name, rds_target(desk, name))


def _read_only(desk: CloudDesk, name: str) -> Begun:
    """By its id it could be a primary: one whose id says what it is does not even pass the schema."""
    return rds(desk, name, instanceId="rm-bp1reader"), corrected(desk, name, rds_target(desk, name))


def _no_tair(desk: CloudDesk, name: str) -> Begun:
    stated = redis(desk, name, system={"engine": "Tair"})
    return stated, lambda: desk.apply(redis_target(desk, name))


def _too_old(desk: CloudDesk, name: str) -> Begun:
    return redis(desk, name, instanceId="r-bp1old"), lambda: setattr(desk.old, "engine_version", "7.0")


def _one_word(desk: CloudDesk, name: str) -> Begun:
    """The instance takes user and password as one word alone, and the Target says nothing of it."""
    server = desk.behind.word
    system = {"tls": {"ca": server.ca_pem}}
    where = {"port": server.port, "instanceId": "r-bp1word"}
    right = redis_target(desk, name, system | {"authentication": "Combined"}, **where)
    return redis(desk, name, system=system, **where), lambda: desk.apply(right)


# --- accounts ---


def _taken(desk: CloudDesk, name: str) -> Begun:
    desk.rds.account(account(name), value_of(name))
    return rds(desk, name), lambda: again(desk, name, *rds(desk, name, given=_pair("free")))


def _taken_in_a_cache(desk: CloudDesk, name: str) -> Begun:
    desk.tair.account(f"{account(name)}_clone", value_of(name))
    objects = redis(desk, name)
    objects[-1]["spec"]["redis"]["create"]["name"] = "free_cache"
    return redis(desk, name), lambda: again(desk, name, *objects)


def _pair(name: str) -> Json:
    return {"create": {"name": name, "privileges": [{"database": DATABASE, "level": "ReadOnly"}]}}


def _known(desk: CloudDesk, name: str) -> Account:
    """As somebody made it in the cloud's console, for the database that consumers are sent to."""
    return desk.rds.account(account(name), value_of(name), **{DATABASE: "ReadOnly"})


def _absent(desk: CloudDesk, name: str) -> Begun:
    return imported(desk, name), lambda: _known(desk, name)


def _locked(desk: CloudDesk, name: str) -> Begun:
    found = _known(desk, name)
    found.locked = True

    def unlock() -> None:
        assert found.locked, "it was healed"
        found.locked = False

    return imported(desk, name), unlock


def _second_privileged(desk: CloudDesk, name: str) -> Begun:
    desk.rds.account("mighty", value_of("mighty"), "Super")
    objects = rds(desk, name, given={"accountManagement": "Single", "create": {"name": "second", "privileged": True}})
    return objects, lambda: again(desk, name, *rds(desk, name, given=_pair("third")))


def _no_ram_user(desk: CloudDesk, name: str) -> Begun:
    key = Key("LTAI5tInputs", bait(name))
    given = desk.values(f"{name}-old", {"AccessKeyId": key.id, "AccessKeySecret": key.secret}, name)
    wanted = {"userName": name, "accessKeysFrom": [{"secretName": f"{name}-old"}]}
    objects = [desk.admin(name), desk.target_on(name, "ram", {}), given, desk.credential_on(name, "ram", wanted)]
    return objects, lambda: desk.cloud.ram.user(name, keys=0).keys.append(key)


CASES = (
    case(
        "no-inst",
        Reason.INVALID_SPEC,
        (OF.format("spec.rds.openApi", "no-inst"), "instanceId, regionId", "no such instance there", "correct them"),
        _no_instance,
    ),
    case(
        "no-cache",
        Reason.INVALID_SPEC,
        (OF.format("spec.redis.openApi", "no-cache"), "instanceId, regionId", "no such instance there", "correct them"),
        _no_cache,
    ),
    case(
        "not-maria",
        Reason.INVALID_SPEC,
        ("engine, openApi.instanceId", "the Target says MariaDB, but rm-bp1mysql is MySQL", "correct one of them"),
        _another_engine,
    ),
    case(
        "reader",
        Reason.READ_ONLY_ENDPOINT,
        (OF.format("spec.rds.openApi", "reader"), "rm-bp1reader is a read-only instance", "its primary: name that"),
        _read_only,
    ),
    case(
        "not-tair",
        Reason.INVALID_SPEC,
        ("r-bp1main is Redis 7.0, but spec.redis.engine of the Target says Tair", "correct it there"),
        _no_tair,
    ),
    case(
        "old-redis",
        Reason.ENGINE_UNSUPPORTED,
        (OF.format("spec.redis.openApi", "old-redis"), "r-bp1old is Redis 2.8", "Redis 4.0 or newer", "upgrade it"),
        _too_old,
    ),
    changing(
        case(
            "one-word",
            Reason.LOGIN_REFUSED,
            ("spec.redis.create.name", "r-bp1word", "see whether", "(authentication: ACL)"),
            _one_word,
        ),
        *MADE,
    ),
    case(
        "taken",
        Reason.ACCOUNT_EXISTS,
        ("spec.rds.create.name", "'taken'", "is on the server already", "spec.rds.import"),
        _taken,
    ),
    case(
        "taken-too",
        Reason.ACCOUNT_EXISTS,
        ("spec.redis.create.name", "'taken_too_clone'", "is on the server already", "choose another"),
        _taken_in_a_cache,
    ),
    case(
        "absent",
        Reason.ACCOUNT_MISSING,
        ("spec.rds.import.accounts[].name", "no account 'absent' on rm-bp1main", "make it there, or correct the name"),
        _absent,
    ),
    case(
        "locked",
        Reason.ACCOUNT_DISABLED,
        ("spec.rds.import.accounts[].name", "account 'locked' is locked in the cloud", "unlock it there"),
        _locked,
    ),
    case(
        "second",
        Reason.CLOUD_REFUSED,
        ("spec.rds.create.privileged", "its one privileged account, 'mighty'", "use privileges"),
        _second_privileged,
    ),
    case(
        "noramuser",
        Reason.ACCOUNT_MISSING,
        ("spec.ram.userName", "no RAM user of this name", "make it there"),
        _no_ram_user,
    ),
)
