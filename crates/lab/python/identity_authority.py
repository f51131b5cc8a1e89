"""Generates the key and the certificate that sign the lab's instance identity documents, in the folder of the first argument."""

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

folder = Path(sys.argv[1])
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "wekactl lab")])
# The first bit is not set: the DER encoding of the number has exactly these bytes.
serial = b"\x01" + os.urandom(8)
now = datetime.now(timezone.utc)
certificate = (
    x509.CertificateBuilder()
    .subject_name(name)
    .issuer_name(name)
    .public_key(key.public_key())
    .serial_number(int.from_bytes(serial, "big"))
    .not_valid_before(now - timedelta(days=1))
    .not_valid_after(now + timedelta(days=36500))
    .sign(key, hashes.SHA256())
)
signer_id = name.public_bytes() + bytes([2, len(serial)]) + serial
pkcs8 = key.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
os.umask(0o077)
(folder / "key.der").write_bytes(pkcs8)
(folder / "signer-id.der").write_bytes(bytes([0x30, len(signer_id)]) + signer_id)
(folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
