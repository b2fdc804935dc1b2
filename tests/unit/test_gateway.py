"""From an event to an answer: routes, errors, and the one log line."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from oauth_broker import errors, gateway, log
from oauth_broker.gateway import Request, Response, answer, json_response, routed
from tests.unit.http_events import http_event, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCE = http_event(
    "GET /v1/resources/{resource_id}",
    rawPath="/v1/resources/acme",
    pathParameters={"resource_id": "acme"},
    query="cursor=hunter2",
    headers={"authorization": "hunter2", "x-id": "hunter2"},
    cookies=["session=hunter2"],
    body="hunter2",
)


class Lines:
    """What was written to the log, line by line, parsed."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def __call__(self) -> list[dict[str, Any]]:
        """Give all lines so far."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The log's lines, caught where Powertools writes them."""
    stream = io.StringIO()
    monkeypatch.setattr(log.LOGGER.registered_handler, "stream", stream)
    return Lines(stream)


def fine(_: Request) -> Response:
    """Answer that all is well."""
    return json_response(200, {"ok": True})


def failing(error: Exception) -> Callable[[Request], Response]:
    """Give a handler that raises."""

    def handle(_: Request) -> Response:
        raise error

    return handle


def test_the_handler_of_the_route_answers(lines: Lines) -> None:
    """Each route key has its handler, and the same one with /jwt in front."""
    handle = routed({"GET /v1/resources": fine, "POST /v1/resources": lambda _: gateway.empty(201)})
    ada = jwt(iss="https://issuer.test", sub="ada")
    assert answer(http_event("GET /v1/resources"), handle)["statusCode"] == 200
    assert answer(http_event("POST /v1/resources"), handle)["statusCode"] == 201
    assert answer(http_event("POST /jwt/v1/resources", authorizer=ada), handle)["statusCode"] == 201
    assert [line["status"] for line in lines()] == [200, 201, 201]


def test_a_route_without_a_handler_is_not_found(lines: Lines) -> None:
    """A route that the function does not know is a 404 problem, not a fault."""
    answered = answer(http_event("DELETE /v1/resources"), routed({"GET /v1/resources": fine}))
    assert json.loads(answered["body"])["type"] == "urn:oauth-broker:not-found"
    assert lines()[0]["error"] == "NotFoundError"


def test_a_handler_gets_the_caller(lines: Lines) -> None:
    """The scope prefix that a function was given decides who is an admin."""
    event = http_event(
        "GET /jwt/v1/resources", authorizer=jwt(iss="https://i.test", sub="ada", scope="x/admin")
    )

    def handle(request: Request) -> Response:
        return json_response(200, {"admin": request.caller.admin})

    assert json.loads(answer(event, handle, scope_prefix="x/")["body"]) == {"admin": True}
    assert json.loads(answer(event, handle, scope_prefix="broker/")["body"]) == {"admin": False}
    assert json.loads(answer(event, handle)["body"]) == {"admin": False}
    assert {line["caller"] for line in lines()} == {"ada"}


@pytest.mark.parametrize("pages,media_type", [(False, "application/problem+json"), (True, "text/html")])
@pytest.mark.parametrize(
    "error,status",
    [
        (errors.NotFoundError("No."), 404),
        (errors.StoreUnavailableError("No."), 503),
        (errors.SealError("No."), 500),
        (ZeroDivisionError(), 500),
        (RecursionError(), 500),
        (TimeoutError(), 500),
    ],
)
def test_whatever_is_raised_is_answered(
    lines: Lines, error: Exception, status: int, pages: bool, media_type: str
) -> None:
    """A caller gets a problem and a browser a page, with the same status, and one line is written."""
    answered = answer(RESOURCE, failing(error), pages=pages)
    assert answered["statusCode"] == status
    assert answered["headers"]["content-type"].startswith(media_type)
    assert [line["error"] for line in lines()] == [type(error).__name__]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": None, "routeKey": None},
        {"requestContext": {}, "routeKey": "GET /v1/resources"},
        {**RESOURCE, "pathParameters": {"resource_id": "A"}},
        {**RESOURCE, "requestContext": {**RESOURCE["requestContext"], "authorizer": {}}},
        {**RESOURCE, "body": "***", "isBase64Encoded": True},
    ],
)
def test_an_event_that_cannot_be_parsed_reaches_no_handler(lines: Lines, event: dict[str, Any]) -> None:
    """Even an event of no shape at all gets an answer and its line."""
    called: list[Request] = []

    def handle(request: Request) -> Response:
        called.append(request)
        return fine(request)

    assert answer(event, handle)["statusCode"] >= 400
    assert not called
    assert len(lines()) == 1


