"""The circuit breaker: what the outcome of one call says of a resource's next calls.

What is wrong with the provider, or with what it thinks of our client, is wrong for every connection of the
resource: asking again for each of them helps nobody and may cost the client its access. The states are those
of M. Nygard, "Release It!": closed (calls are made), open (none is), half open (one at a time finds out).
What concerns one grant alone never opens it. Times are epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final

from oauth_broker.pause import Pause
from oauth_broker.protocol.failure import FailureCategory
from oauth_broker.schedule import LONGEST_BACKOFF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.protocol.failure import Failure

TROUBLE_IN_A_ROW: Final = 5
TIMEOUTS_IN_A_ROW: Final = 3
"""A time-out costs its caller the whole deadline: fewer of them are enough."""

LONGEST_TROUBLE: Final = 900
"""Seconds: nobody tells us when an outage ends, and whom it hit should not wait long after it has."""

LONGEST_PAUSE: Final = 3600
MOST_AT_ONCE: Final = 8
WIDER_AFTER: Final = 20
"""Answers, times the calls at once, after which a provider that had set a limit gets one more at once.

Each of the calls under way may be one over the limit: so these are at most a twentieth of those that it took.
"""


class State(StrEnum):
    """The breaker's state, as the API says it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Told(Enum):
    """What the outcome of a call says of the calls for other connections."""

    ANSWERED = auto()
    """They will be answered: this one was, with tokens or with a refusal that is its grant's alone."""
    RATE_LIMITED = auto()
    """They are too many."""
    CLIENT_REFUSED = auto()
    """They will be refused: the client's credentials are, or its right to this grant type."""
    TROUBLE = auto()
    """They may fare no better."""
    NOTHING = auto()
    """Nothing: none was made."""


TOLD_BY: Final[Mapping[FailureCategory, Told]] = {
    FailureCategory.GRANT_GONE: Told.ANSWERED,
    FailureCategory.REFUSED: Told.ANSWERED,
    FailureCategory.RATE_LIMITED: Told.RATE_LIMITED,
    FailureCategory.INVALID_CLIENT: Told.CLIENT_REFUSED,
    FailureCategory.UNAUTHORIZED_CLIENT: Told.CLIENT_REFUSED,
    FailureCategory.PROVIDER_UNAVAILABLE: Told.TROUBLE,
    FailureCategory.REDIRECTED: Told.TROUBLE,
    FailureCategory.UNUSABLE_ANSWER: Told.TROUBLE,
    FailureCategory.NOT_CONNECTED: Told.TROUBLE,
    FailureCategory.OUTCOME_UNKNOWN: Told.TROUBLE,
    FailureCategory.EGRESS_REFUSED: Told.NOTHING,
}

OF_ONE_ADDRESS: Final[Mapping[Told, Told]] = {
    Told.ANSWERED: Told.ANSWERED,
    Told.RATE_LIMITED: Told.NOTHING,
    Told.CLIENT_REFUSED: Told.TROUBLE,
    Told.TROUBLE: Told.NOTHING,
    Told.NOTHING: Told.NOTHING,
}
"""What is told where each connection has a token URL of its own (`https://{{tenant}}.acme.test/token`).

One tenant's outage or limit is not the others'; that the client is refused may be one tenant's doing, and is
believed once several in a row say so.
"""

CLIENT_LEVEL: Final = frozenset({FailureCategory.INVALID_CLIENT, FailureCategory.UNAUTHORIZED_CLIENT})


class Step(Enum):
    """What becomes of the breaker."""

    STAY = auto()
    COUNT = auto()
    OPEN = auto()
    CLOSE = auto()


_CLOSED, _OPEN, _HALF = State.CLOSED, State.OPEN, State.HALF_OPEN

NEXT: Final[Mapping[tuple[State, Told], Step]] = {
    (_CLOSED, Told.ANSWERED): Step.CLOSE,
    (_CLOSED, Told.RATE_LIMITED): Step.OPEN,
    (_CLOSED, Told.CLIENT_REFUSED): Step.OPEN,
    (_CLOSED, Told.TROUBLE): Step.COUNT,
    (_CLOSED, Told.NOTHING): Step.STAY,
    # While it is open only what may not wait is called: a code exchange, a token that may have been spent.
    (_OPEN, Told.ANSWERED): Step.CLOSE,
    (_OPEN, Told.RATE_LIMITED): Step.STAY,
    (_OPEN, Told.CLIENT_REFUSED): Step.STAY,
    (_OPEN, Told.TROUBLE): Step.STAY,
    (_OPEN, Told.NOTHING): Step.STAY,
    (_HALF, Told.ANSWERED): Step.CLOSE,
    (_HALF, Told.RATE_LIMITED): Step.OPEN,
    (_HALF, Told.CLIENT_REFUSED): Step.OPEN,
    (_HALF, Told.TROUBLE): Step.OPEN,
    (_HALF, Told.NOTHING): Step.STAY,
}
"""(state, what a call told) → what becomes of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """How a call ended. `failure` is None where tokens came; `began` is when it was sent.

    `retry_after`: the seconds that the provider asked for. `timed_out`: its deadline ended it.
    """

    began: float
    failure: Failure | None = None
    retry_after: int | None = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Streak:
    """What a process saw of a resource's calls lately.

    `in_vain` calls in a row told of trouble, `timeouts` of them by running into their deadline. `at_once` is
    how many may be under way together, a limit having been met; `answered` how many were since it changed.
    """

    in_vain: int = 0
    timeouts: int = 0
    at_once: int = MOST_AT_ONCE
    answered: int = 0


def state_of(pause: Pause | None, now: float) -> State:
    """Give the state that a resource's pause means."""
    if pause is None:
        return State.CLOSED
    return State.HALF_OPEN if pause.probed or pause.until <= now else State.OPEN


