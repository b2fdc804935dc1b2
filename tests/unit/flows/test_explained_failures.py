"""Why a provider refused: the connection shows the very request, every secret masked, until it goes well."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.errors import (
    ExchangeFailedError,
    NotConnectedError,
    ProviderError,
    UnavailableError,
)
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.read_token import refresh_now
from oauth_broker.flows.show_connection import connection_json
from oauth_broker.problems import problem_json
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADDRESSES, ADMIN, APP, Broker, plenty
from tests.doubles.provider import answered, granted

SECRETS = ("client-secret-1", "refresh-1", "access-1", "the-api-key", "code-1")
STEP = {
    "url": "https://acme.example/token",
    "auth_method": "client_secret_post",
    "headers": {"X-Key": "{{api_key}}"},
}
REFRESH = (
    "POST https://acme.example/token\nAccept: application/json\n"
    "Content-Type: application/x-www-form-urlencoded\nX-Key: ***\n\n"
    "grant_type=refresh_token&refresh_token=***&client_id=client-1&client_secret=***"
)


def connected() -> Broker:
    """Give a broker with a connection."""
    broker = Broker()
    broker.register(token=STEP, secret_variables={"api_key": "the-api-key"})
    broker.connect()
    return broker


def shown(broker: Broker) -> dict[str, Any]:
    """Give `last_error` as a caller sees it."""
    held = broker.kit.shelf.resource("acme")
    error = connection_json(broker.connection(), held, now=broker.machine.now())["last_error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize(
    "answer, category, status",
    [
        (answered(400, error="invalid_request"), "refused", 400),
        (answered(401, error="invalid_client"), "invalid_client", 401),
        (answered(429), "rate_limited", 429),
        (answered(503), "provider_unavailable", 503),
        (answered(400, error="invalid_grant"), "grant_gone", 400),
        (NotConnectedError("no address"), "not_connected", None),
    ],
)
def test_a_refresh_in_vain_is_explained(
    answer: HttpResponse | ProviderError, category: str, status: int | None
) -> None:
    """With the request as it went out, whether it was answered or did not even arrive."""
    broker = connected()
    broker.scripted.will(answer)
    try:
        refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    except UnavailableError:
        assert category != "grant_gone"
    error = shown(broker)
    assert (error["category"], error["http_status"], error["request"]) == (category, status, REFRESH)


def test_it_goes_with_the_next_success() -> None:
    """The item is as small as before."""
    broker = connected()
    broker.scripted.will(answered(503), granted("access-2"))
    with pytest.raises(UnavailableError):
        refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    assert broker.connection().last_error is not None
    broker.machine.time += 600
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    assert broker.connection().last_error is None


def test_a_failed_exchange_is_explained() -> None:
    """The code, the verifier and the client's secret are masked."""
    broker = Broker()
    broker.register(token=STEP, secret_variables={"api_key": "the-api-key"})
    broker.scripted.will(answered(400, error="invalid_grant", error_description="bad code-1"))
    broker.consent(broker.ask(return_url=APP))
    error = shown(broker)
    assert (error["error"], error["error_description"]) == ("invalid_grant", "bad ***")
    head, _, body = error["request"].partition("\n\n")
    assert head == REFRESH.partition("\n\n")[0]
    assert body == (
        "grant_type=authorization_code&code=***"
        "&redirect_uri=https%3A%2F%2Fbroker.example%2Foauth%2Facme%2Fcallback&code_verifier=***"
        "&client_id=client-1&client_secret=***"
    )


def test_a_refused_client_is_explained_to_who_asks() -> None:
    """client_credentials: nothing is stored, so the 502 has it."""
    broker = Broker()
    broker.register(grant_type="client_credentials", authorization=None, require_confirmation=None)
    broker.scripted.will(answered(401, error="invalid_client"))
    with pytest.raises(ExchangeFailedError) as caught:
        ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {})
    told = problem_json(caught.value)
    assert told["request"] == (
        "POST https://acme.example/token\nAccept: application/json\nAuthorization: Basic ***\n"
        "Content-Type: application/x-www-form-urlencoded\n\ngrant_type=client_credentials&scope=read+write"
    )


def test_no_secret_is_in_what_is_kept() -> None:
    """In no spelling; what is searched for is in the request that went out."""
    broker = connected()
    broker.scripted.will(answered(400, error="invalid_request"))
    with pytest.raises(UnavailableError):
        refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    sent = broker.scripted.requests[-1]
    wire = "\n".join([*sent.headers.values(), (sent.body or b"").decode()])
    assert {secret for secret in SECRETS if secret in wire} == {"client-secret-1", "refresh-1", "the-api-key"}
    assert not [secret for secret in SECRETS if secret in repr(broker.dynamodb.items)]
