"""When a token set is refreshed by each policy, and what keeps a grant alive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.connection import SealedTokenSet
from oauth_broker.registration.document import resource_of
from oauth_broker.resource import GrantType, RefreshPolicy, RefreshTokenBehaviour, Resource
from oauth_broker.schedule import USUAL_IDLE_LIFETIME, may_ask_from, next_refresh
from tests.doubles.broker import ACME
from tests.doubles.samples import NOW, token_set

DAY = 86_400
EAGER, LAZY, AFTER_EXPIRY = RefreshPolicy
UNUSED = USUAL_IDLE_LIFETIME // 2
"""The keep-alive of a draw of 0 where nobody knows how long a grant may lie unused."""


def acme(policy: RefreshPolicy = EAGER, **known: Any) -> Resource:
    """Give a resource with a policy, and what is known of its refresh tokens."""
    resource = resource_of("acme", ACME)
    return replace(resource, refresh_policy=policy, refresh_token=RefreshTokenBehaviour(**known))


def living(lifetime: int | None, **changes: Any) -> SealedTokenSet:
    """Give a token set whose access token lives so many seconds from now."""
    return token_set(expires_at=None if lifetime is None else NOW + lifetime, **changes)


def seconds_until_refresh(
    held: SealedTokenSet, resource: Resource, *, draw: float = 0.0, renewed: bool = True
) -> int | None:
    """Give the seconds from now, with a schedule of a minute."""
    due = next_refresh(held, resource, period=60, draw=draw, renewed=renewed)
    return None if due is None else due - NOW


@pytest.mark.parametrize(
    "policy, lifetime, idle_lifetime, expected",
    [
        # eager: by the access token's expiry, unless the grant would die of disuse before
        (EAGER, 3600, None, 3300),
        (EAGER, 60 * DAY, None, 60 * DAY - 300),
        (EAGER, 299, None, UNUSED),
        (EAGER, None, None, None),
        (EAGER, 3600, 1800, 900),
        (EAGER, 299, 3600, 1800),
        (EAGER, 60 * DAY, 10 * DAY, 5 * DAY),
        (EAGER, None, 10 * DAY, 5 * DAY),
        # lazy: only to keep the grant alive
        (LAZY, 3600, None, UNUSED),
        (LAZY, 60 * DAY, None, UNUSED),
        (LAZY, 40, None, UNUSED),
        (LAZY, None, None, None),
        (LAZY, 3600, 90 * DAY, 45 * DAY),
        (LAZY, 3600, 1800, 900),
        (LAZY, None, 90 * DAY, 45 * DAY),
        # after expiry: a second later at the earliest
        (AFTER_EXPIRY, 3600, None, 3601),
        (AFTER_EXPIRY, 300, None, 301),
        (AFTER_EXPIRY, 60 * DAY, None, 60 * DAY + 1),
        (AFTER_EXPIRY, 299, None, UNUSED),
        (AFTER_EXPIRY, None, None, None),
        (AFTER_EXPIRY, 3600, 1800, 900),
        (AFTER_EXPIRY, 60 * DAY, 10 * DAY, 5 * DAY),
        (AFTER_EXPIRY, None, 10 * DAY, 5 * DAY),
    ],
)
def test_when_each_policy_refreshes(
    policy: RefreshPolicy, lifetime: int | None, idle_lifetime: int | None, expected: int | None
) -> None:
    """The earlier of what the policy says of the access token, and half of what the grant may lie unused."""
    resource = acme(policy, idle_lifetime=idle_lifetime)
    assert seconds_until_refresh(living(lifetime), resource) == expected


@pytest.mark.parametrize("policy", RefreshPolicy)
def test_what_cannot_be_refreshed_is_not_scheduled(policy: RefreshPolicy) -> None:
    """No policy and no idle lifetime makes a refresh token."""
    held = living(3600, refreshable=False)
    assert seconds_until_refresh(held, acme(policy, idle_lifetime=600)) is None


@pytest.mark.parametrize(
    "policy, lifetime, expected",
    [(EAGER, 3600, 3300), (EAGER, 299, None), (LAZY, 3600, None), (AFTER_EXPIRY, 3600, 3601)],
)
def test_client_credentials_have_nothing_to_keep_alive(
    policy: RefreshPolicy, lifetime: int, expected: int | None
) -> None:
    """They are refreshed for their access token alone."""
    resource = replace(acme(policy, idle_lifetime=600), grant_type=GrantType.CLIENT_CREDENTIALS)
    assert seconds_until_refresh(living(lifetime), resource) == expected


@pytest.mark.parametrize(
    "rotates, issued_at, expires_at, expected",
    [
        (True, NOW, NOW + 1800, 900),
        (True, NOW, NOW + 100 * DAY, 3300),
        (True, NOW, NOW, 0),
        (True, NOW - DAY, NOW + 1800, 3300),  # a refresh did not move it: another will not
        (False, NOW, NOW + 1800, 3300),
    ],
)
def test_a_told_end_is_put_off_where_refreshing_does_that(
    rotates: bool, issued_at: int, expires_at: int, expected: int
) -> None:
    """A refresh token that says when it expires is renewed in time, if a new one comes of it."""
    held = living(3600, refresh_issued_at=issued_at, refresh_expires_at=expires_at)
    assert seconds_until_refresh(held, acme(rotates=rotates)) == expected


@pytest.mark.parametrize(
    "left, renewed, expected",
    [
        (3600, False, 3601),
        (299, False, 300),
        (100, False, 101),
        (30, False, 60),
        (0, False, 60),
        (0, True, UNUSED),
    ],
)
def test_the_same_token_again_is_asked_for_at_its_end(left: int, renewed: bool, expected: int) -> None:
    """What is left of it is no short lifetime: the schedule waits for its end, and a period at least."""
    assert seconds_until_refresh(living(left), acme(AFTER_EXPIRY), renewed=renewed) == expected


@given(
    lifetime=st.integers(min_value=300, max_value=10**9),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_after_expiry_is_within_a_period_of_it(lifetime: int, draw: float) -> None:
    """At least a second later, so that it has expired by the provider's clock, and spread over a period."""
    due = seconds_until_refresh(living(lifetime), acme(AFTER_EXPIRY), draw=draw)
    assert due is not None
    assert lifetime + 1 <= due <= lifetime + 60