def told_by(failure: Failure | None, *, alike: bool) -> Told:
    """Say what a call tells; `alike`: the resource's connections all call the same URL.

    A bare 401 counts as trouble: some providers refuse a single dead grant with it, so it takes several.
    """
    if failure is None:
        return Told.ANSWERED
    told = TOLD_BY[failure.category]
    if told is Told.CLIENT_REFUSED and failure.error is None:
        told = Told.TROUBLE if alike else Told.NOTHING
    return told if alike else OF_ONE_ADDRESS[told]


def after(  # noqa: PLR0913 - what was known, what came, and the time and chance of it
    pause: Pause | None, streak: Streak, call: Call, *, alike: bool, now: float, period: int, draw: float
) -> tuple[Pause | None, Streak]:
    """Give the pause and the streak after a call. `period`: the schedule's; `draw`: random, in [0, 1)."""
    if pause is not None and call.began <= pause.since:
        return pause, streak  # sent before it was opened: it tells what is known
    told = told_by(call.failure, alike=alike)
    step = NEXT[state_of(pause, now), told]
    if call.failure is not None and step is Step.COUNT:
        streak = replace(
            streak, in_vain=streak.in_vain + 1, timeouts=streak.timeouts + (1 if call.timed_out else 0)
        )
        many = streak.in_vain >= TROUBLE_IN_A_ROW or streak.timeouts >= TIMEOUTS_IN_A_ROW
        step = Step.OPEN if many else Step.STAY
    if call.failure is not None and step is Step.OPEN:
        at_once = 1 if told is Told.RATE_LIMITED else streak.at_once
        opened = _opened(pause, call.failure, call.retry_after, now=now, period=period, draw=draw)
        return opened, Streak(at_once=at_once)
    if step is Step.CLOSE:
        return None, _wider(streak)
    return pause, streak


def probed(pause: Pause, *, now: float, hold: int) -> Pause:
    """Give the pause with the right to one call taken for `hold` seconds."""
    return replace(pause, until=math.ceil(now) + hold, probed=True)


def longest_wait(failure: Failure, *, alike: bool, period: int) -> int:
    """Give the most seconds, before jitter, that the connection which was called waits after a failure.

    What pauses the whole resource sets the pace by itself: whom it hit should go soon after it has healed.
    """
    match told_by(failure, alike=alike):
        case Told.RATE_LIMITED | Told.CLIENT_REFUSED:
            return period
        case Told.TROUBLE:
            return LONGEST_TROUBLE
        case Told.ANSWERED | Told.NOTHING:
            return LONGEST_BACKOFF


def _opened(  # noqa: PLR0913 - what was known, what came, and the time and chance of it
    pause: Pause | None, failure: Failure, retry_after: int | None, *, now: float, period: int, draw: float
) -> Pause:
    times = 1 if pause is None else pause.times + 1
    longest = LONGEST_PAUSE if failure.category in CLIENT_LEVEL else LONGEST_TROUBLE
    wait = min(period * 2 ** min(times - 1, 12), longest) * (0.5 + draw / 2)
    asked = min(retry_after or 0, LONGEST_PAUSE)
    if failure.category is FailureCategory.RATE_LIMITED and asked:
        wait = asked
    since = math.ceil(now)
    return Pause(
        since=since if pause is None else pause.since,
        until=since + max(1, int(max(wait, asked))),
        times=times,
        category=str(failure.category),
        error=failure.error,
        error_description=failure.error_description,
        http_status=failure.http_status,
    )


def _wider(streak: Streak) -> Streak:
    answered = streak.answered + 1
    if streak.at_once < MOST_AT_ONCE and answered >= WIDER_AFTER * streak.at_once:
        return Streak(at_once=streak.at_once + 1)
    return Streak(at_once=streak.at_once, answered=answered)
