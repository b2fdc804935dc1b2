"""Every member of a registration by itself: what it may be, and what it gets when it is something else."""

from __future__ import annotations

from dataclasses import fields as members_of
from typing import Any

import pytest

from oauth_broker.registration.fields import fields
from oauth_broker.resource import (
    AuthorizationStep,
    ConnectionVariable,
    EndpointStep,
    RefreshTokenBehaviour,
    TokenResponseRules,
)
from tests.unit.registration.bad_members import BAD
from tests.unit.registration.samples import (
    EVERYTHING,
    LEAST,
    changed,
    details_at,
    parsed,
    pointers_in,
    problems_of,
    without,
)

ANY_JSON = "/refresh/params/realm"
FREE = {"/variables/region", "/secret_variables/api_key", "/connection_variables/tenant"}
"""Members whose name is the client's own."""


@pytest.mark.parametrize("pointer,value,words", BAD, ids=[f"{row[0]}-{row[2]}" for row in BAD])
def test_a_bad_member_is_named_with_its_rule(pointer: str, value: Any, words: str) -> None:
    """A member that cannot be is refused at its own pointer, or below it, and the rule is said."""
    problems = problems_of(changed(EVERYTHING, pointer, value))
    told = [problem.detail for problem in problems if problem.pointer.startswith(pointer)]
    assert told, problems
    assert any(words in detail for detail in told), problems


def test_no_member_is_without_a_bad_case() -> None:
    """The table of bad members has a row for every member that a registration can have."""
    tried = {row[0] for row in BAD}
    members = {pointer for pointer in pointers_in(EVERYTHING) if "/params/" not in pointer}
    untried = {
        pointer
        for pointer in members - tried - FREE
        if not pointer.rpartition("/")[2].isdigit() and "/headers/" not in pointer
    }
    assert untried == set()
    assert "/token/auth_method" in tried


def test_the_sample_has_every_member() -> None:
    """What the walk over the sample shows holds for all members that there are."""
    assert EVERYTHING.keys() == fields(loopback=False).keys()
    for kind, members in (
        (AuthorizationStep, EVERYTHING["authorization"]),
        (EndpointStep, EVERYTHING["token"]),
        (EndpointStep, EVERYTHING["refresh"]),
        (EndpointStep, EVERYTHING["revocation"]),
        (ConnectionVariable, EVERYTHING["connection_variables"]["tenant"]),
        (TokenResponseRules, EVERYTHING["token_response"]),
        (RefreshTokenBehaviour, EVERYTHING["refresh_token"]),
    ):
        assert {member.name for member in members_of(kind)} == members.keys()


@pytest.mark.parametrize("pointer", sorted(set(pointers_in(EVERYTHING)) - {ANY_JSON}))
def test_a_wrong_type_is_refused_everywhere(pointer: str) -> None:
    """No member takes whatever comes, but for a JSON body's parameter: a list of lists is refused in each."""
    assert [p for p in problems_of(changed(EVERYTHING, pointer, [[]])) if p.pointer.startswith(pointer)]


OBJECTS = {
    "": EVERYTHING,
    "/connection_variables/tenant": EVERYTHING["connection_variables"]["tenant"],
    **{f"/{name}": EVERYTHING[name] for name in ("authorization", "token", "refresh", "revocation")},
    **{f"/{name}": EVERYTHING[name] for name in ("token_response", "callback_params", "refresh_token")},
}


@pytest.mark.parametrize("pointer", OBJECTS)
def test_an_unknown_member_is_refused_in_every_object(pointer: str) -> None:
    """An unknown member is never passed over, at whatever depth, and the one that was meant is said."""
    first = next(iter(OBJECTS[pointer]))
    slip = f"{first}z"
    told = details_at(f"{pointer}/{slip}", changed(EVERYTHING, f"{pointer}/{slip}", 1))
    assert told == f"unknown member {slip}; did you mean {first}?"


