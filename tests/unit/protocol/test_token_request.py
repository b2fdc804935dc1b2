"""Requests to the token endpoint."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.errors import HostNotAllowedError, TemplateError, UnfitValueError
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.masking import masked
from oauth_broker.protocol.token import client_credentials_request, exchange_request, refresh_request
from oauth_broker.resource import AuthMethod, BodyFormat, ConnectionVariable, EndpointStep, Resource
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import (
    ACME,
    CLIENT_SECRET,
    MOMENT,
    REDIRECT_URI,
    SECRETS,
    acme,
    body_of,
    form_of,
    vectors,
    verified,
)

RFC = vectors("rfc6749_examples")
URL = "https://acme.example/token"
VERIFIER = Secret("v" * 43)
REFRESH = Secret("refresh-token-1")
RFC_SECRETS = replace(SECRETS, client_secret=Secret(RFC["client_secret"]))
VARIED = replace(SECRETS, variables={"api_key": Secret("key-secret-1")})


def exchanged(resource: Resource = ACME, **variables: str) -> HttpRequest:
    """Give the exchange of a code."""
    return exchange_request(
        resource,
        VARIED,
        verified(),
        code_verifier=VERIFIER,
        redirect_uri=REDIRECT_URI,
        variables={**variables, **MOMENT},
    )


def refreshed(resource: Resource = ACME, **variables: str) -> HttpRequest:
    """Give a refresh."""
    return refresh_request(resource, VARIED, refresh_token=REFRESH, variables={**variables, **MOMENT})


def rfc_client(method: AuthMethod) -> Resource:
    """Give the client of RFC 6749's examples."""
    token = EndpointStep(url="https://server.example.com/token", auth_method=method)
    return acme(token, client_id=RFC["client_id"], code_challenge_method=None)


def dots(body: str) -> str:
    """Give a body of the RFC as encoders write it: a dot needs no encoding."""
    return body.replace("%2E", ".")


def test_the_exchange_is_that_of_the_rfc() -> None:
    """The example of RFC 6749 section 4.1.3 comes out to the letter."""
    example = RFC["exchange"]
    request = exchange_request(
        rfc_client(AuthMethod.CLIENT_SECRET_BASIC),
        RFC_SECRETS,
        verified(code=example["code"]),
        code_verifier=VERIFIER,
        redirect_uri=RFC["redirect_uri"],
        variables={},
    )
    assert (request.method, request.url) == ("POST", "https://server.example.com/token")
    assert request.headers == {
        "Accept": "application/json",
        "Authorization": RFC["basic"]["header"],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert body_of(request) == dots(example["body"])


@pytest.mark.parametrize(
    "method, example",
    [(AuthMethod.CLIENT_SECRET_BASIC, "refresh"), (AuthMethod.CLIENT_SECRET_POST, "credentials_in_the_body")],
)
def test_the_refresh_is_that_of_the_rfc(method: AuthMethod, example: str) -> None:
    """The examples of RFC 6749 sections 6 and 2.3.1 come out to the letter."""
    token = Secret(RFC[example]["refresh_token"])
    request = refresh_request(rfc_client(method), RFC_SECRETS, refresh_token=token, variables={})
    assert body_of(request) == RFC[example]["body"]


def test_the_client_credentials_request_is_that_of_the_rfc() -> None:
    """The example of RFC 6749 section 4.4.2 comes out to the letter; scopes are added if there are some."""
    resource = rfc_client(AuthMethod.CLIENT_SECRET_BASIC)
    request = client_credentials_request(resource, RFC_SECRETS, scopes=(), variables={})
    assert body_of(request) == RFC["client_credentials"]["body"]
    assert request.headers["Authorization"] == RFC["basic"]["header"]
    request = client_credentials_request(resource, RFC_SECRETS, scopes=("a", "b c"), variables={})
    assert body_of(request) == "grant_type=client_credentials&scope=a+b+c"


def test_the_exchange_proves_the_key() -> None:
    """The code verifier goes with the code, unless the resource turns PKCE off."""
    assert form_of(exchanged()) == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER.reveal(),
    }
    assert "code_verifier" not in form_of(exchanged(acme(code_challenge_method=None)))


