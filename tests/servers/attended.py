"""Runs a program, but only for as long as standard input stays open.

`python tests/servers/attended.py PROGRAM [ARGUMENT…]`: the tests hold the other end of the pipe, so that
their death, even by kill -9, ends the program too, on every system.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main() -> int:
    """Runs the program; gives its exit status."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as program:
        threading.Thread(target=_end_with_input, args=(program,), daemon=True).start()
        return program.wait()


def _end_with_input(program: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    program.kill()


if __name__ == "__main__":
    sys.exit(main())
