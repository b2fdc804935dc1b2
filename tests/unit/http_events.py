"""Makes the events that API Gateway sends for an HTTP API (payload 2.0)."""

from __future__ import annotations

from typing import Any

from oauth_broker.request import Request, parse_request

IAM = {"iam": {"userArn": "arn:aws:iam::111122223333:user/ada", "accountId": "111122223333"}}


def jwt(**claims: str) -> dict[str, Any]:
    """Give what a JWT authorizer found; `scopes` holds what the route wants, on purpose."""
    return {"jwt": {"claims": claims, "scopes": ["broker/read", "broker/admin"]}}


def http_event(
    route: str = "GET /v1/resources",
    *,
    query: str = "",
    authorizer: dict[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """Give an event for a route; under `/v1` it comes from an IAM user unless `authorizer` says otherwise."""
    method, _, path = route.partition(" ")
    if authorizer is None:
        authorizer = IAM if path.startswith("/v1") else {}
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {},
        "requestContext": {
            "authorizer": authorizer,
            "domainName": "broker.example.com",
            "http": {"method": method, "path": path},
            "requestId": "request-1",
        },
        "isBase64Encoded": False,
        **members,
    }


def request_of(route: str = "GET /v1/resources", *, scope_prefix: str = "broker/", **members: Any) -> Request:
    """Parse the event of `http_event`."""
    return parse_request(http_event(route, **members), scope_prefix=scope_prefix)
