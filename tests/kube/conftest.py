"""A real API server with our CRDs, and a namespace for each test."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from pathlib import Path

import pytest
import yaml

from keyward.kube import connection
from keyward.kube.answers import AlreadyExists
from keyward.kube.client import Client
from keyward.kube.kinds import CREDENTIALS, NAMESPACES, VERSIONS, Kind

CRDS = Path(__file__).parents[2] / "crds"
DEFINITIONS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")


@pytest.fixture(scope="session")
def kubeconfig(control_plane):
    documents = [d for file in sorted(CRDS.glob("*.yaml")) for d in yaml.safe_load_all(file.read_text())]
    asyncio.run(_install(control_plane.kubeconfig, documents))
    return str(control_plane.kubeconfig)


async def _install(kubeconfig, documents):
    async with Client(connection.from_kubeconfig(str(kubeconfig))) as client:
        for document in documents:
            with contextlib.suppress(AlreadyExists):
                await client.create(DEFINITIONS, "", document)
        async with asyncio.timeout(30):
            for kind in (CREDENTIALS, VERSIONS):
                await _until_served(client, kind)


async def _until_served(client, kind):
    while True:
        item = await client.get(DEFINITIONS, "", kind.resource)
        conditions = (item or {}).get("status", {}).get("conditions", [])
        if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return
        await asyncio.sleep(0.1)


@pytest.fixture
async def client(kubeconfig):
    async with Client(connection.from_kubeconfig(kubeconfig)) as client:
        yield client


@pytest.fixture
async def namespace(client):
    name = f"kube-{uuid.uuid4().hex[:10]}"
    await client.create(NAMESPACES, "", {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, "", name)
