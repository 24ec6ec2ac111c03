"""The SDK, as we use it, against the stand-in: signed calls, isolated trust, failures without their text."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cloud.signatures import ALGORITHM
from tests.cloud.standin import HOST, Fault, StandIn
from tests.cluster import pki
from tests.cluster.proxy import FaultProxy

from keyward.engines.alibaba.errors import Words, translate
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.alibaba.ram.errors import GONE
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.errors import Blocked, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloud(tmp_path):
    with StandIn(tmp_path / "cloud") as found:
        yield found


def place_of(cloud: StandIn) -> Place:
    endpoint = Endpoint(HOST, cloud.port)
    services = {"RAM": endpoint, "STS": endpoint}
    return Place((endpoint,), "", cloud=CloudApi(services, ca_pem=cloud.ca_pem))


def client(cloud: StandIn, user: str = "admin", timeout: float = 5.0) -> Cloud:
    found = cloud.ram.users.get(user) or cloud.ram.user(user, admin=True)
    key = found.keys[0]
    return Cloud(place_of(cloud), Login(key.id, Sensitive(key.secret)), timeout)


async def test_a_key_is_made_listed_deactivated_and_deleted_with_signed_calls(cloud):
    cloud.ram.user("orders", keys=0)
    admin, seen = client(cloud), []
    cloud.before = seen.append
    issued = await admin.create("orders")
    assert issued.key.active
    assert issued.request_id == cloud.calls[0][1]
    assert [key.id for key in (await admin.keys("orders")).keys] == [issued.key.id]
    assert not await admin.was_used("orders", issued.key.id)
    theirs = Cloud(place_of(cloud), Login(issued.key.id, issued.secret), 5.0)
    assert (await theirs.whoami()).arn.endswith(":user/orders")
    assert await admin.was_used("orders", issued.key.id)
    await admin.deactivate("orders", issued.key.id)
    assert not (await admin.keys("orders")).keys[0].active
    await admin.delete("orders", issued.key.id)
    assert not (await admin.keys("orders")).keys
    assert all(call.headers["authorization"].startswith(ALGORITHM) for call in seen)
    assert len(seen) == 9


async def test_a_temporary_key_is_sent_with_its_token(cloud):
    key, seen = cloud.ram.user("orders").keys[0], []
    cloud.before = seen.append
    login = Login(key.id, Sensitive(key.secret), Sensitive("t0k3n\n"))
    assert (await Cloud(place_of(cloud), login, 5.0).whoami()).arn.endswith(":user/orders")
    assert seen[0].headers["x-acs-security-token"] == "t0k3n"
    assert "x-acs-security-token" in seen[0].headers["authorization"]


async def failure_of(work) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


async def test_a_wrong_secret_an_unknown_key_and_a_key_that_is_off_are_told_apart(cloud):
    user = cloud.ram.user("orders")
    wrong = Cloud(place_of(cloud), Login(user.keys[0].id, Sensitive("not-the-secret")), 5.0)
    assert (await failure_of(wrong.whoami())).code == "SignatureDoesNotMatch"
    unknown = Cloud(place_of(cloud), Login("LTAIunknown", Sensitive("not-the-secret")), 5.0)
    assert (await failure_of(unknown.whoami())).code == "InvalidAccessKeyId.NotFound"
    user.keys[0].status = "Inactive"
    assert (await failure_of(client(cloud, "orders").whoami())).code == "InvalidAccessKeyId.Inactive"


async def test_a_third_key_a_missing_key_and_a_missing_user_are_refused_in_the_documented_words(cloud):
    cloud.ram.user("orders", keys=2)
    admin = client(cloud)
    full = await failure_of(admin.create("orders"))
    assert (full.code, full.status, full.is_unknown) == ("LimitExceeded.User.AccessKey", 409, False)
    assert full.request_id == cloud.calls[-1][1]
    assert (await failure_of(admin.delete("orders", "LTAInone"))).code == GONE
    assert (await failure_of(admin.keys("nobody"))).code == "EntityNotExist.User"


@pytest.mark.parametrize(
    ("kind", "way", "unknown"),
    [
        ("AnswerLost", Way.LOST, True),
        ("Lost", Way.LOST, True),
        ("Failed", Way.MALFORMED, True),
        ("Broken", Way.ANSWERED, True),
        ("Throttled", Way.ANSWERED, False),
        ("Refused", Way.ANSWERED, False),
    ],
)
async def test_a_call_that_fails_says_whether_it_may_have_been_done(cloud, kind, way, unknown):
    cloud.ram.user("orders", keys=0)
    cloud.faults.append(Fault("CreateAccessKey", kind))
    failure = await failure_of(client(cloud).create("orders"))
    assert (failure.way, failure.is_unknown) == (way, unknown)
    assert failure.after == (2.0 if kind == "Throttled" else None)
    assert len(cloud.ram.users["orders"].keys) == (kind in ("AnswerLost", "Broken"))


async def test_nothing_of_the_sdk_s_text_is_left_in_a_failure(cloud):
    cloud.ram.user("canary-user-name", keys=2)
    failure = await failure_of(client(cloud).create("canary-user-name"))
    told = "".join(traceback.format_exception(failure))
    assert failure.__cause__ is None
    assert failure.__context__ is None
    assert "leaky-message" not in told
    assert "https://" not in told.replace(str(ROOT), "")


async def test_a_server_that_nobody_is_or_that_another_one_is_was_never_told_anything(cloud, tmp_path):
    api, login = place_of(cloud).cloud, Login("LTAIsome", Sensitive("secret"))
    dead = Cloud(Place((), "", cloud=replace(api, services={"STS": Endpoint(HOST, 1)})), login, 5.0)
    failure = await failure_of(dead.whoami())
    assert (failure.way, failure.is_unknown) == (Way.CONNECT, False)
    other = pki.authority(tmp_path / "other").ca_file.read_text(encoding="ascii")
    strange = Cloud(Place((), "", cloud=replace(api, ca_pem=other)), login, 5.0)
    failure = await failure_of(strange.whoami())
    assert (failure.way, failure.is_unknown) == (Way.TLS, False)
    assert not cloud.calls


async def test_a_server_that_is_silent_is_not_waited_for_longer_than_was_said(cloud):
    with FaultProxy((HOST, cloud.port), black_hole=True) as proxy:
        silent = CloudApi({"STS": Endpoint(HOST, proxy.port)}, ca_pem=cloud.ca_pem)
        began = time.monotonic()
        failure = await failure_of(Cloud(Place((), "", cloud=silent), Login("LTAIsome", Sensitive("s")), 0.5).whoami())
    assert (failure.way, failure.is_unknown) == (Way.SILENT, True)
    assert time.monotonic() - began < 3
    error = translate(failure, Words("sts:any"))
    assert (type(error), error.reason) == (Retry, Reason.TIMEOUT)
    assert isinstance(translate(failure, Words("sts:any"), sends=True), Unsettled)


@pytest.mark.parametrize(
    ("id_", "secret", "token"),
    [
        ("", "secret", None),
        ("LTAI some", "secret", None),
        ("LTAIsome,Signature=0", "secret", None),
        ("LTAIsome\nHost: other", "secret", None),
        ("LTAIsome", "", None),
        ("LTAIsome", " \n", None),
        ("LTAIsome", b"\xff\xfe", None),
        ("STS.some", "secret", b"\xff"),
    ],
)
async def test_a_login_that_no_call_could_be_signed_with_is_named_and_sent_nowhere(cloud, id_, secret, token):
    login = Login(id_, Sensitive(secret), None if token is None else Sensitive(token))
    failure = await failure_of(Cloud(place_of(cloud), login, 5.0).whoami())
    assert (failure.way, failure.is_unknown, failure.__context__) == (Way.UNSIGNED, False, None)
    error = translate(failure, Words("sts:any"), sends=True)
    assert (type(error), error.reason) == (Blocked, Reason.ADMIN_SECRET_INVALID)
    assert not cloud.calls


PROGRAM = """
import asyncio, sys
from pathlib import Path
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

