"""Certificates, good and bad, and what a client has to think of each: 24 cases, for TLS 1.2 and 1.3 each."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
ALWAYS = (NOW - 30 * DAY, NOW + 30 * DAY)
PAST = (NOW - 30 * DAY, NOW - DAY)
FUTURE = (NOW + DAY, NOW + 30 * DAY)

# OpenSSL's verification results, X509_V_ERR_* in openssl/x509_vfy.h.
OK = 0
BAD_SIGNATURE = 7
NOT_YET_VALID = 9
EXPIRED = 10
SELF_SIGNED = 18
NO_ISSUER = 20
PATH_TOO_LONG = 25
WRONG_PURPOSE = 26
NAME_NOT_PERMITTED = 47
WRONG_HOST = 62
WRONG_ADDRESS = 64
KEY_TOO_SMALL = 66
INVALID_CA = 79


@dataclass
class Identity:
    """A certificate with its key, and the certificates that a server sends after it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    chain: list[x509.Certificate] = field(default_factory=list)

    def pem(self) -> str:
        """Certificate, chain and key in one text, as a server loads them."""
        parts = [certificate.public_bytes(Encoding.PEM) for certificate in (self.certificate, *self.chain)]
        parts.append(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return b"".join(parts).decode()

    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def make(
    name: str,
    issuer: Identity | None,
    *,
    names: Iterable[str] = (),
    addresses: Iterable[str] = (),
    valid: tuple[datetime.datetime, datetime.datetime] = ALWAYS,
    ca: bool = False,
    path_length: int | None = None,
    purpose: x509.ObjectIdentifier | None = None,
    permitted: str | None = None,
    rsa_bits: int | None = None,
    send_chain: bool = True,
) -> Identity:
    """A certificate; without an issuer it signs itself."""
    key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if permitted is not None:
        constraints = x509.NameConstraints([x509.DNSName(permitted)], None)
        builder = builder.add_extension(constraints, critical=True)
    certificate = builder.sign(signer, hashes.SHA256())
    above = [issuer.certificate, *issuer.chain] if issuer and issuer.chain is not None and send_chain else []
    return Identity(certificate, key, above)


@dataclass
class Case:
    """What a server shows, whom the client believes to reach, and OpenSSL's verdict."""

    name: str
    server: str
    """The server's certificates and key."""
    host: str
    verdict: int


@cache
def make_authority() -> Identity:
    """The only authority that the client trusts."""
    return make("Trusted Root", None, ca=True)


@cache
def make_cases() -> list[Case]:
    """All cases, with certificates made for this run."""
    root = make_authority()
    good = make("good.test", root, names=["good.test", "second.test"])
    wild = make("wild.test", root, names=["*.wild.test"])
    addressed = make("addresses", root, addresses=["127.0.0.1", "::1"])
    stranger = make("Stranger", None, ca=True)
    impostor = make("Trusted Root", None, ca=True)
    between = make("Between", root, ca=True, path_length=0)
    below = make("Below", between, ca=True)
    expired_between = make("Expired Between", root, ca=True, valid=PAST)
    no_authority = make("No Authority", root, names=["good.test"])
    confined = make("Confined", root, ca=True, permitted="inside.test")

    def leaf(issuer: Identity | None, **options: object) -> Identity:
        return make("good.test", issuer, names=["good.test"], **options)  # type: ignore[arg-type]

    host = "good.test"
    table: list[tuple[str, Identity, str, int]] = [
        ("good", good, host, OK),
        ("second name", good, "second.test", OK),
        ("wrong host", good, "evil.test", WRONG_HOST),
        ("wildcard", wild, "a.wild.test", OK),
        ("wildcard, two labels", wild, "a.b.wild.test", WRONG_HOST),
        ("wildcard, no label", wild, "wild.test", WRONG_HOST),
        ("IPv4 address", addressed, "127.0.0.1", OK),
        ("IPv6 address", addressed, "::1", OK),
        ("address that is not named", addressed, "127.0.0.9", WRONG_ADDRESS),
        ("name in the subject only", make(host, root), host, WRONG_HOST),
        ("expired", leaf(root, valid=PAST), host, EXPIRED),
        ("not yet valid", leaf(root, valid=FUTURE), host, NOT_YET_VALID),
        ("stranger's authority", leaf(stranger, send_chain=False), host, NO_ISSUER),
        ("impostor with our authority's name", leaf(impostor, send_chain=False), host, NO_ISSUER),
        ("self-signed", leaf(None), host, SELF_SIGNED),
        ("intermediate", leaf(between), host, OK),
        ("intermediate not sent", leaf(between, send_chain=False), host, NO_ISSUER),
        ("intermediate expired", leaf(expired_between), host, EXPIRED),
        ("intermediate is no authority", leaf(no_authority), host, INVALID_CA),
        ("path too long", leaf(below), host, PATH_TOO_LONG),
        ("name outside the authority's limits", leaf(confined), host, NAME_NOT_PERMITTED),
        ("for clients only", leaf(root, purpose=ExtendedKeyUsageOID.CLIENT_AUTH), host, WRONG_PURPOSE),
        ("for servers", leaf(root, purpose=ExtendedKeyUsageOID.SERVER_AUTH), host, OK),
        ("RSA", leaf(root, rsa_bits=2048), host, OK),
    ]
    return [Case(name, identity.pem(), asked, verdict) for name, identity, asked, verdict in table]
