"""What the template must come out as: routes with functions and scopes, timeouts, wildcards with reasons."""

from __future__ import annotations

from typing import Final

RESOURCE: Final = "/v1/resources/{resource_id}"
CONNECTIONS: Final = f"{RESOURCE}/connections"
CONNECTION: Final = f"{CONNECTIONS}/{{connection_id}}"

PUBLIC: Final = {
    "GET /health": "ResourcesApiFunction",
    "GET /": "ConsoleFunction",
    "GET /console/{file}": "ConsoleFunction",
    "GET /console/config.json": "ConsoleFunction",
    "GET /openapi.json": "ConsoleFunction",
    "GET /oauth/start": "StartAuthorizationFunction",
    "GET /oauth/callback": "CallbackFunction",
    "POST /oauth/callback": "CallbackFunction",
    "GET /oauth/{resource_id}/callback": "CallbackFunction",
    "POST /oauth/{resource_id}/callback": "CallbackFunction",
    "GET /oauth/{resource_id}/jwks.json": "PublishedKeysFunction",
}

# Each route of an IAM caller; the same under /jwt asks for this scope, or for admin.
SCOPES: Final = {
    "GET /v1/providers": "read",
    "GET /v1/providers/{provider}": "read",
    "POST /v1/discovery": "admin",
    "POST /v1/preview": "admin",
    "GET /v1/callback-url": "read",
    "POST /v1/resources": "admin",
    "GET /v1/resources": "read",
    f"GET {RESOURCE}": "read",
    f"PUT {RESOURCE}": "admin",
    f"PATCH {RESOURCE}": "admin",
    f"DELETE {RESOURCE}": "admin",
    "POST /v1/rebind/{resource_id}": "admin",
    f"POST {CONNECTIONS}": "write",
    f"POST {RESOURCE}/imports": "write",
    f"GET {CONNECTIONS}": "read",
    f"GET {CONNECTION}": "read",
    f"DELETE {CONNECTION}": "write",
    f"POST {CONNECTION}/confirm": "write",
    f"POST {CONNECTION}/reauthorize": "write",
    f"POST {CONNECTION}/refresh": "write",
    "GET /v1/tokens/{resource_id}/{connection_id}": "token",
}
FUNCTIONS: Final = {
    "GET /v1/providers": "CatalogueFunction",
    "GET /v1/providers/{provider}": "CatalogueFunction",
    "POST /v1/discovery": "CatalogueFunction",
    "POST /v1/preview": "CatalogueFunction",
    f"POST {CONNECTION}/refresh": "AccessFunction",
    "GET /v1/tokens/{resource_id}/{connection_id}": "AccessFunction",
}

# Seconds. A reader waits 20 s and API Gateway 30; a worker's attempt may begin until 25 s before its end.
TIMEOUTS: Final = {
    "StartAuthorizationFunction": 10,
    "CallbackFunction": 29,
    "PublishedKeysFunction": 10,
    "RefreshDispatcherFunction": 30,
    "RefreshWorkerFunction": 45,
    "RescueFunction": 20,
    "ResourcesApiFunction": 29,
    "AccessFunction": 29,
    "CatalogueFunction": 20,
    "ConsoleFunction": 20,
}

# Where an action or a resource may be a wildcard, and why.
WILDCARDS: Final = {
    ("Key", "kms:*"): "a key's policy hands all decisions to the account's IAM policies",
    ("Key", "*"): "in a key's own policy this means the key",
}

# What of a request the access log may hold: nothing that a browser or a caller sends in a query or a header.
LOGGED: Final = frozenset(
    {
        "$context.path",
        "$context.requestId",
        "$context.requestTime",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.identity.sourceIp",
        "$context.identity.userArn",
        "$context.authorizer.claims.iss",
        "$context.authorizer.claims.sub",
        "$context.authorizer.claims.client_id",
        "$context.error.message",
        "$context.integrationErrorMessage",
    }
)
CALLERS: Final = frozenset({"$context.identity.userArn", "$context.authorizer.claims.sub"})


def all_routes() -> dict[str, tuple[str, str | None]]:
    """Every route: its function's logical id, and `None` (public), `""` (IAM) or the scope its JWT needs."""
    routes: dict[str, tuple[str, str | None]] = {
        route: (function, None) for route, function in PUBLIC.items()
    }
    for route, scope in SCOPES.items():
        function = FUNCTIONS.get(route, "ResourcesApiFunction")
        method, path = route.split()
        routes[route] = (function, "")
        routes[f"{method} /jwt{path}"] = (function, scope)
    return routes
