"""Builds what `sam deploy` uploads, by `make build`, and reads what came out."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}  # AWS's word → that of wheels and of Linux


@dataclass(frozen=True)
class Target:
    """What a layer is built for: Lambda's architecture, and the minor version of Python."""

    architecture: str
    python: str

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return MACHINES[self.architecture]


DEPLOYED: Final = Target("arm64", "3.13")
SIZES: Final = pytest.StashKey[dict[str, str]]()  # what is reported at the end, by what it is the size of


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs here, and its minor version."""

    path: str
    version: str


def interpreter() -> Interpreter:
    """The Python that AWS runs, where this machine has it, else the one that runs the tests."""
    found = subprocess.run(
        ["/bin/sh", "requirements/python313"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return Interpreter(found.stdout.strip(), "3.13")
    return Interpreter(sys.executable, "{}.{}".format(*sys.version_info))


def target_here(python: Interpreter) -> Target | None:
    """What can run on this machine; None where the Runtime Interface Client has no wheel for it."""
    names = {machine: architecture for architecture, machine in MACHINES.items()}
    if sys.platform != "linux" or platform.machine() not in names:
        return None
    return Target(names[platform.machine()], python.version)


@dataclass(frozen=True)
class Built:
    """What `sam build` put into a folder, and what its layer was built for."""

    folder: Path
    target: Target

    @property
    def layer(self) -> Path:
        """The layer's folder, which AWS unpacks at /opt."""
        return self.folder / "Layer"

    @property
    def python(self) -> Path:
        """What the layer puts on the path."""
        return self.layer / "python"


def build(folder: Path, target: Target, *, hash_seed: int = 0) -> Path:
    """Builds into `folder`, which `make build` puts its template beside; gives the folder.

    `hash_seed` orders the sets of every Python that takes part. Raises AssertionError with what make said.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    environment |= {
        "LAYER_ARCHITECTURE": target.architecture,
        "LAYER_PYTHON_VERSION": target.python,
        "PYTHONHASHSEED": str(hash_seed),
    }
    run_whole(["make", "build", f"BUILD_DIR={folder}"], environment)
    return folder


def install_runtime(folder: Path, target: Target) -> Path:
    """Installs Lambda's Runtime Interface Client into `folder`, with the pip that `make build` uses."""
    pip = [".venv-sam/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wheels = ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}"]
    platforms = [f"--platform={name}_{target.machine}" for name in ("manylinux_2_28", "manylinux2014")]
    lock = ["--require-hashes", "--requirement=requirements/packaged.txt", f"--target={folder}"]
    run_whole([*pip, *wheels, *platforms, *lock], os.environ)
    return folder


def run_whole(command: list[str], environment: Mapping[str, str]) -> None:
    """Runs a command at the root of the project. Raises AssertionError with all it said when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def megabytes(folder: Path) -> float:
    """How much the files below a folder hold, in MB."""
    return sum(path.stat().st_size for path in files(folder)) / 1e6


def distributions(python: Path) -> dict[str, Path]:
    """The dist-info folder of each distribution in a layer's `python/`, by its name as PyPI writes it."""
    return {canonicalize_name(metadata(info)["Name"]): info for info in sorted(python.glob("*.dist-info"))}


def metadata(info: Path, name: str = "METADATA") -> Message:
    """The headers of a file in a dist-info folder."""
    return HeaderParser().parsestr((info / name).read_text("utf-8"), headersonly=True)


def record(info: Path) -> list[tuple[str, str]]:
    """What a distribution says that it installed: paths below `python/`, each with its hash or nothing."""
    with (info / "RECORD").open(encoding="utf-8", newline="") as rows:
        return [(row[0], row[1]) for row in csv.reader(rows)]
