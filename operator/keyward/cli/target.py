"""`keyward target`: vouch for where a Target points to, as somebody who may write its admin Secret (protocol of Targets)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from keyward.cli import options
from keyward.cli.later import part
from keyward.controller import targets
from keyward.errors import Blocked, Reason
from keyward.kube.client import Client
from keyward.kube.kinds import CLUSTER_TARGETS, TARGETS, Kind
from keyward.kube.targets import AdminSecrets

app = part(help="Targets: the systems whose accounts are managed.", no_args_is_help=True)


@app.callback()
def _target() -> None:
    """Targets: the systems whose accounts are managed."""


@app.command("approve")
def approve(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names of the Targets.")],
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="The Targets' namespace. Default: the kubeconfig's.")
    ] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="They are ClusterTargets.")] = False,
    operator_namespace: Annotated[
        str,
        typer.Option(envvar="KEYWARD_NAMESPACE", help="The operator's namespace, where ClusterTargets' Secrets are."),
    ] = options.DEFAULT_NAMESPACE,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Approve the endpoints and CAs of Targets as they are now.

    Until then the admin's password is not sent to endpoints that were changed. Look at them before you approve them:
    `kubectl get target NAME -o yaml`. What was approved before stays known as the same system.
    """
    connection = options.connection(kubeconfig, context)
    kind = CLUSTER_TARGETS if cluster else TARGETS
    place = "" if cluster else namespace or connection.namespace

    async def work(client: Client) -> None:
        admins, found = AdminSecrets(client), {}
        # All are looked at first: with a name that is wrong, or a Secret that is not there, none is approved.
        for name in names:
            one = targets.admin_of(await _target_of(client, kind, place, name), operator_namespace)
            await admins.read(one.namespace, one.secret, one.kind)
            found[name] = one
        for name, one in found.items():
            # Read anew, as another of them may have the same Secret.
            admin = await admins.read(one.namespace, one.secret, one.kind)
            await admins.approve(admin, kind.name, name, one.digest)
            typer.echo(f"approved {kind.name} {name} as it is now ({one.digest[:12]})")

    options.with_client(connection, work)


async def _target_of(client: Client, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
    item = await client.get(kind, namespace, name)
    if item is None:
        where = f" in namespace {namespace}" if namespace else ""
        raise Blocked(Reason.UNKNOWN_TARGET, f"there is no {kind.name} {name}{where}")
    return item
