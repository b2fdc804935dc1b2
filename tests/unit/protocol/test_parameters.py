"""Which parameters a request carries, and how they are written."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import TemplateError
from oauth_broker.protocol.authorization import authorization_url
from oauth_broker.protocol.parameters import (
    filled_json,
    merged,
    names_in_url,
    with_fragment,
    with_query,
    written,
)
from oauth_broker.protocol.template import Place
from oauth_broker.protocol.token import refresh_request
from oauth_broker.resource import AuthMethod, AuthorizationStep, BodyFormat, EndpointStep, ParamsIn
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import MOMENT, REDIRECT_URI, SECRETS, acme, body_of

URL = "https://acme.example/token"
BOTH = {"client_id": "{{client_id}}", "scope": "{{scope}}"}


@pytest.mark.parametrize(
    "url, params, expected",
    [
        (URL, {}, BOTH),
        (URL, {"access_type": "offline"}, BOTH | {"access_type": "offline"}),
        (URL, {"scope": "all"}, {"client_id": "{{client_id}}", "scope": "all"}),
        (URL, {"scope": None}, {"client_id": "{{client_id}}"}),
        (
            URL,
            {"client_key": "{{client_id}}", "client_id": None},
            {"client_key": "{{client_id}}", "scope": "{{scope}}"},
        ),
        (URL, {"absent": None}, BOTH),
        (f"{URL}?scope=own", {}, {"client_id": "{{client_id}}"}),
        (f"{URL}?scope", {}, {"client_id": "{{client_id}}"}),
        (f"{URL}?sc%6Fpe=own", {"scope": "twice"}, {"client_id": "{{client_id}}"}),
        (f"{URL}?client_id=a&scope=b", {}, {}),
        (f"{URL}?SCOPE=own", {}, BOTH),
        (f"{URL}#scope=own", {}, BOTH),
        (URL, {"prompt": ""}, BOTH | {"prompt": ""}),
        (URL, {"flag": False}, BOTH | {"flag": False}),
    ],
)  # fmt: skip
def test_what_the_resource_says_wins(url: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    """A parameter of the URL or of `params` is not added again, and null removes a standard one."""
    assert merged(("client_id", "scope"), url=url, params=params) == expected


@pytest.mark.parametrize(
    "url, names",
    [
        ("https://spa.example/#/authorize?client_id=a&x=1", ("client_id", "x")),
        ("https://spa.example/?q=1#/authorize?client_id=a", ("q", "client_id")),
        ("https://spa.example/#client_id=a&x=1", ("client_id", "x")),
        ("https://spa.example/#/authorize", ()),
        ("https://spa.example/", ()),
        ("https://spa.example/#?&&=", ("",)),
    ],
)
def test_a_fragment_has_parameters_of_its_own(url: str, names: tuple[str, ...]) -> None:
    """The parameters of a fragment are those after its `?`, or all of it where it is no route."""
    assert names_in_url(url, fragment=True) == names


@pytest.mark.parametrize(
    "value, query, form",
    [
        ("offline", "offline", "offline"),
        ("a b&c=d#é%", "a%20b%26c%3Dd%23%C3%A9%25", "a+b%26c%3Dd%23%C3%A9%25"),
        ("{{name}}", "J%C3%B6%20%26%20co", "J%C3%B6+%26+co"),
        ("<{{ name }}>", "%3CJ%C3%B6%20%26%20co%3E", "%3CJ%C3%B6+%26+co%3E"),
        ("{{secret}}", "%7B%7Bname%7D%7D", "%7B%7Bname%7D%7D"),
        (True, "true", "true"),
        (False, "false", "false"),
        (3600, "3600", "3600"),
        (1.5, "1.5", "1.5"),
        ("", "", ""),
        ({"id_token": {"max_age": 1, "who": "{{name}}"}},
         quote('{"id_token":{"max_age":1,"who":"J\\u00f6 & co"}}', safe=""),
         quote('{"id_token":{"max_age":1,"who":"J\\u00f6+&+co"}}', safe="").replace("%2B%26%2B", "+%26+")),
    ],
)  # fmt: skip
def test_a_value_is_written_for_its_place(value: object, query: str, form: str) -> None:
    """Text is filled and encoded, numbers and booleans are as JSON writes them, a value's braces are text."""
    values: dict[str, str | Secret] = {"name": "Jö & co", "secret": Secret("{{name}}")}
    assert written({"p": value}, values, Place.QUERY) == f"p={query}"
    assert written({"p": value}, values, Place.FORM) == f"p={form}"


def test_names_are_encoded_too() -> None:
    """A parameter's name cannot bring another parameter."""
    assert written({"a&b=c": "d"}, {}, Place.FORM) == "a%26b%3Dc=d"


@pytest.mark.parametrize(
    "value, expected",
    [
        ("a+b", "a+b"),
        ("a%20b", "a%20b"),
        ("{{scope}}", "read+write"),
        ("https://x.example/y?z=1", "https://x.example/y?z=1"),
        ("a&b#c d{é}", "a%26b%23c%20d%7B%C3%A9%7D"),
    ],
)
def test_an_unencoded_value_goes_out_as_it_is(value: str, expected: str) -> None:
    """Only what would end the value is encoded."""
    values = {"scope": "read+write"}
    assert written({"p": value, "q": "a+b"}, values, Place.QUERY, unencoded={"p"}) == f"p={expected}&q=a%2Bb"


