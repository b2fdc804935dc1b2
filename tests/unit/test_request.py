"""From an HTTP API event to a request: what is read, and what is refused before a handler sees it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_broker.errors import (
    CallerError,
    InvalidError,
    MalformedError,
    NotFoundError,
)
from oauth_broker.request import cursor_text
from oauth_broker.secret import Secret
from tests.unit.http_events import jwt, request_of


def test_a_request_is_what_came() -> None:
    """Method, route, path, query, headers, cookies, domain and request id are those of the event."""
    request = request_of(
        "GET /v1/resources/{resource_id}",
        query="limit=3&label=a%20b+c",
        rawPath="/v1/resources/acme-crm",
        pathParameters={"resource_id": "acme-crm"},
        headers={"User-Agent": "curl/8", "If-Match": '"1"'},
        cookies=["__Host-oauth-broker-01=first", "theme=dark=yes"],
    )
    assert (request.method, request.route) == ("GET", "GET /v1/resources/{resource_id}")
    assert request.path == "/v1/resources/acme-crm"
    assert request.path_parameters == {"resource_id": "acme-crm"}
    assert request.query == {"limit": "3", "label": "a b c"}
    assert request.headers == {"user-agent": "curl/8", "if-match": '"1"'}
    assert request.user_agent == "curl/8"
    assert request.cookies == (("__Host-oauth-broker-01", Secret("first")), ("theme", Secret("dark=yes")))
    assert (request.domain, request.request_id) == ("broker.example.com", "request-1")


def test_a_stage_may_say_more() -> None:
    """The stage's variables are there, where it has any."""
    assert request_of(stageVariables={"console_client_id": "c1"}).stage_variables == {
        "console_client_id": "c1"
    }
    assert request_of().stage_variables == {}


@pytest.mark.parametrize(
    "route,handled",
    [
        ("GET /jwt/v1/resources", "GET /v1/resources"),
        ("GET /v1/resources", "GET /v1/resources"),
        ("GET /oauth/callback", "GET /oauth/callback"),
    ],
)
def test_a_route_is_the_same_for_both_kinds_of_callers(route: str, handled: str) -> None:
    """The prefix /jwt is cut from the route."""
    request = request_of(
        route, authorizer=jwt(iss="https://issuer.test", sub="ada") if "jwt" in route else None
    )
    assert request.route == handled


def test_a_request_shows_only_its_route() -> None:
    """Neither query, nor cookies, nor body stand in the representation."""
    request = request_of(
        query="code=hunter2", cookies=["a=hunter2"], body="hunter2", headers={"a": "hunter2"}
    )
    assert request.raw_query == "code=hunter2"
    assert repr(request) == "Request(GET /v1/resources)"


@pytest.mark.parametrize(
    "name,value,found",
    [
        ("resource_id", "a", True),
        ("resource_id", "acme-crm-1", True),
        ("resource_id", "a" * 64, True),
        ("resource_id", "a" * 65, False),
        ("resource_id", "", False),
        ("resource_id", "Acme", False),
        ("resource_id", "a_b", False),
        ("resource_id", "a/b", False),
        ("resource_id", "a#b", False),
        ("resource_id", "a\n", False),
        ("resource_id", "ä", False),
        ("resource_id", "\u0661", False),
        ("connection_id", "Ada_1-x", True),
        ("connection_id", "A" * 64, True),
        ("connection_id", "A" * 65, False),
        ("connection_id", "a.b", False),
        ("connection_id", "a b", False),
        ("connection_id", "a\x00", False),
    ],
)
def test_an_id_that_cannot_exist_is_not_found(name: str, value: str, found: bool) -> None:
    """Ids of another alphabet or length end before anything is asked of the table."""
    if found:
        assert request_of(pathParameters={name: value}).path_parameters == {name: value}
    else:
        with pytest.raises(NotFoundError):
            request_of(pathParameters={name: value})


@pytest.mark.parametrize(
    "query",
    [
        "a=1&a=2",
        "a=1&%61=2",
        "a",
        "a=1&&b=2",
        "a=%ff",
        "a=%ed%a0%80",
        "&".join(f"a{i}=1" for i in range(51)),
    ],
)
def test_a_query_that_is_not_clear_is_malformed(query: str) -> None:
    """Repeats, parameters without a value, broken UTF-8 and floods of parameters are refused."""
    request = request_of(query=query)
    with pytest.raises(MalformedError):
        assert request.query


