"""Dialects that entries of the catalogue show, in the requests and in the judging of answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from oauth_broker.errors import CallbackRejectedError
from oauth_broker.protocol.authorization import callback_parameters, callback_verdict
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.token import Granted, GrantGone, TryLater, token_verdict
from providers.compile import entries
from providers.page import requests_of, resource_of_entry
from tests.unit.protocol.examples import answer

ENTRIES: Final = entries()


def registration(provider: str) -> Mapping[str, Any]:
    """An entry's registration."""
    found: Mapping[str, Any] = ENTRIES[provider]["registration"]
    return found


def header(provider: str, step: str, name: str) -> str:
    """A header of an entry's request, empty without."""
    request = requests_of(provider, ENTRIES[provider])[step]
    assert isinstance(request, HttpRequest)
    return dict(request.headers).get(name, "")


def body(provider: str, step: str) -> str:
    """The body of an entry's request."""
    request = requests_of(provider, ENTRIES[provider])[step]
    assert isinstance(request, HttpRequest)
    return (request.body or b"").decode()


def url(provider: str, step: str) -> str:
    """The URL of an entry's request."""
    request = requests_of(provider, ENTRIES[provider])[step]
    return request if isinstance(request, str) else request.url


# Each kind of dialect that an entry shows, named by what is odd, and how one sees it in the requests.
KINDS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "parameters for the authorization": (
        "google",
        lambda p: "access_type=offline" in url(p, "authorization"),
    ),
    "a parameter for the exchange alone": (
        "shopify",
        lambda p: "expiring=1" in body(p, "token") and "expiring" not in body(p, "refresh"),
    ),
    "renamed parameters": (
        "tiktok",
        lambda p: "client_key=CLIENT_ID" in body(p, "refresh") and "client_id" not in body(p, "refresh"),
    ),
    "standard parameters left out": (
        "amazon-selling-partner",
        lambda p: (
            "response_type" not in url(p, "authorization") and "client_id" not in url(p, "authorization")
        ),
    ),
    "scopes joined by a comma": ("linear", lambda p: registration(p)["scope_separator"] == ","),
    "no PKCE": ("square", lambda p: "code_challenge" not in url(p, "authorization")),
    "a host of each connection's": (
        "zendesk",
        lambda p: url(p, "token").startswith("https://acme.zendesk.com/"),
    ),
    "a path of each connection's": ("microsoft", lambda p: "/common/oauth2/" in url(p, "token")),
    "an origin that the callback brings": (
        "zoho",
        lambda p: url(p, "refresh").startswith("https://accounts.zoho.eu/"),
    ),
    "an API that the token answer names": (
        "salesforce",
        lambda p: url(p, "api") == "https://acme.my.salesforce.com",
    ),
    "a variable of the callback in the API's path": (
        "quickbooks",
        lambda p: "/company/4620" in url(p, "api"),
    ),
    "a code under another name": ("amazon-selling-partner", lambda p: "code=CODE" in body(p, "token")),
    "Basic": ("docusign", lambda p: header(p, "token", "Authorization").startswith("Basic ")),
    "credentials in the body": ("box", lambda p: "client_secret=CLIENT_SECRET" in body(p, "token")),
    "the secret as the user name of Basic": (
        "stripe",
        lambda p: header(p, "token", "Authorization") == "Basic Q0xJRU5UX1NFQ1JFVDo=",
    ),
    "a JSON body": ("notion", lambda p: json.loads(body(p, "token"))["code"] == "CODE"),
    "a header of its own": ("notion", lambda p: bool(header(p, "refresh", "Notion-Version"))),
    "a refresh URL of its own": ("figma", lambda p: url(p, "refresh") != url(p, "token")),
    "a refresh by GET": ("facebook", lambda p: "fb_exchange_token=REFRESH_TOKEN" in url(p, "refresh")),
    "a revocation without authentication": ("twitch", lambda p: "CLIENT_SECRET" not in body(p, "revocation")),
    "a revocation by the token itself": (
        "slack",
        lambda p: header(p, "revocation", "Authorization") == "Bearer TOKEN",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_dialect_is_spoken(kind: str) -> None:
    """What is odd about a provider shows in the requests that its entry makes."""
    provider, shows = KINDS[kind]
    assert shows(provider)


NOW: Final = 1_800_000_000


@pytest.mark.parametrize(
    "provider, status, said, verdict",
    [
        ("google", 200, {"access_token": "a", "expires_in": 3599}, Granted),
        ("slack", 200, {"ok": False, "error": "invalid_auth"}, TryLater),
        ("slack", 200, {"ok": False, "error": "invalid_refresh_token"}, GrantGone),
        ("facebook", 400, {"error": {"code": 190, "message": "gone", "type": "OAuthException"}}, GrantGone),
        ("facebook", 400, {"error": {"code": 4, "message": "too many", "type": "OAuthException"}}, TryLater),
    ],
)
def test_answers_are_judged_by_the_entry(
    provider: str, status: int, said: object, verdict: type[object]
) -> None:
    """An error in a success, and one whose code is a number in an object, are what the entry says."""
    assert type(_judged(provider, said, status)) is verdict


def test_two_tokens_of_one_answer_are_kept() -> None:
    """Slack's bot token, and the user's beside it."""
    said = {
        "ok": True,
        "access_token": "xoxb-1",
        "token_type": "bot",
        "scope": "chat:write,channels:read",
        "authed_user": {"access_token": "xoxp-1", "scope": "users:read", "token_type": "user"},
        "team": {"id": "T1", "name": "Acme"},
    }
    verdict = _judged("slack", said, 200)
    assert isinstance(verdict, Granted)
    assert verdict.token_set.scopes == ("chat:write", "channels:read")
    further = verdict.token_set.named["user"]
    assert further.access_token.reveal() == "xoxp-1"
    assert (verdict.token_set.token_type, further.token_type) == ("Bearer", "Bearer")
    assert verdict.token_set.metadata == {"team.id": "T1", "team.name": "Acme"}


@pytest.mark.parametrize(
    "provider, said, seconds",
    [
        ("square", {"access_token": "a", "expires_at": "2027-02-14T08:00:00Z"}, 2_592_000),
        ("stripe", {"access_token": "a"}, 3600),
        ("mailchimp", {"access_token": "a", "expires_in": 0, "scope": None}, None),
    ],
)
def test_expiry_is_read_as_the_provider_means_it(provider: str, said: object, seconds: int | None) -> None:
    """A moment, what nobody says but all know, and the nought that means never."""
    verdict = _judged(provider, said, 200)
    assert isinstance(verdict, Granted)
    expires_at = verdict.token_set.expires_at
    assert (None if expires_at is None else expires_at - NOW) == seconds


def test_facebooks_access_token_is_what_is_spent() -> None:
    """There is no refresh token; the token itself is exchanged for the next."""
    verdict = _judged("facebook", {"access_token": "a"}, 200)
    assert isinstance(verdict, Granted)
    assert verdict.token_set.refresh_token is not None
    assert verdict.token_set.refresh_token.reveal() == "a"


def test_an_issuer_is_compared_where_it_is_known() -> None:
    """Discord's callbacks have `iss`, so another's is no answer of Discord's."""
    resource = resource_of_entry("discord", ENTRIES["discord"])
    good = callback_parameters("code=c&state=s&iss=https%3A%2F%2Fdiscord.com")
    callback_verdict(resource, good, authorization_iss=resource.issuer)
    with pytest.raises(CallbackRejectedError, match="another provider"):
        callback_verdict(resource, {**good, "iss": "https://evil.example"}, authorization_iss=resource.issuer)


def _judged(provider: str, said: object, status: int) -> object:
    resource = resource_of_entry(provider, ENTRIES[provider])
    request = requests_of(provider, ENTRIES[provider])["token"]
    assert isinstance(request, HttpRequest)
    return token_verdict(resource, request, answer(said, status), now=NOW)
