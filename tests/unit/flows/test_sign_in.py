"""Where people sign in is asked of the issuer seldom, and held while the issuer fails."""

from __future__ import annotations

from typing import Final

import pytest

from oauth_broker.errors import NotConnectedError, ProviderError, UnavailableError
from oauth_broker.flows.issuers import Issuers
from oauth_broker.flows.sign_in import HELD_FOR, Entrance
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from oauth_broker.protocol.sign_in import ASK_AGAIN_AFTER
from tests.doubles.machine import HandMachine

ISSUER: Final = "https://login.example.test"
DOCUMENT: Final = (
    b'{"issuer": "https://login.example.test", "authorization_endpoint": "https://login.example.test/authorize",'
    b' "token_endpoint": "https://login.example.test/token"}'
)


class Issuer:
    """An issuer that answers with a document, or not at all. `asked`: how often."""

    def __init__(self) -> None:
        self.document = DOCUMENT
        self.failure: ProviderError | None = None
        self.asked = 0

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,
    ) -> HttpResponse:
        """Answer, as egress does."""
        assert (destinations.allows(request.url), since) == (True, None)
        assert deadline is not None
        self.asked += 1
        if self.failure:
            raise self.failure
        return HttpResponse(200, {}, self.document)


@pytest.fixture
def issuer() -> Issuer:
    """An issuer that answers."""
    return Issuer()


@pytest.fixture
def machine() -> HandMachine:
    """A clock by hand."""
    return HandMachine()


@pytest.fixture
def entrance(issuer: Issuer, machine: HandMachine) -> Entrance:
    """The way in."""
    return Entrance(
        Issuers(issuer, machine),
        machine,
        issuer=ISSUER,
        client_id="console",
        scope_prefix="broker/",
        audience="oauth-broker://api",
    )


def test_it_is_asked_once_an_hour(entrance: Entrance, issuer: Issuer, machine: HandMachine) -> None:
    """Pages in between cost the issuer nothing."""
    first = entrance.sign_in()
    assert (first.token_endpoint, first.client_id) == (f"{ISSUER}/token", "console")
    machine.time += HELD_FOR - 1
    assert entrance.sign_in() is first
    assert issuer.asked == 1
    machine.time += 1
    assert entrance.sign_in() == first
    assert issuer.asked == 2


def test_an_issuer_that_fails_is_not_asked_by_each_page(
    entrance: Entrance, issuer: Issuer, machine: HandMachine
) -> None:
    """Who comes within ten seconds is told the same at once; afterwards it is tried again."""
    issuer.failure = NotConnectedError("nobody listens")
    for _ in range(3):
        with pytest.raises(UnavailableError, match="nobody listens") as refused:
            entrance.sign_in()
        assert refused.value.retry_after == ASK_AGAIN_AFTER
    assert issuer.asked == 1
    issuer.failure = None
    machine.time += ASK_AGAIN_AFTER
    assert entrance.sign_in().issuer == ISSUER


def test_what_was_known_serves_through_an_outage(
    entrance: Entrance, issuer: Issuer, machine: HandMachine
) -> None:
    """People go on signing in by the endpoints that were, and a changed one is known afterwards."""
    before = entrance.sign_in()
    issuer.failure = NotConnectedError("nobody listens")
    machine.time += HELD_FOR
    assert entrance.sign_in() is before
    issuer.failure = None
    issuer.document = DOCUMENT.replace(b"/authorize", b"/v2/authorize")
    machine.time += ASK_AGAIN_AFTER
    assert entrance.sign_in().authorization_endpoint == f"{ISSUER}/v2/authorize"


@pytest.mark.parametrize(
    "document, why",
    [
        (
            DOCUMENT.replace(b'"issuer": "https://login', b'"issuer": "https://evil'),
            "the issuer is https://evil",
        ),
        (DOCUMENT.replace(b"token_endpoint", b"tokens"), "token_endpoint"),
        (b"<html>", "is at none of its places"),
    ],
)
def test_metadata_that_is_wrong_is_not_used(
    entrance: Entrance, issuer: Issuer, document: bytes, why: str
) -> None:
    """Another issuer's, an incomplete one, and none at all are each said to be."""
    issuer.document = document
    with pytest.raises(UnavailableError, match=why):
        entrance.sign_in()
