"""A preview: the requests that a registration would make, exactly, and what is wrong with it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.errors import InvalidError
from oauth_broker.flows.preview_registration import preview_registration
from oauth_broker.protocol.authorization import authorization_url
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.functions import moment_values
from oauth_broker.protocol.signing_keys import made
from oauth_broker.protocol.token import exchange_request
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.resource import ResourceSecrets
from oauth_broker.secret import Secret
from tests.doubles.broker import Broker
from tests.doubles.provider import answered
from tests.unit.protocol.examples import verified

REDIRECT_URI: Final = "https://broker.example/oauth/acme/callback"
ENCODED: Final = quote(REDIRECT_URI, safe="")
MOMENT: Final = moment_values(1_800_000_000_000, bytes(16))
ACME: Final = {
    "resource_id": "acme",
    "name": "Acme",
    "client_id": "client-1",
    "client_secret": "the-client-secret",
    "scopes": ["read", "write"],
    "authorization": {"url": "https://{{tenant}}.acme.example/authorize?session=true"},
    "token": {"url": "https://acme.example/token", "headers": {"X-Key": "{{api_key}}"}},
    "revocation": {"url": "https://acme.example/revoke", "auth_method": "client_secret_post"},
    "secret_variables": {"api_key": "the-api-key"},
    "connection_variables": {"tenant": {"hosts": ["*.acme.example"], "pattern": "[a-z]+"}},
}
CATALOGUE: Final = Catalogue()


def shown_of(body: dict[str, Any], broker: Broker | None = None, **rest: Any) -> dict[str, Any]:
    """Preview a registration; nothing is stored."""
    asked = broker or Broker()
    shown = preview_registration(
        asked.kit.issuers, "https://broker.example", body, moment=MOMENT, loopback=False, **rest
    )
    assert asked.dynamodb.items == {}
    return shown


def previewed(broker: Broker | None = None, **changes: Any) -> dict[str, Any]:
    """Preview a registration like Acme's; what is None is left out."""
    body = {name: value for name, value in {**ACME, **changes}.items() if value is not None}
    return shown_of(body, broker)