async def ask(ca):
    endpoint = Endpoint("127.0.0.1", int(sys.argv[1]))
    place = Place((endpoint,), "", cloud=CloudApi({"STS": endpoint}, ca_pem=ca and Path(ca).read_text()))
    try:
        return (await Cloud(place, Login(sys.argv[2], Sensitive(sys.argv[3])), 5.0).whoami()).arn
    except Failure as failure:
        return failure.way.value

for ca in sys.argv[4:]:
    print(asyncio.run(ask(ca)))
"""


def test_what_one_target_trusts_is_trusted_for_no_other_in_a_process_of_its_own(cloud, tmp_path):
    key = cloud.ram.user("orders").keys[0]
    right, wrong = str(cloud.authority.ca_file), str(pki.authority(tmp_path / "other").ca_file)
    argv = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), str(cloud.port), key.id, key.secret]
    # A proxy that is not there, and the SDK's debug output, which would print the request.
    noisy = {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "DEBUG": "sdk"}
    answer = subprocess.run(
        [*argv, wrong, right, wrong, "", right],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **noisy, "PYTHONPATH": str(ROOT / "operator")},
    )
    ours = "acs:ram::1234567890123456:user/orders"
    assert answer.stdout.split() == ["TLS", ours, "TLS", "TLS", ours]
    assert not answer.stderr


CHAIN = """
import asyncio, sys
from pathlib import Path
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import CloudApi, Endpoint, Login, Place
from keyward.sensitive import Sensitive

endpoint = Endpoint("127.0.0.1", int(sys.argv[1]))
place = Place((endpoint,), "", cloud=CloudApi({"STS": endpoint}, default_chain=True, ca_pem=Path(sys.argv[2]).read_text()))
print(asyncio.run(Cloud(place, Login("", Sensitive("")), 5.0, chain=True).whoami()).arn)
"""


def test_the_default_chain_finds_the_operators_own_login(cloud):
    key = cloud.ram.user("operators-own", admin=True).keys[0]
    login = {"ALIBABA_CLOUD_ACCESS_KEY_ID": key.id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.secret}
    argv = [sys.executable, "-W", "error", "-c", CHAIN, str(cloud.port), str(cloud.authority.ca_file)]
    environment = {**os.environ, **login, "PYTHONPATH": str(ROOT / "operator")}
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.strip().endswith(":user/operators-own")
    assert not answer.stderr


async def test_the_sdk_logs_nothing(cloud, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    cloud.faults.append(Fault("ListAccessKeys", "Lost"))
    await failure_of(client(cloud).keys("orders"))
    await failure_of(client(cloud).keys("nobody"))
    assert "leaky" not in caplog.text
    assert HOST not in caplog.text
    assert capfd.readouterr() == ("", "")
