"""The secrets of a registration: given, kept, removed, hidden, and asked for again with a new origin."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.protocol.destinations import Destinations
from oauth_broker.registration.document import OF_THE_ISSUER, patched
from oauth_broker.registration.origins import destinations_of, unproved_origins
from oauth_broker.registration.parsing import ABSENT
from oauth_broker.secret import Secret
from tests.unit.registration.samples import (
    API_KEY,
    CLIENT_SECRET,
    EVERYTHING,
    as_shown,
    details_at,
    parsed,
    without,
)

STORED = parsed(EVERYTHING).resource.document
NO_SECRETS = without(EVERYTHING, "client_secret", "secret_variables")
WITHOUT_SECRET_USE = without(NO_SECRETS, "token", "refresh", "revocation") | {
    "token": {"url": "https://acme.test/token"}
}


def test_secrets_are_apart_from_the_document() -> None:
    """No secret is in what is stored or shown: the values are where they belong, and `***` elsewhere."""
    registration = parsed(EVERYTHING)
    assert registration.secrets.set_now == {
        "client_secret": Secret(CLIENT_SECRET),
        "api_key": Secret(API_KEY),
    }
    shown = as_shown(registration.resource)
    assert (shown["client_secret"], shown["secret_variables"]) == ("***", {"api_key": "***"})
    for text in (str(shown), repr(registration)):
        assert CLIENT_SECRET not in text
        assert API_KEY not in text


def test_a_secret_that_is_not_given_is_kept() -> None:
    """PUT without its secrets keeps them, and what needs them is satisfied."""
    registration = parsed(NO_SECRETS, stored=STORED)
    assert registration.secrets.client_secret is ABSENT
    assert registration.resource.document["client_secret"] == "***"
    assert registration.resource.secret_variable_names == {"api_key"}
    assert registration.secrets.over(Secret("old"), {"api_key": Secret("k")}) == (
        Secret("old"),
        {"api_key": Secret("k")},
    )
    assert "is required" in details_at("/client_secret", NO_SECRETS)


def test_what_get_shows_can_be_put_back() -> None:
    """`***` stands for the secret that is kept, so a client may change what it read and send it."""
    shown = as_shown(parsed(EVERYTHING).resource)
    registration = parsed(shown, resource_id="acme-crm", stored=STORED)
    assert registration.secrets.set_now == {}
    assert registration.secrets.client_secret is ABSENT
    assert registration.resource.document == STORED


@pytest.mark.parametrize("pointer", ["/client_secret", "/secret_variables/api_key"])
def test_hidden_is_no_secret_where_none_is_kept(pointer: str) -> None:
    """A shown registration is not mistaken for a whole one when it creates another."""
    assert "there is none" in details_at(pointer, as_shown(parsed(EVERYTHING).resource))


def test_secret_variables_merge_by_name() -> None:
    """A secret variable that is given joins those that are kept; null removes one."""
    body = NO_SECRETS | {"secret_variables": {"other": "a-new-secret"}}
    registration = parsed(body, stored=STORED)
    assert registration.resource.document["secret_variables"] == {"api_key": "***", "other": "***"}
    gone = WITHOUT_SECRET_USE | {"secret_variables": {"api_key": None}}
    registration = parsed(gone, stored=STORED)
    assert "secret_variables" not in registration.resource.document
    assert registration.secrets.over(None, {"api_key": Secret("k")}) == (None, {})


def test_null_removes_all_secret_variables() -> None:
    """As for every member, null is the removal of the whole."""
    registration = parsed(WITHOUT_SECRET_USE | {"secret_variables": None}, stored=STORED)
    assert registration.secrets.variables == {"api_key": None}
    assert registration.resource.secret_variable_names == frozenset()


def test_null_removes_the_client_secret() -> None:
    """A null client secret is gone, and what needs one is refused."""
    registration = parsed(WITHOUT_SECRET_USE | {"client_secret": None}, stored=STORED)
    assert registration.secrets.client_secret is None
    assert registration.secrets.over(Secret("old"), {}) == (None, {})
    assert "client_secret" not in registration.resource.document
    assert "is required" in details_at("/client_secret", EVERYTHING | {"client_secret": None}, stored=STORED)


def test_a_removed_secret_variable_is_unknown() -> None:
    """A placeholder of a secret variable that goes is refused in the same request."""
    body = NO_SECRETS | {"secret_variables": {"api_key": None}}
    assert "unknown placeholder api_key" in details_at("/token/headers/X-Api-Key", body, stored=STORED)


@pytest.mark.parametrize(
    "patch,kept",
    [
        ({"name": "Other"}, ABSENT),
        ({"client_secret": "a-new-secret"}, Secret("a-new-secret")),
        ({"secret_variables": {"api_key": "a-new-key"}}, ABSENT),
    ],
)
def test_a_patch_keeps_what_it_does_not_name(patch: dict[str, Any], kept: object) -> None:
    """PATCH replaces the top-level members that it names; secrets not named stay."""
    registration = parsed(patched(STORED, patch), stored=STORED)
    assert registration.resource.name == patch.get("name", "Acme CRM")
    assert registration.secrets.client_secret == kept
    assert registration.resource.secret_variable_names == {"api_key"}


def test_a_patch_with_null_removes_a_member() -> None:
    """Null takes a member away, and a required one is then missed."""
    without_issuer = parsed(patched(STORED, {"issuer": None}), stored=STORED).resource.document
    assert not {"issuer", *OF_THE_ISSUER} & without_issuer.keys()
    assert "is required" in details_at("/name", patched(STORED, {"name": None}), stored=STORED)
    removed = patched(STORED, {"client_secret": None})
    assert "is required" in details_at("/client_secret", removed, stored=STORED)


ALLOWED = destinations_of(parsed(EVERYTHING).resource)
ELSEWHERE = {"url": "https://evil.test/token"}
GIVEN = {"client_secret": "typed-again", "secret_variables": {"api_key": "typed-again-too"}}

ORIGIN_CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"name": "Other"}, set()),
    ({"token": EVERYTHING["token"] | {"url": "https://acme.test/other/path"}}, set()),
    ({"authorization": {"url": "https://elsewhere.test/authorize"}}, set()),
    ({"token": ELSEWHERE}, {"/token/url"}),
    ({"refresh": ELSEWHERE, "revocation": ELSEWHERE}, {"/refresh/url", "/revocation/url"}),
    ({"api_base_url": "https://evil.test"}, {"/api_base_url"}),
    ({"token": {"url": "https://acme.test:8443/token"}}, {"/token/url"}),
    ({"connection_variables": {"tenant": {"hosts": ["*.evil.test"]}}}, {"/api_base_url"}),
    ({"connection_variables": {"tenant": {"hosts": ["*.acme.test", "*.evil.test"]}}}, {"/api_base_url"}),
    ({"token": ELSEWHERE, "client_secret": "typed-again"}, {"/token/url"}),
    ({"token": ELSEWHERE, "secret_variables": {"api_key": "typed-again-too"}}, {"/token/url"}),
    ({"token": ELSEWHERE, **GIVEN}, set()),
    ({"token": ELSEWHERE, **GIVEN, "client_secret": "***"}, {"/token/url"}),
    ({"token": ELSEWHERE, "refresh": None, "client_secret": None, "secret_variables": None}, set()),
]


@pytest.mark.parametrize("patch,refused", ORIGIN_CHANGES)
def test_a_new_origin_asks_for_the_secrets_again(patch: dict[str, Any], refused: set[str]) -> None:
    """Who can change a registration but does not know its secrets cannot have them sent elsewhere."""
    registration = parsed(patched(STORED, patch), stored=STORED)
    problems = unproved_origins(registration, stored=STORED, allowed=ALLOWED)
    assert {problem.pointer for problem in problems} == refused


def test_the_secrets_that_are_missing_are_named() -> None:
    """The answer says which secrets are to be given again."""
    registration = parsed(patched(STORED, {"token": ELSEWHERE, "client_secret": "x"}), stored=STORED)
    (problem,) = unproved_origins(registration, stored=STORED, allowed=ALLOWED)
    assert problem.detail == "is a new origin for the secrets: give them again with it (api_key)"


def test_destinations_are_where_secrets_go() -> None:
    """Token, refresh, revocation and API origins count, variables by their hosts; the browser's does not."""
    body = EVERYTHING | {
        "authorization": {"url": "https://browser.test/authorize"},
        "refresh": {"url": "https://Refresh.Acme.test:8443/r"},
        "revocation": {"url": "https://bücher.test/revoke"},
        "connection_variables": {"tenant": {"hosts": ["*.Acme.test", "acme.example"]}},
    }
    assert destinations_of(parsed(body).resource) == Destinations(
        frozenset(
            {
                "https://acme.test:443",
                "https://refresh.acme.test:8443",
                "https://xn--bcher-kva.test:443",
                "https://*.acme.test:443",
                "https://acme.example:443",
            }
        )
    )


def test_a_whole_origin_and_a_port_count() -> None:
    """A variable that brings the origin, and a URL's own port and scheme, are met as egress meets them."""
    body = without(EVERYTHING, "api_base_url", "revocation", "authorization") | {
        "connection_variables": {"tenant": {"hosts": ["*.localhost"]}, "o": {"hosts": ["api.acme.test"]}},
        "authorization": {"url": "https://acme.test/authorize"},
        "token": {"url": "http://{{tenant}}.localhost/token"},
        "refresh": {"url": "http://{{tenant}}.localhost:8001/token"},
        "api_base_url": "{{o}}/v1",
    }
    destinations = destinations_of(parsed(body, loopback=True).resource)
    assert destinations.origins == {
        "http://*.localhost:80",
        "http://*.localhost:8001",
        "https://api.acme.test:443",
    }
    assert destinations.allows("http://a.localhost:8001/token")
    assert not destinations.allows("http://a.localhost:8002/token")
