"""From document to resource: defaults, inheritance, round trip, ids."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.registration.document import resource_id_from_name, resource_of
from oauth_broker.resource import (
    AuthMethod,
    AuthorizationStep,
    BodyFormat,
    ConnectionVariable,
    EndpointStep,
    ExpiresInUnit,
    GrantType,
    ParamsIn,
    RefreshTokenBehaviour,
)
from tests.unit.registration.samples import EVERYTHING, LEAST, as_shown, details_at, parsed, without


def test_a_document_gives_the_resource_again() -> None:
    """What is stored is enough: the resource read from it is the one that was parsed."""
    for body in (LEAST, EVERYTHING):
        resource = parsed(body).resource
        assert resource_of(resource.resource_id, resource.document) == resource


def test_a_document_is_what_the_client_gave() -> None:
    """GET shows each member as it was given, without null ones, and the secrets hidden."""
    given = {name: value for name, value in EVERYTHING.items() if value is not None}
    hidden = {"client_secret": "***", "secret_variables": {"api_key": "***"}}
    assert as_shown(parsed(EVERYTHING).resource) == given | hidden
    assert as_shown(parsed(LEAST).with_id("acme-1").resource) == {"resource_id": "acme-1", **LEAST}


def test_null_is_kept_where_it_means_none() -> None:
    """PKCE is on unless null says otherwise, which a stored document must go on saying."""
    assert parsed(LEAST).resource.code_challenge_method == "S256"
    off = parsed(LEAST | {"code_challenge_method": None}).resource
    assert off.code_challenge_method is None
    assert resource_of("x", off.document).code_challenge_method is None


def test_the_least_registration_has_strict_defaults() -> None:
    """What is not said is PKCE, confirmation, rotation, the resource's own callback, and no client secret."""
    resource = parsed(LEAST).resource
    assert resource.grant_type is GrantType.AUTHORIZATION_CODE
    assert resource.require_confirmation
    assert not resource.shared_callback
    assert resource.refresh_token == RefreshTokenBehaviour(rotates=True, grace_period=0)
    assert resource.token == EndpointStep(url="https://acme.test/token", auth_method=AuthMethod.NONE)
    assert resource.authorization == AuthorizationStep(url="https://acme.test/authorize")
    assert resource.revocation is None


def test_every_member_arrives() -> None:
    """The members of the JSON are those of the resource, in our types."""
    resource = parsed(EVERYTHING | {"callback": "shared", "require_confirmation": False}).resource
    assert resource.shared_callback
    assert not resource.require_confirmation
    assert resource.authorization is not None
    assert resource.authorization.params_in is ParamsIn.QUERY
    assert resource.authorization.unencoded == {"scope"}
    assert resource.refresh.body is BodyFormat.JSON
    assert resource.refresh.auth_method is AuthMethod.CLIENT_SECRET_POST
    assert resource.connection_variables == {
        "tenant": ConnectionVariable(
            title="Your subdomain",
            description="What stands before .acme.test",
            pattern="[a-z0-9-]+",
            example="acme",
            hosts=("*.acme.test",),
        )
    }
    assert resource.token_response.expires_in_unit is ExpiresInUnit.MILLISECONDS
    assert resource.callback_params["code"] == "spapi_oauth_code"
    assert (resource.scopes, resource.default_expires_in) == (("contacts.read", "contacts.write"), 3600)
    assert (resource.callback_variables, resource.metadata) == (("realmId",), ("instance_url",))


def test_client_authentication_follows_the_secret() -> None:
    """The default is `client_secret_basic` (RFC 7591 section 2) with a secret, `none` without."""
    assert parsed(LEAST).resource.token.auth_method is AuthMethod.NONE
    confidential = parsed(LEAST | {"client_secret": "not-a-real-secret"}).resource
    assert confidential.token.auth_method is AuthMethod.CLIENT_SECRET_BASIC
    assert confidential.refresh.auth_method is AuthMethod.CLIENT_SECRET_BASIC


