"""What was connected in the same few minutes is not refreshed in the same few for ever."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from oauth_broker.schedule import refresh_time

if TYPE_CHECKING:
    from collections.abc import Mapping

PERIOD: Final = 60
DRAWS: Final = 1200
CONNECTED_IN: Final = 10
DAY: Final = 24 * 60


def minutes_to_refresh(lifetime: int, draws: int) -> Mapping[int, float]:
    """The minutes from a token set's issue to its refresh, each with its probability.

    The worker comes once a period and takes what is due by then.
    """
    times = [
        refresh_time(issued_at=0, expires_at=lifetime, period=PERIOD, draw=number / draws)
        for number in range(draws)
    ]
    counted = Counter(-(-time // PERIOD) for time in times if time is not None)
    return {minutes: count / draws for minutes, count in counted.items()}


def refreshed_by_minute(later: Mapping[int, float], until: int) -> list[float]:
    """The share of the connections that is refreshed in each minute; all were made in the first few."""
    issued = [0.0] * (until + max(later) + 1)
    for minute in range(CONNECTED_IN):
        issued[minute] = 1 / CONNECTED_IN
    refreshed = [0.0] * len(issued)
    for minute in range(until):
        for after, probability in later.items():
            refreshed[minute + after] += (issued[minute] + refreshed[minute]) * probability
    return refreshed[:until]


def busiest(lifetime: int, draws: int = DRAWS) -> float:
    """The busiest minute of the cycle that begins after a day, over that cycle's mean."""
    cycle = refreshed_by_minute(minutes_to_refresh(lifetime, draws), DAY + lifetime // PERIOD)[DAY:]
    return max(cycle) / (sum(cycle) / len(cycle))


@pytest.mark.parametrize("lifetime", [1800, 3600, 7200])
def test_after_a_day_no_minute_is_much_busier_than_the_mean(lifetime: int) -> None:
    """Expected over all draws, exactly; with one draw for all, the burst of the first day stays."""
    assert busiest(lifetime) <= 1.2
    assert busiest(lifetime, draws=1) >= 3
