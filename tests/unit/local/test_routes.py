"""A request takes the route that API Gateway would choose."""

from __future__ import annotations

import pytest

from local.intrinsics import Resolver
from local.routes import Route, match, routes
from local.template import Template

TABLE = [
    Route(method, path, "F")
    for method, path in [
        ("GET", "/oauth/callback"),
        ("GET", "/oauth/{resource_id}/callback"),
        ("GET", "/v1/resources"),
        ("GET", "/v1/resources/{resource_id}"),
        ("POST", "/v1/resources/{resource_id}"),
        ("GET", "/v1/resources/special"),
        ("ANY", "/v1/resources/special"),
        ("GET", "/v1/{proxy+}"),
        ("ANY", "/v1/proxy/{resource_id}/{proxy+}"),
    ]
]


@pytest.mark.parametrize(
    "method, path, key, parameters",
    [
        ("GET", "/oauth/callback", "GET /oauth/callback", {}),
        ("GET", "/oauth/demo/callback", "GET /oauth/{resource_id}/callback", {"resource_id": "demo"}),
        ("GET", "/v1/resources", "GET /v1/resources", {}),
        ("GET", "/v1/resources/a", "GET /v1/resources/{resource_id}", {"resource_id": "a"}),
        ("GET", "/v1/resources/special", "GET /v1/resources/special", {}),
        ("DELETE", "/v1/resources/special", "ANY /v1/resources/special", {}),
        ("POST", "/v1/resources/special", "ANY /v1/resources/special", {}),
        ("POST", "/v1/resources/a", "POST /v1/resources/{resource_id}", {"resource_id": "a"}),
        ("GET", "/v1/resources/a/b", "GET /v1/{proxy+}", {"proxy": "resources/a/b"}),
        ("GET", "/v1/resources/", "GET /v1/{proxy+}", {"proxy": "resources/"}),
        (
            "PUT",
            "/v1/proxy/a/b/c",
            "ANY /v1/proxy/{resource_id}/{proxy+}",
            {"resource_id": "a", "proxy": "b/c"},
        ),
        ("GET", "/v1/proxy/a/b", "ANY /v1/proxy/{resource_id}/{proxy+}", {"resource_id": "a", "proxy": "b"}),
    ],
)
def test_the_most_specific_route_is_taken(
    method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    """Exact segments come before variables, these before greedy ones, and a method before ANY."""
    found = match(TABLE, method, path)
    assert found is not None
    assert (found[0].key, found[1]) == (key, parameters)


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/"),
        ("GET", "/oauth"),
        ("GET", "/oauth/callback/"),
        ("GET", "/oauth//callback"),
        ("POST", "/oauth/callback"),
        ("PUT", "/v1/resources/a"),
        ("PUT", "/v1/proxy/a"),
        ("PUT", "/v1/proxy/a/"),
    ],
)
def test_what_no_route_fits_takes_none(method: str, path: str) -> None:
    """Another method, a slash too many or too few, or an empty segment is another path."""
    assert match(TABLE, method, path) is None


def test_the_default_route_takes_what_is_left() -> None:
    """$default comes after everything else."""
    table = [*TABLE, Route("ANY", "$default", "D")]
    left, taken = match(table, "PUT", "/x/y"), match(table, "GET", "/v1/resources")
    assert left is not None
    assert left[0].key == "$default"
    assert taken is not None
    assert taken[0].key == "GET /v1/resources"


def test_a_route_knows_what_its_stage_says() -> None:
    """Variables of the API's own stage, resolved, without what a condition leaves out."""
    uri = "arn:aws:apigateway:here:lambda:path/functions/arn:aws:lambda:here:1:function:F/invocations"
    operation = {"x-amazon-apigateway-integration": {"uri": uri}, "security": [{"NONE": []}]}
    document = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Body": {"paths": {"/": {"get": operation}}}},
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "StageVariables": {
                        "client": {"Ref": "Client"},
                        "left_out": {"Fn::If": ["Never", "x", {"Ref": "AWS::NoValue"}]},
                    },
                },
            },
            "OtherStage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": {"Ref": "OtherApi"}, "StageVariables": {"other": "1"}},
            },
        },
    }
    template = Template(document, {}, {}, {})
    (route,) = routes(template, Resolver(document, {}, {"Client": {"Ref": "c1"}}))
    assert (route.key, route.function, route.stage_variables) == ("GET /", "F", {"client": "c1"})
