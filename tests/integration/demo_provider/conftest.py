"""The demo provider as a process of its own, started once for these tests, emptied before each."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.demo_provider.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@dataclass
class Running:
    """A provider's address and the file with all that it has printed."""

    url: str
    log: Path


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The provider on a free port."""
    log = tmp_path_factory.mktemp("demo-provider") / "log"
    command = [sys.executable, "-m", "local.demo_provider", "--port", "0", "--controls"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Running(first_address(process, log), log)
    finally:
        process.terminate()
        assert process.wait(10) == 0


def first_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the process prints when it serves."""
    for _ in range(300):
        line, newline, _rest = log.read_text().partition("\n")
        if newline:
            return line.removeprefix("Demo provider on ")
        assert process.poll() is None, line
        time.sleep(0.05)
    raise AssertionError("The demo provider printed no address.")


@pytest.fixture
def visitor(running: Running) -> Iterator[Visitor]:
    """Somebody with a fresh browser at a provider that knows of nothing yet."""
    someone = Visitor(running.url)
    assert someone.call("POST", "/control/reset").status_code == 204
    yield someone
    someone.session.close()
