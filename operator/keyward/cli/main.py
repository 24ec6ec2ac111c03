"""The command line `keyward`. Data goes to stdout; an error is one clear line on stderr.

Exit status: 0 done, 1 not done, 2 used wrongly. No command prints a value, and none takes one as an argument.
"""

from __future__ import annotations

import json
import platform
import sys
from typing import Annotated

import typer

import keyward
from keyward.cli.later import Later
from keyward.errors import KeywardError

app = typer.Typer(
    name="keyward",
    help="Keep credentials for workloads on Kubernetes: stored sealed, rotated without a failed login, projected as Secrets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with locals would print whatever is in hand
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("controller", cls=Later)
def _controller() -> typer.Typer:
    """Run the operator until it is told to stop (SIGTERM, Ctrl-C)."""
    from keyward.cli import controller

    return controller.app


@app.command("takeover", cls=Later)
def _takeover() -> typer.Typer:
    """Go on in this cluster with Credentials that were restored from another one."""
    from keyward.cli import takeover

    return takeover.app


@app.command("keyring", cls=Later)
def _keyring() -> typer.Typer:
    """The local keyring: the keys that wrap every stored value."""
    from keyward.cli import keyring

    return keyring.app


@app.command("target", cls=Later)
def _target() -> typer.Typer:
    """Targets: the systems whose accounts are managed."""
    from keyward.cli import target

    return target.app


@app.command("version")
def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print the version of this program."""
    found = {"version": keyward.__version__, "python": platform.python_version(), "platform": platform.machine()}
    typer.echo(json.dumps(found) if as_json else f"keyward {keyward.__version__}")


def run() -> None:
    """The entry point."""
    try:
        app(prog_name="keyward")
    except KeywardError as error:
        typer.echo(f"error: {error.message}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
