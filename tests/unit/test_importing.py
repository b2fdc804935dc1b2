"""What the body of an import may be: read, or refused with a pointer for each member."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from oauth_broker.errors import InvalidError
from oauth_broker.importing import Importing, parse_import
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH, NamedTokenSet, TokenSet
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.resource import Resource
from oauth_broker.secret import Secret

NOW: Final = 1_800_000_000
SOON: Final = "2027-01-15T09:00:00Z"
BODY: Final = {
    "name": "Acme",
    "client_id": "client-1",
    "authorization": {"url": "https://acme.example/authorize"},
    "token": {"url": "https://acme.example/token"},
    "refresh": {"params": {"realm": "{{realmId}}", "host": "{{instance_url}}"}},
    "connection_variables": {"tenant": {"pattern": "[a-z]+"}},
    "callback_variables": ["realmId"],
    "metadata": ["instance_url"],
    "scopes": ["read", "write"],
    "token_response": {"tokens": {"user": {"access_token": "user"}}},
}
GIVEN: Final = {"variables": {"tenant": "acme", "realmId": "7"}}
TOKENS: Final = {
    "access_token": "access-token-1",
    "refresh_token": "refresh token 1",
    "metadata": {"instance_url": "https://eu.acme.example"},
}


def resource(**changes: Any) -> Resource:
    """Give a resource that needs something of everything."""
    return parse_registration({**BODY, **changes}, loopback=False).resource


PLAIN: Final = resource(refresh={}, connection_variables={})


def parsed(token_set: Any, of: Resource = PLAIN, **members: Any) -> Importing:
    """Parse a body."""
    return parse_import({"token_set": token_set, **members}, of, now=NOW)


def problems(body: dict[str, Any], of: Resource | None = None) -> list[str]:
    """Give the pointers of what is wrong with a body."""
    with pytest.raises(InvalidError) as caught:
        parse_import(body, resource() if of is None else of, now=NOW)
    return [problem.pointer for problem in caught.value.problems]


def test_all_of_it() -> None:
    """Every member comes out as a token answer's would."""
    token_set = {
        **TOKENS,
        "token_type": "bearer",
        "expires_at": SOON,
        "scope": "read admin",
        "refresh_token_expires_at": "2027-02-14T08:00:00+00:00",
        "tokens": {"user": {"access_token": "xoxp", "token_type": "user", "scope": "im", "expires_at": SOON}},
    }
    members = {"connection_id": "c1", "labels": ["a"], "consented_at": "2027-01-01T00:00:00Z"}
    assert parsed(token_set, resource(), **GIVEN, **members) == Importing(
        connection_id="c1",
        token_set=TokenSet(
            access_token=Secret("access-token-1"),
            refresh_token=Secret("refresh token 1"),
            token_type="Bearer",
            expires_at=NOW + 3600,
            scopes=("read", "admin"),
            metadata={"instance_url": "https://eu.acme.example"},
            refresh_expires_at=NOW + 30 * 86_400,
            named={"user": NamedTokenSet(Secret("xoxp"), "user", NOW, NOW + 3600, ("im",))},
        ),
        variables={"tenant": "acme", "realmId": "7"},
        labels=("a",),
        consented_at=1_798_761_600,
        tells_expiry=True,
    )


def test_the_least_of_it() -> None:
    """An access token alone; null is as good as left out."""
    expected = Importing(
        None, TokenSet(Secret("a"), None, "Bearer", None, None), {}, (), None, tells_expiry=False
    )
    assert parsed({"access_token": "a"}) == expected
    nothing = dict.fromkeys(("expires_at", "refresh_token", "scope", "token_type"))
    assert parsed({"access_token": "a", **nothing}, connection_id=None, labels=None) == expected


def test_a_default_lifetime_is_a_guess() -> None:
    """It bounds how long the token is handed out, and is not what the caller said."""
    found = parsed({"access_token": "a"}, replace(PLAIN, default_expires_in=60))
    assert (found.token_set.expires_at, found.tells_expiry) == (NOW + 60, False)


