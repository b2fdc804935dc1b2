"""Deployments of 1, 10 and 100 million connections, refreshed hourly: simulated from what was measured.

The settings here are those that docs/scale.md and the README recommend. With RECORD=1 the chart of
docs/scale.md is drawn anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.benchmarks.scale.chart import Chart, Line
from tests.benchmarks.scale.prices import provisioned_writes
from tests.benchmarks.scale.shard import PERIOD, Setting
from tests.benchmarks.scale.study import Point, measurements, simulated
from tests.servers.programs import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD: Final = os.environ.get("RECORD") == "1"
CHART: Final = CHECKOUT / "docs" / "scale.svg"
MILLION: Final = 1_000_000
LEAD: Final = 300
"""Seconds that an hourly token still lives when its refresh is due at the latest."""

PROVIDERS: Final = 50
RECOMMENDED: Final[Mapping[str, tuple[int, Setting]]] = {
    "1 M": (1, Setting(1 * MILLION, 16, 1024, 128, PROVIDERS)),
    "10 M": (1, Setting(10 * MILLION, 128, 1024, 1024, PROVIDERS)),
    "100 M": (3, Setting(100 * MILLION // 3, 256, 1769, 2048, PROVIDERS)),
}
"""Size → how many stacks, and the setting of each."""

TOO_MANY: Final = Setting(100 * MILLION, 256, 1769, 2048, PROVIDERS)
ONE_PROVIDER: Final = Setting(1 * MILLION, 16, 1024, 128, 1)
MEMORIES: Final = (512, 1024, 1769)
IN_A_SHARD: Final = (25_000, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000)


@pytest.fixture(scope="module")
def measured() -> Mapping[str, Any]:
    """What was measured with the real worker."""
    return measurements()


@pytest.mark.parametrize("size", RECOMMENDED)
def test_the_recommended_setting_of_a_size_keeps_up(size: str, measured: Mapping[str, Any]) -> None:
    """No token expires, all but one in a hundred are refreshed within two periods, and nothing is used up."""
    stacks, setting = RECOMMENDED[size]
    point = simulated(setting, measured, stacks)
    report(f"{size}, {stacks} × {setting.shards} shards", point)
    assert point.outcome.expired == 0
    assert point.outcome.percentile(0.99) <= 2 * PERIOD
    assert point.loads[0].share <= 0.8


def test_one_stack_is_too_small_for_a_hundred_million(measured: Mapping[str, Any]) -> None:
    """Its workers are at work all the time, tokens expire, and the table would need more than its quota."""
    point = simulated(TOO_MANY, measured)
    report("100 M in one stack", point)
    used_up = {load.what for load in point.loads if load.share > 0.95}
    assert used_up == {"a shard's worker, of the time", "writes a second of the table, quota"}
    assert point.outcome.expired > 0


def test_one_provider_has_a_quarter_of_the_threads(measured: Mapping[str, Any]) -> None:
    """With a single provider a shard's worker has eight threads: 16 shards do for a million connections."""
    point = simulated(ONE_PROVIDER, measured)
    report("1 M at one provider", point)
    assert point.outcome.expired == 0
    more = simulated(replace(ONE_PROVIDER, connections=4 * MILLION), measured)
    report("4 M at one provider", more)
    assert more.outcome.expired > 0


def test_lateness_by_load(measured: Mapping[str, Any]) -> None:
    """Until its worker is full a shard's slowest refresh waits for the next period, and no longer."""
    lines = []
    for memory in MEMORIES:
        points = []
        for connections in IN_A_SHARD:
            found = simulated(Setting(connections, 1, memory, 8, PROVIDERS), measured)
            points.append((float(connections), float(found.outcome.percentile(0.99))))
            report(f"{connections} in a shard", found)
        assert points[0][1] <= 2 * PERIOD
        lines.append(Line(f"{memory:,} MB", points))
    if RECORD:
        CHART.write_text(chart(lines).svg(), "utf-8")


def chart(lines: list[Line]) -> Chart:
    """Seconds late against connections in a shard."""
    return Chart(
        title="How late the slowest hundredth is refreshed, by connections in a shard (hourly tokens)",
        x_title="connections in a shard; × Shards for the whole table",
        y_title="seconds late, 99th percentile",
        x_most=max(IN_A_SHARD),
        y_most=2 * LEAD,
        x_steps=[(count, f"{count // 1000}k") for count in range(0, max(IN_A_SHARD) + 1, 50_000)],
        y_steps=[(seconds, str(seconds)) for seconds in range(0, 2 * LEAD + 1, 100)],
        lines=lines,
        levels=[(LEAD, "tokens begin to expire")],
    )


def report(name: str, point: Point) -> None:
    """Prints what a simulated setting came to; refreshes and money are of all stacks."""
    setting, outcome = point.setting, point.outcome
    money = {what: round(dollars) for what, dollars in point.dollars.items()}
    late = f"{outcome.percentile(0.5)}/{outcome.percentile(0.99)}/{outcome.late[-1]}"
    print(  # noqa: T201 - the report
        f"\n{name}: {setting.memory} MB, {point.refreshes * point.stacks:.0f} refreshes/s, "
        f"late p50/p99/max {late} s, {outcome.expired} expired, worker {outcome.utilisation:.0%} busy, "
        f"processor {outcome.cpu / outcome.busy / setting.vcpu:.0%}"
    )
    print("  " + "; ".join(f"{load.what} {load.share:.1%}" for load in point.loads))  # noqa: T201
    print(  # noqa: T201
        f"  ${sum(money.values()):,} a month: {money}; "
        f"writes provisioned instead ${provisioned_writes(point.usage) * point.stacks:,.0f}"
    )
