"""How long each packaged function takes to load, and what that time is spent on."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from local.aws import AwsServer, Endpoints
from local.template import load
from tests.packaged.building import ROOT, build, interpreter, target_here
from tests.packaged.deployment import Deployment, deploy

RUNS: Final = 10
TRACES: Final = 3
HEAVIEST: Final = 8
TIMED: Final = (
    "import time; began, busy = time.perf_counter(), time.process_time(); import app\n"
    "print(time.perf_counter() - began, time.process_time() - busy)\n"
    "import sys; print(len(sys.modules), sys.modules['oauth_broker'].__file__)"
)
IMPORTED: Final = re.compile(r"^import time: +(?P<self>\d+) \| +\d+ \| +(?P<module>\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` makes for this machine."""
    target = target_here(interpreter())
    if target is None:
        pytest.skip("the layer has wheels for Linux on x86_64 and aarch64 only: run `make bench` there")
    return build(tmp_path_factory.mktemp("here") / "build", target)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The functions with the environments that the template gives them."""
    server = AwsServer(lambda _entry: None)
    yield deploy(load(ROOT / "template.yaml", {}), Endpoints(server.url, server.url))
    server.close()


def test_loading_a_function(packaged: Path, deployment: Deployment) -> None:
    """Each function loads from what was built; how long it takes and its heaviest imports are reported."""
    python = interpreter()
    print(f"\nLoading a packaged function, Python {python.version}, median of {RUNS}:")  # noqa: T201 - the report
    for name, function in sorted(deployment.functions.items()):
        paths = f"{packaged / name}:{packaged / 'Layer' / 'python'}"
        environment = {**function.environment, **deployment.aws, "PYTHONPATH": paths}
        waited, busy, modules = [], [], 0
        for _ in range(RUNS):
            told = loaded([python.path, "-S", "-s", "-c", TIMED], environment).stdout.split()
            wall, processor, count, origin = told
            assert Path(origin).is_relative_to(packaged / "Layer")
            waited.append(float(wall) * 1000)
            busy.append(float(processor) * 1000)
            modules = int(count)
        traced = [python.path, "-S", "-s", "-X", "importtime", "-c", "import app"]
        traces = [loaded(traced, environment).stderr for _ in range(TRACES)]
        times = f"{median(waited):4.0f} ms, {median(busy):4.0f} ms of processor"
        print(f"{name:27} {times}, {modules} modules; {heaviest(traces)}")  # noqa: T201


def loaded(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A Python that has loaded a function."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def heaviest(traces: Iterable[str]) -> str:
    """The packages that took most of a load, each with its share of all (percent), from `-X importtime`.

    A module counts with the least that it took in any trace: what is more was another program's doing.
    """
    least: dict[str, int] = {}
    for line in IMPORTED.finditer("".join(traces)):
        module, took = line["module"], int(line["self"])
        least[module] = min(took, least.get(module, took))
    spent: Counter[str] = Counter()
    for module, took in least.items():
        spent[module.partition(".")[0]] += took
    return ", ".join(
        f"{name} {100 * took / spent.total():.0f} %" for name, took in spent.most_common(HEAVIEST)
    )
