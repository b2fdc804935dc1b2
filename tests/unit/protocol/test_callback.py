"""The verdict on a callback."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import CallbackRejectedError
from oauth_broker.protocol.authorization import (
    Refused,
    VerifiedCallback,
    callback_parameters,
    callback_verdict,
    parameter,
)
from oauth_broker.protocol.state import encoded, join_state
from oauth_broker.resource import Resource
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, acme, vectors

RFC = vectors("rfc6749_examples")
ISSUER = "https://login.acme.example"
RENAMED = acme(
    callback_params={"code": "spapi_oauth_code", "error": "fault", "iss": "from"},
    callback_variables=("realmId",),
)
SENDS_ISS = acme(issuer=ISSUER, authorization_response_iss_parameter_supported=True)


@pytest.mark.parametrize(
    "query, expected",
    [
        (RFC["authorization_response"]["query"], {"code": "SplxlOBeZQQYbYS6WxSbIA", "state": "xyz"}),
        ("", {}),
        ("&&a=1&&", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a+b=c+d%20e%2B", {"a b": "c d e+"}),
        ("code=4%2F0Ab&scope=https%3A%2F%2Fx", {"code": "4/0Ab", "scope": "https://x"}),
        ("a=%", {"a": "%"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("code=%2561", {"code": "%61"}),
    ],
)
def test_a_callback_is_read_once(query: str, expected: dict[str, str]) -> None:
    """Names and values are decoded exactly once; what is not UTF-8 cannot stop it."""
    assert callback_parameters(query) == expected


@pytest.mark.parametrize(
    "query, good",
    [
        ("code=a&code=b", "code=a"),
        ("code=a&code=a", "code=a"),
        ("state=a&st%61te=b", "state=a"),
        ("iss=a&x=1&iss=b", "iss=a&x=1"),
        ("x=1&x=2", "x=1&y=2"),
        ("x=1&x", "x=1"),
        ("=1&=2", "=1"),
        ("state=" + "s" * 257, "state=" + "s" * 256),
        ("code=" + "c" * 4097, "code=" + "c" * 4096),
        ("x=" + "x" * 8191, "x=" + "x" * 8190),
    ],
)
def test_repeats_and_too_much_are_refused(query: str, good: str) -> None:
    """Any name twice, however written, and lengths over the limits; at the limit is good."""
    assert callback_parameters(good)
    with pytest.raises(CallbackRejectedError):
        callback_parameters(query)


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=5))
def test_a_callback_is_what_was_encoded(parameters: dict[str, str]) -> None:
    """What any form encoder writes is read back, unless its length forbids it."""
    assert callback_parameters(urlencode(parameters)) == parameters


@pytest.mark.parametrize(
    "resource, parameters, issuer, code",
    [
        (ACME, {"code": "c-1"}, None, "c-1"),
        (ACME, {"code": "c-1", "iss": "anyone"}, None, "c-1"),
        (ACME, {"code": "c-1"}, ISSUER, "c-1"),
        (ACME, {"code": "c-1", "iss": ISSUER}, ISSUER, "c-1"),
        (ACME, {"code": "c-1", "error": ""}, None, "c-1"),
        (ACME, {"code": "with space ~!"}, None, "with space ~!"),
        (RENAMED, {"spapi_oauth_code": "c-2", "code": "other"}, None, "c-2"),
        (RENAMED, {"spapi_oauth_code": "c-2", "from": ISSUER, "iss": "other"}, ISSUER, "c-2"),
        (SENDS_ISS, {"code": "c-1", "iss": ISSUER}, ISSUER, "c-1"),
    ],
)
def test_a_good_callback_brings_a_code(
    resource: Resource, parameters: dict[str, str], issuer: str | None, code: str
) -> None:
    """Under the provider's own name for it, with the issuer fitting where both are known."""
    verdict = callback_verdict(resource, parameters, authorization_iss=issuer)
    assert isinstance(verdict, VerifiedCallback)
    assert verdict.code == Secret(code)
    assert code not in repr(verdict)