@pytest.mark.parametrize(
    "params, expected",
    [
        ({}, {"grant_type": "refresh_token", "refresh_token": "refresh-token-1"}),
        ({"scope": "{{scope}}"}, {"scope": "read write"}),
        ({"grant_type": "renew"}, {"grant_type": "renew"}),
        ({"refresh_token": None, "token": "{{refresh_token}}"}, {"token": "refresh-token-1"}),
        ({"key": "{{api_key}}"}, {"key": "key-secret-1"}),
        ({"tenant": "{{tenant}}-{{region}}"}, {"tenant": "blue-eu1"}),
        ({"client_id": "{{client_id}}"}, {"client_id": "client-1"}),
        ({"long": True, "n": 7}, {"long": "true", "n": "7"}),
    ],
)
def test_a_refresh_sends_what_the_resource_says(params: dict[str, Any], expected: dict[str, str]) -> None:
    """Its own parameters, and no scope but that of the resource's `params`."""
    resource = acme(EndpointStep(url=URL, params=params), variables={"tenant": "red", "region": "eu1"})
    sent = form_of(refreshed(resource, tenant="blue"))
    assert expected.items() <= sent.items()
    assert ("scope" in sent) == ("scope" in params)
    assert ("refresh_token" in sent) == ("refresh_token" not in params)


def test_a_refresh_says_the_scopes_of_the_connection() -> None:
    """Where the resource sends a scope, it is the connection's: more than was granted would be refused."""
    resource = acme(EndpointStep(url=URL, params={"scope": "{{scope}}"}))
    request = refresh_request(resource, SECRETS, refresh_token=REFRESH, variables={}, scopes=("read",))
    assert form_of(request)["scope"] == "read"


def test_a_refresh_goes_to_the_refresh_url() -> None:
    """Token and refresh may be two endpoints."""
    resource = acme(refresh=EndpointStep(url="https://acme.example/renew"))
    assert refreshed(resource).url == "https://acme.example/renew"
    assert exchanged(resource).url == URL


def test_with_get_the_parameters_are_in_the_query() -> None:
    """No body, no content type; the URL's own query is kept, and a space is no plus."""
    step = EndpointStep(
        url=f"{URL}?v=2&grant_type=own",
        method="GET",
        params={"a": "b c"},
        auth_method=AuthMethod.CLIENT_SECRET_POST,
    )
    request = refreshed(acme(step))
    assert (request.method, request.body) == ("GET", None)
    assert request.headers == {"Accept": "application/json"}
    assert request.url == (
        f"{URL}?v=2&grant_type=own&refresh_token=refresh-token-1&client_id=client-1"
        f"&client_secret={CLIENT_SECRET}&a=b%20c"
    )


