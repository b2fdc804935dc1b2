"""Client authentication: one kind a request."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.errors import BrokerError
from oauth_broker.protocol.client_authentication import (
    ClientAuthentication,
    basic,
    basic_raw,
    client_authentication,
)
from oauth_broker.resource import AuthMethod, EndpointStep, ResourceSecrets
from tests.unit.protocol.examples import CLIENT_SECRET, MOMENT, SECRETS, acme, vectors

RFC = vectors("rfc6749_examples")
BASIC = "Basic " + b64encode(f"client-1:{CLIENT_SECRET}".encode()).decode()


def authentication(
    step: EndpointStep, secrets: ResourceSecrets = SECRETS, **changes: Any
) -> ClientAuthentication:
    """Give what a step sends to authenticate."""
    return client_authentication(step, acme(**changes), secrets, url=step.url, moment=MOMENT)


def claims(found: ClientAuthentication) -> dict[str, Any]:
    """Give what an assertion says."""
    assert found.assertion is not None
    payload = found.assertion.reveal().split(".")[1]
    said: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


def coded(text: str) -> str:
    """Give the header that `text` makes."""
    return "Basic " + b64encode(text.encode()).decode()


def test_basic_is_that_of_the_rfc() -> None:
    """The example of RFC 6749 section 2.3.1 comes out to the letter."""
    assert basic(RFC["client_id"], RFC["client_secret"]) == RFC["basic"]["header"]


def test_basic_is_form_encoded_first() -> None:
    """The example of RFC 6749 appendix B, in both parts; a colon in the id cannot move the border."""
    text = "".join(map(chr, RFC["form_encoding"]["code_points"]))
    code = RFC["form_encoding"]["encoded"]
    assert basic(text, text) == coded(f"{code}:{code}")
    assert basic("a:b", "c:d/e") == coded("a%3Ab:c%3Ad%2Fe")


def test_raw_basic_is_not() -> None:
    """Both parts stand as they are, as UTF-8."""
    assert basic_raw("a b", "c:/+é") == coded("a b:c:/+é")


@pytest.mark.parametrize(
    "method, standard, header",
    [
        (AuthMethod.CLIENT_SECRET_BASIC, (), BASIC),
        (AuthMethod.CLIENT_SECRET_BASIC_RAW, (), BASIC),
        (AuthMethod.CLIENT_SECRET_POST, ("client_id", "client_secret"), None),
        (AuthMethod.CLIENT_SECRET_JWT, ("client_id", "client_assertion_type", "client_assertion"), None),
        (AuthMethod.PRIVATE_KEY_JWT, ("client_id", "client_assertion_type", "client_assertion"), None),
        (AuthMethod.NONE, ("client_id",), None),
    ],
)
def test_each_method_has_its_place(method: AuthMethod, standard: tuple[str, ...], header: str | None) -> None:
    """A header or parameters, never both."""
    found = authentication(EndpointStep(url="https://a.example", auth_method=method))
    assert found.standard == standard
    assert (found.authorization.reveal() if found.authorization else None) == header


def test_all_methods_are_tried() -> None:
    """There is no method but those six."""
    assert len(AuthMethod) == 6


@pytest.mark.parametrize("method", AuthMethod)
@pytest.mark.parametrize(
    "own",
    [
        {"headers": {"authorization": "Bearer {{api_key}}"}},
        {"headers": {"Authorization": "Bearer {{api_key}}"}},
        {"headers": {"Authorization": "Basic {{client_secret}}"}},
        {"headers": {"X-Secret": "{{client_secret}}"}},
        {"params": {"client_secret": "{{client_secret}}"}},
        {"params": {"secret": "{{ client_secret }}"}},
        {"params": {"auth": {"keys": ["x", "{{client_secret}}"]}}},
        {"url": "https://a.example/?secret={{client_secret}}"},
        {"params": {"proof": "{{base64('x', client_secret)}}"}},
    ],
    ids=str,
)
def test_a_step_that_authenticates_by_itself_gets_no_second_kind(
    method: AuthMethod, own: dict[str, Any]
) -> None:
    """Neither a header nor the secret as a parameter is added to what the resource puts there."""
    step = EndpointStep(**({"url": "https://a.example", "auth_method": method} | own))
    found = authentication(step)
    assert found.authorization is None
    assert "client_secret" not in found.standard


@pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_POST, AuthMethod.NONE])
def test_a_client_without_a_secret_names_itself(method: AuthMethod) -> None:
    """No empty `client_secret` is sent."""
    without = replace(SECRETS, client_secret=None)
    found = authentication(EndpointStep(url="https://a.example", auth_method=method), without)
    assert found.standard == ("client_id",)


def test_the_credentials_are_hidden() -> None:
    """The representation does not show the header, which holds the secret."""
    found = authentication(EndpointStep(url="https://a.example"))
    assert found.authorization is not None
    assert found.authorization.reveal() == BASIC
    assert BASIC[6:] not in repr(found)


@pytest.mark.parametrize("digest", ["{{sha256(client_secret)}}", "{{hmac_sha256(client_secret, now())}}"])
def test_a_signature_is_no_client_authentication(digest: str) -> None:
    """It does not tell the secret, so the method that was chosen still authenticates."""
    found = authentication(EndpointStep(url="https://a.example", params={"sig": digest}))
    assert found.authorization is not None


@pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT])
def test_an_assertion_is_for_the_endpoint_unless_the_resource_says_whom_it_is_for(method: AuthMethod) -> None:
    """The endpoint's own query is none of the audience."""
    step = EndpointStep(url="https://a.example/token?x=1", auth_method=method)
    assert claims(authentication(step))["aud"] == "https://a.example/token"
    found = authentication(step, client_assertion_audience="https://issuer.example")
    assert claims(found)["aud"] == "https://issuer.example"
    assert claims(found)["sub"] == "client-1"


@pytest.mark.parametrize(
    "own",
    [
        {"params": {"jwt": "{{client_assertion}}"}},
        {"headers": {"Authorization": "Bearer {{client_assertion}}"}},
    ],
    ids=str,
)
def test_an_assertion_goes_where_the_resource_puts_it(own: dict[str, Any]) -> None:
    """Then it is not sent in its standard place as well."""
    url = "https://a.example/token"
    found = authentication(EndpointStep(url=url, auth_method=AuthMethod.PRIVATE_KEY_JWT, **own))
    assert found.standard == ("client_id",)
    assert claims(found)["aud"] == url


@pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT])
@pytest.mark.parametrize(
    "own",
    [{"params": {"secret": "{{client_secret}}"}}, {"headers": {"authorization": "Basic {{api_key}}"}}],
    ids=str,
)
def test_no_assertion_beside_what_the_resource_sends_itself(method: AuthMethod, own: dict[str, Any]) -> None:
    """Two kinds of client authentication are one too many (RFC 6749 section 2.3); none is signed in vain."""
    found = authentication(EndpointStep(url="https://a.example/token", auth_method=method, **own))
    assert (found.standard, found.assertion, found.authorization) == (("client_id",), None, None)


@pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT])
def test_without_a_key_nothing_is_sent(method: AuthMethod) -> None:
    """A request that lacks its authentication would only be refused."""
    bare = replace(SECRETS, client_secret=None, signer=None)
    with pytest.raises(BrokerError, match="no key to sign with"):
        authentication(EndpointStep(url="https://a.example", auth_method=method), bare)
