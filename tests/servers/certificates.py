"""A certificate authority and a certificate for loopback or other names, made with openssl."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.errors import Unavailable


@dataclass(frozen=True)
class Certificates:
    """An authority's certificate, and a key and a chain (leaf, authority) for 127.0.0.1."""

    authority: Path
    key: Path
    chain: Path
    fingerprint: str  # SHA-256 of the authority's, in hexadecimal


def make_certificates(folder: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> Certificates:
    """Make both in a folder; raises Unavailable if there is no openssl or it fails."""
    if shutil.which("openssl") is None:
        raise Unavailable("a server with TLS needs openssl")
    folder.mkdir(parents=True)
    key, leaf, chain = folder / "http.key", folder / "leaf.crt", folder / "http.crt"
    authority, authority_key = folder / "authority.crt", folder / "authority.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    signed = [
        "-subj",
        "/CN=fihris test server",
        "-CA",
        str(authority),
        "-CAkey",
        str(authority_key),
    ]
    run(
        *["req", "-x509", *curve, "-subj", "/CN=fihris test authority"],
        *["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        *["-keyout", str(authority_key), "-out", str(authority)],
    )
    run(
        *["req", "-x509", *curve, *signed],
        *["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"],
        *["-addext", "extendedKeyUsage=serverAuth"],
        *["-keyout", str(key), "-out", str(leaf)],
    )
    chain.write_text(leaf.read_text() + authority.read_text())
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.read_text())).hexdigest()
    return Certificates(authority, key, chain, digest)


def run(*arguments: str) -> None:
    """Run openssl; raises Unavailable with what it said if it fails."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"openssl failed: {done.stderr.strip()}")
