"""`guard.py FOLDER COMMAND...`: runs a server that must not outlive whoever asked for it.

The asker holds the other end of our standard input. When that closes, which it
does even when the asker is killed with SIGKILL, everything the command started
is killed, stopped processes too, and the folder is removed. A line read there
means the same except that the folder stays.

A parent-death signal would not do: it goes to one process and not to those it
starts, it is sent when the starting *thread* ends, and Elasticsearch's own
launcher leaves the server to whoever adopts orphans: that is us (a subreaper), so
that a killed server does not stay behind as a zombie either.

Writes the command's exit status, a line, to standard output. Run by its path.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

PR_SET_CHILD_SUBREAPER = 36


def main(folder: str, command: list[str]) -> None:
    """Start the command and wait for the word to end it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN: what we start would inherit it, and the JVM then never hears SIGTERM.
        signal.signal(number, lambda *_: None)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A session of its own: its process group is what is killed.
    # What it says goes to standard error, a log; standard output is for its status alone.
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True)
    reaper = threading.Thread(target=reap, args=(started.pid,), daemon=True)
    reaper.start()
    keep = sys.stdin.readline() != ""
    if reaper.is_alive():  # else nothing is left, and its number may be somebody else's
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        reaper.join(10)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # Popen would complain that the child it knows was reaped elsewhere


def reap(first: int) -> None:
    """Reap every child until none is left; say how the first one ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.wait()
            if pid == first:
                with contextlib.suppress(OSError):
                    os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
