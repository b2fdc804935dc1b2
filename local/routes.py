"""The routes of the HTTP API in the transformed template, and which of them a request takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

from local.template import Template, TemplateError, function_of_arn

if TYPE_CHECKING:
    from local.intrinsics import Resolver

_METHODS = {name: name.upper() for name in ("get", "post", "put", "patch", "delete", "head", "options")}
_METHODS["x-amazon-apigateway-any-method"] = "ANY"


class Authorization(Enum):
    """Who decides about a route's callers."""

    NONE = "none"
    IAM = "iam"
    JWT = "jwt"


@dataclass(frozen=True)
class Authorized:
    """A caller whose token holds: what the event's requestContext.authorizer says."""

    context: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """A caller to refuse, and the status: 401 for a bad token, 403 for one without the scope."""

    status: int


@dataclass(frozen=True)
class Route:
    """One route: `key` is API Gateway's route key, `scopes` any one of which a JWT must have.

    `stage_variables` are what the API's stage tells the function with each request.
    """

    method: str
    path: str
    function: str
    authorization: Authorization = Authorization.NONE
    scopes: tuple[str, ...] = ()
    stage_variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The route key: "GET /v1/resources/{resource_id}", or "$default"."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


# An authorizer: its verdict on an Authorization header, for a route that names these scopes.
Authorizer = Callable[[str, Sequence[str]], Authorized | Refused]


class _Rank(IntEnum):
    """How closely a part of a pattern fits: the smaller the better."""

    EXACT = 0
    VARIABLE = 1
    GREEDY = 2


def routes(template: Template, resolver: Resolver) -> list[Route]:
    """Every route of every HTTP API in the template, from the OpenAPI body that SAM writes."""
    found = []
    for name, properties in template.resources("AWS::ApiGatewayV2::Api", resolver):
        body = properties.get("Body")
        if body is None:
            raise TemplateError(f"{name}: only an API with an OpenAPI body runs locally.")
        schemes = body.get("components", {}).get("securitySchemes", {})
        variables = _stage_variables(template, resolver, name)
        for path, item in body["paths"].items():
            for member, operation in resolver.resolve(item).items():
                if member in _METHODS and operation:
                    route = _route(_METHODS[member], path, operation, schemes)
                    found.append(replace(route, stage_variables=variables))
    return found


def _stage_variables(template: Template, resolver: Resolver, api: str) -> dict[str, str]:
    """What the stages of an API tell functions; an API has one stage here, as SAM makes it."""
    found: dict[str, str] = {}
    for _, properties in template.resources("AWS::ApiGatewayV2::Stage", resolver):
        if properties["ApiId"] == {"Ref": api}:
            found |= resolver.resolve(properties.get("StageVariables", {}))
    return found


def match(table: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route that a request takes, with its path parameters; None where none fits.

    `path` is decoded. The most specific wins: exact segments before {variables} before {greedy+} before
    $default, then the method itself before ANY (API Gateway Developer Guide, "Routing API requests").
    """
    fitting = []
    for route in table:
        if route.method not in (method, "ANY"):
            continue
        fit = ([_Rank.GREEDY + 1], {}) if route.path == "$default" else _fit(route.path, path)
        if fit is not None:
            ranks, parameters = fit
            fitting.append((ranks, route.method == "ANY", route, parameters))
    if not fitting:
        return None
    _, _, route, parameters = min(fitting, key=lambda candidate: candidate[:2])
    return route, parameters


def _fit(pattern: str, path: str) -> tuple[list[int], dict[str, str]] | None:
    ranks: list[int] = []
    parameters: dict[str, str] = {}
    wanted, given = pattern.split("/")[1:], path.split("/")[1:]
    for index, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(given[index:])
            return ([*ranks, _Rank.GREEDY], {**parameters, part[1:-2]: rest}) if rest else None
        if index >= len(given):
            return None
        if part.startswith("{") and part.endswith("}"):
            if not given[index]:
                return None
            parameters[part[1:-1]] = given[index]
            ranks.append(_Rank.VARIABLE)
        elif part == given[index]:
            ranks.append(_Rank.EXACT)
        else:
            return None
    return (ranks, parameters) if len(wanted) == len(given) else None


def _route(
    method: str, path: str, operation: Mapping[str, Any], schemes: Mapping[str, Mapping[str, Any]]
) -> Route:
    function = function_of_arn(operation["x-amazon-apigateway-integration"]["uri"])
    security = operation.get("security")
    if security is None:
        return Route(method, path if path != "/$default" else "$default", function)
    scheme, scopes = next(iter(security[0].items())) if security else ("AWS_IAM", [])
    return Route(
        method,
        path if path != "/$default" else "$default",
        function,
        _authorization(scheme, schemes.get(scheme, {})),
        tuple(scopes),
    )


def _authorization(scheme: str, definition: Mapping[str, Any]) -> Authorization:
    if scheme == "NONE":
        return Authorization.NONE
    if scheme == "AWS_IAM" or definition.get("x-amazon-apigateway-authtype") == "awsSigv4":
        return Authorization.IAM
    authorizer = definition.get("x-amazon-apigateway-authorizer", {})
    # A condition inside the authorizer comes out as Fn::If; its scheme still says what it is.
    if definition.get("type") == "oauth2" or authorizer.get("type") == "jwt":
        return Authorization.JWT
    raise TemplateError(f"The authorizer {scheme} is of a kind that does not run locally.")
