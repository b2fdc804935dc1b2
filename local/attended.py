"""Runs a module as `python -m` does, but only for as long as standard input stays open.

`python -m local.attended MODULE [ARGUMENT…]`: the parent holds the other end of the pipe, so that its death,
even by kill -9, ends this process too, on every system.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def main() -> None:
    """Runs the module that the arguments name, with the arguments that follow it."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
