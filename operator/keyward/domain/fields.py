"""The fields of a version's value: what is sealed, and what consumers read of it. Pure.

A generic value is sealed as its compact JSON (key/value) or as it is (plain text); of an account only the password is
sealed, all else comes from the version and its Target.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import orjson

from keyward.domain import access_keys, openssh
from keyward.domain.bounds import bounded
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

PLAIN: Final = "value"


@dataclass(frozen=True, slots=True)
class Fields:
    """Named texts, and the shape in which some of them go into JSON (numbers, lists)."""

    texts: Mapping[str, Sensitive]
    shaped: Mapping[str, Any] = field(default_factory=dict)  # nothing secret is in here
    hidden: frozenset[str] = frozenset()  # derived from the others: not in the composite key

    def composite(self, version_id: str) -> Sensitive:
        """All fields in one compact JSON object, with the version's id."""
        found: dict[str, Any] = {"version": version_id}
        found |= {name: text for name, text in self.plain().items() if name not in self.hidden}
        found |= self.shaped
        return Sensitive(orjson.dumps(found))

    def plain(self) -> dict[str, str]:
        """The fields as text."""
        return {name: value.reveal_text() for name, value in self.texts.items()}


@dataclass(frozen=True, slots=True)
class Server:
    """Where an account logs in, as consumers need it."""

    engine: str
    endpoints: tuple[tuple[str, int, str], ...]  # host, port, role; the primary first
    database: str
    ca_pem: str | None = None
    host_keys: tuple[str, ...] = ()  # SSH: what the host proves itself with
    combined_auth: bool = False  # a login is one word, `user:password`, where a server knows no ACL users

    def facts(self) -> dict[str, Any]:
        """What of it goes into Secrets, for `content.shape`."""
        return {
            "engine": self.engine,
            "endpoints": [list(e) for e in self.endpoints],
            "database": self.database,
            "ca": self.ca_pem or "",
            **({"hostKeys": list(self.host_keys)} if self.host_keys else {}),
            **({"combinedAuth": True} if self.combined_auth else {}),
        }


# --- generic ---


def encode_key_value(values: Mapping[str, bytes]) -> Sensitive:
    """Compact JSON with sorted keys: the same values make the same bytes.

    Raises:
        Blocked: with SOURCE_INVALID naming the key that is no text, or VALUE_TOO_LARGE.
    """
    if not values:
        raise Blocked(Reason.SOURCE_INVALID, "it has no keys: give it at least one")
    texts = {key: _text(value, f"key {key[:128]!r}") for key, value in values.items()}
    return bounded(
        Sensitive(orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)), "the compact JSON of all keys and values"
    )


def encode_plain_text(value: bytes) -> Sensitive:
    """Plain text as it is. Raises Blocked as `encode_key_value` does."""
    return bounded(Sensitive(_text(value, "the value")), "the value")


def _text(value: bytes, what: str) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Blocked(
            Reason.SOURCE_INVALID, f"{what} is binary or not valid UTF-8: only text is kept; encode it first, as base64"
        )
    return text


def generic(value: Sensitive, *, plain_text: bool) -> Fields:
    """The fields of a generic version's value.

    Raises:
        Blocked: with ENVELOPE_INVALID, if it is not what was sealed for this type.
    """
    if plain_text:
        return Fields({PLAIN: value})
    try:
        parsed = orjson.loads(value.reveal())
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict) or not all(isinstance(text, str) for text in parsed.values()):
        raise Blocked(
            Reason.ENVELOPE_INVALID,
            "the stored value is not key/value: spec.generic.type was changed; put the value again, or change the type back",
        )
    return Fields({key: Sensitive(text) for key, text in parsed.items()})


# --- accounts ---

_SSH: Final = 22
_URIS: Final = {
    "PostgreSQL": ("postgresql", "?sslmode=verify-full"),
    "MySQL": ("mysql", "?ssl-mode=VERIFY_IDENTITY"),
    "MariaDB": ("mysql", "?ssl-mode=VERIFY_IDENTITY"),
    "Redis": ("rediss", ""),  # TLS by its name; clients of Redis know no word for the proof in common
}


def account(name: str, password: Sensitive, server: Server) -> Fields:
    """The fields of an account on a server: separate ones and a DSN."""
    host, port, _ = server.endpoints[0]
    endpoints = [{"host": h, "port": p, "role": role} for h, p, role in server.endpoints]
    texts = {
        "username": Sensitive(name),
        "password": password,
        "host": Sensitive(host),
        "port": Sensitive(str(port)),
        "database": Sensitive(server.database),
        "engine": Sensitive(server.engine),
        "endpoints": Sensitive(orjson.dumps(endpoints)),
        "dsn": dsn(name, password, server),
    }
    if not server.database:
        del texts["database"]
    if server.combined_auth:
        texts["auth"] = _combined(name, password)
    if server.ca_pem:
        texts["ca.crt"] = Sensitive(server.ca_pem)
    return Fields(texts, {"port": port, "endpoints": endpoints}, frozenset({"ca.crt"}))


def host_user(name: str, value: Sensitive, server: Server, *, key_pair: bool) -> Fields:
    """The fields of a user of a host: a password, or a private key in OpenSSH's format.

    Raises:
        Blocked: with ENVELOPE_INVALID, if the stored key is in another format.
    """
    host, port, _ = server.endpoints[0]
    named = host if port == _SSH else f"[{host}]:{port}"
    texts = {
        "username": Sensitive(name),
        "host": Sensitive(host),
        "port": Sensitive(str(port)),
    }
    if server.host_keys:
        texts["known_hosts"] = Sensitive("".join(f"{named} {key}\n" for key in server.host_keys))
    if key_pair:
        texts |= {"ssh-privatekey": value, "ssh-publickey": Sensitive(f"{openssh.public_line(value)}\n")}
    else:
        texts["password"] = value
    return Fields(texts, {"port": port}, frozenset({"known_hosts"}))


def access_key(user: str, value: Sensitive) -> Fields:
    """The fields of a RAM user's AccessKey, under the names that the source system gives them.

    Raises:
        Blocked: with ENVELOPE_INVALID, if it is not what was sealed for this type.
    """
    pair = access_keys.decode(value)[0]
    texts = {access_keys.ID: Sensitive(pair.id), access_keys.SECRET: pair.secret, "UserName": Sensitive(user)}
    if pair.generated:
        texts[access_keys.GENERATED] = Sensitive(pair.generated)
    return Fields(texts)


def dsn(name: str, password: Sensitive, server: Server) -> Sensitive:
    """A URI of the first endpoint, which is the primary if that is known; every part is percent-encoded."""
    host, port, _ = server.endpoints[0]
    if server.combined_auth:
        name, password = "", _combined(name, password)
    user, secret = quote(name, safe=""), quote(password.reveal_text(), safe="")
    scheme, proof = _URIS[server.engine]
    database = "0" if server.engine == "Redis" else quote(server.database, safe="")
    return Sensitive(f"{scheme}://{user}:{secret}@{_host(host)}:{port}/{database}{proof}")


def _combined(name: str, password: Sensitive) -> Sensitive:
    """What a client sends as its password, and no user name with it."""
    return Sensitive(f"{name}:{password.reveal_text()}")


def _host(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return quote(host, safe="")
