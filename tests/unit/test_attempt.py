"""Whether a refresh token may be spent now: every combination of what a connection can be."""

from __future__ import annotations

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
    may_be_repeated,
)
from oauth_broker.connection import Connection, Status
from oauth_broker.resource import EndpointStep, GrantType, RefreshTokenBehaviour, Resource
from tests.doubles.samples import NOW, connection, lease, pending, token_set

MARGIN = 300
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
REPEATABLE = {"grace runs", "no rotation", "client credentials"}
LIVE = lease(b"live", taken=NOW - 10)
LAPSED = lease(b"lapsed", taken=NOW - 45)
LEASES = {"none": None, "live": LIVE, "lapsed": LAPSED}
SINCE = {"known": None, "rescue's turn": NOW - RESCUE_TURN + 1, "past its turn": NOW - RESCUE_TURN}
BACKOFFS = {
    "no failure": (0, NOW + 1000),
    "backing off": (1, NOW + 20),
    "backed off": (1, NOW),
    "failed, no time": (1, None),
}
EXPIRIES = {"far": NOW + 3000, "near": NOW + MARGIN, "dead": NOW - 1, "never": None}


def expected(behaviour: str, leased: str, since: str, backoff: str, expiry: str) -> Attempt:
    """Say what is right: the lease first, then the unknown outcome, then the backoff."""
    if leased == "live":
        return AwaitHolder()
    if leased == "lapsed":
        return Take(over=LAPSED) if behaviour in REPEATABLE else MarkUnknown(LAPSED)
    if since == "rescue's turn" and expiry != "far":
        return NotBefore(NOW + 1)
    if since != "known" and expiry == "far":
        return NotBefore(NOW + 3000 - MARGIN)
    if backoff == "backing off":
        return NotBefore(NOW + 20)
    return Take()


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
        attempt = attempt_now(made, BEHAVIOURS[behaviour], now=NOW, margin=MARGIN)
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
    assert attempt_now(made, STRICT, now=NOW, margin=MARGIN) == CannotRefresh()


@pytest.mark.parametrize("later, repeated", [(0, True), (59.9, True), (60, False), (61, False)])
def test_the_grace_period_runs_from_the_taking(later: float, repeated: bool) -> None:
    """A provider counts from the first use, which was after the lease was taken and not before."""
    taken = lease(taken=NOW)
    assert may_be_repeated(resource(grace=60), taken, NOW + later) is repeated


def test_unknown_for_good_waits_for_the_token_to_near_its_end() -> None:
    """The old access token is served while it lives, and the old refresh token tried near expiry."""
    made = connection(unknown_since=NOW, failures=1, next_refresh=NOW + 60)
    near = NOW + 3600 - MARGIN
    assert attempt_now(made, STRICT, now=NOW + 61, margin=MARGIN) == NotBefore(near)
    assert attempt_now(made, STRICT, now=near, margin=MARGIN) == Take()
