"""Whether a missing file is gone, or a disk or folder that it lies on cannot be reached."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def unreachable(path: Path, folder: Path, mount: str = "") -> tuple[Path, str] | None:
    """Return which place that a missing file lies on is not there, and what is wrong with it.

    Args:
        path: of the file, or in it.
        folder: the watched one, under which it was listed.
        mount: the mount point it lay under when it was read; "": not known.

    Returns:
        None if the file is gone.
    """
    if not is_folder(folder):
        return folder, "is not there"
    if mount and not os.path.ismount(mount):
        return Path(mount), "is not mounted"
    if path.is_symlink() and not is_folder(Path(os.path.realpath(path)).parent):
        return path, "leads nowhere"
    place = path.parent
    while place != folder and not is_folder(place):
        if place.is_symlink():
            return place, "leads nowhere"
        place = place.parent
    try:
        with os.scandir(place) as entries:
            if not mount and next(entries, None) is None:
                return place, "is empty"  # perhaps a disk was mounted there
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:
        return place, "cannot be read"
    return None


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there and answers; unlike Path.is_dir, whatever is wrong with it."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def mount_of(path: Path) -> str:
    """Return the mount point that a path lies under; bind mounts of one disk are not told apart."""
    place = Path(os.path.realpath(path))
    return next(str(each) for each in (place, *place.parents) if os.path.ismount(each))
