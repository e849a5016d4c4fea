"""What is locked, looked up among known holes: `make audit`.

    python tools/audit.py PIP_AUDIT requirements.lock

Exit status: 1 where a locked version has a known hole. Where its service cannot be reached, that
is said, and nothing was looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main(program: str, lock: str) -> int:
    """Run pip-audit over a lock file and say what it found; return the exit status."""
    words = [program, "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    ran = subprocess.run([*words, "-r", lock], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        found = []
    looked_up = [each for each in found if "vulns" in each]
    for each in looked_up:
        for hole in each["vulns"]:
            fixed = ", ".join(hole["fix_versions"]) or "nothing yet"
            print(f"{each['name']} {each['version']}: {hole['id']}, mended in {fixed}")
    if not looked_up:
        print(f"skipped: pip-audit's service knows none of {lock} or cannot be reached")
    else:
        print(f"{lock}: {len(looked_up)} of {len(found)} looked up")
    return int(any(each["vulns"] for each in looked_up))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
