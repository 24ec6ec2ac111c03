"""Options that several commands share, and the connection that they name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from keyward.controller.settings import DEFAULT_KEYRING, DEFAULT_NAMESPACE
from keyward.kube.client import Client
from keyward.kube.connection import Connection, connect

T = TypeVar("T")

Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", help="The kubeconfig to use. Default: the pod's service account, else KUBECONFIG."),
]
Context = Annotated[str | None, typer.Option("--context", help="The kubeconfig's context to use.")]
OperatorNamespace = Annotated[
    str,
    typer.Option("--namespace", "-n", envvar="KEYWARD_NAMESPACE", help="The operator's own namespace."),
]
KeyringSecret = Annotated[str, typer.Option("--keyring-secret", help="Name of the Secret that holds the keyring.")]
KeyringFile = Annotated[
    Path | None,
    typer.Option("--keyring-file", help="Keep the keyring in this file and not in a Secret.", dir_okay=False),
]

__all__ = ["DEFAULT_KEYRING", "DEFAULT_NAMESPACE"]


def connection(kubeconfig: Path | None, context: str | None) -> Connection:
    """The connection that the options name. Raises Blocked."""
    return connect(str(kubeconfig) if kubeconfig else None, context)


def with_client(found: Connection, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run something short against the API server."""

    async def run() -> T:
        async with Client(found, limit=4) as client:
            return await work(client)

    return asyncio.run(run())
