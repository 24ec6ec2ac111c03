"""Finding the API server and keeping the login fresh: kubeconfigs, token files, plug-ins, pods. No secret in a repr."""

from __future__ import annotations

import base64
import json
import ssl
import sys
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from tests.kube.fake_api import serving, status

from keyward.errors import Blocked, Reason, Retry
from keyward.kube import connection
from keyward.kube.answers import Asked
from keyward.kube.client import Call, Client
from keyward.kube.connection import Connection
from keyward.kube.kinds import NAMESPACES, SECRETS, Kind
from keyward.kube.tokens import Command, ExecSource, FixedSource, TokenFile
from keyward.sensitive import Sensitive

TOKEN = "t0k3n-c4n4ry"


def written(path, user, *, server="https://api.test:6443", name="one", **cluster: str):
    doc = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(doc))
    return str(path)


async def test_a_token_is_sent_and_seen_in_no_repr(tmp_path):
    found = connection.from_kubeconfig(written(tmp_path / "k", {"token": TOKEN}))
    assert await found.headers() == {"Authorization": f"Bearer {TOKEN}"}
    assert (found.server, found.namespace) == ("https://api.test:6443", "shop")
    assert TOKEN not in repr(found)


async def test_a_renewed_token_file_is_read_again(tmp_path):
    now = [0.0]
    file = tmp_path / "token"
    file.write_text("one\n")
    source = TokenFile(file, lambda: now[0])
    assert (await source.token()).reveal_text() == "one"
    file.write_text("two\n")
    assert (await source.token()).reveal_text() == "one"
    now[0] = 6
    assert (await source.token()).reveal_text() == "two"
    file.write_text("three")
    source.expire()
    assert (await source.token()).reveal_text() == "three"
    file.unlink()
    now[0] = 20
    assert (await source.token()).reveal_text() == "three"


async def test_a_refused_token_is_read_again_before_the_next_request(tmp_path):
    file = tmp_path / "token"
    file.write_text("old")
    async with serving() as api:
        found = connection.from_kubeconfig(written(tmp_path / "k", {"tokenFile": "token"}, server=api.url))
        async with Client(found) as client:
            api.answers = [status(401), web.json_response({})]
            with pytest.raises(Retry) as error:
                await client.get(SECRETS, "shop", "x")
            assert error.value.reason is Reason.API_REFUSED
            file.write_text("new")
            await client.get(SECRETS, "shop", "x")
            assert [r.headers["Authorization"] for r in api.requests] == ["Bearer old", "Bearer new"]


def plugin(tmp_path, body):
    file = tmp_path / "plugin.py"
    file.write_text(body)
    return (sys.executable, str(file))


GIVES = """
import json, os, pathlib
runs = pathlib.Path(os.environ["RUNS"]); runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"kind": info["kind"], "apiVersion": info["apiVersion"],
    "status": {"token": "tok" + runs.read_text(), "expirationTimestamp": "1970-01-01T00:10:00Z"}}))
"""


async def test_a_plugin_runs_again_only_when_its_token_expires(tmp_path):
    now = [0.0]
    command = Command("client.authentication.k8s.io/v1", plugin(tmp_path, GIVES), (("RUNS", str(tmp_path / "runs")),))
    source = ExecSource(command, lambda: now[0])
    assert (await source.token()).reveal_text() == "tokx"
    assert (await source.token()).reveal_text() == "tokx"
    now[0] = 571
    assert (await source.token()).reveal_text() == "tokxx"


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "print('t0k3n-c4n4ry')", "print('{}')"])
async def test_a_plugin_that_fails_is_named_and_its_output_is_not(tmp_path, body):
    source = ExecSource(Command("v1", plugin(tmp_path, body)), lambda: 0.0)
    with pytest.raises((Blocked, Retry)) as error:
        await source.token()
    assert TOKEN not in str(error.value)


