"""Token revocation."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

import pytest

from oauth_broker.protocol.revocation import (
    NotRevocable,
    RevocationRefused,
    RevocationVerdict,
    Revoked,
    RevokeLater,
    TokenTypeHint,
    revocation_request,
    revocation_verdict,
)
from oauth_broker.resource import AuthMethod, EndpointStep
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, CLIENT_SECRET, SECRETS, acme, answer, form_of, query_of

NOW = 1_800_000_000
URL = "https://acme.example/revoke"
TOKEN = Secret("token-1")


@pytest.mark.parametrize("hint", ["refresh_token", "access_token"])
def test_the_request_is_that_of_the_rfc(hint: TokenTypeHint) -> None:
    """RFC 7009 section 2.1: token and hint in a form, with the client's authentication."""
    resource = acme(revocation=EndpointStep(url=URL))
    request = revocation_request(resource, SECRETS, TOKEN, hint, variables={})
    assert request is not None
    assert (request.method, request.url) == ("POST", URL)
    assert form_of(request) == {"token": "token-1", "token_type_hint": hint}
    assert request.headers["Authorization"].startswith("Basic ")
    assert TOKEN in request.secrets


def test_a_dialect_is_a_matter_of_parameters() -> None:
    """Another name, by GET, without a hint, with values of the connection."""
    step = EndpointStep(
        url=f"{URL}?v={{{{tenant}}}}",
        method="GET",
        params={"access_token": "{{token}}", "token": None, "token_type_hint": None},
        auth_method=AuthMethod.CLIENT_SECRET_POST,
    )
    resource = acme(revocation=step)
    request = revocation_request(resource, SECRETS, TOKEN, "access_token", variables={"tenant": "b"})
    assert request is not None
    assert query_of(request.url) == {
        "v": "b",
        "access_token": "token-1",
        "client_id": "client-1",
        "client_secret": CLIENT_SECRET,
    }


def test_a_resource_without_the_endpoint_makes_no_request() -> None:
    """Then there is nothing to send."""
    assert revocation_request(ACME, SECRETS, TOKEN, "refresh_token", variables={}) is None


REVOKED, REFUSED, NOT_REVOCABLE = Revoked(), RevocationRefused(), NotRevocable()


@pytest.mark.parametrize(
    "status, body, verdict",
    [
        (200, "", REVOKED),
        (200, {}, REVOKED),
        (204, "", REVOKED),
        (200, {"ok": True, "revoked": True}, REVOKED),
        (200, {"ok": False, "error": "token_revoked"}, REVOKED),
        (400, {"error": "invalid_token"}, REVOKED),
        (401, {"error": "invalid_token"}, REVOKED),
        (400, {"error": "invalid_grant"}, REVOKED),
        (400, {"error": "unsupported_token_type"}, NOT_REVOCABLE),
        (503, {"error": "unsupported_token_type"}, RevokeLater("provider_unavailable")),
        (400, {"error": "invalid_request"}, REFUSED),
        (404, "", REFUSED),
        (400, {"error": "invalid_client"}, RevokeLater("invalid_client")),
        (400, {"error": "unauthorized_client"}, RevokeLater("unauthorized_client")),
        (401, "", RevokeLater("invalid_client")),
        (302, "", RevokeLater("redirected")),
        (408, "", RevokeLater("provider_unavailable")),
        (429, "", RevokeLater("rate_limited")),
        (500, "", RevokeLater("provider_unavailable")),
        (503, {"error": "invalid_token"}, RevokeLater("provider_unavailable")),
        (200, {"ok": False, "error": "ratelimited"}, RevokeLater("rate_limited")),
    ],
)
def test_what_can_be_mended_is_tried_again(status: int, body: object, verdict: RevocationVerdict) -> None:
    """An outage, a limit, our own credentials; not what the provider would say again tomorrow.

    That a token is not there, in whatever words, is what was wanted.
    """
    assert revocation_verdict(answer(body, status), now=NOW) == verdict


@pytest.mark.parametrize(
    "said, seconds", [("7", 7), (formatdate(NOW + 90, usegmt=True), 90), ("9" * 30, 86_400), ("soon", None)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_read(status: int, said: str, seconds: int | None) -> None:
    """RFC 7009 section 2.2.1 has it with a 503; in seconds or as a date, an absurd one cut."""
    told = replace(answer("", status), headers={"retry-after": said})
    verdict = revocation_verdict(told, now=NOW)
    assert isinstance(verdict, RevokeLater)
    assert verdict.retry_after == seconds


@pytest.mark.parametrize(
    "error", [None, "invalid_grant", "invalid_client", "unauthorized_client", "slow_down"]
)
def test_every_answer_has_a_verdict(error: str | None) -> None:
    """No category that an answer can have is missing in the table."""
    for status in range(100, 600):
        assert isinstance(revocation_verdict(answer({"error": error}, status), now=NOW), RevocationVerdict)