PARAMS: dict[str, Any] = {"audience": "api", "client_key": "{{client_id}}", "client_id": None}
TOKEN: dict[str, Any] = {
    "url": "https://acme.test/token",
    "method": "POST",
    "params": PARAMS,
    "headers": {"X-Tenant": "a", "X-Code": "{{code}}"},
    "body": "json",
    "auth_method": "none",
}

INHERITED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {}, {"params": PARAMS, "headers": {"X-Tenant": "a"}, "body": BodyFormat.JSON}),
    ({}, {"url": "https://acme.test/r"}, {"url": "https://acme.test/r", "params": PARAMS}),
    ({}, {"method": "GET", "body": "form"}, {"method": "GET", "body": BodyFormat.FORM}),
    ({}, {"headers": {"X-Own": "b"}}, {"headers": {"X-Own": "b"}}),
    (
        {},
        {"params": {"audience": None, "realm": "r"}},
        {"params": PARAMS | {"audience": None, "realm": "r"}},
    ),
    ({"params": {"grant_type": "authorization_code", "a": 1}}, {}, {"params": {"a": 1}}),
    ({"params": {"code": None, "auth_code": "{{code}}", "b": 1}}, {}, {"params": {"b": 1}}),
    ({"params": {"redirect_uri": None, "scope": "x", "code_verifier": "v"}}, {}, {"params": {}}),
    ({"params": {"scope": "x"}}, {"params": {"scope": "y"}}, {"params": {"scope": "y"}}),
    ({"params": {"grant_type": None}}, {}, {"params": {}}),
    (
        {"params": {"grant": "{{grant_type}}", "grant_type": None}},
        {},
        {"params": {"grant": "{{grant_type}}", "grant_type": None}},
    ),
    (
        {"url": "https://acme.test/t?grant_type=authorization_code&x=1&c={{code}}&r={{redirect_uri}}"},
        {},
        {"url": "https://acme.test/t?x=1"},
    ),
    ({"url": "https://acme.test/t?grant_type=authorization_code"}, {}, {"url": "https://acme.test/t"}),
]


@pytest.mark.parametrize("token,refresh,expected", INHERITED)
def test_a_refresh_takes_what_it_lacks_from_the_token_step(
    token: dict[str, Any], refresh: dict[str, Any], expected: dict[str, Any]
) -> None:
    """All but the exchange's own parameters are inherited: its grant type never reaches a refresh."""
    body = LEAST | {"token": TOKEN | token, "refresh": refresh}
    step = parsed(body).resource.refresh
    assert {name: getattr(step, name) for name in expected} == expected


def test_a_revocation_takes_the_client_authentication_alone() -> None:
    """Method of authentication and headers come from the token step; params, body and method do not."""
    revocation = {"url": "https://acme.test/revoke"}
    assert parsed(LEAST | {"token": TOKEN, "revocation": revocation}).resource.revocation == EndpointStep(
        url="https://acme.test/revoke", headers={"X-Tenant": "a"}, auth_method=AuthMethod.NONE
    )


@pytest.mark.parametrize(
    "name,expected",
    [
        ("Acme CRM", "acme-crm-00010203"),
        ("  Ünïted / Ærøspace™ ", "united-rspacetm-00010203"),
        ("漢字", "resource-00010203"),
        ("-", "resource-00010203"),
        ("a" * 128, "a" * 55 + "-00010203"),
    ],
)
def test_an_id_is_made_of_the_name(name: str, expected: str) -> None:
    """An id says what it is of, is unlike any other, and is one that a path may have."""
    made = resource_id_from_name(name, bytes(range(4)))
    assert made == expected
    assert parsed(LEAST | {"resource_id": made}).resource.resource_id == made


def test_the_id_in_the_path_counts() -> None:
    """PUT needs no id in its body; another one than the path's is refused."""
    assert parsed(LEAST, resource_id="acme").resource.resource_id == "acme"
    assert parsed(LEAST | {"resource_id": "acme"}, resource_id="acme").resource.resource_id == "acme"
    assert "the one in the path" in details_at(
        "/resource_id", LEAST | {"resource_id": "x"}, resource_id="acme"
    )
    assert parsed(without(EVERYTHING, "resource_id")).resource.resource_id == ""
