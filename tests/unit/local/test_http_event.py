"""Requests become events of payload format 2.0, and functions' answers become HTTP."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from local.execution_environment import Outcome
from local.http_event import FAILED, HttpRequest, event, message, response
from local.routes import Route

ROUTE = Route("GET", "/v1/resources/{resource_id}", "F")


def made(
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    authorizer: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The event of a request with one thing or another in it."""
    request = HttpRequest(
        method="GET",
        path="/v1/resources/a b",
        query=query,
        headers={"host": "127.0.0.1:8000", "user-agent": "test", **(headers or {})},
        body=body,
        peer="127.0.0.1",
    )
    return event(request, ROUTE, {"resource_id": "a b"}, authorizer, request_id="id", now=1583348638.39)


def test_a_request_becomes_an_event_of_format_2_0() -> None:
    """Every member is there, with API Gateway's names and formats; what has no content is left out."""
    assert made(query="a=1", authorizer={"iam": {"userId": "local"}}) == {
        "version": "2.0",
        "routeKey": "GET /v1/resources/{resource_id}",
        "rawPath": "/v1/resources/a b",
        "rawQueryString": "a=1",
        "headers": {"host": "127.0.0.1:8000", "user-agent": "test"},
        "queryStringParameters": {"a": "1"},
        "pathParameters": {"resource_id": "a b"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "authorizer": {"iam": {"userId": "local"}},
            "domainName": "127.0.0.1:8000",
            "domainPrefix": "127",
            "http": {
                "method": "GET",
                "path": "/v1/resources/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "id",
            "routeKey": "GET /v1/resources/{resource_id}",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": False,
    }


def test_a_stage_tells_its_variables() -> None:
    """They come with each request of a route whose stage has some; else the member is missing."""
    request = HttpRequest("GET", "/", "", {"host": "127.0.0.1:8000"}, b"", "127.0.0.1")
    for variables in ({"console_client_id": "c1"}, {}):
        route = Route("GET", "/", "F", stage_variables=variables)
        told = event(request, route, {}, None, request_id="id", now=0)
        assert told.get("stageVariables", {}) == variables
        assert ("stageVariables" in told) is bool(variables)


def test_what_a_request_lacks_its_event_lacks() -> None:
    """Without query, cookies, body and authorizer there are no such members."""
    bare = made()
    absent = {"queryStringParameters", "cookies", "body"}
    assert not absent & set(bare)
    assert absent <= set(made(query="a=1", headers={"cookie": "a=1"}, body=b"x"))
    assert "authorizer" not in bare["requestContext"]


@pytest.mark.parametrize(
    "query, parameters",
    [
        ("a=1&a=2&b=3", {"a": "1,2", "b": "3"}),
        ("a=1%2C2", {"a": "1,2"}),
        ("a=x+y%20z", {"a": "x y z"}),
        ("a=&b", {"a": "", "b": ""}),
    ],
)
def test_repeated_query_parameters_are_joined_by_a_comma(query: str, parameters: dict[str, str]) -> None:
    """Values are decoded and joined, as the event's queryStringParameters; the raw query stays as it came."""
    event_made = made(query=query)
    assert event_made["queryStringParameters"] == parameters
    assert event_made["rawQueryString"] == query


def test_cookies_are_a_list_and_no_header() -> None:
    """The Cookie header is cut into its cookies."""
    event_made = made(headers={"cookie": "a=1; b=x=y"})
    assert event_made["cookies"] == ["a=1", "b=x=y"]
    assert "cookie" not in event_made["headers"]


@pytest.mark.parametrize(
    "content_type, body, encoded",
    [
        ("application/json", b'{"a": 1}', False),
        ("application/json; charset=utf-8", b"{}", False),
        ("application/problem+json", b"{}", False),
        ("application/xml", b"<a/>", False),
        ("application/javascript", b"1", False),
        ("text/plain", "é".encode(), False),
        ("text/plain", b"\xff", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("application/octet-stream", b"a", True),
        ("", b"a", True),
    ],
)
def test_only_text_arrives_as_text(content_type: str, body: bytes, encoded: bool) -> None:
    """Bodies of other types are base64, form posts too."""
    event_made = made(headers={"content-type": content_type}, body=body)
    assert event_made["isBase64Encoded"] is encoded
    given = event_made["body"]
    assert (base64.b64decode(given) if encoded else given.encode()) == body


PLAIN = ("Content-Type", "text/plain;charset=UTF-8")
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    "payload, status, headers, body",
    [
        ({"statusCode": 204}, 204, [PLAIN], b""),
        ({"statusCode": "201", "body": "é"}, 201, [PLAIN], "é".encode()),
        (
            {"statusCode": 200, "headers": {"content-type": "text/html"}},
            200,
            [("content-type", "text/html")],
            b"",
        ),
        ({"statusCode": 200, "headers": {"n": 1, "b": True}}, 200, [("n", "1"), ("b", "true"), PLAIN], b""),
        (
            {"statusCode": 200, "cookies": ["a=1", "b=2; Path=/"]},
            200,
            [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), PLAIN],
            b"",
        ),
        ({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}, 200, [PLAIN], b"\xff"),
        ({"statusCode": 200, "headers": {"Content-Length": "9", "Connection": "close"}}, 200, [PLAIN], b""),
        ({"message": "hello"}, 200, [JSON], b'{"message": "hello"}'),
        ("hello", 200, [JSON], b"hello"),
        (None, 200, [JSON], b"null"),
    ],
)
def test_an_answer_becomes_http(
    payload: Any, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    """Format 2.0 in full, and what API Gateway makes of an answer without a status."""
    answer = response(Outcome(payload))
    assert (answer.status, list(answer.headers), answer.body) == (status, headers, body)


@pytest.mark.parametrize(
    "payload",
    [
        {"statusCode": "many"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a": "\u20ac"}},
        {"statusCode": 200, "cookies": "a=1\n"},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_a_500(payload: Any) -> None:
    """API Gateway does not guess what a function meant."""
    assert response(Outcome(payload)) == FAILED


def test_a_failed_function_is_a_500_that_says_nothing() -> None:
    """The error stays in the log."""
    answer = response(Outcome({"errorType": "ValueError", "errorMessage": "secret"}, failed=True))
    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')


def test_an_answer_of_api_gateways_own_is_a_message() -> None:
    """Its body has one member."""
    assert message(404, "Not Found").body == b'{"message":"Not Found"}'
