"""The authorization request."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import HostNotAllowedError
from oauth_broker.protocol.authorization import (
    authorization_url,
    completed,
)
from oauth_broker.protocol.pkce import code_challenge
from oauth_broker.resource import AuthorizationStep, ConnectionVariable, ParamsIn
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import REDIRECT_URI, acme, query_of, vectors

RFC = vectors("rfc6749_examples")


def asked(scopes: tuple[str, ...] = (), own: dict[str, str] | None = None, /, **changes: Any) -> str:
    """Give the authorization URL of a changed resource; `own` are the connection's values."""
    return authorization_url(acme(**changes), redirect_uri=REDIRECT_URI, scopes=scopes, variables=own or {})


def step(url: str = "https://acme.example/authorize", **members: Any) -> AuthorizationStep:
    """Give an authorization step."""
    return AuthorizationStep(url=url, **members)


def test_the_request_is_that_of_the_rfc() -> None:
    """The example of RFC 6749 section 4.1.1 comes out; only dots, which need no encoding, are not encoded."""
    example = RFC["authorization_request"]
    resource = acme(
        client_id=RFC["client_id"], code_challenge_method=None, authorization=step(example["url"])
    )
    url = authorization_url(resource, redirect_uri=RFC["redirect_uri"], scopes=(), variables={})
    found = completed(url, state=example["state"], code_challenge="", nonce="")
    assert found == f"{example['url']}?{example['query'].replace('%2E', '.')}"


def test_the_standard_parameters_are_added() -> None:
    """With scopes and PKCE, the request carries exactly these; what the browser brings is left open."""
    assert query_of(asked(("read", "write"))) == {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": REDIRECT_URI,
        "scope": "read write",
        "state": "{{state}}",
        "code_challenge": "{{code_challenge}}",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    "scopes, changes, name, expected",
    [
        ((), {}, "scope", None),
        (("a", "b"), {"scope_separator": ","}, "scope", "a,b"),
        (("a", "b"), {"scope_separator": "+"}, "scope", "a+b"),
        (("openid", "a"), {}, "nonce", "{{nonce}}"),
        (("openidx",), {}, "nonce", None),
        (("a",), {"code_challenge_method": None}, "code_challenge", None),
        (("a",), {"code_challenge_method": None}, "code_challenge_method", None),
        (("a",), {"authorization": step(params={"state": None})}, "state", None),
        (
            ("a",),
            {"authorization": step(params={"user_scope": "{{scope}}", "scope": None})},
            "user_scope",
            "a",
        ),
        (("a",), {"authorization": step(params={"user_scope": "{{scope}}", "scope": None})}, "scope", None),
        (("a",), {"authorization": step(params={"x": "<{{state}}>"})}, "x", "<{{state}}>"),
    ],
)
def test_parameters_depend_on_scopes_and_resource(
    scopes: tuple[str, ...], changes: dict[str, Any], name: str, expected: str | None
) -> None:
    """No scope without scopes, a nonce only with openid, no PKCE where the resource turns it off."""
    assert query_of(asked(scopes, **changes)).get(name) == expected


def test_the_seed_of_it_all() -> None:
    """An authorization URL with a placeholder and parameters of its own is kept, and completed."""
    found = asked(
        (), authorization=step("https://api.myservice.io/authorize?client_id={{client_id}}&session=true")
    )
    assert found.startswith(
        "https://api.myservice.io/authorize?client_id=client-1&session=true&response_type=code&"
    )
    assert query_of(found)["client_id"] == "client-1"


def test_a_single_page_application_gets_its_parameters_in_the_fragment() -> None:
    """They follow the route, and the query stays as it was."""
    spa = step("https://spa.example/app?v=2#/oauth/authorize?theme=dark", params_in=ParamsIn.FRAGMENT)
    parts = urlsplit(completed(asked(("a",), authorization=spa), state="s", code_challenge="c", nonce="n"))
    route, _, query = parts.fragment.partition("?")
    assert (parts.query, route) == ("v=2", "/oauth/authorize")
    assert dict(parse_qsl(query))["theme"] == "dark"
    assert dict(parse_qsl(query))["state"] == "s"
    assert dict(parse_qsl(query))["redirect_uri"] == REDIRECT_URI


def test_an_unencoded_scope_goes_out_as_it_is() -> None:
    """`scope=a+b` stands in the URL to the letter; without it, the plus is encoded."""
    changes = {"scope_separator": "+"}
    assert "&scope=a+b&" in asked(("a", "b"), authorization=step(unencoded=frozenset({"scope"})), **changes)
    assert "&scope=a%2Bb&" in asked(("a", "b"), **changes)


def test_values_come_from_the_resource_and_the_connection() -> None:
    """The connection's values are laid over the resource's, and neither over the standard ones."""
    found = asked(
        (),
        {"tenant": "blue", "client_id": "forged"},
        variables={"tenant": "red", "region": "eu1"},
        authorization=step(params={"t": "{{tenant}}", "r": "{{region}}"}),
    )
    query = query_of(found)
    assert (query["t"], query["r"], query["client_id"]) == ("blue", "eu1", "client-1")


def test_a_host_of_a_connection_is_checked() -> None:
    """A variable in the host makes only hosts of its list."""
    changes: dict[str, Any] = {
        "authorization": step("https://{{tenant}}.acme.example/authorize"),
        "connection_variables": {"tenant": ConnectionVariable(hosts=("*.acme.example",))},
    }
    assert asked((), {"tenant": "blue"}, **changes).startswith("https://blue.acme.example/authorize?")
    with pytest.raises(HostNotAllowedError):
        asked((), {"tenant": "evil.example/"}, **changes)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.just("{{state}}&state=x#{{nonce}}")
)
def test_no_value_is_filled_the_second_time(value: str) -> None:
    """A value that looks like a placeholder, or like more parameters, comes out as it went in."""
    url = asked(
        (), {"who": value}, authorization=step("https://acme.example/a?u={{who}}", params={"p": "{{who}}"})
    )
    query = query_of(completed(url, state="the-state", code_challenge="the-challenge", nonce="n"))
    assert (query["u"], query["p"], query["state"]) == (value, value, "the-state")
    assert len(query) == 8


def test_completing_puts_in_what_the_browser_brings() -> None:
    """State, challenge and nonce stand where they were left open, encoded; no placeholder is left."""
    challenge = code_challenge(Secret("v" * 43))
    found = completed(asked(("openid",)), state="id.bits&x", code_challenge=challenge, nonce="n-1")
    assert "{" not in found
    query = query_of(found)
    assert (query["state"], query["code_challenge"], query["nonce"]) == ("id.bits&x", challenge, "n-1")


def test_a_resource_without_the_step_has_no_url() -> None:
    """A client_credentials resource cannot be asked for one."""
    with pytest.raises(ValueError, match="no authorization step"):
        asked((), authorization=None)


def test_the_redirect_uri_is_encoded_whole() -> None:
    """It stands in the query as one value."""
    assert f"&redirect_uri={quote(REDIRECT_URI, safe='')}&" in asked(())
