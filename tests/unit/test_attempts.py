"""The ring of attempts: what is packed comes back, the oldest goes first, and a consent is never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.attempts import (
    CODES,
    CONNECTED,
    LONGEST_MS,
    MOST,
    OTHER,
    REFRESHED,
    PastAttempt,
    attempts_of,
    ended,
    lapsed,
    ring_with,
)
from oauth_broker.connection import Connection
from oauth_broker.errors import BrokerError, ProviderError
from oauth_broker.protocol.failure import FailureCategory
from tests.doubles.samples import NOW, NOW_MS, connection, lease

ATTEMPTS = st.builds(
    PastAttempt,
    at=st.integers(min_value=0, max_value=2**32 - 1),
    outcome=st.sampled_from(sorted(CODES)),
    by_worker=st.booleans(),
    duration_ms=st.none() | st.integers(min_value=0, max_value=LONGEST_MS),
)


def after(*attempts: PastAttempt, consented_at: int = 0) -> Connection:
    """Give a connection after these attempts, and then a consent."""
    made = connection(consented_at=0)
    for attempt in attempts:
        made = replace(made, attempts=ring_with(made, attempt))
    return replace(made, consented_at=consented_at)


def refreshed(at: int) -> PastAttempt:
    """Give a refresh by the schedule."""
    return PastAttempt(at, REFRESHED, by_worker=True, duration_ms=200)


def categories(error: type[BrokerError]) -> set[str]:
    """Give the categories of an error and of all that are one, but for the provider's."""
    if error is ProviderError:
        return set()
    return {error.category}.union(*map(categories, error.__subclasses__()))


@given(attempts=st.lists(ATTEMPTS, max_size=MOST + 5))
def test_what_is_packed_comes_back(attempts: list[PastAttempt]) -> None:
    """The last twenty, oldest first, in eight bytes each: fails with a ring that keeps the first twenty."""
    made = after(*attempts)
    assert attempts_of(made) == attempts[-MOST:]
    assert len(made.attempts) == 8 * min(len(attempts), MOST)


@pytest.mark.parametrize(
    "attempt, kept",
    [
        (PastAttempt(NOW, REFRESHED, duration_ms=LONGEST_MS + 1), {"duration_ms": LONGEST_MS}),
        (PastAttempt(NOW, REFRESHED, duration_ms=10**9), {"duration_ms": LONGEST_MS}),
        (PastAttempt(NOW, REFRESHED, duration_ms=-1), {"duration_ms": 0}),
        (PastAttempt(2**32, REFRESHED), {"at": 2**32 - 1}),
        (PastAttempt(-1, REFRESHED), {"at": 0}),
        (PastAttempt(NOW, "of a later release"), {"outcome": OTHER}),
    ],
)
def test_what_is_out_of_bounds_is_cut(attempt: PastAttempt, kept: dict[str, object]) -> None:
    """A clock that is wrong, or a name that has no number, never fails a write."""
    assert attempts_of(after(attempt)) == [replace(attempt, **kept)]  # type: ignore[arg-type]


def test_a_ring_of_a_later_release_is_read() -> None:
    """An unknown number reads as `other`, stays what it is in the table, and loose bytes harm nothing."""
    foreign = NOW.to_bytes(4) + b"\x00\x07\xfe\x03"
    made = replace(after(refreshed(NOW - 60)), consented_at=0)
    made = replace(made, attempts=made.attempts + foreign)
    made = replace(made, attempts=ring_with(made, refreshed(NOW + 60)))
    assert attempts_of(made)[1] == PastAttempt(NOW, OTHER, by_worker=True, duration_ms=7)
    assert foreign in made.attempts
    assert attempts_of(replace(made, attempts=made.attempts + b"loose")) == attempts_of(made)


def test_no_number_has_two_meanings() -> None:
    """Numbers that are in tables stand for good: this list may grow, and must not change."""
    assert sorted(CODES.values()) == list(range(len(CODES)))
    assert list(CODES)[:22] == [
        *("other", "refreshed", "connected", "grant_gone", "rate_limited", "provider_unavailable"),
        *("redirected", "invalid_client", "unauthorized_client", "refused", "unusable_answer"),
        *("egress_refused", "not_connected", "outcome_unknown", "ran_out", "cannot_be_opened"),
        *("sealing_unavailable", "store_unavailable", "unfit", "unfit_value", "unfit_template", "broken"),
    ]
    assert list(CODES.values()) == sorted(CODES.values())


def test_every_reason_has_a_number() -> None:
    """What a provider can do, and what can fail before it is asked."""
    assert {str(category) for category in FailureCategory} <= CODES.keys()
    ours = categories(BrokerError)
    assert "sealing_unavailable" in ours
    assert ours <= CODES.keys()


@pytest.mark.parametrize(
    "before, consented_at, shown",
    [
        ((), 0, []),
        ((), NOW_MS + 999, [(NOW, CONNECTED)]),
        ((NOW - 60,), NOW_MS, [(NOW - 60, REFRESHED), (NOW, CONNECTED)]),
        # confirmed minutes after the browser came back
        ((NOW - 60, NOW + 60), NOW_MS, [(NOW - 60, REFRESHED), (NOW, CONNECTED), (NOW + 60, REFRESHED)]),
        # older than all that is kept
        (tuple(range(NOW, NOW + MOST)), NOW_MS - 1000, [(NOW + n, REFRESHED) for n in range(MOST)]),
        # among twenty it takes the oldest's place
        (
            tuple(range(NOW, NOW + MOST)),
            NOW_MS + MOST * 1000,
            [*[(NOW + n, REFRESHED) for n in range(1, MOST)], (NOW + MOST, CONNECTED)],
        ),
    ],
)
def test_a_consent_stands_at_its_time(
    before: tuple[int, ...], consented_at: int, shown: list[tuple[int, str]]
) -> None:
    """Though its commit did not add to the ring: fails where the entry is put at the end."""
    made = after(*map(refreshed, before), consented_at=consented_at)
    assert [(attempt.at, attempt.outcome) for attempt in attempts_of(made)] == shown


def test_a_consent_is_kept_by_the_next_attempt() -> None:
    """Once, however often it is read, and after the next consent as well."""
    made = after(consented_at=NOW_MS)
    for at in (NOW + 60, NOW + 120):
        made = replace(made, attempts=ring_with(made, refreshed(at)))
    made = replace(made, consented_at=NOW_MS + 180_000)
    made = replace(made, attempts=ring_with(made, refreshed(NOW + 240)))
    assert [(attempt.at - NOW, attempt.outcome) for attempt in attempts_of(made)] == [
        (0, CONNECTED),
        (60, REFRESHED),
        (120, REFRESHED),
        (180, CONNECTED),
        (240, REFRESHED),
    ]


@pytest.mark.parametrize("by_worker", [True, False])
def test_an_attempt_lasts_from_its_lease(by_worker: bool) -> None:
    """Whoever took it; nobody knows how long a holder lived who never ended it."""
    mine = replace(lease(taken=NOW + 0.25), by_worker=by_worker)
    assert ended("refused", mine, now=NOW + 1.5) == PastAttempt(NOW + 1, "refused", by_worker, 1250)
    assert lapsed(mine, now=NOW + 31.5) == PastAttempt(NOW + 31, "outcome_unknown", by_worker, None)
