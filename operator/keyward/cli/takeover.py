"""`keyward takeover`: go on in this cluster, for many Credentials at once, once the cluster that they come from is gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Self

import typer

from keyward.api import names
from keyward.cli import options
from keyward.cli.later import part
from keyward.errors import Blocked, KeywardError, Reason
from keyward.kube.answers import Asked
from keyward.kube.client import Client
from keyward.kube.kinds import CREDENTIALS, NAMESPACES

app = part()
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """A Credential that waits for a takeover, and what its annotation has to say."""

    namespace: str
    name: str
    uid: str
    text: str
    why: str

    @classmethod
    def of(cls, item: Json) -> Self | None:
        """None for one that waits for nothing of the kind."""
        metadata, status = item["metadata"], item.get("status") or {}
        text = status.get("takeover")
        if not text or (metadata.get("annotations") or {}).get(names.ANNOTATION_TAKEOVER) == text:
            return None
        told = {c.get("type"): c.get("reason", "") for c in status.get("conditions") or ()}
        return cls(metadata["namespace"], metadata["name"], metadata["uid"], text, told.get("Stalled", ""))


@app.command()
def takeover(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    credentials: Annotated[list[str] | None, typer.Argument(help="Names. Default: all that are held.")] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Their namespace. Default: the kubeconfig's.")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Take over the whole store.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it. Without, what would be done is shown.")] = False,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Go on in this cluster with Credentials that were restored from another one.

    They are held as RestoredElsewhere, Fenced or Forked, and change no password, as the other cluster may be alive. End its
    operator first: what it has published stops to log in with the next rotations here. Each Credential is told its own
    number, so that a takeover lapses when that is passed.
    """
    if credentials and everywhere:
        raise typer.BadParameter("names are of one namespace: leave out --all-namespaces, or the names")
    connection = options.connection(kubeconfig, context)
    place = "" if everywhere else namespace or connection.namespace

    async def work(client: Client) -> tuple[list[Held], list[str]]:
        held = [one for one in await _held(client, place) if not credentials or one.name in credentials]
        _check(credentials or (), held, place)
        await _check_cluster(client, held)
        return held, [problem for one in held if (problem := await _annotate(client, one))] if yes else []

    held, problems = options.with_client(connection, work)
    _tell(held, problems, done=yes)


async def _held(client: Client, namespace: str) -> list[Held]:
    found = []
    async for page in client.pages(CREDENTIALS, namespace):
        found += [one for item in page.get("items") or () if (one := Held.of(item)) is not None]
    return sorted(found, key=lambda one: (one.namespace, one.name))


def _check(wanted: Iterable[str], held: list[Held], namespace: str) -> None:
    missing = sorted(set(wanted) - {one.name for one in held})
    if missing:
        raise typer.BadParameter(f"no Credential {', '.join(missing)} in namespace {namespace} waits for a takeover")


async def _check_cluster(client: Client, held: list[Held]) -> None:
    """A status that came with a backup names the cluster that wrote it."""
    found = await client.get(NAMESPACES, "", "kube-system")
    here = found["metadata"]["uid"] if found else ""
    strange = [f"{one.namespace}/{one.name}" for one in held if one.text.partition(":")[0] != here]
    if strange:
        raise Blocked(
            Reason.RESTORED_ELSEWHERE,
            f"{strange[0]}{f' and {len(strange) - 1} more' if len(strange) > 1 else ''}: the status was written by the operator "
            "of another cluster: start the one of this cluster, and try again when it has looked",
        )


async def _annotate(client: Client, one: Held) -> str:
    """What went wrong; empty for nothing. The uid keeps it from a namesake that was made meanwhile."""
    asked = Asked("patch", CREDENTIALS, one.namespace, one.name)
    patch = {"metadata": {"uid": one.uid, "annotations": {names.ANNOTATION_TAKEOVER: one.text}}}
    try:
        await client.merge(asked, patch)
    except KeywardError as error:
        return f"{one.namespace}/{one.name}: {error.message}"
    return ""


def _tell(held: list[Held], problems: list[str], *, done: bool) -> None:
    if not held:
        typer.echo("no Credential waits for a takeover")
        return
    rows = [("NAMESPACE", "NAME", "HELD AS", "FROM"), *((o.namespace, o.name, o.why, _number(o)) for o in held)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    count = len(held) - len(problems)
    if done:
        typer.echo(f"taken over: {count} of {len(held)}")
    else:
        typer.echo(f"{len(held)} would be taken over: end the other cluster's operator, then repeat this with --yes")
    for problem in problems:
        typer.echo(f"error: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


def _number(one: Held) -> str:
    return f"sequence {one.text.rpartition(':')[2]}"
