"""What a refresh costs, measured with the real worker on a full table.

CONNECTIONS (default 100,000) lie in the table and DUE (default 6,000) of them are refreshed in each run. With
RECORD=1 the figures are kept in tests/benchmarks/measured.json, which the study of scale begins with.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.benchmarks.refreshes import handshakes
from tests.benchmarks.refreshes.measured import DELAY_MS, ENDPOINTS, SHARDS, Run, bench
from tests.servers.dynamodb_local import serving
from tests.servers.programs import MissingProgramError, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS: Final = int(os.environ.get("CONNECTIONS") or 100_000)
DUE: Final = int(os.environ.get("DUE") or 6_000)
RECORD: Final = os.environ.get("RECORD") == "1"
PROCESSES: Final = (1, 2, 4)
JWT_BYTES: Final = 1_200
FEW: Final = 400
GOAL: Final = 4
"""Write units that a refresh of an item of at most 1 KB may consume."""

KEPT: Final = Path(__file__).parents[1] / "measured.json"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[str]:
    """A DynamoDB Local of its own: full tables are slow to leave behind."""
    try:
        with serving() as url:
            yield url
    except MissingProgramError as error:
        unavailable(error)


def test_what_a_refresh_costs(dynamodb: str, tmp_path: Path) -> None:
    """Every connection that was due is refreshed, each with one call, for no more units than the goal."""
    with bench(dynamodb, CONNECTIONS) as prepared:
        runs = [prepared.run(processes, DUE) for processes in PROCESSES]
        counted = prepared.run(1, DUE, count=True)
        calls = prepared.providers.ask("")
        item_bytes = prepared.item_bytes
    for run in (*runs, counted):
        assert run.refreshed == DUE
        assert not run.logged["failed_lines"]
    assert calls == {"refreshed": DUE * (len(runs) + 1), "refused": 0}
    assert item_bytes <= 1024
    assert counted.units()["writes"] <= GOAL
    with bench(dynamodb, FEW, JWT_BYTES) as prepared:
        long_tokens = {"item_bytes": prepared.item_bytes, **prepared.run(1, FEW, count=True).units()}
    report = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores {platform.machine()}",
        "load_before": round(LOAD, 1),
        "python": platform.python_version(),
        "connections": CONNECTIONS,
        "endpoints": ENDPOINTS,
        "answer_ms": DELAY_MS,
        "shards": SHARDS,
        "item_bytes": item_bytes,
        "runs": [run.report() for run in runs],
        "units": counted.units(),
        "units_of_long_tokens": long_tokens,
        "tls_handshake_cpu_ms": round(handshakes.cpu_ms(tmp_path), 2),
    }
    print(f"\n{table(runs)}\n{json.dumps(report, indent=2)}")  # noqa: T201 - the report
    if RECORD:
        KEPT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


LOAD: Final = os.getloadavg()[0]
"""When the benchmark began: of others, if it is more than a little."""


def table(runs: list[Run]) -> str:
    """The runs, aligned."""
    rows: list[dict[str, Any]] = [run.report() for run in runs]
    return "\n".join(
        ["  ".join(rows[0]), *("  ".join(f"{row[name]:>{len(name)}}" for name in row) for row in rows)]
    )
