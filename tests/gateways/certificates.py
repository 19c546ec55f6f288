"""Certificates of an operator of our own, for TLS in tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in PEM."""

    chain: bytes
    key: bytes


@dataclass(frozen=True)
class Authority:
    """Issues certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def root(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str) -> Issued:
        """A certificate for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject).public_key(key.public_key())
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        signed = builder.add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Issued(signed.public_bytes(Encoding.PEM), written)


def authority() -> Authority:
    """A new one, whom nobody else knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("operator", _name("operator")).public_key(key.public_key())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    return Authority(builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256()), key)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: str, issuer: x509.Name) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=1))


__all__ = ["Authority", "Issued", "authority"]
