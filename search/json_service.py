"""Requests in JSON to the one HTTP service that a setting names; no other is ever spoken to.

No proxy of the environment is used and no redirection followed, so texts and the key go
to the address in the settings only. The key stands in one header and nowhere else. Every
wait, every answer and every number of tries is bounded.
"""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from urllib3 import BaseHTTPResponse, Timeout, connection_from_url
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as TookTooLong

from search.errors import FihrisError, SettingsError

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that pass by themselves
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_MOST_KEPT = 32  # connections kept for the next request
_MOST_SAID = 200  # characters of a service's own message


class _Failed(Exception):
    """One try gave no answer. `pause` is what the service asked for, in seconds."""

    def __init__(self, message: str, *, passing: bool, pause: float = 0.0) -> None:
        super().__init__(message)
        self.passing = passing
        self.pause = pause


class JsonService:
    """Posts JSON to one address over kept connections. Safe to use from many threads.

    Args:
        url: `http://` or `https://`, without user, query or fragment.
        key: sent as `Authorization: Bearer`.
        variables: what the settings are called without `_URL` and `_KEY`, for messages.
        error: the class of what is raised where there is no answer.

    Raises:
        SettingsError: the address or the key cannot be used.
    """

    def __init__(
        self, url: str | None, key: SecretStr | None, *, variables: str, error: type[FihrisError]
    ) -> None:
        self._variables, self._error = variables, error
        parts = _address(url, f"{variables}_URL")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._path = parts.path.rstrip("/")
        # One context for all: it takes milliseconds to read the authorities.
        tls = {"ssl_context": ssl.create_default_context()} if parts.scheme == "https" else {}
        self._pool = connection_from_url(self.url, maxsize=_MOST_KEPT, **tls)
        self._key = key.get_secret_value() if key is not None else ""
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise SettingsError(f"{variables}_KEY: it has signs that no key has, such as line ends")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            self._headers["Authorization"] = f"Bearer {self._key}"

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        timeout: float,
        patience: float,
        most_bytes: int,
        quote: bool = False,
    ) -> Any:  # noqa: ANN401
        """Return the answer to `body`; what passes by itself is tried again.

        Args:
            path: appended to the address.
            body: sent as often as needed, so twice must be as good as once.
            timeout: seconds a try may take.
            patience: seconds after which no further try begins; the service's Retry-After
                is kept to, or nothing is tried where that is later.
            most_bytes: a longer answer is refused.
            quote: whether the service's own message may be told: it may repeat the body.

        Raises:
            FihrisError: of the class given, what was wrong and what to do.
        """
        sent = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        end = time.monotonic() + patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._try(self._path + path, sent, timeout, most_bytes, quote)
            except _Failed as failed:
                wait = max(failed.pause, pause * random.uniform(0.5, 1.0))  # noqa: S311
                if not failed.passing or time.monotonic() + wait > end:
                    raise self._error(f"{self.url}{path} {failed}") from failed.__cause__
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self, path: str, sent: bytes, timeout: float, most_bytes: int, quote: bool) -> Any:  # noqa: ANN401
        end = time.monotonic() + timeout
        try:
            response = self._sent(path, sent, timeout)
            try:
                content = _content(response, most_bytes, end)
            except BaseException:
                response.close()
                raise
            finally:
                response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            raise self._unanswered(error, timeout) from error
        status, retry_after = response.status, response.headers.get("Retry-After")
        if status != 200:
            said = self._said(content) if quote and status not in (401, 403) else ""
            told = f"answered {status}{said}: {self._remedy(status)}"
            raise _Failed(told, passing=status in _PASSING, pause=_seconds(retry_after))
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            told = f"answered what is no JSON: does {self._variables}_URL name this service?"
            raise _Failed(told, passing=False) from error

    def _sent(self, path: str, sent: bytes, timeout: float) -> BaseHTTPResponse:
        """Send; once more where the service closed a kept connection at that moment."""
        how: dict[str, Any] = {
            "body": sent,
            "headers": self._headers,
            "timeout": Timeout(timeout),
            "retries": False,
            "redirect": False,
            "preload_content": False,
        }
        try:
            return self._pool.urlopen("POST", path, **how)
        except ProtocolError:
            return self._pool.urlopen("POST", path, **how)

    def _unanswered(self, error: Exception, timeout: float) -> _Failed:
        if isinstance(error, _TooLong):
            return _Failed(f"gave {error}: does {self._variables}_URL name it?", passing=False)
        unreached = isinstance(error, NewConnectionError)  # which is one of urllib3's timeouts
        if isinstance(error, TimeoutError | TookTooLong) and not unreached:
            return _Failed(
                f"gave no answer in {timeout:g} s: see whether it runs, or raise "
                f"{self._variables}_TIMEOUT",
                passing=True,
            )
        tls = error.args[0] if isinstance(error, SSLError) else None
        if isinstance(tls, ssl.SSLCertVerificationError):
            return _Failed(
                "has a certificate of no authority that is known here: name its file in "
                "SSL_CERT_FILE",
                passing=False,
            )
        return _Failed(
            f"cannot be reached ({type(error).__name__}): start it, or set {self._variables}_URL",
            passing=tls is None,
        )

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return f"set {self._variables}_KEY to a key it accepts"
        if status in (404, 405):
            return f"see whether {self._variables}_URL and the model's name are right"
        if 300 <= status < 400:
            return f"it sends on to another address: set {self._variables}_URL to that one"
        if status == 429:
            return "it takes no more requests just now; try again later"
        if status >= 500:
            return "its own log says why; try again when it is mended"
        return "it does not take what was asked; see its log and docs/CONFIGURATION.md"

    def _said(self, content: bytes) -> str:
        """Return the service's message, none with the key in it."""
        with suppress(ValueError, RecursionError, AttributeError):
            told: Any = json.loads(content)
            told = told.get("error") or told.get("message") or told.get("detail")
            told = told.get("message") if isinstance(told, dict) else told
            if isinstance(told, str) and not (self._key and self._key in told):
                shown = "".join(c if c.isprintable() else " " for c in told[:_MOST_SAID])
                return f" ({shown})"
        return ""


class _TooLong(ValueError):
    """The answer is longer than may be read."""


def _content(response: BaseHTTPResponse, most_bytes: int, end: float) -> bytes:
    """Read a whole answer; raises TimeoutError at `end` however slowly it comes."""
    pieces: list[bytes] = []
    length = 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if (sock := getattr(response.connection, "sock", None)) is not None:
            sock.settimeout(left)
        piece = response.read1(1 << 16)
        if not piece:
            return b"".join(pieces)
        length += len(piece)
        if length > most_bytes:
            raise _TooLong(f"an answer of more than {most_bytes:,} bytes")
        pieces.append(piece)


def _address(url: str | None, variable: str) -> Any:  # noqa: ANN401
    """Return an address's parts; what may be a password in it is in no message."""
    if not url:
        raise SettingsError(
            f"{variable}: say where the service is, such as http://127.0.0.1:8080/v1"
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        ascii_only = url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        usable = ascii_only = False
    if not usable or not ascii_only:
        raise SettingsError(
            f"{variable}: it must be an http or https address, such as http://127.0.0.1:8080/v1"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            f"{variable}: an address without user, `?` and `#`; a key belongs into "
            f"{variable.removesuffix('_URL')}_KEY"
        )
    return parts


def _seconds(retry_after: str | None) -> float:
    """Return a Retry-After, which is seconds or a date, in seconds from now."""
    if retry_after is None:
        return 0.0
    with suppress(ValueError):
        return max(0.0, float(retry_after))
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    return 0.0
