"""Client authentication: one kind a request."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from oauth_broker.protocol.client_authentication import basic, basic_raw, client_authentication
from oauth_broker.resource import AuthMethod, EndpointStep
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import CLIENT_SECRET, vectors

RFC = vectors("rfc6749_examples")
BASIC = "Basic " + b64encode(f"client-1:{CLIENT_SECRET}".encode()).decode()


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
        (AuthMethod.NONE, ("client_id",), None),
    ],
)
def test_each_method_has_its_place(method: AuthMethod, standard: tuple[str, ...], header: str | None) -> None:
    """A header or parameters, never both."""
    found = client_authentication(
        EndpointStep(url="https://a.example", auth_method=method), "client-1", Secret(CLIENT_SECRET)
    )
    assert found.standard == standard
    assert (found.authorization.reveal() if found.authorization else None) == header


def test_all_methods_are_tried() -> None:
    """There is no method but those four."""
    assert len(AuthMethod) == 4


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
    ],
    ids=str,
)
def test_a_step_that_authenticates_by_itself_gets_no_second_kind(
    method: AuthMethod, own: dict[str, Any]
) -> None:
    """Neither a header nor the secret as a parameter is added to what the resource puts there."""
    step = EndpointStep(**({"url": "https://a.example", "auth_method": method} | own))
    found = client_authentication(step, "client-1", Secret(CLIENT_SECRET))
    assert found.authorization is None
    assert "client_secret" not in found.standard


@pytest.mark.parametrize("method", [AuthMethod.CLIENT_SECRET_POST, AuthMethod.NONE])
def test_a_client_without_a_secret_names_itself(method: AuthMethod) -> None:
    """No empty `client_secret` is sent."""
    found = client_authentication(EndpointStep(url="https://a.example", auth_method=method), "client-1", None)
    assert found.standard == ("client_id",)


def test_the_credentials_are_hidden() -> None:
    """The representation does not show the header, which holds the secret."""
    found = client_authentication(EndpointStep(url="https://a.example"), "client-1", Secret(CLIENT_SECRET))
    assert found.authorization is not None
    assert found.authorization.reveal() == BASIC
    assert BASIC[6:] not in repr(found)
