"""Where a new value comes from, and what a projected Secret holds: between the API's words and those of domain and crypto.

Values are read from Secrets of the Credential's own namespace, by name, and never kept here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Final

from keyward.api import managed, names
from keyward.api.ecs import KEY_PAIR
from keyward.api.generic import Generate, Generic
from keyward.controller.passes import Pass
from keyward.controller.ports import SecretStore, Subject
from keyward.crypto import generate, key_pairs
from keyward.crypto.generate import PasswordPolicy
from keyward.domain import access_keys, content, fields
from keyward.domain.bounds import MAX_TOGETHER, bounded
from keyward.domain.content import Edition, Place
from keyward.domain.fields import Fields, Server
from keyward.domain.model import SecretsPolicy
from keyward.domain.steps import Project, Reserve
from keyward.domain.version import Origin, Version
from keyward.domain.writes import SecretContent
from keyward.engines.base import Place as SystemPlace
from keyward.engines.base import Role
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

PLAIN_TEXT: Final = "PlainText"
_SOURCE: Final = "spec.generic.source.secretRef"
_PASSWORD: Final = PasswordPolicy()


class Contents:
    """The port of the executor."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets

    async def value_of(self, run: Pass, step: Reserve) -> Sensitive:
        """The value of a version that is about to be reserved: generated, imported, or read from the source.

        Raises:
            Blocked: SOURCE_MISSING, SOURCE_INVALID, VALUE_TOO_LARGE or INVALID_SPEC, naming Secret and key.
        """
        spec = run.subject.credential.spec
        if step.origin is Origin.IMPORTED:
            return await self.imported(run.subject, step.account)
        if step.origin is Origin.SOURCE:
            assert spec.generic is not None
            return await self.source_of(run.subject, spec.generic)
        if spec.generic is not None and spec.generic.generate is not None:
            return _generated(spec.generic, spec.generic.generate)
        wanted = managed.of(spec)
        if wanted is not None and wanted.key_pair:
            return await asyncio.to_thread(key_pairs.generate, wanted.key_pair, os.urandom)
        return generate.password(_PASSWORD, os.urandom)

    async def source_of(self, subject: Subject, generic: Generic) -> Sensitive:
        """What the source of a generic Credential holds now. Raises Blocked as `value_of` does."""
        assert generic.source is not None
        name, wanted = generic.source.secret_ref.name, generic.source.keys
        data = await self._data(subject, name, _SOURCE)
        for key in wanted:
            if key not in data:
                raise Blocked(
                    Reason.SOURCE_INVALID,
                    f"spec.generic.source.keys: Secret {name} has no key {key!r}: add it there, or remove it from keys",
                )
        chosen = {key: data[key].reveal() for key in (wanted or data)}
        with _of_secret(_SOURCE, name):
            if generic.type == PLAIN_TEXT:
                return fields.encode_plain_text(chosen[wanted[0]])
            return fields.encode_key_value(chosen)

    async def imported(self, subject: Subject, account: str) -> Sensitive:
        """The password that is given for an account now. Raises Blocked as `value_of` does."""
        wanted = managed.of(subject.credential.spec)
        assert wanted is not None
        if wanted.issued:
            return await self._access_keys(subject, wanted.access_keys)
        reference = wanted.passwords[account]
        where = f"spec.{wanted.type}.import.accounts[].passwordFrom"
        data = await self._data(subject, reference.secret_name, where)
        key = reference.key or ("ssh-privatekey" if wanted.key_pair else "password")
        if not data.get(key):
            raise Blocked(
                Reason.SOURCE_INVALID,
                f"{where}: Secret {reference.secret_name} has no key {key!r}: add it there",
            )
        with _of_secret(where, reference.secret_name):
            given = fields.encode_plain_text(data[key].reveal())
            return key_pairs.normalised(given) if wanted.key_pair else given

    async def _access_keys(self, subject: Subject, secrets: Iterable[str]) -> Sensitive:
        """Every AccessKey that the user has, as it is given."""
        where, pairs = "spec.ram.accessKeysFrom", []
        for name in secrets:
            data = await self._data(subject, name, where)
            with _of_secret(where, name):
                pairs.append(access_keys.given(data))
        return bounded(access_keys.encode(pairs), f"{where}: the list of AccessKeys", MAX_TOGETHER)

    async def _data(self, subject: Subject, name: str, where: str) -> Mapping[str, Sensitive]:
        found = await self._secrets.read(subject.wish.namespace, name)
        if found is None:
            raise Blocked(Reason.SOURCE_MISSING, f"{where}: Secret {name} is not there: create it")
        label = (found.metadata.get("labels") or {}).get(names.LABEL_SOURCE_FOR)
        if label != subject.wish.name:
            # Who may write a Credential may not read every Secret by it: the Secret's own writer says so.
            raise Blocked(
                Reason.SOURCE_INVALID,
                f"{where}: Secret {name} does not say that it may be read: label it "
                f"{names.LABEL_SOURCE_FOR}={subject.wish.name}",
            )
        return found.data

    def render(
        self, run: Pass, step: Project, values: tuple[Sensitive, Sensitive | None], at: datetime
    ) -> SecretContent:
        """The whole Secret, from the values of current and previous. Raises Blocked as `content.render` does."""
        wish, spec = run.subject.wish, run.subject.credential.spec
        projection = next(p for p in spec.projections if p.secret_name == step.projection.secret_name)
        owner = (wish.name, wish.uid) if wish.deletion.secrets is SecretsPolicy.DELETE else None
        current = _edition(run, step.version, values[0])
        previous = None
        if step.previous is not None and values[1] is not None:
            previous = _edition(run, step.previous, values[1])
        return content.render(
            content.wished(projection),
            Place(wish.namespace, wish.name, step.version.lineage, owner),
            step.projection.shape,
            (current, previous),
            at,
        )