PAST: Final = "2027-01-15T08:00:00Z"
WRONG: Final[list[tuple[Any, list[str]]]] = [
    (None, ["/token_set"]),
    ([], ["/token_set"]),
    ({}, ["/token_set/access_token"]),
    ({"access_token": ""}, ["/token_set/access_token"]),
    ({"access_token": "two words"}, ["/token_set/access_token"]),
    ({"access_token": 7}, ["/token_set/access_token"]),
    ({"refresh_token": "é"}, ["/token_set/refresh_token"]),
    ({"refresh_token": ""}, ["/token_set/refresh_token"]),
    ({"token_type": "MAC"}, ["/token_set/token_type"]),
    ({"token_type": "DPoP"}, ["/token_set/token_type"]),
    ({"expires_at": 1_800_000_000}, ["/token_set/expires_at"]),
    ({"expires_at": "tomorrow"}, ["/token_set/expires_at"]),
    ({"expires_at": "2027-13-15T08:00:00Z"}, ["/token_set/expires_at"]),
    ({"expires_at": "9999-12-31T23:59:59-23:00"}, ["/token_set/expires_at"]),
    ({"expires_at": "1960-01-01T00:00:00Z"}, ["/token_set/expires_at"]),
    ({"expires_at": PAST, "refresh_token": None}, ["/token_set/expires_at"]),
    ({"refresh_token_expires_at": "soon"}, ["/token_set/refresh_token_expires_at"]),
    ({"scope": ["read"]}, ["/token_set/scope"]),
    ({"expires_in": 3600}, ["/token_set/expires_in"]),
    ({"metadata": []}, ["/token_set/metadata"]),
    ({"metadata": {"other": 1}}, ["/token_set/metadata/other"]),
    ({"metadata": {"instance_url": {}}}, ["/token_set/metadata/instance_url"]),
    ({"metadata": {"instance_url": "x access-token-1"}}, ["/token_set/metadata/instance_url"]),
    ({"metadata": {"instance_url": "\u0000"}}, ["/token_set/metadata/instance_url"]),
    ({"tokens": []}, ["/token_set/tokens"]),
    ({"tokens": {"bot": {"access_token": "b"}}}, ["/token_set/tokens/bot"]),
    ({"tokens": {"user": "b"}}, ["/token_set/tokens/user"]),
    ({"tokens": {"user": {}}}, ["/token_set/tokens/user/access_token"]),
    (
        {"tokens": {"user": {"access_token": "b", "refresh_token": "c"}}},
        ["/token_set/tokens/user/refresh_token"],
    ),
    ({"tokens": {"user": {"access_token": "b", "expires_at": "x"}}}, ["/token_set/tokens/user/expires_at"]),
    ({"access_token": "x" * MAX_TOKENS_LENGTH}, ["/token_set"]),
    (
        {"access_token": None, "scope": 1, "a/b": 1},
        ["/token_set/a~1b", "/token_set/access_token", "/token_set/scope"],
    ),
]


@pytest.mark.parametrize("changes, pointers", WRONG)
def test_what_is_wrong_with_a_token_set(changes: Any, pointers: list[str]) -> None:
    """Each member by its pointer; nothing said repeats a token."""
    token_set = {**TOKENS, **changes} if isinstance(changes, dict) and changes else changes
    with pytest.raises(InvalidError) as caught:
        parsed(token_set)
    assert [problem.pointer for problem in caught.value.problems] == pointers
    assert "access-token-1" not in str([problem.detail for problem in caught.value.problems])


@pytest.mark.parametrize(
    "members, pointers",
    [
        ({"connection_id": "a b"}, ["/connection_id"]),
        ({"labels": "a"}, ["/labels"]),
        ({"consented_at": SOON}, ["/consented_at"]),
        ({"consented_at": "then"}, ["/consented_at"]),
        ({"user": "ada"}, ["/user"]),
        ({"return_url": "https://app.example"}, ["/return_url"]),
        ({"variables": []}, ["/variables"]),
        ({"variables": {"tenant": "A", "realmId": "7"}}, ["/variables/tenant"]),
        ({"variables": {"tenant": "acme", "realmId": 7}}, ["/variables/realmId"]),
        ({"variables": {"realmId": "7"}}, ["/variables/tenant"]),
        ({"variables": {"tenant": "acme", "realmId": "7", "other": "x"}}, ["/variables/other"]),
        ({"variables": {"tenant": "acme"}}, ["/variables/realmId"]),
    ],
)
def test_what_is_wrong_beside_it(members: dict[str, Any], pointers: list[str]) -> None:
    """What asking refuses, what has no meaning here, and what a refresh would miss."""
    assert problems({"token_set": TOKENS, **GIVEN, **members}) == pointers


def test_what_a_refresh_would_miss_is_asked_for() -> None:
    """Of the metadata too; without a refresh token nothing is refreshed."""
    token_set = {**TOKENS, "metadata": {}}
    assert problems({"token_set": token_set, **GIVEN}) == ["/token_set/metadata/instance_url"]
    assert parsed({"access_token": "a"}, resource(), variables={"tenant": "acme"}).variables == {
        "tenant": "acme"
    }


def test_a_type_that_the_resource_names_is_taken() -> None:
    """As of an answer."""
    named = resource(refresh={}, connection_variables={}, token_response={"token_type": "kind"})
    assert parsed({**TOKENS, "token_type": "bot"}, named).token_set.token_type == "bot"
