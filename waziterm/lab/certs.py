"""What the lab proves itself with: a throw-away TLS CA and a Noise certificate chain.

All of it lives in the lab's directory, so that a lab started there again is the same server.
"""

import datetime
import ssl
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from waziterm.domain.frozen import dataclass
from waziterm.lab.files import write_private
from waziterm.lab.keys import KeyPair
from waziterm.lab.protobufs import protobufs

TLS_NAMES = ("web.whatsapp.com", "*.whatsapp.net")
LIFETIME = datetime.timedelta(days=365)
DAY_S = 86400


@dataclass(frozen=True, slots=True)
class NoiseIdentity:
    """The server's Noise keys.

    root_public: the 32 bytes that a client must trust.
    static: the key of the handshake.
    chain: the certificate chain that ties one to the other, serialised.
    """

    root_public: bytes
    static: KeyPair
    chain: bytes


def tls_context(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server context for WhatsApp's names, and the PEM file of the CA that signed it.

    directory: holds `ca.pem` and `server.pem`; both are made when one is missing, about to end, or
    of an older lab, whose certificates Python 3.13 does not take.
    """
    ca_file, server_file = directory / "ca.pem", directory / "server.pem"
    if not _usable(ca_file) or not _usable(server_file):
        _make_tls(ca_file, server_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context, ca_file


def noise_identity(directory: Path) -> NoiseIdentity:
    """The Noise keys of the lab in this directory, made at its first start (`noise.key`)."""
    key_file = directory / "noise.key"
    if not key_file.exists():
        seeds = b"".join(KeyPair.generate().private for _ in range(3))
        write_private(key_file, seeds.hex())
    seeds = bytes.fromhex(key_file.read_text(encoding="ascii"))
    root, intermediate, static = (KeyPair.of(seeds[at : at + 32]) for at in (0, 32, 64))
    chain = protobufs().cert.CertChain
    details = chain.NoiseCertificate.Details
    now = int(time.time())
    valid = {"notBefore": now - DAY_S, "notAfter": now + 365 * DAY_S}
    middle = details(serial=1, issuerSerial=0, key=intermediate.public, **valid).SerializeToString()
    leaf = details(serial=2, issuerSerial=1, key=static.public, **valid).SerializeToString()
    message = chain(
        intermediate=chain.NoiseCertificate(details=middle, signature=root.sign(middle)),
        leaf=chain.NoiseCertificate(details=leaf, signature=intermediate.sign(leaf)),
    )
    return NoiseIdentity(root.public, static, message.SerializeToString())


def _usable(pem_file: Path) -> bool:
    if not pem_file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(pem_file.read_bytes())
    try:
        certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    ends = certificate.not_valid_after_utc
    return ends - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=7)


def _make_tls(ca_file: Path, server_file: Path) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "waziterm lab CA")])
    ca = (
        _builder(ca_name, ca_key, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TLS_NAMES[0])])
    server = (
        _builder(server_name, server_key, ca_name, ca_key)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in TLS_NAMES]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(ca_file, ca.public_bytes(pem).decode())
    write_private(server_file, (server.public_bytes(pem) + private).decode())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    """What both certificates have: a life, and the key identifiers that RFC 5280 asks for."""
    now = datetime.datetime.now(datetime.UTC)
    public, above = key.public_key(), issuer_key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    )
