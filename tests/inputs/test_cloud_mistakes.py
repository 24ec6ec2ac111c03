"""What is wrong with a Target of the cloud is said in a condition and an event, touches nothing, and is mended at once.

The cloud is a stand-in on loopback, written from the published documentation; the servers and the host behind it are real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pymysql
import pytest
from tests.cloud.standin import Fault
from tests.cluster.mysql_family import FamilyServer
from tests.inputs import cloud_certificates, cloud_clusters, cloud_endpoints, cloud_hosts, cloud_systems, cloud_ways
from tests.inputs.bait import repeated_in
from tests.inputs.cloud_cases import CloudCase, ecs, rds, rds_target, redis, value_of
from tests.inputs.cloud_desk import DATABASE, CloudDesk, Databases, cloud_desk
from tests.inputs.told import Record, record
from tests.whole_path.world import until

from keyward.errors import Reason

CASES = (
    *cloud_ways.CASES,
    *cloud_systems.CASES,
    *cloud_clusters.CASES,
    *cloud_certificates.CASES,
    *cloud_hosts.CASES,
    *cloud_endpoints.CASES,
)
LOOKS = 20  # calls of the cloud in the twelve seconds for which a mistake stands: three looks of some calls each
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def databases(mariadb, mysql, postgres) -> Databases:
    return mariadb, mysql, postgres


@pytest.fixture(scope="module")
def desk(control_plane, databases, ssh_server, tmp_path_factory) -> Iterator[CloudDesk]:
    folder = tmp_path_factory.mktemp("inputs-cloud")
    with cloud_desk(control_plane, databases, ssh_server, folder) as found, found.borrowed:
        yield found


@pytest.fixture(scope="module")
def operator(desk) -> Iterator[object]:
    with desk.limited_operator() as found:
        yield found


@pytest.fixture(scope="module")
def well(desk, operator) -> dict[str, dict[str, str]]:
    """One Credential of each product that nobody makes a mistake with, and the Secret that it has before the others do."""
    for when in ("well", "later"):
        desk.apply(*rds(desk, f"{when}-rds"), *redis(desk, f"{when}-redis"), *ecs(desk, f"{when}-ecs"))
    names = [f"{when}-{product}" for when in ("well", "later") for product in ("rds", "redis", "ecs")]
    until("those that are well", lambda: desk.all_ready() >= set(names))
    return {name: desk.secret(name) for name in names}


@pytest.fixture(scope="module")
def recorded(desk, operator, well) -> Record:
    return record(desk, operator, CASES)


@each
def test_the_condition_names_field_cause_and_fix(recorded: Record, case: CloudCase):
    said = recorded.told[case.name].ready
    assert (said["reason"], said["status"]) == (case.reason, "False"), said
    for part in case.says:
        assert part in said["message"]
    rotated = recorded.told[case.name].conditions["Rotated"]
    assert (rotated["status"], rotated["reason"]) == ("False", case.reason)


@each
def test_an_event_warns_of_the_same(recorded: Record, case: CloudCase):
    told = recorded.told[case.name]
    assert [e for e in told.events if (e["type"], e["reason"]) == ("Warning", case.reason)], told.events
    # Each is told once, whatever the ids of the requests were, and nobody is warned of a cloud that only takes its time.
    texts = [e["message"] for e in told.events]
    assert len(texts) == len(set(texts))
    assert not [text for text in texts if "request " in text or "is at work" in text]


@each
def test_it_is_tried_again_at_leisure(recorded: Record, case: CloudCase):
    assert recorded.writes[case.name] <= 4
    assert recorded.logins[case.name] <= LOOKS


@each
def test_nothing_is_changed_in_the_cloud_but_what_is_ours(recorded: Record, desk: CloudDesk, case: CloudCase):
    assert desk.changed[case.name].keys() <= case.changes


@each
def test_once_it_is_mended_nobody_waits_for_the_back_off(recorded: Record, case: CloudCase):
    after = recorded.told[case.name].ready_after
    assert after is not None, "it is not Ready"
    assert after < case.soon


def test_no_value_is_repeated(recorded: Record, desk: CloudDesk):
    admins = [key.secret for key in desk.keys.values()]
    assert not repeated_in(recorded.said, *admins, *recorded.secrets)
    assert recorded.secrets


def test_the_process_lives(recorded: Record):
    assert recorded.alive


def test_what_was_well_and_what_is_a_stranger_s_is_left_as_it_was(recorded: Record, desk: CloudDesk, well):
    for name in ("well-rds", "well-redis", "well-ecs"):
        assert desk.secret(name) == well[name]
        assert desk.ready(name)
    with desk.behind.sql.connect(None, "taken", value_of("taken")):
        assert desk.behind.redis.logs_in("taken_too_clone", value_of("taken-too"))
    assert not desk.rds.accounts["taken"].description


def _no_rights(desk: CloudDesk) -> Callable[[], object]:
    user = desk.cloud.ram.users["admin-later-rds"]
    user.admin = False
    return lambda: setattr(user, "admin", True)


def _throttled(desk: CloudDesk) -> Callable[[], object]:
    fault = Fault("ResetAccountPassword", "Throttled", cloud_ways.FOR_EVER, desk.keys["later-redis"].id)
    desk.cloud.faults.append(fault)
    return lambda: setattr(fault, "times", 0)


def _switched_off(desk: CloudDesk) -> Callable[[], object]:
    key = desk.keys["later-ecs"]
    key.status = "Inactive"
    return lambda: setattr(key, "status", "Active")


def _lets_in(server: FamilyServer, user: str, password: str) -> bool:
    try:
        with server.connect(DATABASE, user, password):
            return True
    except pymysql.OperationalError:
        return False


def _logs_in(desk: CloudDesk, name: str) -> bool:
    secret, behind = desk.secret(name), desk.behind
    user, password = secret["username"], secret["password"]
    if name == "later-ecs":
        return behind.ssh.lets_in(user, password=password)
    return behind.redis.logs_in(user, password) if name == "later-redis" else _lets_in(behind.sql, user, password)


LATER = {
    "later-rds": (_no_rights, Reason.ADMIN_PRIVILEGE_MISSING, "rds:DescribeAccounts"),
    "later-redis": (_throttled, Reason.BUSY, "spec.redis.openApi of ClusterTarget inputs-cloud-later-redis"),
    "later-ecs": (_switched_off, Reason.ADMIN_LOGIN_REFUSED, "switch it on in the cloud"),
}


@pytest.mark.parametrize("name", LATER)
def test_what_goes_wrong_later_stops_the_rotation_and_the_value_in_use_goes_on(desk, well, name):
    begin, reason, says = LATER[name]
    mend = begin(desk)
    desk.annotate(name, "rotate", "one")
    said = until("a word on it", lambda: (c := desk.condition(name, "Rotated")).get("reason") == reason and c)
    assert says in said["message"]
    assert desk.condition(name, "Ready")["status"] == "True"
    assert desk.secret(name) == well[name]
    assert _logs_in(desk, name)
    mend()
    desk.annotate(name, "rotate", "two")
    until("a rotation", lambda: desk.secret(name) != well[name])
    assert _logs_in(desk, name)


@pytest.mark.parametrize(
    "api", [{"credentials": "DefaultChain"}, {"endpoints": [{"service": "RDS", "host": "x.example.com"}]}]
)
def test_a_target_of_a_namespace_cannot_use_the_operators_own_rights_nor_have_calls_sent_elsewhere(desk, api):
    found = rds_target(desk, "own")
    found |= {"kind": "Target", "metadata": {"name": "own", "namespace": desk.namespace}}
    del found["spec"]["allowedNamespaces"]
    plain = {"instanceId": "rm-bp1main", "regionId": "cn-hangzhou"}
    found["spec"]["rds"]["openApi"] = plain | api
    fix = "are for a ClusterTarget: remove them, or make one"
    with pytest.raises(AssertionError, match=f"spec.rds.openApi.endpoints, tls.ca, credentials: .* {fix}"):
        desk.apply(found)
    found["spec"]["rds"]["openApi"] = plain
    desk.apply(found)
