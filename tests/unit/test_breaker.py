"""The circuit breaker: every state with everything that a call can tell, and how long each pause is."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.breaker import (
    CLIENT_LEVEL,
    LONGEST_PAUSE,
    LONGEST_TROUBLE,
    MOST_AT_ONCE,
    NEXT,
    OF_ONE_ADDRESS,
    TOLD_BY,
    WIDER_AFTER,
    Call,
    State,
    Step,
    Streak,
    Told,
    after,
    longest_wait,
    probed,
    state_of,
    told_by,
)
from oauth_broker.pause import Pause
from oauth_broker.protocol.failure import Failure, FailureCategory
from oauth_broker.schedule import LONGEST_BACKOFF

NOW: Final = 1_800_000_000
PERIOD: Final = 60

LIMIT: Final = Failure(FailureCategory.RATE_LIMITED, "slow_down", "so many", 429)
CLIENT: Final = Failure(FailureCategory.INVALID_CLIENT, "invalid_client", "who are you", 401)
BARE_401: Final = Failure(FailureCategory.INVALID_CLIENT, http_status=401)
DOWN: Final = Failure(FailureCategory.PROVIDER_UNAVAILABLE, http_status=503)
GONE: Final = Failure(FailureCategory.GRANT_GONE, "invalid_grant")
FORBIDDEN: Final = Failure(FailureCategory.EGRESS_REFUSED)

CLOSED: Final = None
OPEN: Final = Pause(NOW - 100, NOW + 50, 2, "rate_limited")
ENDED: Final = Pause(NOW - 100, NOW, 2, "rate_limited")
PROBED: Final = Pause(NOW - 100, NOW + 30, 2, "rate_limited", probed=True)


def went(
    pause: Pause | None,
    failure: Failure | None,
    streak: Streak = Streak(),  # noqa: B008 - a value
    *,
    retry_after: int | None = None,
    timed_out: bool = False,
    alike: bool = True,
    began: float = NOW,
    draw: float = 0.5,
) -> tuple[Pause | None, Streak]:
    """Give what is known after a call that ended now."""
    call = Call(began, failure, retry_after, timed_out=timed_out)
    return after(pause, streak, call, alike=alike, now=NOW, period=PERIOD, draw=draw)


def test_the_tables_are_complete() -> None:
    """Nothing that can happen is without an entry."""
    assert set(NEXT) == set(product(State, Told))
    assert set(TOLD_BY) == set(FailureCategory)
    assert set(OF_ONE_ADDRESS) == set(Told)


@pytest.mark.parametrize(
    "pause, state",
    [(CLOSED, State.CLOSED), (OPEN, State.OPEN), (ENDED, State.HALF_OPEN), (PROBED, State.HALF_OPEN)],
)
def test_a_pause_means_a_state(pause: Pause | None, state: State) -> None:
    """It is half open once its end has come, and while somebody finds out."""
    assert state_of(pause, NOW) is state


# (the pause before, what a call told) → the state after it, and how many pauses in a row it is
WALK: Final = [
    (CLOSED, None, State.CLOSED, 0),
    (CLOSED, GONE, State.CLOSED, 0),
    (CLOSED, LIMIT, State.OPEN, 1),
    (CLOSED, CLIENT, State.OPEN, 1),
    (CLOSED, BARE_401, State.CLOSED, 0),
    (CLOSED, DOWN, State.CLOSED, 0),
    (CLOSED, FORBIDDEN, State.CLOSED, 0),
    (OPEN, None, State.CLOSED, 0),
    (OPEN, GONE, State.CLOSED, 0),
    (OPEN, LIMIT, State.OPEN, 2),
    (OPEN, CLIENT, State.OPEN, 2),
    (OPEN, DOWN, State.OPEN, 2),
    (OPEN, FORBIDDEN, State.OPEN, 2),
    *(
        (half, failure, state, times)
        for half in (ENDED, PROBED)
        for failure, state, times in (
            (None, State.CLOSED, 0),
            (GONE, State.CLOSED, 0),
            (LIMIT, State.OPEN, 3),
            (CLIENT, State.OPEN, 3),
            (BARE_401, State.OPEN, 3),
            (DOWN, State.OPEN, 3),
            (FORBIDDEN, State.HALF_OPEN, 2),
        )
    ),
]


@pytest.mark.parametrize("pause, failure, state, times", WALK)
def test_every_state_with_every_call(
    pause: Pause | None, failure: Failure | None, state: State, times: int
) -> None:
    """An answer closes it, whatever it says of its own grant; a probe in vain opens it anew, for longer."""
    found, _ = went(pause, failure)
    assert state_of(found, NOW) is state
    assert (0 if found is None else found.times) == times


def test_the_walk_is_whole() -> None:
    """Each state stands in it with each thing that a call can tell."""
    told = {(state_of(pause, NOW), told_by(failure, alike=True)) for pause, failure, _, _ in WALK}
    assert told == set(NEXT)


@pytest.mark.parametrize("pause", [OPEN, ENDED, PROBED])
@pytest.mark.parametrize("failure", [None, GONE, LIMIT, CLIENT, DOWN])
def test_what_was_sent_before_a_pause_tells_nothing_of_it(pause: Pause, failure: Failure | None) -> None:
    """Of eight calls under way the limit met one first: the others' answers neither end nor lengthen it."""
    assert went(pause, failure, began=pause.since) == (pause, Streak())
    assert went(pause, None, began=pause.since + 0.1)[0] is None


