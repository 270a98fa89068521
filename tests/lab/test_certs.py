"""The lab's certificates, by the strict rules that Python 3.13 checks by itself."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from waziterm.lab.certs import TLS_NAMES, tls_context


def handshake(server: ssl.SSLContext, ca_file: Path, name: str) -> None:
    """A TLS handshake in memory with a client that checks strictly; raises SSLError."""
    client = ssl.create_default_context(cafile=str(ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    open_sides = [ours, theirs]
    while open_sides:
        for side in tuple(open_sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_sides.remove(side)


@pytest.mark.parametrize("name", [TLS_NAMES[0], "mmg.whatsapp.net"])
def test_f12_they_pass_where_certificates_are_checked_strictly(tmp_path: Path, name: str) -> None:
    server, ca_file = tls_context(tmp_path)
    handshake(server, ca_file, name)


def test_f12_those_of_an_older_lab_are_made_anew(tmp_path: Path) -> None:
    _write_old(tmp_path)
    before = (tmp_path / "ca.pem").read_bytes()
    server, ca_file = tls_context(tmp_path)
    assert ca_file.read_bytes() != before
    handshake(server, ca_file, TLS_NAMES[0])
    kept = ca_file.read_bytes()
    tls_context(tmp_path)
    assert ca_file.read_bytes() == kept


def _write_old(folder: Path) -> None:
    """`ca.pem` and `server.pem` without key identifiers, as labs made them once."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "waziterm lab CA")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=300))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file in ("ca.pem", "server.pem"):
        (folder / file).write_bytes(certificate.public_bytes(pem) + private)
