"""`fihris doctor`: checks settings, folders, model and index. Nothing is changed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from search import embedding
from search.assembly import fingerprint_of, open_synonyms
from search.engines import open_engine
from search.engines.protocol import EngineStatus
from search.errors import FihrisError
from search.keys import key_file
from search.reranking import open_reranker
from search.saved import open_store
from search.settings import Settings, is_secret, read_settings

_SCARCE = 1 << 30  # bytes: an index of 100,000 passages has as much, and a reindex makes another
# SQLite's log needs memory that processes share, and locks: neither is sure over a network.
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs", "ncpfs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `says` has what to do where it is not ok."""

    name: str
    state: Literal["ok", "warning", "failed"]
    says: str


def examine() -> Iterator[Finding]:
    """Yield what is found, one after the other; the rest is left out where nothing can follow."""
    yield Finding("fihris", "ok", version("fihris"))
    yield from _unknown_variables()
    try:
        settings = read_settings()
    except FihrisError as error:
        yield Finding("settings", "failed", str(error))
        return
    yield Finding("settings", "ok", _shown(settings))
    yield _folder("FIHRIS_CACHE", settings.cache, "without it the model is prepared in memory")
    if settings.engine != "elasticsearch":
        yield _folder("FIHRIS_DATA", settings.data, "nothing can be indexed")
        yield from _file_system(settings.data)
    yield _asked("keys", lambda: _keys(settings))
    yield _asked("synonyms", lambda: "read" if open_synonyms(settings) else "none set")
    yield _asked("reranker", lambda: "opened" if open_reranker(settings) else "none set")
    try:
        embedder = embedding.open_embedder(settings)
    except FihrisError as error:
        yield Finding("model", "failed", str(error))
        return
    yield Finding("model", "ok", f"{embedder.name}, {embedder.dimensions} dimensions")
    try:
        with closing(open_engine(settings, fingerprint_of(embedder, settings))) as engine:
            found = engine.status()
    except FihrisError as error:  # unreachable, damaged, lost, made otherwise: it says which
        yield Finding("index", "failed", str(error))
        return
    yield from _index(found)
    # Behind it: what writes waits a minute for an Elasticsearch that cannot be reached.
    yield _asked("saved searches", lambda: _saved(settings))
    if settings.engine == "embedded":
        yield _writer(settings.data)


def _unknown_variables() -> Iterator[Finding]:
    known = {f"FIHRIS_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith("FIHRIS_") and name.upper() not in known:
            yield Finding("settings", "warning", f"{name} is no setting (docs/CONFIGURATION.md)")


def _shown(settings: Settings) -> str:
    """Return what the environment sets; all else is as docs/CONFIGURATION.md says."""
    given = [
        f"FIHRIS_{name.upper()}=" + ("(not shown)" if is_secret(name) else str(value))
        for name, value in settings
        if name in settings.model_fields_set
    ]
    return f"of the environment: {', '.join(given)}" if given else "none set, all by default"


def _folder(name: str, folder: Path, otherwise: str) -> Finding:
    """Tell whether a folder, or where it would be made, can be written to and has room."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        mode, free = stat.filemode(there.stat().st_mode), shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name, "failed", f"{folder}: {error.strerror}")
    made = "" if there == folder else f", made when it is needed, in {there}"
    says = f"{folder}{made} ({mode}, {free / (1 << 30):,.1f} GiB free)"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        says += f": it cannot be written to, and {otherwise}; change its permissions or set {name}"
        return Finding(name, "warning", says)
    if free < _SCARCE:
        return Finding(name, "warning", f"{says}: little room is left; free some")
    return Finding(name, "ok", says)


def _file_system(folder: Path) -> Iterator[Finding]:
    """Tell which file system a folder is on, where that can be told."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    resolved = folder.resolve()
    mounts = [(Path(place), kind) for _, place, kind, *_ in map(str.split, lines)]
    around = [each for each in mounts if resolved.is_relative_to(each[0])]
    place, kind = max(around, key=lambda each: len(each[0].parts), default=(folder, "unknown"))
    says = f"{kind} on {place}"
    if kind.startswith(_REMOTE):
        says += ": locks and shared memory are not sure over a network; choose a local disk"
        yield Finding("file system", "warning", says)
    else:
        yield Finding("file system", "ok", says)


def _asked(name: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", ask())
    except FihrisError as error:
        return Finding(name, "failed", str(error))


def _keys(settings: Settings) -> str:
    keys = key_file(settings).keys()
    return (
        "none: this machine only" if keys is None else f"{len(keys)} in {key_file(settings).path}"
    )


def _saved(settings: Settings) -> str:
    with closing(open_store(settings)) as store:
        return f"{len(store.searches())} are saved"


def _index(found: EngineStatus) -> Iterator[Finding]:
    where = ", ".join(f"{name} {value}" for name, value in found.details.items())
    yield Finding("index", "ok", f"{found.engine}: {where}")
    holds = f"{found.articles:,} articles, {found.passages:,} passages"
    if not found.articles:
        yield Finding("articles", "warning", f"{holds}: `fihris index PATH...` fills it")
    elif found.unembedded:
        says = f"{holds}, {found.unembedded:,} without vectors: `fihris embed` adds them"
        yield Finding("articles", "warning", says)
    else:
        yield Finding("articles", "ok", holds)
    if found.details.get("health") == "red":
        says = "the cluster's health is red: GET _cluster/allocation/explain says why"
        yield Finding("cluster", "failed", says)


def _writer(folder: Path) -> Finding:
    from search.engines.embedded.locking import WriterLock

    lock = WriterLock(folder)
    if not (folder / "writer.lock").exists():
        return Finding("writer", "ok", "nobody has written yet")
    if not lock.can_write():
        return Finding("writer", "ok", "this user may only search")
    # The lock is not taken to see: it would be in the way of a writer that comes at this moment.
    says = f"{lock.holder()}, unless it was killed" if lock.is_signed() else "nobody writes"
    return Finding("writer", "ok", says)
