"""API keys and their scopes: a file of digests, read anew when it changes.

A key is 256 random bits. So SHA-256 is enough: there is no dictionary to try it by, and the slow
hashes that are for passwords would cost each request what they cost an attacker.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from search.durable import sync_folder
from search.errors import EngineBusy, InputError, NotFound, SettingsError
from search.settings import Settings

Scope = Literal["search", "index", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MAX_NAME = 100  # code points
MAX_DAYS = 3650
_MAX_FILE = 1 << 20  # bytes, some 4,000 keys
_PATIENCE = 10.0  # seconds for another command to change the file


class Key(BaseModel):
    """What is kept of a key: never the key itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]  # a part of the key, to find it by
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: AwareDatetime
    expires: AwareDatetime | None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= datetime.now(UTC)


_KEYS = TypeAdapter(list[Key])


class KeyFile:
    """The keys of a file. What another process changes in it counts from the next call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version: tuple[int, ...] | None = None
        self._keys: Mapping[str, Key] | None = None

    def keys(self) -> Mapping[str, Key] | None:
        """Return the keys by id, None where there is no file. Raises SettingsError."""
        try:
            found = self.path.stat()
            version = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if version != self._version:
                with self.path.open("rb") as stream:
                    content = stream.read(_MAX_FILE + 1)
                if len(content) > _MAX_FILE:
                    raise SettingsError(f"{self.path}: more than {_MAX_FILE:,} bytes of keys")
                self._keys = {key.id: key for key in _KEYS.validate_json(content)}
                self._version = version
        except FileNotFoundError:
            self._version = self._keys = None
        except OSError as error:
            raise SettingsError(f"{self.path}: {error.strerror}") from error
        except ValidationError as error:
            raise SettingsError(f"{self.path}: this is not a file of keys") from error
        return self._keys

    def find(self, given: str) -> Key | None:
        """Return the key that was given, also one that has expired. Raises SettingsError."""
        key = (self.keys() or {}).get(given[7:15])  # an id is no secret
        digest = _digest(given)
        return key if key is not None and hmac.compare_digest(digest, key.sha256) else None

    def create(
        self, name: str, scopes: Collection[str], days: int | None = None
    ) -> tuple[Key, str]:
        """Keep a new key; return what is kept, and the key, which nothing can tell again.

        Args:
            days: until it expires; None: never.

        Raises:
            InputError: the name is taken, or a value is out of bounds.
            EngineBusy, SettingsError: the file cannot be changed.
        """
        if not name.isprintable() or name != name.strip() or not 0 < len(name) <= MAX_NAME:
            raise InputError(f"a name is 1 to {MAX_NAME} letters in one line", field="name")
        if not scopes or set(scopes) - set(SCOPES):
            raise InputError(f"a key has a scope of {', '.join(SCOPES)}", field="scope")
        if days is not None and not 0 < days <= MAX_DAYS:
            raise InputError(f"a key is good for 1 to {MAX_DAYS:,} days", field="days")
        its_id = secrets.token_hex(4)
        secret = f"fihris_{its_id}_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC).replace(microsecond=0)
        key = Key(
            id=its_id,
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created=now,
            expires=None if days is None else now + timedelta(days=days),
            sha256=_digest(secret),
        )
        with self._changing() as keys:
            if any(name == other.name for other in keys.values()):
                raise InputError(f"there is a key {name!r}; revoke it first", field="name")
            keys[its_id] = key
        return key, secret

    def revoke(self, name: str) -> Key:
        """Forget a key, whichever name or id it has. Raises NotFound, and as `create`."""
        with self._changing() as keys:
            for key in keys.values():
                if name in (key.name, key.id):
                    return keys.pop(key.id)
            raise NotFound(f"there is no key {name[:MAX_NAME]!r}")

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """Give the keys to be changed, and put the file in its place at one moment."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=_PATIENCE):
                keys = dict(self.keys() or {})
                yield keys
                rows = [json.loads(key.model_dump_json()) for key in keys.values()]
                content = json.dumps(rows, indent=1, ensure_ascii=False).encode()
                if len(content) > _MAX_FILE:
                    raise InputError("there are too many keys; revoke some", field="name")
                fresh = Path(f"{self.path}.new")
                made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(made, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                fresh.replace(self.path)
                sync_folder(folder)
        except Timeout:
            raise EngineBusy(f"{self.path} is being changed by another process") from None
        except OSError as error:
            raise SettingsError(f"{self.path}: {error.strerror}") from error


def key_file(settings: Settings) -> KeyFile:
    """Return the keys of a server with these settings."""
    return KeyFile(settings.keys or settings.data / "keys.json")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
