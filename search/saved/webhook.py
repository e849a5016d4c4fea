"""Posting a match to the address that a saved search names.

Signed as https://www.standardwebhooks.com has it: `webhook-signature` is `v1,` and the base64 of
HMAC-SHA256 over `id.timestamp.body`. Nobody is led inside a private network: every address of
the host must be public, and the one that was looked at is connected to. No redirection is
followed, no proxy used, and of the answer only its status is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from search.errors import FihrisError, InputError
from search.limits import MAX_WEBHOOK
from search.saved.domain import SavedSearch, ShownMatch

MIN_SECRET = 16  # characters
TIMEOUT = 10.0  # seconds of one delivery, whatever comes how slowly
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotDelivered(FihrisError):
    """A match could not be posted; the message says why, without the address's path."""


def check_webhook(url: str, *, private: bool) -> None:
    """Raise InputError unless an address may be posted to, as far as it can be told now."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc:
        raise InputError(
            "webhook must be an http or https address, such as https://example.org/hook, without a"
            " user in it",
            field="webhook",
        )
    if len(url) > MAX_WEBHOOK:
        raise InputError(f"webhook has at most {MAX_WEBHOOK:,} characters", field="webhook")
    try:
        literal = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return  # a name: looked up at each delivery
    if not private and not is_public(literal):
        raise InputError(_PRIVATE, field="webhook")


_PRIVATE = "webhook leads to a private address; set FIHRIS_WEBHOOK_PRIVATE=true where that is meant"


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address, or the IPv4 address that it stands for, is anybody's to reach."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def body_of(search: SavedSearch, shown: ShownMatch) -> bytes:
    """Return what is posted of a match."""
    match, stored = shown
    info = asdict(stored.article)
    info["published"] = info["published"] and info["published"].isoformat()
    content = {
        "id": match.id,
        "saved": {"id": search.id, "name": search.name, "q": search.query.text},
        "found": match.when,
        "by": match.by,
        "score": match.score,
        "passage": {"id": stored.passage.id, **asdict(stored.passage)},
        "article": info,
    }
    return json.dumps(content).encode()


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """Return a `webhook-signature`. A secret that begins with `whsec_` is base64."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        with suppress(ValueError):
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def post(search: SavedSearch, shown: ShownMatch, secret: str, *, private: bool) -> None:
    """Post a match. Raises NotDelivered unless the answer's status is 200 to 299."""
    parts = urlsplit(search.webhook)
    host, path = parts.hostname or "", parts.path or "/"
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    body, now = body_of(search, shown), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Fihris",
        "webhook-id": shown.match.id,
        "webhook-timestamp": now,
        "webhook-signature": signature(secret, shown.match.id, now, body),
    }
    try:
        kind = HTTPSConnection if tls else HTTPConnection
        with closing(kind(host, port)) as connection:
            connected = _connected(host, port, private=private)
            late = threading.Timer(TIMEOUT, lambda: _ended(connected))
            late.start()
            try:
                if tls:
                    context = ssl.create_default_context()
                    connected = context.wrap_socket(
                        connected, server_hostname=host, do_handshake_on_connect=False
                    )
                    connected.do_handshake()
                connection.sock = connected
                target = f"{path}?{parts.query}" if parts.query else path
                connection.request("POST", target, body, headers)
                status = connection.getresponse().status
            finally:
                late.cancel()
                connected.close()
    except (OSError, HTTPException, ValueError) as error:
        raise NotDelivered(f"{host} cannot be reached ({type(error).__name__}: {error})") from error
    if not 200 <= status < 300:
        raise NotDelivered(f"{host} answered {status}")


def _connected(host: str, port: int, *, private: bool) -> socket.socket:
    """Return a connection to an address of a host, all of whose addresses may be reached."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(where[0]).partition("%")[0] for *_, where in found]
    if not private and not all(is_public(ipaddress.ip_address(each)) for each in addresses):
        raise NotDelivered(f"{host}: {_PRIVATE}")
    try:
        return socket.create_connection((addresses[0], port), TIMEOUT)
    except OSError:
        return socket.create_connection((addresses[-1], port), TIMEOUT)


def _ended(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        connected.close()
