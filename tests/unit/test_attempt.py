"""Whether a refresh token may be spent now: every combination of what a connection can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from oauth_broker.attempt import (
    RESCUE_TURN,
    Attempt,
    AwaitHolder,
    CannotRefresh,
    MarkUnknown,
    NotBefore,
    Take,
    attempt_now,
)
from oauth_broker.connection import Connection, Lease, Status
from oauth_broker.resource import EndpointStep, GrantType, RefreshTokenBehaviour, Resource
from tests.doubles.samples import NOW, connection, lease, pending, token_set

MARGIN = 300
SEND_MARGIN = 5
STEP = EndpointStep(url="https://acme.example/token")


def resource(
    *, rotates: bool = True, grace: int = 0, grant_type: GrantType = GrantType.AUTHORIZATION_CODE
) -> Resource:
    """Give a resource whose refresh tokens behave so."""
    return Resource(
        resource_id="acme",
        name="Acme",
        client_id="client-1",
        token=STEP,
        refresh=STEP,
        grant_type=grant_type,
        refresh_token=RefreshTokenBehaviour(rotates=rotates, grace_period=grace),
    )


STRICT = resource()
BEHAVIOURS = {
    "strict": STRICT,
    "grace runs": resource(grace=60),
    "grace over": resource(grace=40),
    "no rotation": resource(rotates=False),
    "client credentials": resource(grant_type=GrantType.CLIENT_CREDENTIALS),
}
HARMLESS = {"no rotation", "client credentials"}
LIVE = lease(b"live", taken=NOW - 10)
LAPSED = lease(b"lapsed", taken=NOW - 45)
FOLLOWED = lease(b"followed", taken=NOW - 31, first=NOW - 62)
LOOKED = replace(lease(b"looked", taken=NOW - 45), by_worker=True)
LEASES = {"none": None, "live": LIVE, "lapsed": LAPSED, "followed": FOLLOWED, "looked": LOOKED}
SINCE = {"known": None, "rescue's turn": NOW - RESCUE_TURN + 1, "past its turn": NOW - RESCUE_TURN}
BACKOFFS = {
    "no failure": (0, NOW + 1000),
    "backing off": (1, NOW + 20),
    "backed off": (1, NOW),
    "failed, no time": (1, None),
}
EXPIRIES = {"far": NOW + 3000, "near": NOW + MARGIN, "dead": NOW - 1, "never": None}


def expected(behaviour: str, leased: str, since: str, backoff: str, expiry: str) -> Attempt:
    """Say what is right: the lease first, then the unknown outcome, then the backoff.

    Who only looked (the refresh was not due) spent nothing, so its lease is as good as none.
    """
    if leased == "live":
        return AwaitHolder()
    lapsed = LEASES[leased]
    if lapsed is not None and lapsed is not LOOKED:
        return expected_after(behaviour, lapsed, failed=backoff != "no failure")
    if since == "rescue's turn" and expiry != "far":
        return NotBefore(NOW + 1)
    if since != "known" and expiry == "far":
        return NotBefore(NOW + 3000 - MARGIN)
    if backoff == "backing off":
        return NotBefore(NOW + 20)
    return Take(over=lapsed)


def expected_after(behaviour: str, lapsed: Lease, *, failed: bool) -> Attempt:
    """Say what is right after a holder that may have spent the token: once at once where it is harmless."""
    if behaviour in HARMLESS:
        repeated = not failed and lapsed is not FOLLOWED
        return Take(over=lapsed, spent=True) if repeated else MarkUnknown(lapsed, harmless=True)
    repeated = behaviour == "grace runs" and lapsed is not FOLLOWED
    return Take(over=lapsed, spent=True) if repeated else MarkUnknown(lapsed)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("leased", LEASES)
@pytest.mark.parametrize("since", SINCE)
def test_every_combination(behaviour: str, leased: str, since: str) -> None:
    """An attempt of unknown outcome is never repeated at once, unless repeating it is harmless."""
    for backoff, expiry in product(BACKOFFS, EXPIRIES):
        failures, next_refresh = BACKOFFS[backoff]
        made = connection(
            token_set=token_set(expires_at=EXPIRIES[expiry]),
            lease=LEASES[leased],
            unknown_since=SINCE[since],
            failures=failures,
            next_refresh=next_refresh,
        )
        attempt = attempt_now(made, BEHAVIOURS[behaviour], now=NOW, margin=MARGIN, send_margin=SEND_MARGIN)
        assert attempt == expected(behaviour, leased, since, backoff, expiry), (backoff, expiry)


@pytest.mark.parametrize(
    "made",
    [
        pending(),
        connection(status=Status.NEEDS_REAUTHORIZATION),
        connection(token_set=token_set(refreshable=False)),
        connection(token_set=None),
        connection(token_set=token_set(refreshable=False), lease=LAPSED),
        connection(status=Status.NEEDS_REAUTHORIZATION, lease=LIVE),
    ],
)
def test_what_cannot_be_refreshed(made: Connection) -> None:
    """Nothing is spent where there is nothing to spend, nor for a grant that is gone."""
    assert attempt_now(made, STRICT, now=NOW, margin=MARGIN, send_margin=SEND_MARGIN) == CannotRefresh()


@pytest.mark.parametrize("first, ends", [(NOW, NOW + 60), (NOW - 31, NOW + 29), (NOW - 20, NOW + 40)])
@pytest.mark.parametrize("before_its_end", [SEND_MARGIN + 0.1, SEND_MARGIN, 0, -0.1])
def test_the_grace_period_runs_from_the_first_taking(first: int, ends: int, before_its_end: float) -> None:
    """A provider counts from the first use, which was after that, and the request must arrive in time."""
    lapsed = lease(taken=NOW, first=first)
    attempt = attempt_now(
        connection(lease=lapsed),
        resource(grace=60),
        now=max(ends - before_its_end, NOW + 30),
        margin=MARGIN,
        send_margin=SEND_MARGIN,
    )
    in_time = before_its_end > SEND_MARGIN and ends - before_its_end > NOW + 30
    assert attempt == (Take(over=lapsed, spent=True) if in_time else MarkUnknown(lapsed))


@pytest.mark.parametrize(
    "due, by_worker, spent",
    [
        (NOW - 45 + SEND_MARGIN, True, True),  # it may have got as far as sending
        (NOW - 45 + SEND_MARGIN + 1, True, False),
        (None, True, False),
        (NOW + 1000, False, True),  # a reader refreshes before it is due
    ],
)
def test_who_only_looked_spent_nothing(due: int | None, by_worker: bool, spent: bool) -> None:
    """The worker that died over something else does not make an outcome unknown."""
    lapsed = replace(LAPSED, by_worker=by_worker)
    made = connection(lease=lapsed, next_refresh=due)
    attempt = attempt_now(made, STRICT, now=NOW, margin=MARGIN, send_margin=SEND_MARGIN)
    assert attempt == (MarkUnknown(lapsed) if spent else Take(over=lapsed))


def test_unknown_for_good_waits_for_the_token_to_near_its_end() -> None:
    """The old access token is served while it lives, and the old refresh token tried near expiry."""
    made = connection(unknown_since=NOW, failures=1, next_refresh=NOW + 60)
    near = NOW + 3600 - MARGIN
    assert attempt_now(made, STRICT, now=NOW + 61, margin=MARGIN, send_margin=SEND_MARGIN) == NotBefore(near)
    assert attempt_now(made, STRICT, now=near, margin=MARGIN, send_margin=SEND_MARGIN) == Take()
