"""Schemathesis runs the API on the local stack: what it makes of the description gets described answers.

Its cases are the same each time. `make contract CASES=500` makes other and more ones.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.contract.answers import operation_of
from tests.contract.description import DOCUMENT, PATH, operations
from tests.integration.circle.broker import SCOPES, Broker, Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
CASES: Final = os.environ.get("CASES", "")
FEWEST: Final = 2000

# They run side by side: one process makes cases on one core.
_OF_EACH: Final = ("--phases", "examples,coverage,fuzzing")
_LARGE: Final = ("createResource", "replaceResource")
RUNS: Final = {
    **{name: (*_OF_EACH, f"--include-operation-id={name}") for name in _LARGE},
    "the rest": (*_OF_EACH, *(f"--exclude-operation-id={name}" for name in _LARGE)),
    "one after another": ("--phases", "stateful"),
}
# Their success takes a browser's trip through the provider: tests/integration/circle makes it.
NEED_A_BROWSER: Final = {"confirm", "start", "ownCallback", "sharedCallback"}
# An issuer on this machine has another address in each run: tests/integration/oidc asks one.
NEED_AN_ISSUER: Final = {"discover"}


@dataclass(frozen=True)
class Api:
    """A running broker: its address, and what its functions have written so far."""

    url: str
    console: io.StringIO

    @property
    def faults(self) -> str:
        """The lines that tell of faults."""
        telling = (" 500 ", "status=500", "Error: ")
        lines = self.console.getvalue().splitlines()
        return "\n".join(line for line in lines if any(part in line for part in telling))


@dataclass(frozen=True)
class Run:
    """One process of schemathesis that has ended: its code, what it said, and each answer that it got."""

    code: int
    said: str
    answers: Counter[tuple[str, int]]


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    """A broker that has what the configuration names: connections of several kinds and statuses."""
    console = io.StringIO()
    with Stack(Options(schedule_period=1, demo_options=["--controls"]), Console(console)) as stack:
        broker = Broker(stack)
        machine = {"grant_type": "client_credentials", "authorization": None, "scopes": SCOPES[:1]}
        broker.register(resource_id="machine", **machine)
        broker.ask("machine", connection_id="ada")
        broker.register(resource_id="acme-crm", require_confirmation=False)
        Browser().connect(broker.ask("acme-crm", connection_id="ada")["start_url"])
        broker.ask("acme-crm", connection_id="pending")
        broker.register(resource_id="person", signing_keys=[{"alg": "ES256", "generate": True}])
        asked = broker.ask("person", connection_id="waiting", return_url=broker.landing, user="ada")
        Browser().connect(asked["start_url"])
        yield Api(broker.url, console)


@pytest.fixture(scope="session")
def runs(api: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All runs, ended."""
    folder = tmp_path_factory.mktemp("schemathesis")
    cases = ("--max-examples", CASES) if CASES else ("--max-examples", "15", "--generation-deterministic")
    started = {
        name: begin(api, folder / f"{name}.har", (*cases, *arguments)) for name, arguments in RUNS.items()
    }
    return {name: ended(process, folder / f"{name}.har") for name, process in started.items()}


def begin(
    api: Api, report: Path, arguments: tuple[str, ...], description: Path = PATH
) -> subprocess.Popen[str]:
    """Start schemathesis on an API."""
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIGURATION}"]
    options = [f"--url={api.url}", "--no-color", "--report=har", f"--report-har-path={report}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [*command, "run", str(description), *options, *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def ended(process: subprocess.Popen[str], report: Path) -> Run:
    """Wait for a run, and read what it was answered."""
    said, _ = process.communicate()
    entries = json.loads(report.read_text("utf-8"))["log"]["entries"] if report.exists() else []
    return Run(process.returncode, said, Counter(answer_of(entry) for entry in entries))


def answer_of(entry: dict[str, dict[str, str]]) -> tuple[str, int]:
    """The operation and the status of one exchange in a report."""
    request = entry["request"]
    operation = operation_of(request["method"], urlsplit(request["url"]).path)
    name = operation.definition["operationId"] if operation else ""
    return name, int(entry["response"]["status"])


@pytest.mark.parametrize("name", RUNS)
def test_every_answer_is_described(name: str, runs: dict[str, Run], api: Api) -> None:
    """No 500, no status, header or body that the description has not, nothing invalid that is accepted."""
    assert runs[name].code == 0, f"{runs[name].said}\n{api.faults}"


def test_there_were_enough_cases(runs: dict[str, Run]) -> None:
    """At least 2,000, and no operation was only refused."""
    answers = sum((run.answers for run in runs.values()), Counter[tuple[str, int]]())
    assert answers.total() >= FEWEST
    succeeded = {name for (name, status) in answers if status < 400}
    wanted = {operation.definition["operationId"] for operation in operations()}
    assert wanted - succeeded == NEED_A_BROWSER | NEED_AN_ISSUER


def test_an_untrue_description_is_noticed(api: Api, tmp_path: Path) -> None:
    """Were another word the healthy one, the run would fail."""
    untrue = json.loads(json.dumps(DOCUMENT))
    untrue["components"]["schemas"]["Health"]["properties"]["status"]["const"] = "fine"
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(untrue), "utf-8")
    arguments = ("--phases", "examples,coverage", "--include-operation-id=getHealth")
    run = ended(begin(api, tmp_path / "untrue.har", arguments, path), tmp_path / "untrue.har")
    assert (run.code, "Response violates schema" in run.said) == (1, True), run.said