def test_every_request_as_it_goes_out() -> None:
    """Secrets as `***`, what is not known yet by its name in capitals."""
    headers = {"Accept": "application/json", "Authorization": "Basic ***"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert previewed(variables={"tenant": "eu"}) == {
        "authorization": {
            "method": "GET",
            "url": "https://eu.acme.example/authorize?session=true&response_type=code&client_id=client-1"
            f"&redirect_uri={ENCODED}&scope=read%20write&state=STATE&code_challenge=CODE_CHALLENGE"
            "&code_challenge_method=S256",
        },
        "token": {
            "method": "POST",
            "url": "https://acme.example/token",
            "headers": {**headers, **form, "X-Key": "***"},
            "body": f"grant_type=authorization_code&code=CODE&redirect_uri={ENCODED}"
            "&code_verifier=CODE_VERIFIER",
        },
        "refresh": {
            "method": "POST",
            "url": "https://acme.example/token",
            "headers": {**headers, **form, "X-Key": "***"},
            "body": "grant_type=refresh_token&refresh_token=REFRESH_TOKEN",
        },
        "revocation": {
            "method": "POST",
            "url": "https://acme.example/revoke",
            "headers": {"Accept": "application/json", **form, "X-Key": "***"},
            "body": "token=TOKEN&token_type_hint=refresh_token&client_id=client-1&client_secret=***",
        },
        "warnings": [],
    }


def test_steps_that_do_not_exist_are_null() -> None:
    """client_credentials: no consent, and the token is asked for again."""
    shown = previewed(
        grant_type="client_credentials",
        authorization=None,
        revocation=None,
        connection_variables=None,
        code_challenge_method=None,
    )
    assert [shown[step] for step in ("authorization", "refresh", "revocation")] == [None] * 3
    assert shown["token"]["body"] == "grant_type=client_credentials&scope=read+write"


def test_a_body_in_the_query_is_null() -> None:
    """GET."""
    token = {"url": "https://acme.example/token?x=1", "method": "GET", "auth_method": "client_secret_post"}
    shown = previewed(token=token, secret_variables=None)["refresh"]
    query = "x=1&grant_type=refresh_token&refresh_token=REFRESH_TOKEN&client_id=client-1&client_secret=***"
    assert (shown["body"], shown["url"]) == (None, f"https://acme.example/token?{query}")


@pytest.mark.parametrize(
    "variable, variables, host",
    [
        ({}, {"tenant": "eu"}, "eu.acme.example"),
        ({"default": "us"}, {}, "us.acme.example"),
        ({"example": "x"}, {}, "tenant.acme.example"),
        ({"hosts": ["exact.acme.example"], "example": "exact"}, {}, "exact.acme.example"),
    ],
)
def test_what_a_connection_would_bring(
    variable: dict[str, Any], variables: dict[str, str], host: str
) -> None:
    """As given, by default, by its name; where that makes no allowed host, the example."""
    declared = {"tenant": {**ACME["connection_variables"]["tenant"], **variable}}  # type: ignore[index]
    shown = previewed(connection_variables=declared, variables=variables)
    assert shown["authorization"]["url"].startswith(f"https://{host}/authorize?")


def test_what_callback_and_answer_would_bring() -> None:
    """Their names in capitals, or as given; the registration's own variables beside them."""
    refresh = {"params": {"realm": "{{realmId}}", "at": "{{instance}}", "region": "{{region}}"}}
    brought: dict[str, Any] = {
        "callback_variables": ["realmId"],
        "metadata": ["instance"],
        "refresh": refresh,
    }
    shown = previewed(**brought, variables={"region": "eu1", "realmId": "7"})
    assert shown["refresh"]["body"].endswith("&realm=7&at=INSTANCE&region=eu1")


@pytest.mark.parametrize(
    "changes, pointers",
    [
        ({"variables": {"tenant": "EU"}}, ["/variables/tenant"]),
        ({"variables": {"tenant": 7}}, ["/variables/tenant"]),
        ({"variables": {"tenant": "eu", "other": 7}}, ["/variables/other"]),
        ({"variables": []}, ["/variables"]),
        ({"colour": "red"}, ["/colour"]),
        ({"token": {"url": "http://acme.example/token"}}, ["/token/url"]),
        ({"token": {"url": "https://acme.example/{{cliend_id}}"}}, ["/token/url"]),
        (
            {"connection_variables": {"tenant": {"hosts": ["one.acme.example"]}}},
            ["/variables/tenant"],
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], pointers: list[str]) -> None:
    """What saving it would refuse, and values that do not fit."""
    with pytest.raises(InvalidError) as caught:
        previewed(**changes)
    assert [problem.pointer for problem in caught.value.problems] == pointers


def test_a_secret_may_be_left_as_get_shows_it() -> None:
    """`***` stands for one; which one it is makes no difference."""
    hidden = previewed(client_secret="***", secret_variables={"api_key": "***"})
    assert hidden == previewed()
    assert "the-" not in str(hidden)
    with pytest.raises(InvalidError):
        previewed(client_secret=None)


ISSUER: Final = "https://login.acme.example"
METADATA: Final[dict[str, Any]] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}


def test_an_issuer_alone_is_asked() -> None:
    """The URLs are those that its metadata gives, and it hears no secret; the rest is its own to send."""
    broker = Broker()
    broker.scripted.will(answered(200, **METADATA))
    least: dict[str, Any] = {"authorization": None, "revocation": None, "secret_variables": None}
    own: dict[str, Any] = {"issuer": ISSUER, "connection_variables": {"tenant": {}}}
    token = {"params": {"tenant": "{{tenant}}"}}
    shown = previewed(broker, **least, **own, token=token, variables={"tenant": "eu"})
    assert shown["authorization"]["url"].startswith(
        f"{ISSUER}/authorize?response_type=code&client_id=client-1&"
    )
    assert shown["refresh"]["url"] == f"{ISSUER}/token"
    assert shown["refresh"]["body"] == (
        "grant_type=refresh_token&refresh_token=REFRESH_TOKEN&client_id=client-1&client_secret=***&tenant=eu"
    )
    [request] = broker.scripted.requests
    assert (request.method, request.body, request.secrets) == ("GET", None, ())


def test_what_is_wrong_beside_an_issuer_is_said_first() -> None:
    """Nobody is asked."""
    broker = Broker()
    with pytest.raises(InvalidError) as caught:
        previewed(broker, authorization=None, token=None, issuer=ISSUER, colour="red")
    assert [problem.pointer for problem in caught.value.problems] == ["/colour"]
    assert broker.scripted.requests == []


KEYS: Final[list[dict[str, Any]]] = [
    {"alg": "ES256", "generate": True},
    {"alg": "RS256", "private_key": made("RS256").reveal()},
    {"kid": "kept", "alg": "PS256", "private_key": "***"},
    {"kid": "kms", "alg": "EdDSA", "kms_key": f"arn:aws:kms:eu-central-1:123456789012:key/{'1' * 8}"},
]


@pytest.mark.parametrize("key", KEYS, ids=[key["alg"] for key in KEYS])
def test_a_key_signs_nothing_here(key: dict[str, Any]) -> None:
    """To be made, given, kept as GET shows it, or in KMS, which is not asked: an assertion is a secret."""
    token = {"url": "https://acme.example/token", "auth_method": "private_key_jwt"}
    shown = previewed(token=token, secret_variables=None, revocation=None, signing_keys=[key])
    kind = quote("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", safe="")
    assert shown["refresh"]["body"] == (
        "grant_type=refresh_token&refresh_token=REFRESH_TOKEN&client_id=client-1"
        f"&client_assertion_type={kind}&client_assertion=***"
    )


def test_without_a_key_there_is_no_signature() -> None:
    """As saving it would say."""
    token = {"url": "https://acme.example/token", "auth_method": "private_key_jwt"}
    with pytest.raises(InvalidError) as caught:
        previewed(token=token, secret_variables=None, revocation=None)
    assert [problem.pointer for problem in caught.value.problems] == ["/signing_keys"]


@given(
    st.text(alphabet="a &=+%/é\"\\{}<>'", max_size=12),
    st.text(alphabet="0123456789abcdef", min_size=40, max_size=40),
)
def test_what_is_shown_is_what_goes_out(value: str, client_secret: str) -> None:
    """Whatever a variable's value, byte for byte, once each secret of the real request is replaced."""
    body = {
        **ACME,
        "authorization": {"url": "https://acme.example/{{tenant}}x/auth?t={{tenant}}"},
        "token": {
            "url": "https://acme.example/token?t={{tenant}}",
            "params": {"tenant": "{{tenant}}", "sure": "{{hmac_sha256(client_secret, tenant)}}"},
            "auth_method": "client_secret_post",
        },
        "secret_variables": {},
        "connection_variables": {"tenant": {}},
        "variables": {"tenant": value},
    }
    values = {"tenant": value}
    try:
        shown = shown_of(body)
    except InvalidError:
        assert not {"/", "\\"}.isdisjoint(value), "only what would change the path's depth is refused"
        return

    resource = parse_registration({**body, "variables": {}}, loopback=False).resource
    url = authorization_url(resource, redirect_uri=REDIRECT_URI, scopes=resource.scopes, variables=values)
    started = {"state": "STATE", "code_challenge": "CODE_CHALLENGE", "nonce": "NONCE"}
    assert shown["authorization"]["url"] == fill_url(url, started, hosts={})
    secrets = ResourceSecrets(Secret(client_secret), {}, Destinations(frozenset()))
    real = exchange_request(
        resource,
        secrets,
        verified(resource, code="CODE"),
        code_verifier=Secret("CODE_VERIFIER"),
        redirect_uri=REDIRECT_URI,
        variables=values,
    )
    [signed] = [one.reveal() for one in real.secrets if len(one.reveal()) == 64]
    sent = (real.body or b"").decode().replace(client_secret, "***").replace(signed, "***")
    assert (shown["token"]["url"], shown["token"]["body"]) == (real.url, sent)


@pytest.mark.parametrize("provider", CATALOGUE.providers)
def test_every_provider_of_the_catalogue_can_be_previewed(provider: str) -> None:
    """With no more than must be given, and without a warning but those that come with the entry."""
    entry = CATALOGUE.entry(provider)
    assert entry is not None
    variables = {name: one["example"] for name, one in entry.get("variables", {}).items()}
    body = {"name": "n", "provider": provider, "client_id": "c", "client_secret": "s" * 12}
    entries = [CATALOGUE.entry(name) or {} for name in CATALOGUE.providers]
    given = body | ({"variables": variables} if variables else {})
    shown = shown_of(given, entry=entry, entries=entries)
    assert shown["token"]["url"].startswith("https://")
    said = {warning["pointer"] for warning in shown["warnings"]}
    assert said <= {"/code_challenge_method", "/token/method", "/refresh/method"}, said