def test_an_answer_that_cannot_be_written_is_a_fault(lines: Lines) -> None:
    """What a handler returns is written inside the same net."""
    assert answer(RESOURCE, lambda _: Response(200, body=None, headers=None))["statusCode"] == 500  # type: ignore[arg-type] # wrong on purpose
    assert lines()[0]["error"] == "TypeError"


def test_a_line_says_who_asked_for_what_and_how_it_went(lines: Lines) -> None:
    """Route, status, time, caller, ids and request id, and what the handler noted."""
    answer(RESOURCE, lambda request: fine(request).noting(outcome="read", connection_id="ada"))
    [line] = lines()
    assert line.pop("ms") >= 0
    assert line.pop("timestamp")
    assert line == {
        "level": "INFO",
        "message": "request",
        "service": "service_undefined",
        "route": "GET /v1/resources/{resource_id}",
        "status": 200,
        "caller": "arn:aws:iam::111122223333:user/ada",
        "resource_id": "acme",
        "connection_id": "ada",
        "request_id": "request-1",
        "outcome": "read",
    }


def test_a_line_leaves_out_what_is_not_known(lines: Lines) -> None:
    """A public route without ids has a line without caller and ids, and an empty note is none."""
    answer(http_event("GET /health"), lambda request: fine(request).noting(outcome=None))
    assert set(lines()[0]) == {
        "level",
        "message",
        "timestamp",
        "service",
        "route",
        "status",
        "ms",
        "request_id",
    }


@pytest.mark.parametrize(
    "error,level,category",
    [
        (errors.NotFoundError("hunter2"), "INFO", None),
        (errors.ExchangeFailedError("hunter2"), "ERROR", "exchange_failed"),
        (errors.EgressRefusedError("hunter2"), "ERROR", "egress_refused"),
        (errors.StoreUnavailableError("hunter2"), "ERROR", None),
        (ValueError("hunter2"), "ERROR", None),
    ],
)
def test_a_line_names_the_error_and_never_quotes_it(
    lines: Lines, error: Exception, level: str, category: str | None
) -> None:
    """Class and category are written, a 5xx as an error; no sentence, query, header, cookie or body is."""
    answer(RESOURCE, failing(error))
    [line] = lines()
    assert (line["level"], line["error"], line.get("category")) == (level, type(error).__name__, category)
    assert "hunter2" not in json.dumps(lines())


def test_what_is_written_would_be_found(lines: Lines) -> None:
    """The control of the test above: a handler that notes the word shows up in the same search."""
    answer(RESOURCE, lambda request: fine(request).noting(outcome="hunter2"))
    assert "hunter2" in json.dumps(lines())


def test_a_fault_shows_where_it_passed(lines: Lines) -> None:
    """An unforeseen error is found by file, line and function, the last one being where it was raised."""
    answer(RESOURCE, failing(ValueError("hunter2")))
    [line] = lines()
    assert line["trace"][0].startswith("oauth_broker/gateway.py:")
    assert line["trace"][-1].startswith("unit/test_gateway.py:")
    assert line["trace"][-1].endswith(" handle")


def test_a_foreseen_error_needs_no_trace(lines: Lines) -> None:
    """What a caller or a provider did wrong is no fault to be looked for in the code."""
    answer(RESOURCE, failing(errors.NotFoundError("No.")))
    answer(RESOURCE, failing(errors.ExchangeFailedError("No.")))
    assert not any("trace" in line for line in lines())
