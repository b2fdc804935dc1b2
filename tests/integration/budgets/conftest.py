"""A stack without a schedule: nothing calls AWS there but what a test does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.integration.budgets.measured import Ledger, Measuring
from tests.integration.circle.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """What was counted, printed at the end (`pytest -s`)."""
    kept = Ledger()
    yield kept
    print(f"\n{kept.table()}")  # noqa: T201 - the table is what `-s` is for


@pytest.fixture(scope="session")
def measuring(ledger: Ledger) -> Iterator[Measuring]:
    """The stack whose functions are counted."""
    options = Options(schedule=False, demo_options=["--controls"], extra_env={"SHARDS": "1"})
    with Stack(options, Console(io.StringIO())) as stack:
        yield Measuring(Broker(stack), ledger)
