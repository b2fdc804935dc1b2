"""What follows on an attempt to revoke, which token comes next, and what is told."""

from __future__ import annotations

import pytest

from oauth_broker.connection import Note
from oauth_broker.protocol.revocation import (
    NotRevocable,
    RevocationRefused,
    RevocationVerdict,
    Revoked,
    RevokeLater,
)
from oauth_broker.revocation_job import (
    REVOKE_FOR,
    Again,
    Done,
    GaveUp,
    News,
    Outcome,
    after,
    news,
    next_token,
    notes_after,
    outcome_of,
)

BEGUN = 1_000_000
LAST = BEGUN + REVOKE_FOR
DOWN = "provider_unavailable"
LATER = RevokeLater(DOWN)
REVOKED, REFUSED, FAILED = Outcome.REVOKED, Outcome.REFUSED, Outcome.FAILED


def step(
    verdict: RevocationVerdict, attempt: int = 1, now: int = BEGUN, draw: float = 0.5
) -> Done | Again | GaveUp:
    """Give what follows, with a schedule's period of a minute."""
    return after(verdict, attempt=attempt, first_tried=BEGUN, now=now, period=60, draw=draw)


@pytest.mark.parametrize("attempt, now", [(1, BEGUN), (9, BEGUN + 5000), (90, LAST), (90, LAST + 9999)])
@pytest.mark.parametrize(
    "verdict, outcome",
    [
        (Revoked(), Outcome.REVOKED),
        (NotRevocable(), Outcome.NOT_SUPPORTED),
        (RevocationRefused(), Outcome.REFUSED),
    ],
)
def test_a_word_that_would_not_change_ends_it(
    verdict: RevocationVerdict, outcome: Outcome, attempt: int, now: int
) -> None:
    """At whatever attempt, the last one too."""
    assert step(verdict, attempt, now) == Done(outcome)


@pytest.mark.parametrize(
    "attempt, draw, asked, wait",
    [
        (1, 0.5, None, 60),
        (1, 0.0, None, 30),
        (1, 0.99, None, 89),
        (2, 0.5, None, 120),
        (4, 0.5, None, 480),
        (7, 0.5, None, 3600),
        (70, 0.5, None, 3600),
        (1, 0.5, 7, 60),
        (1, 0.5, 400, 400),
        (1, 0.5, 86_400, 3600),
    ],
)
def test_what_fails_is_tried_ever_more_rarely(
    attempt: int, draw: float, asked: int | None, wait: int
) -> None:
    """From one period up to an hour, with jitter; a Retry-After counts up to that hour."""
    now = BEGUN + 5000
    assert step(RevokeLater(DOWN, asked), attempt, now, draw) == Again(now + wait, DOWN)


@pytest.mark.parametrize(
    "now, expected",
    [
        (LAST - 3601, Again(LAST - 1, DOWN)),
        (LAST - 3599, Again(LAST, DOWN)),
        (LAST - 1, Again(LAST, DOWN)),
        (LAST, GaveUp(DOWN)),
        (LAST + 86_400, GaveUp(DOWN)),
    ],
)
def test_after_three_days_it_is_given_up(now: int, expected: Again | GaveUp) -> None:
    """The last try is at the end of them, not an hour before."""
    assert step(LATER, 70, now) == expected


def test_what_goes_on_for_ever_ends() -> None:
    """A provider that never answers costs some 80 calls, and jitter takes none of the three days away."""
    for draw in (0.0, 0.5, 0.99):
        now, attempt = BEGUN, 1
        while isinstance(again := step(LATER, attempt, now, draw), Again):
            assert now < again.at <= LAST
            now, attempt = again.at, attempt + 1
        assert (again, now) == (GaveUp(DOWN), LAST)
        assert 50 <= attempt <= 160


@pytest.mark.parametrize(
    "refreshable, lives, named, through, key",
    [
        (True, True, (), (), "refresh_token"),
        (True, False, (), (), "refresh_token"),
        (True, True, (), ("refresh_token",), "access_token"),
        (True, False, (), ("refresh_token",), None),
        (True, True, (), ("refresh_token", "access_token"), None),
        (True, True, (), ("access_token",), "refresh_token"),
        (False, True, (), (), "access_token"),
        (False, False, (), (), "access_token"),
        (False, True, (), ("access_token",), None),
        (False, False, (), ("access_token",), None),
        (True, True, ("user",), (), "refresh_token"),
        (True, False, ("user",), ("refresh_token",), "access_token user"),
        (False, True, ("user", "bot"), ("access_token", "access_token user"), "access_token bot"),
        (False, True, ("user",), ("access_token", "access_token user"), None),
    ],
)
def test_the_refresh_token_goes_first(
    refreshable: bool, lives: bool, named: tuple[str, ...], through: tuple[str, ...], key: str | None
) -> None:
    """Each once; beside a refresh token, an expired access token is left alone; further tokens go last."""
    ended = dict.fromkeys(through, REVOKED)
    which = next_token(refreshable=refreshable, lives=lives, named=named, through=ended)
    assert (which and which.key) == key


@pytest.mark.parametrize(
    "through, outcome",
    [
        ({"refresh_token": REVOKED, "access_token": Outcome.NOT_SUPPORTED}, REVOKED),
        ({"refresh_token": REFUSED, "access_token": REVOKED}, REFUSED),
        ({"refresh_token": REVOKED}, REVOKED),
        ({"access_token": REFUSED}, REFUSED),
    ],
)
def test_the_refresh_token_decides(through: dict[str, Outcome], outcome: Outcome) -> None:
    """It is the grant; an access token alone speaks for itself."""
    assert outcome_of(through) is outcome


GONE, ENDED = Note.DISCONNECTED, Note.REVOCATION_ENDED


@pytest.mark.parametrize(
    "notes, outcome, category, told",
    [
        ((GONE,), None, DOWN, News(GONE, "retrying", DOWN)),
        ((GONE,), REVOKED, None, News(GONE, "revoked")),
        ((GONE,), REFUSED, None, News(GONE, "refused")),
        ((GONE,), Outcome.NOT_SUPPORTED, None, News(GONE, "not_supported")),
        ((GONE,), Outcome.DESTINATIONS_CHANGED, None, News(GONE, "destinations_changed")),
        ((GONE,), FAILED, DOWN, News(GONE, "failed", DOWN)),
        ((ENDED,), None, DOWN, None),
        ((ENDED,), REVOKED, None, News(ENDED, "revoked")),
        ((ENDED,), REFUSED, None, News(ENDED, "failed", "refused")),
        ((ENDED,), FAILED, DOWN, News(ENDED, "failed", DOWN)),
        ((), None, DOWN, None),
        ((), REVOKED, None, None),
        ((), FAILED, DOWN, None),
    ],
)
def test_what_is_told(
    notes: tuple[Note, ...], outcome: Outcome | None, category: str | None, told: News | None
) -> None:
    """The disconnection once, how it ended where that was not known then; nothing where nobody asked."""
    assert news(notes, outcome=outcome, category=category) == told


@pytest.mark.parametrize("notes, left", [((GONE,), (ENDED,)), ((ENDED,), (ENDED,)), ((), ())])
def test_what_is_still_to_be_told(notes: tuple[Note, ...], left: tuple[Note, ...]) -> None:
    """Who was told that it goes on is told how it ends."""
    assert notes_after(notes) == left
