"""What a registration and a catalogue entry make together."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.errors import InvalidError
from oauth_broker.registration.document import patched
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.registration.prefill import OWN, entry_named_in, prefilled, refilled

ENTRY: Final[dict[str, Any]] = {
    "provider": "acme",
    "title": "Acme",
    "registration": {
        "api_base_url": "https://api.acme.example",
        "scopes": ["read"],
        "scope_separator": ",",
        "connection_variables": {
            "tenant": {"title": "Tenant", "pattern": "[a-z]+", "hosts": ["*.acme.example"]}
        },
        "authorization": {
            "url": "https://{{tenant}}.acme.example/authorize",
            "params": {"prompt": "consent", "audience": "api"},
        },
        "token": {
            "url": "https://acme.example/token",
            "auth_method": "client_secret_post",
            "headers": {"X-Version": "1", "X-Other": "2"},
        },
        "revocation": {"url": "https://acme.example/revoke"},
        "token_response": {"success": "ok", "error": "code"},
        "refresh_token": {"rotates": False},
    },
}
OTHER: Final[dict[str, Any]] = {
    "provider": "other",
    "title": "Other",
    "registration": {
        "authorization": {"url": "https://other.example/authorize"},
        "token": {"url": "https://other.example/token"},
    },
}
ASKING: Final[dict[str, Any]] = {
    **OTHER,
    "variables": {"app_id": {"title": "Application id", "example": "app-1"}},
}
OWN_PART: Final[dict[str, Any]] = {"provider": "acme", "name": "Mine", "client_id": "c", "client_secret": "s"}


def filled(**body: Any) -> dict[str, Any]:
    """What the entry makes of a registration."""
    return prefilled(ENTRY, {**OWN_PART, **body})


def stored(body: dict[str, Any], **known: Any) -> dict[str, Any]:
    """What is kept of a registration."""
    return dict(parse_registration(body, loopback=False, **known).resource.document)


def test_the_entry_fills_what_is_not_given() -> None:
    """A name and the client are enough, and the provider stays named."""
    assert filled() == {**ENTRY["registration"], **OWN_PART}
    assert stored(filled()) == {**ENTRY["registration"], **OWN_PART, "client_secret": "***"}


@pytest.mark.parametrize(
    "body, member, expected",
    [
        ({"scopes": ["write"]}, "scopes", ["write"]),
        ({"api_base_url": "https://eu.acme.example"}, "api_base_url", "https://eu.acme.example"),
        ({"scope_separator": " "}, "scope_separator", " "),
        (
            {"authorization": {"params": {"audience": "x", "login_hint": "y"}}},
            "authorization",
            {
                "url": "https://{{tenant}}.acme.example/authorize",
                "params": {"prompt": "consent", "audience": "x", "login_hint": "y"},
            },
        ),
        (
            {"token": {"url": "https://eu.acme.example/token"}},
            "token",
            {**ENTRY["registration"]["token"], "url": "https://eu.acme.example/token"},
        ),
        (
            {"token": {"headers": {"X-Version": "3"}}},
            "token",
            {**ENTRY["registration"]["token"], "headers": {"X-Version": "3", "X-Other": "2"}},
        ),
        ({"refresh_token": {"grace_period": 9}}, "refresh_token", {"rotates": False, "grace_period": 9}),
        (
            {"refresh": {"url": "https://acme.example/again"}},
            "refresh",
            {"url": "https://acme.example/again"},
        ),
        (
            {"connection_variables": {"tenant": {"default": "main"}, "region": {"title": "Region"}}},
            "connection_variables",
            {
                "tenant": {**ENTRY["registration"]["connection_variables"]["tenant"], "default": "main"},
                "region": {"title": "Region"},
            },
        ),
    ],
)
def test_what_is_given_wins(body: dict[str, Any], member: str, expected: object) -> None:
    """A member stands instead of the entry's, inside a step its members do, params and headers by name."""
    assert filled(**body) == {**ENTRY["registration"], **OWN_PART, member: expected}


@pytest.mark.parametrize(
    "body, member, expected",
    [
        ({"scopes": None}, "scopes", "absent"),
        ({"token_response": None}, "token_response", "absent"),
        ({"token_response": {"success": None}}, "token_response", {"error": "code"}),
        (
            {"token": {"auth_method": None, "headers": {"X-Other": None}}},
            "token",
            {"url": "https://acme.example/token", "headers": {"X-Version": "1"}},
        ),
        (
            {"authorization": {"params": None}},
            "authorization",
            {"url": "https://{{tenant}}.acme.example/authorize"},
        ),
        ({"connection_variables": {"tenant": None}}, "connection_variables", {}),
    ],
)
def test_null_takes_away(body: dict[str, Any], member: str, expected: object) -> None:
    """At the top and inside a step, what the entry says is no longer said."""
    assert filled(**body).get(member, "absent") == expected


