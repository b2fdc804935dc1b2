"""When a grant will die, and when to tell of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.connection import Connection, Status
from oauth_broker.forecast import Death, deaths_of, dies_at, next_warning, refresh_expiry
from oauth_broker.registration.document import resource_of
from oauth_broker.resource import GrantType, RefreshTokenBehaviour, Resource
from tests.doubles.broker import ACME
from tests.doubles.samples import NOW, connection, pending, proposal, token_set

DAY = 86_400
CONSENTED = NOW - DAY
NOTICE = 7 * DAY


def acme(**known: Any) -> Resource:
    """Give a resource of whose refresh tokens something is known."""
    return replace(resource_of("acme", ACME), refresh_token=RefreshTokenBehaviour(**known))


def consented(**changes: Any) -> Connection:
    """Give a connection consented to a day ago, whose token set came now."""
    return connection(consented_at=CONSENTED * 1000, token_set=token_set(**changes))


TOLD = {"refresh_issued_at": NOW - 600, "refresh_expires_at": NOW + 3000}


@pytest.mark.parametrize(
    "made, resource, expected",
    [
        (consented(), acme(), None),
        (consented(), acme(lifetime=30 * DAY), CONSENTED + 30 * DAY),
        (consented(), acme(idle_lifetime=30 * DAY), NOW + 30 * DAY),
        (consented(), acme(lifetime=31 * DAY, idle_lifetime=30 * DAY + 1), NOW + 30 * DAY),
        (consented(), acme(lifetime=32 * DAY, idle_lifetime=30 * DAY), NOW + 30 * DAY),
        (consented(**TOLD), acme(), NOW + 3000),
        (consented(**TOLD), acme(rotates=False), NOW + 3000),
        (consented(**TOLD), acme(lifetime=DAY + 60, idle_lifetime=90), NOW + 60),
        (consented(**TOLD, expires_at=None), acme(), NOW + 3000),
        # without a refresh token only the access token counts
        (consented(refreshable=False), acme(lifetime=30 * DAY, idle_lifetime=60), NOW + 3600),
        (consented(refreshable=False, expires_at=None), acme(lifetime=30 * DAY), None),
        # nothing that could die, or that has not died
        (pending(proposal=proposal()), acme(lifetime=30 * DAY), None),
        (connection(token_set=None), acme(lifetime=30 * DAY), None),
        (replace(consented(**TOLD), status=Status.NEEDS_REAUTHORIZATION), acme(lifetime=30 * DAY), None),
        (
            consented(),
            replace(acme(lifetime=30 * DAY), grant_type=GrantType.CLIENT_CREDENTIALS),
            None,
        ),
    ],
)
def test_when_a_grant_dies(made: Connection, resource: Resource, expected: int | None) -> None:
    """At the earliest end that is known: of the consent, of disuse, of its refresh token."""
    assert dies_at(made, resource) == expected


@pytest.mark.parametrize(
    "since, at, notice, expected",
    [
        (NOW, NOW + 90 * DAY, NOTICE, NOW + 83 * DAY),
        (NOW, NOW + 28 * DAY, NOTICE, NOW + 21 * DAY),
        (NOW, NOW + 8 * DAY, NOTICE, NOW + 6 * DAY),
        (NOW, NOW + 3600, NOTICE, NOW + 2700),
        (NOW, NOW + 90 * DAY, 90 * DAY, NOW + 67 * DAY + DAY // 2),
        (NOW, NOW, NOTICE, NOW),
        (NOW, NOW - 5, NOTICE, NOW - 5),
    ],
)
def test_when_to_tell(since: int, at: int, notice: int, expected: int) -> None:
    """Some days ahead, but not in the first three quarters of the time: keep-alive has its turn before."""
    assert Death(since, at).warn_at(notice) == expected


def test_each_cause_is_told_by_itself() -> None:
    """Disuse is always near and always put off: it must not hide the end of the consent.

    Fails when only the earliest death is watched.
    """
    resource = acme(lifetime=30 * DAY, idle_lifetime=2 * DAY)
    known = deaths_of(consented(), resource)
    disuse, ending = NOW + 2 * DAY, CONSENTED + 30 * DAY
    assert {death.at for death in known} == {disuse, ending}
    first = next_warning(known, told=(), notice=NOTICE)
    assert first == Death(NOW, disuse)
    assert next_warning(known, told=(disuse,), notice=NOTICE) == Death(CONSENTED, ending)
    assert next_warning(known, told=(disuse, ending), notice=NOTICE) is None
    late = connection(
        consented_at=CONSENTED * 1000,
        token_set=token_set(issued_at=CONSENTED + 24 * DAY, expires_at=CONSENTED + 25 * DAY),
    )
    nearest = next_warning(deaths_of(late, resource), told=(), notice=NOTICE)
    assert nearest == Death(CONSENTED, ending)
    assert dies_at(late, resource) == CONSENTED + 26 * DAY


NEVER = (None, None)
FIRST = (NOW - 1000, NOW + 9000)


@pytest.mark.parametrize(
    "before, told, same_token, expected",
    [
        (NEVER, None, True, NEVER),
        (NEVER, None, False, NEVER),
        (NEVER, NOW + 10_000, True, (NOW, NOW + 10_000)),
        (FIRST, None, True, FIRST),
        (FIRST, None, False, NEVER),
        # it slides: as many seconds again
        (FIRST, NOW + 10_000, False, (NOW, NOW + 10_000)),
        (FIRST, NOW + 10_000, True, (NOW, NOW + 10_000)),
        # it stands still: the seconds that are left, give or take the network
        (FIRST, NOW + 9000, False, FIRST),
        (FIRST, NOW + 9003, False, FIRST),
        (FIRST, NOW + 8997, True, FIRST),
        # it was brought forward
        (FIRST, NOW + 60, False, (NOW, NOW + 60)),
    ],
)
def test_what_is_known_of_the_refresh_tokens_end(
    before: tuple[int | None, int | None],
    told: int | None,
    same_token: bool,
    expected: tuple[int | None, int | None],
) -> None:
    """An answer that keeps the token and says nothing changes nothing; an end that did not move stays."""
    spent = token_set(refresh_issued_at=before[0], refresh_expires_at=before[1])
    assert refresh_expiry(spent, told, same_token=same_token, now=NOW) == expected


@given(
    lifetime=st.integers(min_value=100, max_value=10**8),
    share=st.floats(min_value=0.01, max_value=0.99),
    network=st.integers(min_value=-1, max_value=1),
)
def test_sliding_and_standing_ends_are_told_apart(lifetime: int, share: float, network: int) -> None:
    """By the second answer, however long they are, some seconds after the first.

    Fails when ends are held equal within a fixed minute: a short sliding one would seem to stand still.
    """
    spent = token_set(refresh_issued_at=NOW, refresh_expires_at=NOW + lifetime)
    later = NOW + max(5, int(lifetime * share))
    slid, stood = later + lifetime + network, NOW + lifetime + network
    assert refresh_expiry(spent, slid, same_token=False, now=later) == (later, slid)
    assert refresh_expiry(spent, stood, same_token=False, now=later) == (NOW, NOW + lifetime)
