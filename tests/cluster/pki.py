"""A certificate authority for tests, and the certificates it signs: EC P-256, short-lived.

It writes keys as files that only their owner may read. It must never sign for anything but a test's servers.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = dt.timedelta(days=30)
_CA_USAGE = frozenset({"key_cert_sign", "crl_sign"})
_LEAF_USAGE = frozenset({"digital_signature"})
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Paths of a certificate and its key, both PEM."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA in a folder; `pair.cert` is what clients trust."""

    pair: Pair
    _cert: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @property
    def ca_file(self) -> Path:
        return self.pair.cert

    def server(self, name: str, hosts: tuple[str, ...], *, organization: str = "") -> Pair:
        """A certificate for a server that is reached under these names or addresses."""
        return self._issue(name, name, organization, hosts)

    def client(self, name: str, *, common_name: str, organization: str = "") -> Pair:
        """A certificate that tells a server who its client is."""
        return self._issue(name, common_name, organization, ())

    def _issue(self, name: str, common_name: str, organization: str, hosts: tuple[str, ...]) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(common_name, organization), self._cert.subject, key, _LEAF_USAGE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []
        builder = builder.add_extension(x509.ExtendedKeyUsage([*usages, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        issuer = self._cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alt(host) for host in hosts]), critical=False)
        return _write(self.pair.cert.parent, name, builder.sign(self._key, hashes.SHA256()), key)


def authority(folder: Path, *, name: str = "ca", common_name: str = "keyward test CA") -> Authority:
    """Make a CA whose certificates are written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(common_name, "")
    builder = _builder(subject, subject, key, _CA_USAGE)
    cert = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    return Authority(_write(folder, name, cert, key), cert, key)


def signing_key(folder: Path, name: str) -> Pair:
    """A key and its public half, without a certificate (for tokens)."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    public = folder / f"{name}.pub"
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return Pair(public, _write_key(folder / f"{name}.key", key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, usage: frozenset[str]
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A test that sets its clock back a little must still find the certificate valid.
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.KeyUsage(**{one: one in usage for one in _USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(common_name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alt(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(folder: Path, name: str, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    path = folder / f"{name}.crt"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return Pair(path, _write_key(folder / f"{name}.key", key))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return path
