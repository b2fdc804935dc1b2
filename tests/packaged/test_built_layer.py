"""What is uploaded: wheels for AWS in the pinned versions, bytecode, and the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import re
import zipfile
from pathlib import Path
from typing import Final

import pytest
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag

from tests.packaged.building import (
    DEPLOYED,
    ROOT,
    SIZES,
    Built,
    Target,
    distributions,
    files,
    interpreter,
    megabytes,
    metadata,
    record,
)

GLIBC: Final = 34  # of Amazon Linux 2023, on which python3.13 runs: 2.34
OLDEST_GLIBC: Final = 17  # manylinux2014
LIMIT: Final = 250  # MB: Lambda's quota of a function with its layers, unpacked
ELF_MACHINES: Final = {"x86_64": 62, "aarch64": 183}  # e_machine
PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
UNCHECKED_HASH: Final = 1  # PEP 552: the bytecode is used without a look at its source
MAGIC_NUMBER_313: Final = (3571).to_bytes(2, "little") + b"\r\n"
NEEDS_313: Final = "no Python 3.13 runs here, so the build ships no bytecode"


@pytest.fixture(params=["deployed", "built"])
def any_built(request: pytest.FixtureRequest) -> Built:
    """The build for AWS, and the one for this machine."""
    build: Built = request.getfixturevalue(request.param)
    return build


def supported(target: Target) -> set[Tag]:
    """Every tag of wheels that AWS could load, of such an architecture and Python."""
    glibcs = range(OLDEST_GLIBC, GLIBC + 1)
    platforms = ["manylinux2014_" + target.machine, *(f"manylinux_2_{n}_{target.machine}" for n in glibcs)]
    major, minor = map(int, target.python.split("."))
    tags = cpython_tags((major, minor), platforms=platforms)
    return {*tags, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)}


def is_supported(wheel_tags: list[str], target: Target) -> bool:
    """Whether a wheel with these tags is one for the target."""
    tags = supported(target)
    return any(tag in tags for text in wheel_tags for tag in parse_tag(text))


def tags_of(info: Path) -> list[str]:
    """The tags of the wheel that a distribution came in."""
    return re.findall(r"^Tag: (\S+)", (info / "WHEEL").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "tag, fits",
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp313-cp313-manylinux2014_aarch64", True),
        ("cp313-cp313-manylinux_2_28_aarch64", True),
        ("cp311-abi3-manylinux_2_34_aarch64", True),
        ("cp313-cp313-manylinux_2_28_x86_64", False),
        ("cp312-cp312-manylinux_2_28_aarch64", False),
        ("cp314-abi3-manylinux_2_28_aarch64", False),
        ("cp313-cp313-manylinux_2_39_aarch64", False),
        ("cp313-cp313-musllinux_1_2_aarch64", False),
        ("cp313-cp313t-manylinux_2_28_aarch64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
    ],
)
def test_which_wheels_aws_loads(tag: str, fits: bool) -> None:
    """A wheel is pure, or for AWS's Python and architecture and a C library no newer than its own."""
    assert is_supported([tag], DEPLOYED) is fits


def test_every_wheel_fits(any_built: Built) -> None:
    """Each distribution came in a wheel for the build's target, and some are not pure."""
    tags = {name: tags_of(info) for name, info in distributions(any_built.python).items()}
    assert {name for name, found in tags.items() if not is_supported(found, any_built.target)} == set()
    assert any(any_built.target.machine in tag for found in tags.values() for tag in found)


def test_every_library_fits(any_built: Built) -> None:
    """Each compiled library is for the target's machine, and named for its Python or for any (abi3)."""
    target = any_built.target
    version = target.python.replace(".", "")
    suffixes = (f".cpython-{version}-{target.machine}-linux-gnu.so", ".abi3.so")
    libraries = [path for path in files(any_built.python) if ".so" in path.suffixes]
    machines = {path.name: int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries}
    assert set(machines.values()) == {ELF_MACHINES[target.machine]}
    assert [name for name in machines if not name.endswith(suffixes)] == []


def test_versions_are_the_pinned(any_built: Built) -> None:
    """Whatever it is built for, the layer has the versions of its lock and nothing else."""
    lock = (ROOT / "layers" / "oauth_broker" / "requirements.txt").read_text("utf-8")
    installed = distributions(any_built.python)
    found = {name: metadata(info)["Version"] for name, info in installed.items()}
    assert found == dict(PIN.findall(lock))


def test_every_file_is_whole(any_built: Built) -> None:
    """What a distribution says that it installed is there with its hash, and a change would be seen."""
    rows = [row for info in distributions(any_built.python).values() for row in record(info)]
    hashed = [(path, expected) for path, expected in rows if expected]
    assert len(hashed) > len(rows) // 2
    contents = [((any_built.python / path).read_bytes(), expected) for path, expected in hashed]
    assert [expected for content, expected in contents if digest(content) != expected] == []
    assert all(digest(content + b" ") != expected for content, expected in contents)


def test_two_builds_are_the_same(deployed: Built, deployed_again: Built) -> None:
    """Two builds, elsewhere and with sets in another order, give the same bytes: nothing is uploaded anew."""
    one, other = (contents(build.folder) for build in (deployed, deployed_again))
    assert len(one) > 1000
    assert {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)} == set()


def test_a_build_does_not_tell_where_it_was_made(deployed: Built) -> None:
    """No file names a folder of the machine that built it, which another machine does not have."""
    pathless = [str(ROOT).encode(), str(deployed.folder).encode()]
    told = {
        str(path.relative_to(deployed.folder))
        for path in files(deployed.folder)
        if any(text in path.read_bytes() for text in pathless)
    }
    assert told == set()


def test_all_code_has_bytecode(deployed: Built) -> None:
    """Each source has its bytecode, which AWS's Python uses unasked; without a 3.13 to make it, none has."""
    sources = [path for path in files(deployed.folder) if path.suffix == ".py"]
    assert len(sources) > 100
    bytecode = {path: Path(importlib.util.cache_from_source(path)) for path in sources}
    names = [cached.with_name(f"{path.stem}.cpython-313.pyc") for path, cached in bytecode.items()]
    if interpreter().version != "3.13":
        assert not any(name.exists() for name in names)
        return
    headers = [name.read_bytes()[:8] for name in names]
    assert set(headers) == {MAGIC_NUMBER_313 + UNCHECKED_HASH.to_bytes(4, "little")}


def test_the_size(any_built: Built, request: pytest.FixtureRequest) -> None:
    """The layer and each function with it stay far under Lambda's quota; the sizes are reported."""
    target = any_built.target
    layer = megabytes(any_built.layer)
    zipped = len(zip_of(any_built.layer)) / 1e6
    name = f"Layer for {target.architecture}, Python {target.python}"
    request.config.stash[SIZES][name] = f"{layer:.1f} MB, {zipped:.1f} MB zipped"
    functions = [folder for folder in any_built.folder.iterdir() if folder.name.endswith("Function")]
    largest = max(megabytes(folder) for folder in functions)
    request.config.stash[SIZES]["The largest function"] = f"{largest * 1000:.0f} KB"
    assert layer + largest < LIMIT / 2


def digest(content: bytes) -> str:
    """A file's hash as RECORD has it ("Recording installed projects", Python Packaging User Guide)."""
    encoded = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return "sha256=" + encoded.rstrip("=")


def contents(folder: Path) -> dict[str, str]:
    """Each file's digest, by its path."""
    return {str(path.relative_to(folder)): digest(path.read_bytes()) for path in files(folder)}


def zip_of(folder: Path) -> bytes:
    """The folder, packed as for an upload."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files(folder):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