def test_a_callback_brings_the_variables_that_the_resource_keeps() -> None:
    """Only those named, and only where they came."""
    verdict = callback_verdict(
        RENAMED, {"spapi_oauth_code": "c", "realmId": "42", "other": "x"}, authorization_iss=None
    )
    assert isinstance(verdict, VerifiedCallback)
    assert verdict.variables == {"realmId": "42"}


@pytest.mark.parametrize(
    "parameters, error, description",
    [
        ({"error": "access_denied"}, "access_denied", None),
        ({"error": "access_denied", "code": "c"}, "access_denied", None),
        ({"error": "a b!", "error_description": "No,\r\n<b>never</b>"}, "a b!", "No, <b>never</b>"),
        ({"error": 'x"\\\x00é'}, "x", None),
        ({"error": "é", "error_description": "\x00"}, "unreadable_error", None),
        ({"error": "e" * 101, "error_description": "d" * 501}, "e" * 100, "d" * 500),
        ({"error": "access_denied", "iss": ISSUER}, "access_denied", None),
    ],
)
def test_a_refusal_is_kept_bounded(parameters: dict[str, str], error: str, description: str | None) -> None:
    """In RFC 6749's characters, without controls, and before any code."""
    assert callback_verdict(ACME, parameters, authorization_iss=ISSUER) == Refused(error, description)


def test_the_refusal_of_the_rfc() -> None:
    """The example of RFC 6749 section 4.1.2.1 is a refusal."""
    example = RFC["authorization_error"]
    found = callback_verdict(ACME, callback_parameters(example["query"]), authorization_iss=None)
    assert found == Refused(example["error"], None)


@pytest.mark.parametrize(
    "resource, parameters",
    [
        (ACME, {}),
        (ACME, {"code": ""}),
        (ACME, {"spapi_oauth_code": "c"}),
        (RENAMED, {"code": "c"}),
        (ACME, {"code": "c", "iss": ISSUER + "/"}),
        (ACME, {"code": "c", "iss": ISSUER.upper()}),
        (ACME, {"error": "access_denied", "iss": "https://evil.example"}),
        (RENAMED, {"spapi_oauth_code": "c", "from": "https://evil.example"}),
        (SENDS_ISS, {"code": "c"}),
        (SENDS_ISS, {"code": "c", "iss": ""}),
        (SENDS_ISS, {"error": "access_denied"}),
        (RENAMED, {"spapi_oauth_code": "c" * 4097}),
        (ACME, {"code": "c\x00"}),
        (ACME, {"code": "ç"}),
        (ACME, {"code": "c\n"}),
    ],
)
def test_anything_else_is_rejected(resource: Resource, parameters: dict[str, str]) -> None:
    """Neither code nor error, another issuer or a missing one even in an error, or a code that is none."""
    with pytest.raises(CallbackRejectedError) as caught:
        callback_verdict(resource, parameters, authorization_iss=ISSUER)
    assert "evil" not in str(caught.value)


def test_only_the_verdict_makes_a_verified_callback() -> None:
    """Nobody else can put the steps in the wrong order."""
    with pytest.raises(TypeError, match="only callback_verdict"):
        VerifiedCallback(Secret("c"), {}, maker=object())


def test_a_parameter_is_found_by_the_name_it_goes_by() -> None:
    """The resource's name for a standard parameter counts, and an empty one is none."""
    assert parameter(RENAMED, {"spapi_oauth_code": "c"}, "code") == "c"
    assert parameter(RENAMED, {"state": "s"}, "state") == "s"
    assert parameter(RENAMED, {"spapi_oauth_code": ""}, "code") is None


def test_a_refusal_repeats_no_secret() -> None:
    """Neither the state's bits nor any other known secret stays in what is kept of its words."""
    state = join_state("authorization-1", encoded(bytes(32)))
    bits = state.partition(".")[2]
    said = f"state {bits}, nonce the-nonce, secret the-client-secret"
    verdict = callback_verdict(
        ACME,
        {"state": state, "error": f"bad_{bits}", "error_description": said},
        authorization_iss=None,
        known=(Secret("the-nonce"), Secret("the-client-secret")),
    )
    assert verdict == Refused("bad_***", "state ***, nonce ***, secret ***")
