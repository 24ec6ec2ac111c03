"""Clusters of PolarDB that are not there or of another kind, an endpoint that nobody listens on, and an account that is taken."""

from __future__ import annotations

from tests.cloud.ecs import REGION
from tests.cloud.standin import HOST
from tests.cluster.process import free_port
from tests.inputs.cloud_cases import Begun, account, again, case, changing, corrected, value_of
from tests.inputs.cloud_desk import DATABASE, CloudDesk
from tests.whole_path.world import Json

from keyward.errors import Reason

OF = "{} of ClusterTarget inputs-cloud-{}: "


def polardb(desk: CloudDesk, name: str, create: str = "", **target: str | int) -> list[Json]:
    """Admin, Target and Credential; `create` is another account's name. The cluster speaks PostgreSQL."""
    wanted = {"engine": "PostgreSQL", "databaseName": DATABASE, "create": {"name": create or account(name)}}
    return [desk.admin(name), _target(desk, name, **target), desk.credential_on(name, "polardb", wanted)]


def _target(
    desk: CloudDesk, name: str, engine: str = "PostgreSQL", port: int = 0, instance: str = "pc-bp1main"
) -> Json:
    server = desk.behind.postgres
    endpoint = {"host": HOST, "port": port or server.port}
    system = {"engine": engine, "endpoints": [endpoint], "tls": {"ca": server.ca_pem}}
    return desk.target_on(name, "polardb", system, instanceId=instance, regionId=REGION)


def _no_cluster(desk: CloudDesk, name: str) -> Begun:
    return polardb(desk, name, instance="pc-bp1gone"), corrected(desk, name, _target(desk, name))


def _another_engine(desk: CloudDesk, name: str) -> Begun:
    """Target and Credential say MySQL, where an account is given rights on databases."""
    admin, target, credential = polardb(desk, name, engine="MySQL")
    wanted = credential["spec"]["polardb"]
    wanted["engine"] = "MySQL"
    wanted["create"]["privileges"] = [{"database": DATABASE, "level": "ReadWrite"}]

    def mend() -> None:
        again(desk, name, *polardb(desk, name))
        desk.agree(name)

    return [admin, target, credential], mend


def _shut(desk: CloudDesk, name: str) -> Begun:
    return polardb(desk, name, port=free_port()), corrected(desk, name, _target(desk, name))


def _taken(desk: CloudDesk, name: str) -> Begun:
    desk.polar.account(f"{account(name)}_clone", value_of(name))
    return polardb(desk, name), lambda: again(desk, name, *polardb(desk, name, create="free_pdb"))


CASES = (
    case(
        "no-clus",
        Reason.INVALID_SPEC,
        (OF.format("spec.polardb.openApi", "no-clus"), "instanceId, regionId", "no such", "correct them"),
        _no_cluster,
    ),
    case(
        "not-mysql",
        Reason.INVALID_SPEC,
        ("engine, openApi.instanceId", "the Target says MySQL, but pc-bp1main is PostgreSQL", "correct one of them"),
        _another_engine,
    ),
    changing(
        case(
            "pdb-shut",
            Reason.UNREACHABLE,
            (OF.format("spec.polardb.endpoints", "pdb-shut"), "nobody", "correct"),
            _shut,
        ),
        "CreateAccount",
        "ModifyAccountPassword",
    ),
    case(
        "pdb-taken",
        Reason.ACCOUNT_EXISTS,
        ("spec.polardb.create.name", "'pdb_taken_clone'", "is on the server already", "choose another"),
        _taken,
    ),
)
