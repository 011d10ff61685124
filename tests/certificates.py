"""Certificates: an authority and what it vouches for, as files, for whatever speaks TLS in tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def dask_tls(folder: Path) -> dict[str, str]:
    """Dask's settings as variables: one certificate of a new authority for scheduler, workers and clients."""
    folder.mkdir(parents=True)
    authority, ca = ec.generate_private_key(ec.SECP256R1()), _name("openpeek test authority")
    own = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    usage = x509.KeyUsage(
        False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False
    )
    root = _builder(ca, ca, authority).add_extension(constraints, True).add_extension(usage, True)
    leaf = _builder(_name("openpeek dask"), ca, own)
    for name, certificate in (("ca.crt", root), ("tls.crt", leaf)):
        signed = certificate.sign(authority, hashes.SHA256())
        (folder / name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(key)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    settings = {f"{prefix}CA_FILE": str(folder / "ca.crt")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{prefix}{role}__CERT": str(folder / "tls.crt"), f"{prefix}{role}__KEY": str(folder / "tls.key")}
    return settings | {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}


def as_config(variables: dict[str, str]) -> dict[str, object]:
    """What `dask_tls` gives, for `dask.config.set` in this process."""
    names = {k: k.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-") for k in variables}
    return {names[k]: True if value == "true" else value for k, value in variables.items()}


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=2))
    )
