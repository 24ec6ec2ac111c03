"""Whether a call is signed as Alibaba Cloud's "V3 signature" page asks: ACS3-HMAC-SHA256 in the Authorization header.

Written from that page and from what the SDK sends, without the SDK's own code: who signs wrongly is refused here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

ALGORITHM = "ACS3-HMAC-SHA256"
WINDOW = timedelta(minutes=15)
# What a signature has to speak of, or a call could be changed on its way.
NEEDED = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def action(self) -> str:
        return self.headers.get("x-acs-action", "")

    @property
    def version(self) -> str:
        """Of the API, which tells the products apart."""
        return self.headers.get("x-acs-version", "")

    @property
    def signed_by(self) -> str:
        """The AccessKey id that the call names, whether it is right or not."""
        return self.headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]

    def parameters(self) -> dict[str, str]:
        """Of the query and of the form in the body."""
        return dict(parse_qsl(self.query) + parse_qsl(self.body.decode()))


class Refused(Exception):  # noqa: N818 - the cloud's answer, not a failure of ours
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Verifier:
    """Keeps the nonces of the window."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, datetime] = OrderedDict()  # the oldest first

    def signer(self, call: Call, secret_of: Callable[[str], str]) -> str:
        """The AccessKey id that the call is signed by. Raises Refused."""
        parts = _authorization(call.headers.get("authorization", ""))
        signed = parts["SignedHeaders"].split(";")
        if not set(signed) >= NEEDED or signed != sorted(signed):
            raise Refused(400, "IncompleteSignature")
        self._in_time(call)
        expected = _signature(call, signed, secret_of(parts["Credential"]))
        if not hmac.compare_digest(expected, parts["Signature"]):
            raise Refused(403, "SignatureDoesNotMatch")
        return parts["Credential"]

    def _in_time(self, call: Call) -> None:
        now = datetime.now(UTC)
        at = datetime.strptime(call.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(now - at) > WINDOW:
            raise Refused(400, "InvalidTimeStamp.Expired")
        while self._nonces and now - next(iter(self._nonces.values())) >= WINDOW:
            self._nonces.popitem(last=False)
        nonce = call.headers["x-acs-signature-nonce"]
        if nonce in self._nonces:
            raise Refused(400, "SignatureNonceUsed")
        self._nonces[nonce] = now


def _authorization(header: str) -> dict[str, str]:
    algorithm, _, rest = header.partition(" ")
    parts = dict(part.partition("=")[::2] for part in rest.split(","))
    if algorithm != ALGORITHM or parts.keys() != {"Credential", "SignedHeaders", "Signature"}:
        raise Refused(400, "IncompleteSignature")
    return parts


def _signature(call: Call, signed: list[str], secret: str) -> str:
    payload = hashlib.sha256(call.body).hexdigest()
    if payload != call.headers["x-acs-content-sha256"]:
        raise Refused(400, "IncompleteSignature")
    pairs = sorted(parse_qsl(call.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    headers = "".join(f"{name}:{call.headers[name].strip()}\n" for name in signed)
    canonical = "\n".join([call.method, call.path or "/", query, headers, ";".join(signed), payload])
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