@pytest.mark.parametrize(
    "own, expected",
    [
        ({"accept": "*/*"}, {"accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}),
        ({"CONTENT-TYPE": "text/json"}, {"Accept": "application/json", "CONTENT-TYPE": "text/json"}),
        (
            {"X-Key": "k {{api_key}}"},
            {
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Key": "k key-secret-1",
            },
        ),
    ],
)
def test_the_resource_s_headers_win(own: dict[str, str], expected: dict[str, str]) -> None:
    """In any case of letters, and each name is there once."""
    step = EndpointStep(url=URL, headers=own, auth_method=AuthMethod.CLIENT_SECRET_POST)
    assert refreshed(acme(step)).headers == expected


@pytest.mark.parametrize(
    "step",
    [
        {"headers": {"Authorization": "Bearer {{api_key}}"}},
        {"params": {"secret": "{{client_secret}}"}},
        {"url": f"{URL}?client_secret={{{{client_secret}}}}"},
        {"auth_method": AuthMethod.CLIENT_SECRET_POST, "headers": {"authorization": "x"}},
        {"auth_method": AuthMethod.CLIENT_SECRET_POST},
        {"auth_method": AuthMethod.CLIENT_SECRET_BASIC},
        {"auth_method": AuthMethod.CLIENT_SECRET_BASIC_RAW, "body": BodyFormat.JSON},
    ],
)
def test_no_request_has_two_kinds_of_client_authentication(step: dict[str, Any]) -> None:
    """The secret goes out in one place at most, or an `Authorization` header instead of it."""
    request = refreshed(acme(EndpointStep(**({"url": URL} | step))))
    places = [
        any(name.lower() == "authorization" for name in request.headers),
        CLIENT_SECRET in body_of(request),
        CLIENT_SECRET in request.url,
    ]
    assert places.count(True) == 1


def test_what_a_connection_brings_replaces_nothing_of_ours() -> None:
    """Neither credentials nor standard parameters nor secret variables, whatever its values are called."""
    step = EndpointStep(url=URL, params={"key": "{{api_key}}"}, auth_method=AuthMethod.CLIENT_SECRET_POST)
    forged = dict.fromkeys(["client_id", "client_secret", "grant_type", "refresh_token", "api_key"], "forged")
    assert "forged" not in body_of(refreshed(acme(step), **forged))
    assert "forged" not in body_of(exchanged(acme(step), **forged))


def test_what_a_callback_brought_is_not_used_unchecked() -> None:
    """Only the variables that are given count: the callback's come from the browser and are checked first."""
    resource = acme(EndpointStep(url=URL, params={"realm": "{{realmId}}"}), callback_variables=("realmId",))
    callback = verified(resource, realmId="unchecked")
    request = exchange_request(
        resource,
        SECRETS,
        callback,
        code_verifier=VERIFIER,
        redirect_uri=REDIRECT_URI,
        variables={"realmId": "42"},
    )
    assert callback.variables == {"realmId": "unchecked"}
    assert form_of(request)["realm"] == "42"


@pytest.mark.parametrize(
    "step, variables, error",
    [
        (
            {"url": "https://{{tenant}}.acme.example/token"},
            {"tenant": "x.evil.example/"},
            HostNotAllowedError,
        ),
        ({"url": "https://{{other}}/token"}, {"other": "evil.example"}, HostNotAllowedError),
        ({"url": "https://acme.example/{{tenant}}/token"}, {"tenant": "../x"}, UnfitValueError),
        ({"url": "https://acme.example/{{api_key}}/token"}, {}, UnfitValueError),
        ({"headers": {"X-Tenant": "{{tenant}}"}}, {"tenant": "a\r\nHost: evil.example"}, UnfitValueError),
        ({"params": {"x": "{{missing}}"}}, {}, TemplateError),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    step: dict[str, Any], variables: dict[str, str], error: type[Exception]
) -> None:
    """No other host, no deeper path, no split header, nothing unfilled; no message says the value."""
    resource = acme(
        EndpointStep(**({"url": URL} | step)),
        connection_variables={"tenant": ConnectionVariable(hosts=("*.acme.example",))},
    )
    with pytest.raises(error) as caught:
        refreshed(resource, **variables)
    assert not any(value in str(caught.value) for value in variables.values())


def test_a_secret_that_is_missing_is_not_sent_empty() -> None:
    """A template that needs the client secret of a resource without one is refused."""
    step = EndpointStep(url=URL, params={"secret": "{{client_secret}}"}, auth_method=AuthMethod.NONE)
    with pytest.raises(TemplateError):
        refresh_request(acme(step), replace(SECRETS, client_secret=None), refresh_token=REFRESH, variables={})


@pytest.mark.parametrize("auth_method", [method for method in AuthMethod if method is not AuthMethod.NONE])
def test_every_secret_of_a_request_can_be_masked_in_an_echo(auth_method: AuthMethod) -> None:
    """A provider that echoes the whole request shows no secret once it is masked; unmasked it does."""
    step = EndpointStep(url=URL, headers={"X-Key": "{{api_key}}"}, auth_method=auth_method)
    for request in (exchanged(acme(step)), refreshed(acme(step))):
        echo = f"{request.headers} {body_of(request)}"
        found = masked(echo, request.secrets)
        credentials = b64encode(f"client-1:{CLIENT_SECRET}".encode()).decode()
        everything = [
            CLIENT_SECRET,
            credentials,
            "key-secret-1",
            "code-1",
            VERIFIER.reveal(),
            REFRESH.reveal(),
            *(value for name, value in form_of(request).items() if name == "client_assertion"),
        ]
        assert sum(secret in echo for secret in everything) >= 3
        assert not any(secret in found for secret in everything)


def test_basic_credentials_are_masked_whole() -> None:
    """Not even the characters at the edge of the secret, which depend on what stands beside it, are left."""
    request = refreshed()
    assert masked(request.headers["Authorization"], request.secrets) == "Basic ***"


def test_a_request_hides_what_it_carries() -> None:
    """Its representation is method and host."""
    assert repr(refreshed()) == "HttpRequest(POST https://acme.example)"
