"""Codes and families of the demo provider, with the time as an argument."""

from __future__ import annotations

import pytest

from local.demo_provider.tokens import (
    CODE_LIFETIME,
    AccessToken,
    AuthorizationCode,
    Ended,
    Family,
    RefreshToken,
    Rules,
    Standing,
    TokenStore,
    standing,
)

NOW = 1000.0


def family_of(*spent_at: float | None, ended: Ended | None = None, expires_at: float | None = None) -> Family:
    """A family with one generation for each time of spending."""
    family = Family("f", "demo-client", "ada", "profile offline", rotates=True, ended=ended)
    for number, spent in enumerate(spent_at, 1):
        family.generations.append(RefreshToken(f"r{number}", family, number, 0.0, expires_at, spent))
    return family


@pytest.mark.parametrize(
    "family, generation, grace_period, expected",
    [
        (family_of(None), 1, 0, Standing.LIVE),
        (family_of(None, ended=Ended.REVOKED), 1, 0, Standing.DEAD),
        (family_of(None, expires_at=NOW), 1, 0, Standing.DEAD),
        (family_of(None, expires_at=NOW + 1), 1, 0, Standing.LIVE),
        (family_of(NOW, None), 1, 0, Standing.REUSED),
        (family_of(NOW, None), 2, 0, Standing.LIVE),
        (family_of(NOW - 9, None), 1, 10, Standing.GRACE),
        (family_of(NOW - 10, None), 1, 10, Standing.REUSED),
        (family_of(NOW - 9, NOW - 8, None), 1, 10, Standing.REUSED),
        (family_of(NOW - 9, NOW - 8, None), 2, 10, Standing.GRACE),
        (family_of(NOW - 9, None, ended=Ended.REVOKED), 1, 10, Standing.DEAD),
        (family_of(NOW - 9, None, expires_at=NOW), 1, 10, Standing.DEAD),
    ],
)
def test_standing(family: Family, generation: int, grace_period: float, expected: Standing) -> None:
    """A token is worth what its family, its age and its successors make of it."""
    assert standing(family.generations[generation - 1], NOW, grace_period) is expected


def a_code(value: str = "code") -> AuthorizationCode:
    """A code given out at NOW."""
    return AuthorizationCode(
        value, "demo-client", "ada", "profile", "http://127.0.0.1/oauth/x", "c", "S256", NOW + CODE_LIFETIME
    )


@pytest.mark.parametrize(
    "client_id, after, good",
    [
        ("demo-client", 0.0, True),
        ("demo-client", 59.9, True),
        ("demo-client", 60.0, False),
        ("other", 0.0, False),
    ],
)
def test_codes_are_short_lived_and_bound(client_id: str, after: float, good: bool) -> None:
    """A code is good for its own client and for a minute."""
    store = TokenStore()
    store.add_code(a_code())
    assert (store.present_code("code", client_id, NOW + after) is not None) is good


def test_the_first_reason_stays() -> None:
    """What ended a family is not overwritten by what is tried on it later."""
    family = family_of(None)
    TokenStore.end(family, Ended.REVOKED)
    TokenStore.end(family, Ended.REFRESH_TOKEN_REUSED)
    assert family.ended is Ended.REVOKED


def test_a_family_that_does_not_rotate_brings_no_successor() -> None:
    """Its one refresh token stays live, however often it is used."""
    store = TokenStore()
    family = Family("f", "demo-keeps", "ada", "profile offline", rotates=False)
    store.open_family(family, "r1", NOW, Rules())
    assert [store.spend("r1", "r2", NOW, Rules()) for _ in range(2)] == [None, None]
    assert [token.refreshes for token in family.generations] == [2]


def test_what_is_long_dead_is_forgotten() -> None:
    """Expired access tokens and old codes go, what still matters stays."""
    store = TokenStore()
    store.add_code(a_code())
    for value, issued_at in [("old", NOW), ("new", NOW + 30)]:
        store.add_access_token(
            AccessToken(value, "demo-client", "ada", "profile", issued_at, issued_at + 40, None)
        )
    store.add_access_token(AccessToken("last", "demo-client", "ada", "profile", NOW + 61, NOW + 101, None))
    assert set(store.access_tokens) == {"new", "last"}
    assert set(store.codes) == {"code"}
    store.add_access_token(AccessToken("later", "demo-client", "ada", "profile", NOW + 700, NOW + 740, None))
    assert set(store.access_tokens) == {"later"}
    assert store.codes == {}


def test_no_value_in_a_repr() -> None:
    """Tokens and codes do not show their values; what they belong to is shown."""
    family = family_of(None)
    access = AccessToken("secret-value", "demo-client", "ada", "profile", NOW, NOW + 40, family)
    family.generations[0].value = "secret-value"
    for thing in (family, family.generations[0], access, a_code("secret-value")):
        assert "secret-value" not in repr(thing)
    assert "demo-client" in repr(access)