def test_an_unknown_name_is_refused() -> None:
    """A template without a value for its name is never sent."""
    with pytest.raises(TemplateError, match="no value for nobody"):
        written({"p": "{{nobody}}"}, {}, Place.FORM)


def test_json_keeps_its_kinds() -> None:
    """Texts are filled wherever they are nested; numbers, booleans and null are as they were."""
    value = {"a": ["{{x}}", 1, 1.5, True, None], "b": {"c": "<{{x}}>"}, "{{x}}": ()}
    assert filled_json(value, {"x": Secret('"\n')}) == {
        "a": ['"\n', 1, 1.5, True, None],
        "b": {"c": '<"\n>'},
        "{{x}}": [],
    }


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://a.example", "https://a.example?x=1"),
        ("https://a.example/b?", "https://a.example/b?x=1"),
        ("https://a.example/b?c=d", "https://a.example/b?c=d&x=1"),
        ("https://a.example/b?c=d&", "https://a.example/b?c=d&x=1"),
        ("https://a.example/b?c=d#e?f", "https://a.example/b?c=d&x=1#e?f"),
    ],
)
def test_a_query_is_added_to(url: str, expected: str) -> None:
    """A URL's own query and fragment are kept."""
    assert with_query(url, "x=1") == expected
    assert with_query(url, "") == url


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://a.example/?q=1", "https://a.example/?q=1#x=1"),
        ("https://a.example/#/login", "https://a.example/#/login?x=1"),
        ("https://a.example/#/login?y=2", "https://a.example/#/login?y=2&x=1"),
        ("https://a.example/#y=2", "https://a.example/#y=2&x=1"),
        ("https://a.example/#/login?", "https://a.example/#/login?x=1"),
        ("https://a.example/#?y=2", "https://a.example/#y=2&x=1"),
    ],
)
def test_a_fragment_is_added_to(url: str, expected: str) -> None:
    """A single-page application's route and parameters are kept."""
    assert with_fragment(url, "x=1") == expected
    assert with_fragment(url, "") == url


NAMES = st.sampled_from(
    ["client_id", "client_secret", "scope", "grant_type", "refresh_token", "state", "response_type",
     "redirect_uri", "code_challenge", "code_challenge_method", "nonce", "client_key", "x y", "a&b"]
)  # fmt: skip
PARAMS = st.dictionaries(
    NAMES, st.none() | st.text(max_size=5).filter(lambda text: "{" not in text) | st.integers()
)
OWN = st.lists(NAMES, unique=True, max_size=5)


def own_query(names: list[str]) -> str:
    """Give a query with these parameters, each once."""
    return "&".join(f"{quote(name)}=own" for name in names)


@given(own=OWN, params=PARAMS, fragment=st.booleans(), scopes=st.lists(st.just("openid")))
def test_no_parameter_of_an_authorization_request_goes_out_twice(
    own: list[str], params: dict[str, Any], *, fragment: bool, scopes: list[str]
) -> None:
    """Whatever stands in the URL and in `params`, each name is there once, the URL's own as they were."""
    mark = "#/login?" if fragment else "?"
    step = AuthorizationStep(
        url=f"https://acme.example/{mark}{own_query(own)}",
        params=params,
        params_in=ParamsIn.FRAGMENT if fragment else ParamsIn.QUERY,
    )
    url = authorization_url(acme(authorization=step), redirect_uri=REDIRECT_URI, scopes=scopes, variables={})
    parts = urlsplit(url)
    pairs = parse_qsl(parts.fragment.partition("?")[2] if fragment else parts.query, keep_blank_values=True)
    assert len({name for name, _ in pairs}) == len(pairs)
    assert [pair for pair in pairs if pair[0] in own] == [(name, "own") for name in own]
    assert (
        not {name for name, value in params.items() if value is None and name not in own} & dict(pairs).keys()
    )


@given(
    own=OWN, params=PARAMS, method=st.sampled_from(["GET", "POST"]), auth_method=st.sampled_from(AuthMethod)
)
def test_no_parameter_of_a_token_request_goes_out_twice(
    own: list[str], params: dict[str, Any], method: str, auth_method: AuthMethod
) -> None:
    """Query and body together hold each name once."""
    step = EndpointStep(url=f"{URL}?{own_query(own)}", method=method, params=params, auth_method=auth_method)
    request = refresh_request(acme(step), SECRETS, refresh_token=Secret("r"), variables=MOMENT)
    body = body_of(request) if method == "POST" else ""
    assert method == "POST" or request.body is None
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True) + parse_qsl(
        body, keep_blank_values=True
    )
    assert len({name for name, _ in pairs}) == len(pairs)


def test_a_json_body_is_filled_and_escaped() -> None:
    """Values cannot leave their string, and numbers stay numbers."""
    step = EndpointStep(
        url=URL,
        body=BodyFormat.JSON,
        params={"audience": {"id": "{{who}}", "ttl": 60}},
        auth_method=AuthMethod.NONE,
    )
    request = refresh_request(acme(step), SECRETS, refresh_token=Secret("r"), variables={"who": '","x":"'})
    assert request.headers["Content-Type"] == "application/json"
    assert body_of(request) == (
        '{"grant_type":"refresh_token","refresh_token":"r","client_id":"client-1",'
        '"audience":{"id":"\\",\\"x\\":\\"","ttl":60}}'
    )
