"""The verdict on what a token endpoint answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import (
    EgressRefusedError,
    ExchangeFailedError,
    NotConnectedError,
    OutcomeUnknownError,
    ProviderError,
)
from oauth_broker.protocol.failure import Failure, FailureCategory
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from oauth_broker.protocol.token import (
    Granted,
    GrantGone,
    TryLater,
    Unknown,
    Verdict,
    failure_of,
    refresh_request,
    token_verdict,
)
from oauth_broker.resource import EndpointStep
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, CLIENT_SECRET, SECRETS, acme, answer, vectors

NOW = 1_800_000_000
REFRESH = Secret("refresh-token-1")
REQUEST = refresh_request(ACME, SECRETS, refresh_token=REFRESH, variables={})
TOKEN = {"access_token": "access-token-1"}
RFC = vectors("rfc6749_examples")


def judged(response: HttpResponse, request: HttpRequest = REQUEST) -> Verdict:
    """Give the verdict on an answer to a refresh."""
    return token_verdict(ACME, request, response, now=NOW)


def test_the_error_of_the_rfc_costs_no_grant() -> None:
    """The example of RFC 6749 section 5.2 is a refusal of the request, not of the grant."""
    example = RFC["token_error"]
    assert judged(answer(example["body"], example["status"])) == TryLater(
        Failure(FailureCategory.REFUSED, error="invalid_request", http_status=400)
    )


GONE, RATE, DOWN, MOVED, CLIENT, NOT_ALLOWED, REFUSED, UNUSABLE = (
    FailureCategory.GRANT_GONE,
    FailureCategory.RATE_LIMITED,
    FailureCategory.PROVIDER_UNAVAILABLE,
    FailureCategory.REDIRECTED,
    FailureCategory.INVALID_CLIENT,
    FailureCategory.UNAUTHORIZED_CLIENT,
    FailureCategory.REFUSED,
    FailureCategory.UNUSABLE_ANSWER,
)
HTML = "<html><head><title>502 Bad Gateway</title></head><body a=b>nginx</body></html>"


@pytest.mark.parametrize(
    "status, body, kind, category",
    [
        (400, {"error": "invalid_grant"}, GrantGone, GONE),
        (401, {"error": "invalid_grant"}, GrantGone, GONE),
        (403, "error=invalid_grant&error_description=revoked", GrantGone, GONE),
        (200, {"error": "invalid_grant"}, GrantGone, GONE),
        (200, "error=bad_refresh_token&error_description=expired", GrantGone, GONE),
        (200, {"ok": False, "error": "invalid_refresh_token"}, GrantGone, GONE),
        (400, {"error": {"code": "invalid_grant", "message": "gone"}}, GrantGone, GONE),
        (400, {"error": {"type": "invalid_grant"}}, GrantGone, GONE),
        (429, {"error": "invalid_grant"}, TryLater, RATE),
        (500, {"error": "invalid_grant"}, TryLater, DOWN),
        (503, {"error": "invalid_grant"}, TryLater, DOWN),
        (302, {"error": "invalid_grant"}, TryLater, MOVED),
        (429, "", TryLater, RATE),
        (200, {"ok": False, "error": "ratelimited"}, TryLater, RATE),
        (400, {"error": "slow_down"}, TryLater, RATE),
        (502, HTML, TryLater, DOWN),
        (504, b"", TryLater, DOWN),
        (500, {"access_token": "access-token-1"}, TryLater, DOWN),
        (599, "x", TryLater, DOWN),
        (600, "x", TryLater, DOWN),
        (101, "x", TryLater, DOWN),
        (408, "", TryLater, DOWN),
        (425, "", TryLater, DOWN),
        (400, {"error": "temporarily_unavailable"}, TryLater, DOWN),
        (301, "", TryLater, MOVED),
        (307, TOKEN, TryLater, MOVED),
        (401, {"error": "invalid_client"}, TryLater, CLIENT),
        (400, {"error": "invalid_client"}, TryLater, CLIENT),
        (200, {"error": "incorrect_client_credentials"}, TryLater, CLIENT),
        (401, "", TryLater, CLIENT),
        (401, {"message": "Unauthorized"}, TryLater, CLIENT),
        (400, {"error": "unauthorized_client"}, TryLater, NOT_ALLOWED),
        (400, {"error": "invalid_scope"}, TryLater, REFUSED),
        (400, {"error": "INVALID_GRANT"}, TryLater, REFUSED),
        (400, {"error_description": "invalid_grant"}, TryLater, REFUSED),
        (400, "invalid_grant", TryLater, REFUSED),
        (400, {"error": ["invalid_grant"]}, TryLater, REFUSED),
        (400, {"error": True}, TryLater, REFUSED),
        (400, ["invalid_grant"], TryLater, REFUSED),
        (403, HTML, TryLater, REFUSED),
        (404, HTML, TryLater, REFUSED),
        (410, "", TryLater, REFUSED),
        (200, {"error": {"code": 190, "message": "Invalid OAuth access token"}}, TryLater, REFUSED),
        (200, "", Unknown, UNUSABLE),
        (204, "", Unknown, UNUSABLE),
        (200, HTML, Unknown, UNUSABLE),
        (200, "access granted", Unknown, UNUSABLE),
        (200, b"\x00\xff\xfe", Unknown, UNUSABLE),
        (200, b"\x1f\x8b\x08\x00", Unknown, UNUSABLE),
        (200, "null", Unknown, UNUSABLE),
        (200, "[]", Unknown, UNUSABLE),
        (200, [TOKEN], Unknown, UNUSABLE),
        (200, '"access-token-1"', Unknown, UNUSABLE),
        (200, {}, Unknown, UNUSABLE),
        (200, {"error": ""}, Unknown, UNUSABLE),
        (200, {"error": None}, Unknown, UNUSABLE),
        (200, '{"access_token": "access-token-1"', Unknown, UNUSABLE),
        (200, {"access_token": ""}, Unknown, UNUSABLE),
        (200, {"access_token": None}, Unknown, UNUSABLE),
        (200, {"access_token": 7}, Unknown, UNUSABLE),
        (200, {"access_token": ["a"]}, Unknown, UNUSABLE),
        (200, {"access_token": {"a": "b"}}, Unknown, UNUSABLE),
        (200, {"access_token": "a b"}, Unknown, UNUSABLE),
        (200, {"access_token": "a\n"}, Unknown, UNUSABLE),
        (200, {"access_token": "a\x00"}, Unknown, UNUSABLE),
        (200, {"access_token": "tökén"}, Unknown, UNUSABLE),
        (200, {"access_token": "a\n", "error": "invalid_grant"}, Unknown, UNUSABLE),
        (200, TOKEN | {"refresh_token": "r\r\n"}, Unknown, UNUSABLE),
        (200, TOKEN | {"refresh_token": 7}, Unknown, UNUSABLE),
        (200, TOKEN | {"token_type": "mac"}, Unknown, UNUSABLE),
        (200, TOKEN | {"token_type": "DPoP"}, Unknown, UNUSABLE),
        (200, TOKEN | {"token_type": 7}, Unknown, UNUSABLE),
        (200, TOKEN | {"token_type": ["Bearer"]}, Unknown, UNUSABLE),
        (200, "[" * 100_000, Unknown, UNUSABLE),
        (200, '{"a":' * 100_000, Unknown, UNUSABLE),
    ],
)  # fmt: skip
def test_what_brings_no_token_has_a_name(
    status: int, body: object, kind: type[GrantGone | TryLater | Unknown], category: FailureCategory
) -> None:
    """Only an answer that names the grant costs the grant; an unreadable success has an unknown outcome."""
    verdict = judged(answer(body, status))
    assert isinstance(verdict, kind)
    assert (verdict.failure.category, verdict.failure.http_status) == (category, status)


@pytest.mark.parametrize("status", [429, 503, 400, 401, 301])
@pytest.mark.parametrize(
    "value, seconds",
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("86401", 86_400),
        ("9" * 5000, 86_400),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120),
        ("Fri Jan 15 08:02:00 2027", 120),
        ("Fri, 15 Jan 2027 08:02:00 -0000", 120),
        ("Fri, 15 Jan 2027 09:02:00 +0100", 120),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Fri, 99 Jan 2027 08:00:00 GMT", None),
        ("\x00", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(status: int, value: str, seconds: int | None) -> None:
    """Within a day, and what cannot be read counts as absent."""
    verdict = judged(answer("", status, retry_after=value))
    assert isinstance(verdict, TryLater)
    assert verdict.retry_after == seconds


@given(st.text(max_size=40), st.sampled_from(["", "Fri, ", "Fri, 15 Jan 2027 "]))
def test_no_retry_after_can_do_harm(value: str, before: str) -> None:
    """Whatever it says, it is within a day or absent."""
    verdict = judged(answer("", 429, retry_after=before + value))
    assert isinstance(verdict, TryLater)
    assert verdict.retry_after is None or 0 <= verdict.retry_after <= 86_400


@given(st.integers(100, 599), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_can_do_harm(status: int, body: bytes) -> None:
    """Every answer gets a verdict, and nothing but a success grants."""
    verdict = judged(HttpResponse(status, {}, body))
    assert isinstance(verdict, Granted) <= (200 <= status < 300)


def test_the_provider_s_words_are_kept_bounded() -> None:
    """Code and description, at most 100 and 500 characters, without controls."""
    body = {"error": "x\n" + "e" * 200, "error_description": "d\x00\x1b" + "d" * 600}
    verdict = judged(answer(body, 400))
    assert isinstance(verdict, TryLater)
    assert verdict.failure.error == "x " + "e" * 98
    assert verdict.failure.error_description == "d " + "d" * 498


@pytest.mark.parametrize(
    "body, words",
    [
        ({"error": "e", "error_description": "d"}, ("e", "d")),
        ({"error": "e", "message": "m"}, ("e", "m")),
        ({"error": {"status": "S", "message": "m"}}, ("S", "m")),
        ({"error": {"code": 401, "message": "m"}}, ("401", "m")),
        ({"error": {}, "message": "m"}, (None, "m")),
        ("error=e&error_description=d+d", ("e", "d d")),
        ({"error": "e", "error_description": ["d"]}, ("e", None)),
        (HTML, (None, None)),
        ("Internal error, token refresh-token-1", (None, None)),
    ],
)
def test_words_are_found_where_providers_put_them(body: object, words: tuple[str | None, str | None]) -> None:
    """In the members of RFC 6749, in an error object, in a message; never a body as it is."""
    verdict = judged(answer(body, 400))
    assert isinstance(verdict, TryLater)
    assert (verdict.failure.error, verdict.failure.error_description) == words


def test_words_hold_none_of_the_request_s_secrets() -> None:
    """What is echoed is masked; a request without these secrets keeps the words, so they would be found."""
    step = EndpointStep(url="https://acme.example/token", params={"client_secret": "{{client_secret}}"})
    request = refresh_request(acme(step), SECRETS, refresh_token=REFRESH, variables={})
    body = {"error": CLIENT_SECRET, "error_description": f"bad {REFRESH.reveal()} and {CLIENT_SECRET}"}
    shown = judged(answer(body, 400), request=HttpRequest("POST", "https://acme.example"))
    assert isinstance(shown, TryLater)
    assert shown.failure.error_description == body["error_description"]
    hidden = judged(answer(body, 400), request=request)
    assert isinstance(hidden, TryLater)
    assert (hidden.failure.error, hidden.failure.error_description) == ("***", "bad *** and ***")


@pytest.mark.parametrize(
    "error, verdict",
    [
        (EgressRefusedError("port 25"), TryLater(Failure(FailureCategory.EGRESS_REFUSED, None, "port 25"))),
        (NotConnectedError(), TryLater(Failure(FailureCategory.NOT_CONNECTED))),
        (OutcomeUnknownError("time"), Unknown(Failure(FailureCategory.OUTCOME_UNKNOWN, None, "time"))),
        (ExchangeFailedError("?"), Unknown(Failure(FailureCategory.OUTCOME_UNKNOWN, None, "?"))),
    ],
)
def test_without_an_answer_it_counts_whether_it_was_sent(error: ProviderError, verdict: Verdict) -> None:
    """What certainly did not arrive is tried later; of anything else the outcome is unknown."""
    assert failure_of(error, HttpRequest("POST", "https://acme.example")) == verdict


def test_no_failure_without_a_case() -> None:
    """Every category is met by a case above or by an egress error."""
    from_egress = {"egress_refused", "not_connected", "outcome_unknown"}
    assert from_egress | {GONE, RATE, DOWN, MOVED, CLIENT, NOT_ALLOWED, REFUSED, UNUSABLE} == set(
        FailureCategory
    )


def test_what_a_granting_answer_repeats_of_the_request_is_not_shown() -> None:
    """Some echo what they were asked; the scope and member beside it are kept, and so is what is short."""
    resource = acme(metadata=("echo.form", "echo.auth", "echo.known"))
    request = refresh_request(resource, SECRETS, refresh_token=REFRESH, variables={})
    echo = {
        "form": f"grant_type=refresh_token&refresh_token={REFRESH.reveal()}",
        "auth": request.headers["Authorization"],
        "known": "acme",
    }
    scope = f"read {REFRESH.reveal()} {CLIENT_SECRET}"
    body = {**TOKEN, "scope": scope, "echo": echo}
    verdict = token_verdict(resource, request, answer(body), now=NOW)
    assert isinstance(verdict, Granted)
    assert verdict.token_set.metadata == {"echo.known": "acme"}
    assert verdict.token_set.scopes == ("read",)
    without = token_verdict(resource, HttpRequest("POST", request.url), answer(body), now=NOW)
    assert isinstance(without, Granted)
    assert len(without.token_set.metadata) == 3