@given(
    lifetime=st.none() | st.integers(min_value=1, max_value=10**9),
    idle_lifetime=st.integers(min_value=60, max_value=10**9),
    policy=st.sampled_from(RefreshPolicy),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_no_grant_dies_of_disuse(
    lifetime: int | None, idle_lifetime: int, policy: RefreshPolicy, draw: float
) -> None:
    """Whatever the policy, a quarter of the idle lifetime is left for what may go wrong."""
    due = seconds_until_refresh(living(lifetime), acme(policy, idle_lifetime=idle_lifetime), draw=draw)
    assert due is not None
    assert due <= idle_lifetime * 0.75


def test_keep_alive_is_spread() -> None:
    """What was connected in the same minute is not kept alive in the same: a quarter of the time apart."""
    resource = acme(LAZY, idle_lifetime=4000)
    due = [seconds_until_refresh(living(3600), resource, draw=number / 100) for number in range(100)]
    assert (min(one for one in due if one), max(one for one in due if one)) == (2000, 2990)
    assert len(set(due)) == 100


@pytest.mark.parametrize(
    "lifetime, expected", [(None, None), (3600, 3601), (59, 60), (60, 61), (10, 60), (0, 60)]
)
def test_when_a_provider_may_be_asked_for_the_next(lifetime: int | None, expected: int | None) -> None:
    """Not before the end of what it gave, and not twice in a period."""
    found = may_ask_from(living(lifetime), 60)
    assert found == (None if expected is None else NOW + expected)