@pytest.mark.parametrize(
    "failure, timed_out, calls",
    [(DOWN, False, 5), (DOWN, True, 3), (BARE_401, False, 5)],
)
def test_trouble_counts(failure: Failure, timed_out: bool, calls: int) -> None:
    """Five in a row open it, three where each cost the whole deadline; an answer between starts anew."""
    streak = Streak()
    for count in range(1, calls + 1):
        pause, streak = went(None, failure, streak, timed_out=timed_out)
        assert (pause is not None) == (count == calls)
    streak = Streak()
    for _ in range(4):
        _, streak = went(None, failure, streak, timed_out=timed_out)
        pause, streak = went(None, GONE, streak)
        assert pause is None


@pytest.mark.parametrize(
    "failure, told",
    [(LIMIT, Told.NOTHING), (DOWN, Told.NOTHING), (BARE_401, Told.NOTHING), (CLIENT, Told.TROUBLE)],
)
def test_a_tenants_trouble_is_its_own(failure: Failure, told: Told) -> None:
    """Where each connection has its own token URL, only that the client is refused counts, five times."""
    assert told_by(failure, alike=False) is told
    streak = Streak()
    for _ in range(4):
        pause, streak = went(None, failure, streak, alike=False)
        assert pause is None
    assert (went(None, failure, streak, alike=False)[0] is not None) == (failure is CLIENT)


