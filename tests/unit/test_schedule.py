"""Shards, refresh times, backoff."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.schedule import (
    LONGEST_BACKOFF,
    backoff,
    lead,
    needed_ttl,
    refresh_time,
    shard_names,
    shard_of,
)
from tests.doubles.samples import NOW

DRAWS = st.floats(min_value=0, max_value=1, exclude_max=True)
PERIODS = st.integers(min_value=1, max_value=3600)


@pytest.mark.parametrize(
    "lifetime, period, expected",
    [(300, 60, 120), (1440, 60, 120), (1800, 60, 150), (3600, 60, 300), (86_400, 60, 300), (40, 5, 10)],
)
def test_the_lead_is_a_twelfth_within_bounds(lifetime: int, period: int, expected: int) -> None:
    """A token is refreshed a twelfth of its lifetime before its end, at least 2 periods and at most 5."""
    assert lead(lifetime, period) == expected


@pytest.mark.parametrize(
    "lifetime, draw, expected",
    [
        (None, 0.0, None),
        (299, 0.0, None),
        (300, 0.0, 180),
        (3600, 0.0, 3300),
        (3600, 0.5, 2700),
        (3600, 0.999, 2102),
    ],
)
def test_the_refresh_time(lifetime: int | None, draw: float, expected: int | None) -> None:
    """It is expiry less lead and jitter; a token that lives under 5 periods is refreshed when it is read."""
    expires_at = None if lifetime is None else NOW + lifetime
    due = refresh_time(issued_at=NOW, expires_at=expires_at, period=60, draw=draw)
    assert due == (None if expected is None else NOW + expected)


@given(lifetime=st.integers(min_value=1, max_value=10**9), period=PERIODS, draw=DRAWS)
def test_a_refresh_has_time(lifetime: int, period: int, draw: float) -> None:
    """It is due after a quarter of the lifetime, and 2 periods before its end; short ones never."""
    due = refresh_time(issued_at=NOW, expires_at=NOW + lifetime, period=period, draw=draw)
    if lifetime < 5 * period:
        assert due is None
    else:
        assert due is not None
        assert NOW + lifetime * 0.26 <= due <= NOW + lifetime - 2 * period


def test_what_was_connected_together_is_not_refreshed_together() -> None:
    """The jitter spreads an hour's tokens over a third of it."""
    due = [refresh_time(issued_at=0, expires_at=3600, period=60, draw=n / 100) for n in range(100)]
    assert len(set(due)) == 100
    assert max(d for d in due if d) - min(d for d in due if d) > 1100


@pytest.mark.parametrize(
    "failures, retry_after, draw, expected",
    [
        (1, None, 0.5, 60),
        (2, None, 0.5, 120),
        (6, None, 0.5, 1920),
        (7, None, 0.5, 3600),
        (500, None, 0.5, 3600),
        (1, None, 0.0, 30),
        (7, None, 0.999, 5396),
        (1, 90, 0.5, 90),
        (3, 90, 0.5, 240),
        (1, 86_400, 0.5, 3600),
        (1, 0, 0.5, 60),
    ],
)
def test_the_backoff(failures: int, retry_after: int | None, draw: float, expected: int) -> None:
    """It doubles from a period to an hour, give or take half; Retry-After is honoured up to that hour."""
    assert backoff(failures=failures, retry_after=retry_after, period=60, draw=draw) == expected


@given(
    failures=st.integers(min_value=1, max_value=10**6),
    retry_after=st.none() | st.integers(min_value=0, max_value=10**6),
    period=PERIODS,
    draw=DRAWS,
)
def test_the_backoff_has_bounds(failures: int, retry_after: int | None, period: int, draw: float) -> None:
    """Nobody is asked again at once, and nobody is given up for more than an hour and a half."""
    wait = backoff(failures=failures, retry_after=retry_after, period=period, draw=draw)
    assert max(1, min(period, LONGEST_BACKOFF) // 2) <= wait <= LONGEST_BACKOFF * 1.5
    assert wait >= min(retry_after or 0, LONGEST_BACKOFF)


@pytest.mark.parametrize(
    "min_ttl, lifetime, expected",
    [(60, 3600, 60), (3600, 3600, 1800), (9999, 86_400, 3600), (9999, None, 3600), (60, 40, 20), (0, 40, 0)],
)
def test_the_time_that_must_be_left(min_ttl: int, lifetime: int | None, expected: int) -> None:
    """What a reader asks for counts at most an hour and half of the lifetime."""
    assert needed_ttl(min_ttl, lifetime) == expected


@given(connection_id=st.text(min_size=1), shards=st.integers(min_value=1, max_value=256))
def test_a_shard_has_a_name(connection_id: str, shards: int) -> None:
    """Every connection stands in one of the shards that are asked."""
    assert shard_of("acme", connection_id, shards) in shard_names(shards)


def test_shards_are_filled_evenly() -> None:
    """No shard has twice its part."""
    filled = Counter(shard_of("acme", f"c{number}", 16) for number in range(4000))
    assert len(filled) == 16
    assert max(filled.values()) < 500
