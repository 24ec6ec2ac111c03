"""`keyward controller`: the operator, in a cluster or out of it."""

from __future__ import annotations

from typing import Annotated

import typer

from keyward.cli import options
from keyward.cli.later import part
from keyward.controller import logs
from keyward.controller.settings import Address, Limits, Periods, Settings

app = part()
_DEFAULTS = Settings()


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--metrics-address") from None


@app.command()
def controller(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    namespace: options.OperatorNamespace = options.DEFAULT_NAMESPACE,
    keyring_secret: options.KeyringSecret = options.DEFAULT_KEYRING,
    keyring_file: options.KeyringFile = None,
    metrics_address: Annotated[
        str,
        typer.Option(
            "--metrics-address",
            metavar="HOST:PORT",
            help="Where /healthz, /readyz and /metrics are served. Port 0: a free one, which is logged.",
        ),
    ] = str(_DEFAULTS.metrics_address),
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Rotate nothing: make first values, project and tell, but replace none.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=512, help="Credentials that are worked on at once.")] = (
        _DEFAULTS.limits.workers
    ),
    max_rotations: Annotated[int, typer.Option(min=1, max=1024, help="Rotations at once, over all targets.")] = (
        _DEFAULTS.limits.rotations
    ),
    max_rotations_per_target: Annotated[
        int, typer.Option(min=1, max=256, help="Rotations at once on one target that does not say so itself.")
    ] = _DEFAULTS.limits.rotations_per_target,
    resync: Annotated[float, typer.Option(min=10.0, help="Seconds between two looks whether the watch told all.")] = (
        _DEFAULTS.periods.resync
    ),
    credential_metrics: Annotated[
        bool, typer.Option("--credential-metrics/--no-credential-metrics", help="Series per credential in /metrics.")
    ] = True,
    log_format: Annotated[str, typer.Option(help="json, text, or auto: text at a terminal.")] = "auto",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is looked at and left alone.")] = False,
) -> None:
    """Run the operator until it is told to stop (SIGTERM, Ctrl-C).

    Out of a cluster it uses your kubeconfig; your login then needs the rights that examples/rbac.yaml lists.
    """
    if log_format not in ("auto", "json", "text"):
        raise typer.BadParameter("choose json, text or auto", param_hint="--log-format")
    logs.setup(json=None if log_format == "auto" else log_format == "json", verbose=verbose)
    settings = Settings(
        namespace=namespace,
        keyring_secret=keyring_secret,
        keyring_file=keyring_file,
        metrics_address=_address(metrics_address),
        freeze=freeze,
        per_credential_metrics=credential_metrics,
        limits=Limits(
            workers=workers,
            rotations=max_rotations,
            rotations_per_target=max_rotations_per_target,
        ),
        periods=Periods(resync=resync),
    )
    connection = options.connection(kubeconfig, context)
    from keyward.controller.app import run  # kopf and the drivers: not for a word of help

    raise typer.Exit(run(settings, connection))
