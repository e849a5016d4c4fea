"""Images where none can be pulled: Debian's Python, and Maven Central's Elasticsearch on it.

They stand in for the official images of the same names in an engine of our own, and have what our
Dockerfile and compose files use of those. They are for tests only.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from tests.servers.distribution import cache_folder, find, locked
from tests.servers.dockerd import Docker
from tests.servers.errors import Unavailable
from tests.support import REPOSITORY

RELEASE = "trixie"  # whose Python is 3.13
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
RECIPE = Path(__file__).with_name("elasticsearch-image")
MINUTES = 10
FILES_NEEDED = 65_535  # what Elasticsearch wants to be able to open before it forms a cluster
FILES_ENOUGH = 4_096  # for three nodes of a test

# pip as the official image has it, not as Debian does: it can be uninstalled, and installs anywhere.
PIP = (
    "rm -f /usr/lib/python3*/EXTERNALLY-MANAGED; ln -s python3 /usr/bin/python; "
    "for wheel in /usr/share/python-wheels/pip-*.whl; do "
    "python3 $wheel/pip install --quiet --no-index $wheel; done"
)
MMDEBSTRAP = ["mmdebstrap", "--quiet", "--variant=apt"]
MMDEBSTRAP += ["--include=ca-certificates,libstdc++6,python3,python3-venv"]
MMDEBSTRAP += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
MMDEBSTRAP += [f"--customize-hook=chroot \"$1\" sh -ec '{PIP}'"]


def image_of(name: str) -> str:
    """Return the image that the Dockerfile or a compose file names, as `name:tag`."""
    texts = [
        (REPOSITORY / file).read_text("utf-8") for file in ("Dockerfile", "docker-compose.yml")
    ]
    found = re.search(rf"^\s*(?:FROM|image:) ({name}:\S+)", "\n".join(texts), re.MULTILINE)
    assert found, name
    return found[1]


def have(docker: Docker, name: str) -> None:
    """See to it that an official image is there: pulled, or its stand-in in an engine of ours.

    Raises Unavailable where it cannot be had.
    """
    image = image_of(name)
    if docker("image", "ls", "--quiet", image):
        return
    if docker.own:
        {"python": make_python, "elasticsearch": make_elasticsearch}[name](docker, image)
        return
    try:
        docker("pull", "--quiet", image)
    except AssertionError as error:
        raise Unavailable(f"Docker cannot pull {image}\n{error}") from None


def make_python(docker: Docker, image: str) -> None:
    """Make an image of Debian with its Python; raises Unavailable where there is no Debian."""
    # What this machine trusts: a mirror or an index may have a certificate of the house.
    trusted = f"ENV PIP_CERT={CERTIFICATES}"
    with debian().open("rb") as root:
        docker("import", "--change", trusted, "--change", 'CMD ["python3"]', "-", image, given=root)


def debian() -> Path:
    """Return a tar of a small Debian with Python, made from packages where it is not kept yet."""
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("images cannot be made without mmdebstrap")
    folder = cache_folder("images")
    recipe = hashlib.sha256(repr((MMDEBSTRAP, RELEASE)).encode()).hexdigest()[:12]
    made = folder / f"{RELEASE}-{recipe}.tar"
    with locked(folder / ".lock"):
        if not made.exists():
            part = folder / "part.tar"
            trust = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
            try:
                done = subprocess.run(
                    [*MMDEBSTRAP, trust, RELEASE, str(part), mirror()],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=MINUTES * 60,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"mmdebstrap took more than {MINUTES} minutes") from None
            if done.returncode:
                said = (done.stdout + done.stderr).strip()
                raise Unavailable(f"mmdebstrap could not make a Debian\n{said[-3000:]}")
            part.rename(made)
    return made


def mirror(etc: Path = Path("/etc/apt")) -> str:
    """Return the mirror that apt takes Debian from; raises Unavailable where none is named."""
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.sources"))]:
        text = path.read_text("utf-8") if path.exists() else ""
        line = r"^(?:URIs:|deb(?: +\[.*\])?) +(\S+/debian/?)(?: |$)"
        if found := re.search(line, text, re.MULTILINE):
            return found[1]
    raise Unavailable(f"{etc} names no mirror of Debian")


def make_elasticsearch(docker: Docker, image: str) -> None:
    """Make an image of the distribution that tests/servers has, with its Java; raises Unavailable."""
    have(docker, "python")
    distribution = find()
    assert distribution.java_home is not None, "a distribution without Java of its own"
    # Docker knows a tar by its first block, which another format may give to extensions.
    with (
        tempfile.TemporaryFile() as context,
        tarfile.open(fileobj=context, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in RECIPE.iterdir():
            tar.add(path, path.name)
        jar = f"lib/elasticsearch-{distribution.version}.jar"
        with tempfile.NamedTemporaryFile() as content:
            with_fewer_files(distribution.home / jar, content)
            for path in sorted(distribution.home.rglob("*")):
                name = path.relative_to(distribution.home)
                source = content.name if name == Path(jar) else path
                tar.add(source, Path("elasticsearch", name), recursive=False)
        tar.add(distribution.java_home, "java", filter=no_sources)
        tar.close()
        context.seek(0)
        try:
            docker("build", "--quiet", "--tag", image, "-", given=context)
        except AssertionError as error:
            raise Unavailable(f"an image of Elasticsearch cannot be made\n{error}") from None


def with_fewer_files(jar: Path, to: IO[bytes]) -> None:
    """Write Elasticsearch's jar with FILES_ENOUGH where it asks for FILES_NEEDED.

    Where a machine lets nobody open so many, three nodes would refuse to be a cluster.
    """
    asking, enough = (b"\x03" + number.to_bytes(4) for number in (FILES_NEEDED, FILES_ENOUGH))
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(to, "w") as changed:
        for entry in whole.infolist():
            content = whole.read(entry)
            if entry.filename.endswith("/BootstrapChecks$FileDescriptorCheck.class"):
                assert content.count(asking) == 1
                content = content.replace(asking, enough)
            changed.writestr(entry.filename, content)
    to.flush()
    Path(to.name).chmod(0o644)


def no_sources(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what only who compiles Java needs."""
    return None if member.name.endswith(("/src.zip", "/jmods", "/ct.sym")) else member
