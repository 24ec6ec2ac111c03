"""The test CA's certificates are what strict clients accept."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification
from tests.cluster import pki


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_strict_client_accepts_the_server_under_each_of_its_names_and_no_other(tmp_path: Path) -> None:
    ca = pki.authority(tmp_path)
    server = load(ca.server("pg", ("127.0.0.1", "db.test")).cert)
    builder = verification.PolicyBuilder().store(verification.Store([load(ca.ca_file)]))
    builder.build_server_verifier(x509.DNSName("db.test")).verify(server, [])
    with pytest.raises(verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("other.test")).verify(server, [])


def test_the_ca_may_sign_and_a_server_may_not(tmp_path: Path) -> None:
    ca = pki.authority(tmp_path)
    usage = load(ca.ca_file).extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    leaf = load(ca.server("pg", ("127.0.0.1",)).cert)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_handshake_that_verifies_both_sides_succeeds(tmp_path: Path) -> None:
    ca = pki.authority(tmp_path)
    server, client = ca.server("s", ("db.test",)), ca.client("c", common_name="me", organization="us")
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca.ca_file))
    there.load_cert_chain(server.cert, server.key)
    there.verify_mode = ssl.CERT_REQUIRED
    here = ssl.create_default_context(cafile=str(ca.ca_file))
    here.verify_flags |= ssl.VERIFY_X509_STRICT
    here.load_cert_chain(client.cert, client.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [here.wrap_bio(down, up, server_hostname="db.test"), there.wrap_bio(up, down, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[1].getpeercert()["subject"][1][0] == ("commonName", "me")  # type: ignore[index]


def test_only_its_owner_may_read_a_key(tmp_path: Path) -> None:
    ca = pki.authority(tmp_path)
    for key in (ca.pair.key, ca.server("s", ("127.0.0.1",)).key, pki.signing_key(tmp_path, "t").key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