def test_paths_are_meant_from_their_file_and_the_first_of_several_files_wins(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ca.crt").write_text("CA")
    one = written(tmp_path / "a" / "k", {"token": "x"}, **{"certificate-authority": "ca.crt"})
    two = written(tmp_path / "k2", {"token": "y"}, server="https://other", name="two")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{one}:{two}")
    assert connection.from_kubeconfig().ca_pem == "CA"
    assert connection.from_kubeconfig(context="two").server == "https://api.test:6443"
    assert connection.from_kubeconfig(two).server == "https://other"


@pytest.mark.parametrize(
    ("user", "cluster", "text"),
    [
        ({"client-certificate-data": base64.b64encode(b"x").decode()}, {}, "without its key"),
        ({"client-key-data": "***"}, {}, "client-key"),
        ({"username": "a", "password": "p-c4n4ry"}, {}, "not supported"),
        ({"auth-provider": {"name": "x"}}, {}, "not supported"),
        ({}, {"proxy-url": "http://u:c4n4ry@p"}, "proxy-url"),
        ({}, {"certificate-authority": "nowhere"}, "certificate-authority"),
    ],
)
def test_what_is_not_supported_is_said_without_a_value(tmp_path, user, cluster, text):
    with pytest.raises(Blocked, match=text) as error:
        connection.from_kubeconfig(written(tmp_path / "k", user, **cluster))
    assert "c4n4ry" not in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", "a: [", "current-context: x"])
def test_a_damaged_kubeconfig_is_named(tmp_path, text):
    (tmp_path / "k").write_text(text)
    with pytest.raises(Blocked, match="kubeconfig"):
        connection.from_kubeconfig(str(tmp_path / "k"))


async def test_a_pod_finds_its_service_account(tmp_path, monkeypatch, kubeconfig):
    for name, text in {"token": TOKEN, "ca.crt": _ca(kubeconfig), "namespace": "keyward-system\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert connection.in_cluster(tmp_path) is None
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = connection.in_cluster(tmp_path)
    assert (found.server, found.namespace) == ("https://[fd00::1]:443", "keyward-system")
    assert await found.headers() == {"Authorization": f"Bearer {TOKEN}"}
    assert found.ssl_context().verify_mode is ssl.CERT_REQUIRED


def _ca(kubeconfig):
    doc = yaml.safe_load(Path(kubeconfig).read_text())
    return base64.b64decode(doc["clusters"][0]["cluster"]["certificate-authority-data"]).decode()


async def test_a_server_with_another_ca_is_not_spoken_to(kubeconfig):
    found = connection.from_kubeconfig(kubeconfig)
    stranger = Connection(server=found.server)
    async with Client(stranger) as client:
        with pytest.raises(Retry, match="could not be reached"):
            await client.get(NAMESPACES, "", "default")


async def test_the_name_in_the_certificate_may_differ_from_the_address(kubeconfig):
    found = connection.from_kubeconfig(kubeconfig)
    for name, good in (("kubernetes.default.svc", True), ("elsewhere.test", False)):
        other = Connection(server=found.server, ca_pem=found.ca_pem, client_cert=found.client_cert, server_name=name)
        async with Client(other) as client:
            if good:
                assert await client.get(NAMESPACES, "", "default")
            else:
                with pytest.raises(Retry):
                    await client.get(NAMESPACES, "", "default")


async def test_what_a_service_account_may_not_do_is_said_with_the_verb(kubeconfig, client, namespace):
    accounts = Kind("", "v1", "serviceaccounts", "ServiceAccount")
    await client.create(accounts, namespace, {"metadata": {"name": "poor"}})
    body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}).encode()
    answer = await client.request(Call(Asked("create", accounts, namespace, "poor", "token"), body))
    admin = connection.from_kubeconfig(kubeconfig)
    poor = Connection(
        server=admin.server, ca_pem=admin.ca_pem, source=FixedSource(Sensitive(answer["status"]["token"]))
    )
    async with Client(poor) as limited:
        with pytest.raises(Blocked, match="allow verb 'get' on resource 'secrets'") as error:
            await limited.get(SECRETS, namespace, "x")
        assert error.value.reason is Reason.API_REFUSED
