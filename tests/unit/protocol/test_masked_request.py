"""A request written out again without its secrets: the same but for them, and none is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.failure import MAX_REQUEST_LENGTH, request_text
from oauth_broker.protocol.http import HttpRequest, MaskedRequest
from oauth_broker.protocol.masking import masked
from oauth_broker.protocol.token import exchange_request, refresh_request
from oauth_broker.resource import AuthMethod, BodyFormat, EndpointStep, ResourceSecrets
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import MOMENT, REDIRECT_URI, SECRETS, acme, verified

URL: Final = "https://acme.example/token"
STEPS: Final[Mapping[str, EndpointStep]] = {
    "basic": EndpointStep(URL),
    "basic_raw": EndpointStep(URL, auth_method=AuthMethod.CLIENT_SECRET_BASIC_RAW),
    "post": EndpointStep(URL, auth_method=AuthMethod.CLIENT_SECRET_POST, params={"tenant": "{{tenant}}"}),
    "json": EndpointStep(
        URL,
        body=BodyFormat.JSON,
        auth_method=AuthMethod.CLIENT_SECRET_POST,
        params={"deep": {"key": ["{{api_key}}", 1]}},
    ),
    "get": EndpointStep(f"{URL}?key={{{{api_key}}}}", "GET", auth_method=AuthMethod.CLIENT_SECRET_POST),
    "client_secret_jwt": EndpointStep(URL, auth_method=AuthMethod.CLIENT_SECRET_JWT),
    "private_key_jwt": EndpointStep(URL, auth_method=AuthMethod.PRIVATE_KEY_JWT),
    "functions": EndpointStep(
        f"{URL}?user={{{{base64(client_secret, ':')}}}}",
        params={"signed": "{{hmac_sha256(api_key, refresh_token)}}", "at": "{{now()}}"},
        headers={"Authorization": "Key {{base64url(api_key)}}", "X-Twice": "{{api_key}}{{api_key}}"},
        auth_method=AuthMethod.NONE,
    ),
}
WORD: Final = st.text(alphabet="0123456789abcdef", min_size=40, max_size=40)
# Visible ASCII: they stand in headers, too.
HOSTILE: Final = st.text(alphabet="\"\\/+%=~&'<>{}ab01", min_size=12, max_size=30)


def secrets_of(client_secret: str, api_key: str) -> ResourceSecrets:
    """Give the secrets of a resource."""
    return replace(SECRETS, client_secret=Secret(client_secret), variables={"api_key": Secret(api_key)})


def refresh(
    step: EndpointStep, client_secret: str, api_key: str, token: str, tenant: str = "t"
) -> HttpRequest:
    """Make a refresh request."""
    return refresh_request(
        acme(step),
        secrets_of(client_secret, api_key),
        refresh_token=Secret(token),
        variables={"tenant": tenant, **MOMENT},
    )


def shown(request: HttpRequest, **words: str) -> MaskedRequest:
    """Write a request out without its secrets."""
    assert request.masked is not None
    return request.masked(words)


def text(request: MaskedRequest) -> str:
    """Give all of it."""
    return "\n".join([request.url, *request.headers.values(), request.body or ""])


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@given(WORD, WORD, WORD, st.text(alphabet="a &=+%/é", max_size=8))
def test_it_is_the_request_but_for_the_secrets(
    step: EndpointStep, client_secret: str, api_key: str, token: str, tenant: str
) -> None:
    """What a search finds in the real request, where no secret resembles anything, is what is hidden."""
    request = refresh(step, client_secret, api_key, token, tenant)
    assert shown(request) == MaskedRequest(
        request.method,
        masked(request.url, request.secrets),
        {name: masked(value, request.secrets) for name, value in request.headers.items()},
        None if request.body is None else masked(request.body.decode(), request.secrets),
    )


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_what_is_shown_does_not_depend_on_the_secrets(
    step: EndpointStep, client_secret: str, api_key: str, token: str
) -> None:
    """Whatever they are, the same is shown: so nothing of them is."""
    assert shown(refresh(step, client_secret, api_key, token)) == shown(refresh(step, "a", "b", "c"))


EXPECTED: Final[Mapping[str, tuple[str, Mapping[str, str], str | None]]] = {
    "basic": (URL, {"Authorization": "Basic ***"}, "grant_type=refresh_token&refresh_token=***"),
    "post": (
        URL,
        {},
        "grant_type=refresh_token&refresh_token=***&client_id=client-1&client_secret=***&tenant=a+b",
    ),
    "json": (
        URL,
        {},
        (
            '{"grant_type":"refresh_token","refresh_token":"***","client_id":"client-1","client_secret":"***",'
            '"deep":{"key":["***",1]}}'
        ),
    ),
    "get": (
        f"{URL}?key=***&grant_type=refresh_token&refresh_token=***&client_id=client-1&client_secret=***",
        {},
        None,
    ),
    "private_key_jwt": (
        URL,
        {},
        (
            "grant_type=refresh_token&refresh_token=***&client_id=client-1"
            "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
            "&client_assertion=***"
        ),
    ),
    "functions": (
        f"{URL}?user=***",
        {"Authorization": "Key ***", "X-Twice": "******"},
        "grant_type=refresh_token&refresh_token=***&client_id=client-1&signed=***&at=1800000000",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_people_read(name: str) -> None:
    """Secrets, and what was made of them, as `***`; everything else as it goes out."""
    found = shown(refresh(STEPS[name], 'secret "\\é', "api+key", "re/fresh", "a b"))
    url, headers, body = EXPECTED[name]
    own = {key: value for key, value in found.headers.items() if key not in {"Accept", "Content-Type"}}
    assert (found.url, own, found.body) == (url, headers, body)


def test_what_is_not_known_yet_has_a_name() -> None:
    """A code to come is shown by a word; what is secret stays hidden."""
    request = exchange_request(
        acme(STEPS["post"]),
        secrets_of("s", "k"),
        verified(),
        code_verifier=Secret("v"),
        redirect_uri=REDIRECT_URI,
        variables={"tenant": "t"},
    )
    body = shown(request, code="CODE", code_verifier="CODE_VERIFIER").body
    assert body == (
        f"grant_type=authorization_code&code=CODE&redirect_uri={quote(REDIRECT_URI, safe='')}"
        "&code_verifier=CODE_VERIFIER&client_id=client-1&client_secret=***&tenant=t"
    )


def test_no_key_is_asked_to_sign_what_is_only_shown() -> None:
    """A key in KMS costs a call each time."""
    signed: list[bytes] = []

    def sign(signing_input: bytes) -> bytes:
        signed.append(signing_input)
        return b"signature"

    assert SECRETS.signer is not None
    secrets = replace(SECRETS, signer=replace(SECRETS.signer, sign=sign))
    request = refresh_request(
        acme(STEPS["private_key_jwt"]), secrets, refresh_token=Secret("r"), variables=MOMENT
    )
    assert len(signed) == 1
    assert "***" in text(shown(request))
    assert len(signed) == 1


def test_it_is_kept_as_people_read_it() -> None:
    """Method and URL, headers, an empty line, the body; at most a thousand characters."""
    assert request_text(refresh(STEPS["basic"], "client-secret-1", "api-key-1", "refresh-1")) == (
        f"POST {URL}\nAccept: application/json\nAuthorization: Basic ***\n"
        "Content-Type: application/x-www-form-urlencoded\n\ngrant_type=refresh_token&refresh_token=***"
    )
    long = request_text(refresh(STEPS["post"], "client-secret", "api-key", "r" * 5000, "t" * 5000))
    assert long is not None
    assert len(long) == MAX_REQUEST_LENGTH
    assert long.endswith("ttt…")
    assert request_text(HttpRequest("POST", URL)) is None


def test_what_else_is_known_to_be_secret_is_masked_in_it() -> None:
    """A variable that holds what must not be shown."""
    request = refresh(STEPS["post"], "s3cret-s3cret", "k3y-k3y", "refresh-1", "xoxp-access-token")
    known = replace(request, secrets=(*request.secrets, Secret("xoxp-access-token")))
    assert "tenant=xoxp-access-token" in (request_text(request) or "")
    assert "tenant=***" in (request_text(known) or "")