@pytest.mark.parametrize(
    "failure, times, retry_after, draw, seconds",
    [
        (LIMIT, 0, 7, 0.5, 7),
        (LIMIT, 4, 7, 0.5, 7),
        (LIMIT, 0, 10**6, 0.5, LONGEST_PAUSE),
        (LIMIT, 0, None, 0.0, 30),
        (LIMIT, 0, 0, 0.0, 30),
        (LIMIT, 0, None, 0.5, 45),
        (LIMIT, 9, None, 0.999, 899),
        (DOWN, 1, None, 0.0, 60),
        (DOWN, 1, 300, 0.0, 300),
        (DOWN, 20, None, 0.0, LONGEST_TROUBLE // 2),
        (CLIENT, 0, None, 0.0, 30),
        (CLIENT, 20, None, 0.0, LONGEST_PAUSE // 2),
    ],
)
def test_the_length_of_a_pause(
    failure: Failure, times: int, retry_after: int | None, draw: float, seconds: int
) -> None:
    """What a limit asks for, to an hour; else doubling from a period: an outage's end is found out sooner."""
    before = replace(ENDED, times=times) if times else None
    streak = Streak(in_vain=4)
    pause, _ = went(before, failure, streak, retry_after=retry_after, draw=draw)
    assert pause is not None
    assert pause.until - NOW == seconds


def test_a_pause_says_why_and_since_when() -> None:
    """In the provider's words; a longer one keeps the day it began."""
    pause, _ = went(None, LIMIT, retry_after=9)
    assert pause == Pause(NOW, NOW + 9, 1, "rate_limited", "slow_down", "so many", 429)
    again, _ = went(ENDED, CLIENT)
    assert again is not None
    assert (again.since, again.category, again.times) == (ENDED.since, "invalid_client", 3)


def test_a_limit_narrows_and_answers_widen() -> None:
    """One call at a time after a limit; one more at once when twenty times as many were answered."""
    pause, streak = went(None, LIMIT, retry_after=9)
    assert streak.at_once == 1
    pause, streak = went(replace(ENDED, since=NOW - 9), None, streak)
    needed = []
    while streak.at_once < MOST_AT_ONCE:
        width, count = streak.at_once, 0
        while streak.at_once == width:
            pause, streak = went(pause, None, streak)
            count += 1
        needed.append(count)
    assert needed == [WIDER_AFTER - 1, *(WIDER_AFTER * width for width in range(2, MOST_AT_ONCE))]
    assert went(None, None, streak)[1].at_once == MOST_AT_ONCE
    assert went(None, DOWN, Streak(in_vain=4, at_once=3))[1] == Streak(at_once=3)


def test_the_right_to_a_probe_ends() -> None:
    """Whoever has it may die."""
    claimed = probed(ENDED, now=NOW, hold=30)
    assert (claimed.until, claimed.probed, claimed.times) == (NOW + 30, True, ENDED.times)
    assert state_of(claimed, NOW + 31) is State.HALF_OPEN


@pytest.mark.parametrize(
    "failure, alike, longest",
    [
        (LIMIT, True, PERIOD),
        (CLIENT, True, PERIOD),
        (DOWN, True, LONGEST_TROUBLE),
        (BARE_401, True, LONGEST_TROUBLE),
        (GONE, True, LONGEST_BACKOFF),
        (FORBIDDEN, True, LONGEST_BACKOFF),
        (LIMIT, False, LONGEST_BACKOFF),
        (DOWN, False, LONGEST_BACKOFF),
    ],
)
def test_how_long_the_one_that_was_called_waits(failure: Failure, alike: bool, longest: int) -> None:
    """Not long where the whole resource waits: it should go soon after that has healed."""
    assert longest_wait(failure, alike=alike, period=PERIOD) == longest


@given(
    failures=st.lists(st.sampled_from([None, GONE, LIMIT, CLIENT, DOWN, BARE_401, FORBIDDEN]), max_size=60),
    retry_after=st.none() | st.integers(0, 10**7),
    draw=st.floats(0, 1, exclude_max=True),
    alike=st.booleans(),
)
def test_a_pause_has_bounds(
    failures: list[Failure | None], retry_after: int | None, draw: float, alike: bool
) -> None:
    """Whatever came: it is an hour long at most, and then an answer ends it."""
    pause, streak, now = None, Streak(), float(NOW)
    for failure in failures:
        now += 1
        call = Call(now, failure, retry_after)
        pause, streak = after(pause, streak, call, alike=alike, now=now, period=PERIOD, draw=draw)
        assert 1 <= streak.at_once <= MOST_AT_ONCE
        if pause is not None:
            assert pause.until <= now + 1 + LONGEST_PAUSE
            assert pause.times >= 1
            now = max(now, float(pause.until))
    pause, _ = after(pause, streak, Call(now + 2), alike=alike, now=now + 2, period=PERIOD, draw=draw)
    assert pause is None


def test_client_level_is_what_a_person_mends() -> None:
    """The categories that an alarm is built on."""
    assert {str(one) for one in CLIENT_LEVEL} == {"invalid_client", "unauthorized_client"}
    assert {one for one, told in TOLD_BY.items() if told is Told.CLIENT_REFUSED} == CLIENT_LEVEL


def test_no_step_is_unused() -> None:
    """Each stands in the table."""
    assert set(NEXT.values()) == set(Step)