def test_null_in_params_is_kept() -> None:
    """It takes the entry's parameter away, and a standard one as well, which must go on being said."""
    params = filled(authorization={"params": {"prompt": None, "state": None}})["authorization"]["params"]
    assert params == {"prompt": None, "audience": "api", "state": None}


def test_what_was_taken_away_stays_away() -> None:
    """GET shows the null, so a client that puts back what it read does not bring the revocation back."""
    once = stored(filled(revocation=None, api_base_url=None))
    assert (once["revocation"], once["api_base_url"]) == (None, None)
    resource = parse_registration(filled(revocation=None, api_base_url=None), loopback=False).resource
    assert resource.revocation is None
    assert stored(prefilled(ENTRY, once), stored=once) == once
    renamed = patched(once, {"name": "Renamed"})
    assert stored(renamed, stored=once) == {**once, "name": "Renamed"}


def test_null_says_nothing_without_a_provider() -> None:
    """Then nothing would bring the member back, and GET shows what there is."""
    body = {**OTHER["registration"], "name": "Mine", "client_id": "c", "revocation": None}
    assert "revocation" not in stored(body)


def test_pkce_stays_off_when_something_else_is_patched() -> None:
    """Null is what the document says of it: it failed while PATCH dropped the document's own nulls."""
    once = stored(filled(code_challenge_method=None))
    assert stored(patched(once, {"name": "Renamed"}), stored=once)["code_challenge_method"] is None
    back_on = stored(patched(once, {"code_challenge_method": "S256"}), stored=once)
    assert back_on["code_challenge_method"] == "S256"
    off = stored(patched(back_on, {"code_challenge_method": None}), stored=back_on)
    assert off["code_challenge_method"] is None


def test_a_provider_in_a_patch_begins_anew() -> None:
    """Of the stored document only what no entry says stays; what the patch gives is laid over."""
    once = stored({**filled(require_confirmation=False), "variables": {"region": "eu"}, "client_secret": "s"})
    again = refilled(OTHER, once, {"provider": "other", "scopes": ["all"]})
    assert again == {
        **OTHER["registration"],
        "provider": "other",
        "name": "Mine",
        "client_id": "c",
        "client_secret": "***",
        "require_confirmation": False,
        "variables": {"region": "eu"},
        "scopes": ["all"],
    }


def test_a_variable_that_the_entry_asks_for_is_missed() -> None:
    """By its name and with an example; given, it is there."""
    with pytest.raises(InvalidError) as refused:
        prefilled(ASKING, OWN_PART)
    [problem] = refused.value.problems
    assert (problem.pointer, problem.detail) == (
        "/variables/app_id",
        "is required for Other: Application id, such as app-1",
    )
    assert prefilled(ASKING, {**OWN_PART, "variables": {"app_id": "1"}})["variables"] == {"app_id": "1"}
    with pytest.raises(InvalidError):
        prefilled(ASKING, {**OWN_PART, "variables": "none"})


@pytest.mark.parametrize("wrong", ["x", 1, ["x"], True, {"params": []}, {"headers": "x"}])
@pytest.mark.parametrize("member", ["authorization", "token", "connection_variables"])
def test_wrong_types_are_left_to_be_refused(member: str, wrong: object) -> None:
    """Filling in raises nothing of its own, and what is wrong is named as without an entry."""
    with pytest.raises(InvalidError) as refused:
        parse_registration(filled(**{member: wrong}), loopback=False)
    assert any(problem.pointer.startswith(f"/{member}") for problem in refused.value.problems)


CATALOGUE: Final = Catalogue()


@pytest.mark.parametrize("body", [{}, {"provider": None}, {"provider": 7}])
def test_a_registration_without_a_provider_starts_from_nothing(body: dict[str, Any]) -> None:
    """What has the wrong type is said by the table of fields."""
    assert entry_named_in(body, CATALOGUE) is None


def test_a_registration_starts_from_the_entry_that_it_names() -> None:
    """By the entry's id."""
    assert entry_named_in({"provider": "google"}, CATALOGUE) == CATALOGUE.entry("google")


def test_an_unknown_provider_is_answered_with_the_nearest() -> None:
    """A slip of the pen is named as one."""
    with pytest.raises(InvalidError) as caught:
        entry_named_in({"provider": "googel"}, CATALOGUE)
    [problem] = caught.value.problems
    assert (problem.pointer, problem.detail) == ("/provider", "unknown provider googel; did you mean google?")


def test_no_entry_may_have_what_is_the_teams_own() -> None:
    """Else a provider in a patch would replace it."""
    assert OWN.isdisjoint(ENTRY["registration"])
    assert {"name", "client_id", "client_secret", "secret_variables", "callback"} <= OWN