@contextmanager
def _of_secret(where: str, name: str) -> Iterator[None]:
    """Errors that speak of a value say whose it is."""
    try:
        yield
    except Blocked as error:
        failure = Blocked(error.reason, f"{where}: Secret {name}: {error.message}")
    else:
        return
    raise failure


def _generated(generic: Generic, wanted: Generate) -> Sensitive:
    policy = _policy(wanted.length, wanted.alphabets, wanted.exclude, wanted.allow_weak)
    try:
        policy.check()
    except Blocked as error:
        failure = Blocked(error.reason, f"spec.generic.generate.{error.message}")
    else:
        if generic.type == PLAIN_TEXT:
            return generate.password(policy, os.urandom)
        return generate.key_values({}, {wanted.key: policy}, os.urandom)
    raise failure


@lru_cache(maxsize=64)
def _policy(length: int, classes: tuple[str, ...], excluded: str, allow_weak: bool) -> PasswordPolicy:
    # Many Credentials ask for the same, and a policy sorts its characters once.
    return PasswordPolicy(length=length, classes=classes, excluded=excluded, allow_weak=allow_weak)


def _edition(run: Pass, version: Version, value: Sensitive) -> Edition:
    return Edition(version.version_id, version.sequence, _fields(run, version, value))


def _fields(run: Pass, version: Version, value: Sensitive) -> Fields:
    spec = run.subject.credential.spec
    if spec.generic is not None:
        return fields.generic(value, plain_text=spec.generic.type == PLAIN_TEXT)
    if spec.ecs is not None:
        return fields.host_user(version.account, value, server_of(run), key_pair=spec.ecs.secret_type == KEY_PAIR)
    if spec.ram is not None:
        return fields.access_key(version.account, value)
    return fields.account(version.account, value, server_of(run))


def server_of(run: Pass) -> Server:
    """Where consumers log in. Raises Blocked with UNKNOWN_TARGET if the Target is not at hand."""
    if run.access is None:
        raise Blocked(Reason.UNKNOWN_TARGET, "the Target is not at hand: what is projected stays as it is")
    return server(run.access.engine.name, run.access.place)


def server(engine: str, place: SystemPlace) -> Server:
    """A system in the words of projections: the primary first. What consumers log in to is the same through any API."""
    primary_first = sorted(place.endpoints, key=lambda e: e.role is not Role.PRIMARY)
    return Server(
        engine=engine.rpartition("/")[2],
        endpoints=tuple((e.host, e.port, e.role.value) for e in primary_first),
        database=place.database,
        ca_pem=place.ca_pem,
        host_keys=place.host_keys,
        combined_auth=place.combined_auth,
    )
