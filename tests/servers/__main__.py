"""`python -m tests.servers [--cluster N] COMMAND...`: runs a command beside an Elasticsearch.

The command finds it in FIHRIS_ELASTICSEARCH_URL, with FIHRIS_ELASTICSEARCH_REPLICAS
to fit, and the server ends with it. Exits as the command does.

`--tests COMMAND...`: all processes of a run of tests find it, in ELASTICSEARCH_URL; where there is
none, the tests say so themselves.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import FrameType

from tests.servers import NotStarted, Unavailable, elasticsearch


def main() -> int:
    """Run the command line and return its exit status, 69 if there is no server."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("--cluster", type=int, default=1, metavar="N", help="start N nodes")
    parser.add_argument("--tests", action="store_true", help="the command runs these tests")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND...")
    arguments = parser.parse_args()
    if not arguments.command or arguments.cluster < 1:
        parser.error("a command is needed, and at least one node")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with elasticsearch(arguments.cluster, brief=arguments.tests) as server:
            print(f"Elasticsearch {server.version} from {server.origin}", file=sys.stderr)
            if arguments.tests:
                return run(arguments.command, {**os.environ, "ELASTICSEARCH_URL": server.url})
            environment = {
                **os.environ,
                "FIHRIS_ELASTICSEARCH_URL": server.url,
                "FIHRIS_ELASTICSEARCH_REPLICAS": "1" if arguments.cluster > 1 else "0",
            }
            return run(arguments.command, environment)
    except (Unavailable, NotStarted) as error:
        if arguments.tests:
            return run(arguments.command, os.environ)
        print(f"no Elasticsearch: {error}", file=sys.stderr)
        return 69  # EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a command, pass on what signals we get, and return its status as a shell would."""
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _: FrameType | None) -> None:
        # A terminal's Ctrl-C has reached the command already; twice would be "at once" to it.
        if child is not None and not (number == signal.SIGINT and in_foreground()):
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    status = child.wait()
    return 128 - status if status < 0 else status


def in_foreground() -> bool:
    """Return whether we are in the group of processes that our terminal's Ctrl-C goes to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


if __name__ == "__main__":
    sys.exit(main())