@pytest.mark.parametrize("name", ["name", "client_id", "token", "authorization"])
def test_what_is_required_is_said(name: str) -> None:
    """A member that must be there is missed at its pointer."""
    assert "is required" in details_at(f"/{name}", without(LEAST, name))


@pytest.mark.parametrize("step", ["authorization", "token", "revocation"])
def test_a_step_needs_its_url(step: str) -> None:
    """A step of its own without a URL is refused; a refresh takes the token's."""
    assert "is required" in details_at(f"/{step}/url", LEAST | {step: {}})
    assert parsed(LEAST | {"refresh": {}}).resource.refresh.url == "https://acme.test/token"


@pytest.mark.parametrize(
    "pointer,value",
    [
        ("/provider", None),
        ("/provider", "google"),
        ("/authorization_response_iss_parameter_supported", None),
        ("/jwks_uri", None),
        ("/id_token_signed_response_algs", None),
        ("/id_token_signed_response_algs", ["EdDSA", "PS256"]),
        ("/api_base_url", None),
        ("/code_challenge_method", None),
        ("/revocation", None),
        ("/default_expires_in", None),
        ("/callback", "shared"),
        ("/refresh_policy", "eager"),
        ("/refresh_policy", "lazy"),
        ("/refresh_token/lifetime", None),
        ("/refresh_token/lifetime", 60),
        ("/refresh_token/idle_lifetime", None),
        ("/refresh_token/idle_lifetime", 315_360_000),
        ("/token_response/refresh_token_expires_in", "data.refresh_ttl || `7776000`"),
        ("/scope_separator", ","),
        ("/scopes", []),
        ("/authorization/params_in", "fragment"),
        ("/authorization/url", "https://acme.test/#/oauth/authorize?x={{state}}"),
        ("/authorization/params/claims", '{"id_token":{"email":{"essential":true}}}'),
        ("/authorization/params/max_age", 0),
        ("/authorization/params/x", 1.5),
        ("/token/url", "https://acme.test:8443/token"),
        ("/token/url", "https://bücher.test/token"),
        ("/token/method", "GET"),
        ("/token/headers/Content-Type", "application/vnd.acme+json"),
        ("/token/auth_method", "client_secret_basic_raw"),
        ("/token/auth_method", "client_secret_post"),
        ("/refresh/params/nested", {"a": [1, None, {"b": "{{refresh_token}}"}]}),
        ("/connection_variables/tenant/hosts", ["acme.test", "*.eu.acme.test", "*.myshopify.com"]),
        ("/connection_variables/tenant/pattern", r"\p{Lu}{1,3}|[[:alpha:]]+"),
        ("/metadata", ["team.id", "accounts-server"]),
    ],
)
def test_what_may_be_is_taken(pointer: str, value: Any) -> None:
    """Each of these is somebody's dialect."""
    assert parsed(changed(EVERYTHING, pointer, value)).resource.name == "Acme CRM"


@pytest.mark.parametrize("body", [[], "x", None, 1])
def test_a_registration_is_an_object(body: Any) -> None:
    """What is no object is refused as a whole."""
    assert details_at("", body) == "must be an object"


def test_every_problem_is_said_at_once() -> None:
    """One answer names all that is wrong, members with problems of their own included."""
    body = EVERYTHING | {
        "name": 7,
        "scopess": [],
        "token": {"url": "http://acme.test/{{cliend_id}}", "auth_method": "basic"},
        "metadata": ["code"],
    }
    assert {problem.pointer for problem in problems_of(body)} == {
        "/name",
        "/scopess",
        "/token/url",
        "/token/auth_method",
        "/metadata/0",
    }
    assert "did you mean client_id?" in details_at("/token/url", body)


def test_a_pointer_escapes_its_names() -> None:
    """`~` and `/` in a member's name are written as RFC 6901 says."""
    assert "unknown member" in details_at("/a~1b~0c", LEAST | {"a/b~c": 1})


def test_the_problems_are_bounded() -> None:
    """However much is wrong, the answer stays small."""
    assert len(problems_of(LEAST | {f"x{number}": 1 for number in range(500)})) == 100
