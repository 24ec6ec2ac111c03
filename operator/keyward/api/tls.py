"""How servers of any type are named, and how they prove their identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from keyward.api.base import Model

Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]*$")]
Certificates = Annotated[
    str, StringConstraints(min_length=1, max_length=65_536, pattern=r"^\s*-----BEGIN CERTIFICATE-----")
]


class Tls(Model):
    """How the server proves its identity before a password is sent."""

    mode: Literal["VerifyFull"] = "VerifyFull"
    """VerifyFull: encrypted, the certificate and the name in it are checked. There is no weaker mode."""
    ca: Certificates | None = None
    """Certificates of the CA in PEM, at most 64 KiB; absent means the trust store of the operator's image."""
    server_name: Host | None = None
    """Name in the certificate, where it differs from the endpoint's host."""
