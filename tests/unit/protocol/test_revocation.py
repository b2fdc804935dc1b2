"""Token revocation."""

from __future__ import annotations

import pytest

from oauth_broker.protocol.revocation import (
    RevocationVerdict,
    TokenTypeHint,
    revocation_request,
    revocation_verdict,
)
from oauth_broker.resource import AuthMethod, EndpointStep
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, CLIENT_SECRET, SECRETS, acme, answer, form_of, query_of

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


DONE, RETRY = RevocationVerdict.DONE, RevocationVerdict.RETRY


@pytest.mark.parametrize(
    "status, body, verdict",
    [
        (200, "", DONE),
        (200, {}, DONE),
        (204, "", DONE),
        (200, {"ok": True, "revoked": True}, DONE),
        (200, {"ok": False, "error": "token_revoked"}, DONE),
        (400, {"error": "invalid_token"}, DONE),
        (400, {"error": "unsupported_token_type"}, DONE),
        (400, {"error": "invalid_grant"}, DONE),
        (404, "", DONE),
        (400, {"error": "invalid_client"}, RETRY),
        (400, {"error": "unauthorized_client"}, RETRY),
        (401, "", RETRY),
        (302, "", RETRY),
        (408, "", RETRY),
        (429, "", RETRY),
        (500, "", RETRY),
        (503, {"error": "invalid_token"}, RETRY),
        (200, {"ok": False, "error": "ratelimited"}, RETRY),
    ],
)
def test_what_can_be_mended_is_tried_again(status: int, body: object, verdict: RevocationVerdict) -> None:
    """An outage, a limit, our own credentials; not what the provider would say again tomorrow."""
    assert revocation_verdict(answer(body, status)) is verdict


@pytest.mark.parametrize(
    "error", [None, "invalid_grant", "invalid_client", "unauthorized_client", "slow_down"]
)
def test_every_answer_has_a_verdict(error: str | None) -> None:
    """No category that an answer can have is missing in the table."""
    for status in range(100, 600):
        assert revocation_verdict(answer({"error": error}, status)) in RevocationVerdict