@pytest.mark.parametrize(
    "query,parsed",
    [
        ("", {}),
        ("a=", {"a": ""}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%26b%3D2", {"a": "&b=2"}),
        ("a=1,2", {"a": "1,2"}),
    ],
)
def test_a_clear_query_is_parsed(query: str, parsed: dict[str, str]) -> None:
    """Only & separates parameters, and only once; what is encoded separates nothing."""
    assert request_of(query=query).query == parsed


@pytest.mark.parametrize(
    "query,unknown",
    [("", []), ("min_ttl=60", []), ("min_tll=60", ["min_tll"]), ("a=1&name=id&b=2", ["a", "b"])],
)
def test_an_unknown_query_parameter_is_invalid(query: str, unknown: list[str]) -> None:
    """A misspelt parameter is named, not ignored."""
    pointers: list[str] = []
    try:
        request_of(query=query).only("min_ttl", "name")
    except InvalidError as error:
        pointers = [problem.pointer for problem in error.problems]
    assert pointers == unknown


@pytest.mark.parametrize(
    "header,tags",
    [
        (None, None),
        ("*", {"*"}),
        ('"3"', {'"3"'}),
        ('"3", "4"', {'"3"', '"4"'}),
        ('W/"3"', set()),
        ('W/"3","4"', {'"4"'}),
        ('""', {'""'}),
    ],
)
def test_if_match_names_versions(header: str | None, tags: set[str] | None) -> None:
    """Strong entity tags come back with their quotes; weak ones never match."""
    assert request_of(headers={} if header is None else {"if-match": header}).if_match() == tags


@pytest.mark.parametrize("header", ["", "3", '"3', '3"', '"a" "b"', '"a",', 'w/"3"', '"\x00"'])
def test_if_match_that_is_no_entity_tag_is_malformed(header: str) -> None:
    """A condition that cannot be read is not ignored."""
    with pytest.raises(MalformedError):
        request_of(headers={"if-match": header}).if_match()


@pytest.mark.parametrize("query,limit", [("", 50), ("limit=1", 1), ("limit=200", 200), ("limit=007", 7)])
def test_a_list_has_a_limit(query: str, limit: int) -> None:
    """A page of a list holds 1 to 200 items, 50 by default."""
    assert request_of(query=query).limit() == limit


@pytest.mark.parametrize("value", ["0", "201", "-1", "1.5", "ten", "", "1e2", "%20%31", "9" * 30, "%D9%A1"])
def test_a_limit_outside_its_bounds_is_invalid(value: str) -> None:
    """Anything else names `limit`."""
    with pytest.raises(InvalidError) as raised:
        request_of(query=f"limit={value}").limit()
    assert [problem.pointer for problem in raised.value.problems] == ["limit"]


def test_a_number_may_be_without_an_upper_bound() -> None:
    """Where the handler cuts what is too large, only what is negative or no number is invalid."""
    assert request_of(query="min_ttl=99999").number("min_ttl", default=60, low=0) == 99_999
    with pytest.raises(InvalidError, match="of at least 0"):
        request_of(query="min_ttl=-1").number("min_ttl", default=60, low=0)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.dictionaries(
        st.sampled_from(["pk", "sk", "b", "refresh_at"]), st.text(max_size=40) | st.integers(0, 2**40)
    )
)
def test_a_cursor_comes_back_as_it_was(place: dict[str, Any]) -> None:
    """A place in a list passes through a URL unchanged, whatever it holds."""
    text = cursor_text(place)
    assert request_of(query=f"cursor={text}").cursor() == place


def test_no_cursor_is_the_beginning() -> None:
    """Without a cursor there is no place."""
    assert request_of().cursor() is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "a",
        "!!!!",
        "e30%3D",
        "e30+",
        "W10",
        "bm90IGpzb24",
        "_____w",
        "A" * 3000,
        base64.urlsafe_b64encode(b'{"a": NaN}').decode().rstrip("="),
    ],
)
def test_a_cursor_that_is_not_ours_is_malformed(cursor: str) -> None:
    """Whatever `cursor_text` did not write is refused without a look at the table."""
    with pytest.raises(MalformedError):
        request_of(query=f"cursor={cursor}").cursor()


@settings(deadline=None)  # a busy machine is no failure
@given(query=st.text(max_size=60), body=st.text(max_size=60), header=st.text(max_size=30))
def test_nothing_a_caller_can_send_is_a_fault_of_ours(query: str, body: str, header: str) -> None:
    """Whatever stands in query, body and headers, reading it succeeds or is the caller's error."""
    request = request_of(
        query=query, body=body, headers={"content-type": "application/json", "if-match": header}
    )
    for read in (lambda: request.query, request.json, request.if_match, request.limit, request.cursor):
        try:
            read()
        except CallerError as error:
            assert error.detail  # noqa: PT017 - either outcome is right; another exception is what fails
