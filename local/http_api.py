"""The HTTP API: guards, routes and authorizers in front of the functions, on a loopback port."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.functions import BusyError, FunctionPool
from local.guards import api_refusal, caller_of
from local.http_event import BODY_LIMIT, HttpRequest, HttpResponse, event, message, response
from local.intrinsics import ACCOUNT
from local.routes import Authorization, Authorized, Authorizer, Refused, Route, match
from local.server import LoopbackServer

if TYPE_CHECKING:
    import socket

INTEGRATION_SECONDS = 30  # API Gateway quotas: an HTTP API's integration answers within 30 s

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

# /v1 needs no sign-in here: the caller is whoever runs the stack.
LOCAL_IDENTITY: Mapping[str, Any] = {
    "iam": {
        "accessKey": "local",
        "accountId": ACCOUNT,
        "callerId": "local",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{ACCOUNT}:user/local",
        "userId": "local",
    }
}
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class Served:
    """One answered request, for the console: the path as it was sent, without its query."""

    method: str
    path: str
    status: int
    milliseconds: float
    function: str


class HttpApi:
    """Serves `routes` on an already bound listener. `served` is called after each answer.

    Repeated headers are joined with ", ", as the WSGI server hands them over; API Gateway writes ",".
    """

    def __init__(
        self,
        listener: socket.socket,
        routes: Sequence[Route],
        pools: Mapping[str, FunctionPool],
        jwt: Authorizer | None,
        served: Callable[[Served], None],
    ) -> None:
        self.port: int = listener.getsockname()[1]
        self._routes = routes
        self._pools = pools
        self._jwt = jwt
        self._served = served
        self._server = LoopbackServer(self._serve, listener, threads=64)

    def close(self) -> None:
        """Stops listening."""
        self._server.close()

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.monotonic()
        answer, function = self._answer(environ)
        bodiless = answer.status in _BODILESS
        headers = [*answer.headers, ("Apigw-Requestid", secrets.token_urlsafe(11))]
        if not bodiless:
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(_status_line(answer.status), headers)
        path = environ["REQUEST_URI"].partition("?")[0]
        milliseconds = (time.monotonic() - began) * 1000
        self._served(Served(environ["REQUEST_METHOD"], path, answer.status, milliseconds, function))
        return [] if bodiless or environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: Environ) -> tuple[HttpResponse, str]:
        caller = caller_of(environ)
        if (status := api_refusal(caller, self.port)) is not None:
            return message(status, status.phrase), ""
        if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            return message(413, "Request Entity Too Large"), ""
        found = match(self._routes, caller.method, caller.path)
        if found is None:
            return message(404, "Not Found"), ""
        route, path_parameters = found
        headers = self._forwarded(environ, caller.headers)
        verdict = self._authorizer(route, headers)
        if isinstance(verdict, Refused):
            return message(verdict.status, HTTPStatus(verdict.status).phrase), ""
        request = HttpRequest(
            method=caller.method,
            path=caller.path,
            query=environ["REQUEST_URI"].partition("?")[2],
            headers=headers,
            body=environ["wsgi.input"].read(),
            peer=caller.peer,
            protocol=environ["SERVER_PROTOCOL"],
        )
        made = event(request, route, path_parameters, verdict, request_id=str(uuid.uuid4()), now=time.time())
        return self._invoke(route.function, made), route.function

    def _authorizer(self, route: Route, headers: Mapping[str, str]) -> Mapping[str, Any] | Refused | None:
        if route.authorization is Authorization.NONE:
            return None
        if route.authorization is Authorization.IAM:
            return LOCAL_IDENTITY
        if self._jwt is None:
            return Refused(401)
        verdict = self._jwt(headers.get("authorization", ""), route.scopes)
        return verdict.context if isinstance(verdict, Authorized) else verdict

    def _forwarded(self, environ: Environ, headers: Mapping[str, str]) -> dict[str, str]:
        """The request's headers with those that API Gateway sets or adds to."""
        peer = environ["REMOTE_ADDR"]
        before = headers.get("x-forwarded-for")
        given = {
            name: environ[key]
            for name, key in (("content-type", "CONTENT_TYPE"), ("content-length", "CONTENT_LENGTH"))
            if environ.get(key)
        }
        return {
            **headers,
            **given,
            "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}",
            "x-forwarded-for": f"{before}, {peer}" if before else peer,
            "x-forwarded-port": str(self.port),
            "x-forwarded-proto": "http",
        }

    def _invoke(self, function: str, made: dict[str, Any]) -> HttpResponse:
        try:
            outcome = self._pools[function].invoke(made, wait=INTEGRATION_SECONDS)
        except BusyError:
            return message(503, "Service Unavailable")
        if outcome.failed and outcome.payload.get("errorType") == "RequestEntityTooLargeException":
            return message(413, "Request Entity Too Large")
        return response(outcome)


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
