"""How long an access token lives, in the ways that providers say it."""

from __future__ import annotations

import base64
import json
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.lifetime import lifetime_of
from oauth_broker.protocol.token_answer import MAX_LIFETIME
from oauth_broker.resource import TokenFormat, TokenResponseRules

NOW = 1_800_000_000
ABSOLUTE = TokenResponseRules(expires_at="expires_at")
OF_JWT = TokenResponseRules(access_token_format=TokenFormat.JWT)


def jwt(**claims: Any) -> str:
    """A token in a JWT's form; nobody checks its signature here."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


def lives(
    rules: TokenResponseRules, answer: Any, token: str = "opaque", date: str | None = None
) -> int | None:
    """The lifetime that is read off an answer."""
    headers = {} if date is None else {"date": date}
    return lifetime_of(rules, answer, token, headers=headers, now=NOW)


@pytest.mark.parametrize(
    "moment, lifetime",
    [
        (NOW + 3600, 3600),
        (str(NOW + 3600), 3600),
        (float(NOW + 3600), 3600),
        ((NOW + 3600) * 1000, 3600),
        (str((NOW + 3600) * 1000), 3600),
        ("2027-01-15T09:00:00Z", 3600),
        ("2027-01-15T09:00:00", 3600),
        ("2027-01-15 10:00:00+01:00", 3600),
        ("2027-01-15T09:00:00.250Z", 3600),
        (NOW, 1),
        (NOW - 500, 1),
        (10**15, MAX_LIFETIME),
        (10**18, MAX_LIFETIME),
    ],
)
def test_a_moment_is_read_in_every_spelling(moment: object, lifetime: int) -> None:
    """Seconds, milliseconds or text; what has run out lives a second, not for ever."""
    assert lives(ABSOLUTE, {"expires_at": moment, "expires_in": 60}) == lifetime


@pytest.mark.parametrize("moment", [None, "", "soon", True, [], {}, -5, "9" * 50, "2027-13-01", float("nan")])
def test_what_is_no_moment_leaves_it_to_expires_in(moment: object) -> None:
    """A provider that fails to say it one way may say it the other."""
    assert lives(ABSOLUTE, {"expires_at": moment, "expires_in": 60}) == 60
    assert lives(ABSOLUTE, {"expires_at": moment}) is None


@pytest.mark.parametrize("skew", [-300, 0, 300])
def test_a_moment_counts_by_the_clock_of_who_names_it(skew: int) -> None:
    """The answer's Date tells how late it is at the provider: its clock may be five minutes off."""
    answer = {"expires_at": NOW + skew + 3600}
    assert lives(ABSOLUTE, answer, date=formatdate(NOW + skew, usegmt=True)) == 3600
    assert lives(ABSOLUTE, answer, date="yesterday") == 3600 + skew


def test_a_moment_counts_only_where_the_resource_says_so() -> None:
    """`expires_at` is no standard member, so by itself it means nothing."""
    assert lives(TokenResponseRules(), {"expires_at": NOW + 3600}) is None


@pytest.mark.parametrize(
    "token, lifetime",
    [
        (jwt(exp=NOW + 600), 600),
        (jwt(exp=NOW + 900, iat=NOW + 300), 600),
        (jwt(exp=NOW - 900, iat=NOW - 1500), 600),
        (jwt(exp=NOW - 1), 1),
        (jwt(iat=NOW), None),
        (jwt(exp="never"), None),
        ("opaque", None),
        ("a.b.c", None),
        ("e30.W10.c2ln", None),
        ("e30." + "W" * 100_000 + ".x", None),
    ],
)
def test_the_expiry_of_a_jwt_is_read_where_the_resource_allows_it(token: str, lifetime: int | None) -> None:
    """By its own clock, `iat`; what cannot be read says nothing. To all others the token is opaque."""
    assert lives(OF_JWT, {}, token) == lifetime
    assert lives(TokenResponseRules(), {}, token) is None
    assert lives(OF_JWT, {"expires_in": 60}, token) == 60


@given(st.text(max_size=60), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_answer_makes_the_reader_raise(token: str, moment: Any) -> None:
    """The answer may be the only copy of a rotated refresh token."""
    rules = TokenResponseRules(expires_at="expires_at", access_token_format=TokenFormat.JWT)
    lifetime = lives(rules, {"expires_at": moment, "expires_in": moment}, token)
    assert lifetime is None or 1 <= lifetime <= MAX_LIFETIME or lifetime == 0
