"""`keyward keyring`: make the first keyring, add a key version. A keyring is never made where any sealed value exists."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from keyward.cli import options
from keyward.cli.later import part
from keyward.controller.keyring import FileHome, Home, SecretHome, change
from keyward.crypto.keyring import Keyring, State
from keyward.errors import Blocked, Conflict, Reason
from keyward.kube.client import Client
from keyward.kube.keyring import KeyringStore
from keyward.kube.kinds import VERSIONS

app = part(help="The local keyring: the keys that wrap every stored value.", no_args_is_help=True)

_SETTLED = timedelta(minutes=1)
Key = Annotated[str, typer.Option("--key", help="Name of the EncryptionKey.")]


def _home(client: Client, place: _Place) -> Home:
    store = KeyringStore(client, place.namespace, place.secret)
    return FileHome(place.file, store) if place.file else SecretHome(store)


class _Place:
    """Where the options say that the keyring is."""

    def __init__(self, namespace: str, secret: str, file: Path | None) -> None:
        self.namespace, self.secret, self.file = namespace, secret, file

    def __str__(self) -> str:
        return str(self.file) if self.file else f"Secret {self.namespace}/{self.secret}"


@app.command("init")
def init(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    key: Key = "default",
    namespace: options.OperatorNamespace = options.DEFAULT_NAMESPACE,
    keyring_secret: options.KeyringSecret = options.DEFAULT_KEYRING,
    keyring_file: options.KeyringFile = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Make the first keyring of a cluster, once.

    Refused if there is a keyring, and if any CredentialVersion exists: its keyring is lost then and must be restored from
    its backup, as no other keyring can open what it sealed.
    """
    place = _Place(namespace, keyring_secret, keyring_file)

    async def work(client: Client) -> None:
        home = _home(client, place)
        if await home.load() is not None:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"there is a keyring already: {place}; it is left as it is")
        try:
            await home.create(Keyring.mint((key,), os.urandom, datetime.now(UTC)))
        except Conflict as error:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"the keyring was not made: {error.message} ({place})") from None

    options.with_client(options.connection(kubeconfig, context), work)
    typer.echo(f"made a keyring with key {key!r}: {place}")
    typer.echo("back it up now: without it no stored value can be opened", err=True)


@app.command("rotate")
def rotate(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    key: Key = "default",
    namespace: options.OperatorNamespace = options.DEFAULT_NAMESPACE,
    keyring_secret: options.KeyringSecret = options.DEFAULT_KEYRING,
    keyring_file: options.KeyringFile = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Add a version to a key and close the older ones for wrapping.

    The controller then rewraps every stored value under the new version; the values themselves do not change.
    """
    place = _Place(namespace, keyring_secret, keyring_file)

    def alter(keyring: Keyring) -> Keyring:
        enabled = [v.number for v in keyring.versions(key) if v.state is State.ENABLED]
        changed = keyring.with_new_version(key, os.urandom, datetime.now(UTC))
        for number in enabled:
            changed = changed.close_version(key, number)
        return changed

    async def work(client: Client) -> int:
        held = await change(_home(client, place), alter)
        return held.keyring.versions(key)[-1].number

    number = options.with_client(options.connection(kubeconfig, context), work)
    typer.echo(f"key {key!r} has version {number}: the controller rewraps every stored value under it")
    typer.echo("back the keyring up now", err=True)


@app.command("destroy")
def destroy(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    number: Annotated[int, typer.Argument(min=1, metavar="VERSION", help="Number of the key's version.")],
    key: Key = "default",
    namespace: options.OperatorNamespace = options.DEFAULT_NAMESPACE,
    keyring_secret: options.KeyringSecret = options.DEFAULT_KEYRING,
    keyring_file: options.KeyringFile = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
) -> None:
    """Destroy a closed version of a key, for good, once no stored value is wrapped by it.

    What an old backup holds under it can then never be opened again. Refused while a CredentialVersion is wrapped by it, and
    for a minute after `rotate`: a controller may still be using it.
    """
    place = _Place(namespace, keyring_secret, keyring_file)

    async def work(client: Client) -> None:
        home = _home(client, place)
        held = await home.load()
        if held is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, "there is no keyring: `keyward keyring init` makes the first one")
        _may_be_destroyed(held.keyring, key, number)
        wrapped = await _wrapped(client, key, number)
        if wrapped:
            raise Blocked(
                Reason.KEY_UNAVAILABLE,
                f"{wrapped} CredentialVersions are wrapped by version {number} of key {key!r}: wait until the controller has "
                "rewrapped them, and look why if it does not",
            )
        await change(home, lambda keyring: keyring.destroy_version(key, number))

    options.with_client(options.connection(kubeconfig, context), work)
    typer.echo(f"version {number} of key {key!r} is destroyed")


def _may_be_destroyed(keyring: Keyring, key: str, number: int) -> None:
    if keyring.version(key, number).state is State.ENABLED:
        raise Blocked(
            Reason.INVALID_SPEC,
            f"version {number} of key {key!r} still wraps: `keyward keyring rotate` closes it first",
        )
    closed_at = keyring.versions(key)[-1].created_at  # a rotation closes all others as it makes the newest
    if datetime.now(UTC) - closed_at < _SETTLED:
        raise Blocked(Reason.KEY_UNAVAILABLE, "the key was rotated less than a minute ago: try again in a minute")


async def _wrapped(client: Client, key: str, number: int) -> int:
    count = 0
    async for page in client.pages(VERSIONS):
        for item in page.get("items") or ():
            count += any((w.get("key"), w.get("keyVersion")) == (key, str(number)) for w in item.get("wraps") or ())
    return count
