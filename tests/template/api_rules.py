"""Rules of the API.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.template.contract import CALLERS, LOGGED, PUBLIC, all_routes
from tests.template.document import Document, operations, resources, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

# Lambda allows 20 KB; the routes of later days need room too.
LARGEST_FUNCTION_POLICY: Final = 16 * 1024


def routes_are_the_contract(document: Document) -> Iterator[str]:
    """Exactly the public routes are public; every other asks for IAM, or for a JWT with its scope."""
    expected = all_routes()
    found = operations(document)
    yield from (f"{route} is missing" for route in expected.keys() - found.keys())
    for route, operation in found.items():
        function, scope = expected.get(route, ("nothing", ""))
        if _function_of(operation) != function:
            yield f"{route} leads to {_function_of(operation)}, not to {function}"
        if operation.get("security") != _security_for(scope):
            yield f"{route} is open to {operation.get('security')}"


def warnings_stop_a_deployment(document: Document) -> Iterator[str]:
    """API Gateway drops the routes of an issuer that it cannot read, and only warns."""
    if document["Resources"]["Api"]["Properties"].get("FailOnWarnings") is not True:
        yield "FailOnWarnings is off"


def public_routes_have_throttles(document: Document) -> Iterator[str]:
    """A flood on a public route is cut there, before it takes what the other routes need."""
    settings = stage(document).get("RouteSettings", {})
    for route in PUBLIC:
        if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= settings.get(route, {}).keys():
            yield f"{route} has no throttle of its own"
    yield from (f"{route} has a throttle but is no public route" for route in settings.keys() - PUBLIC.keys())


def the_access_log_names_callers_and_no_query(document: Document) -> Iterator[str]:
    """Who read which token is in the log; tickets, codes and states, which travel in queries, are not."""
    line = json.loads(stage(document)["AccessLogSettings"]["Format"])
    yield from (f"{value} is logged" for value in line.values() if value not in LOGGED)
    yield from (f"{caller} is not logged" for caller in CALLERS - set(line.values()))
    if next(iter(line)) != "path":
        yield "path is not first, so that one with a quotation mark in it could name another caller"


def function_policies_are_small(document: Document) -> Iterator[str]:
    """The permissions that SAM writes for routes stay well below what a function's policy may hold."""
    sizes: dict[str, int] = {}
    for name, permission in resources(document, "AWS::Lambda::Permission").items():
        function = permission["FunctionName"]["Ref"]
        sizes[function] = sizes.get(function, 0) + len(_statement(name, permission))
    yield from (f"{name}: {size} bytes" for name, size in sizes.items() if size >= LARGEST_FUNCTION_POLICY)


def _function_of(operation: Document) -> str:
    uri: str = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    return uri.partition("functions/${")[2].partition(".Arn}")[0]


def _security_for(scope: str | None) -> list[Document]:
    if scope is None:
        return [{"NONE": []}]
    if not scope:
        return [{"AWS_IAM": []}]
    return [{"Jwt": [{"Fn::Sub": "${ScopePrefix}" + name} for name in dict.fromkeys((scope, "admin"))]}]


def _statement(name: str, permission: Document) -> str:
    """The statement that Lambda keeps for a permission, in a stack with a long name, as dense JSON."""
    region_and_account = "ap-southeast-1:123456789012"
    path = permission["SourceArn"]["Fn::Sub"][0].rpartition("${__Stage__}")[2]
    function = f"oauth-broker-production-{permission['FunctionName']['Ref']}-ABCDEFGHIJKL"
    statement = {
        "Sid": f"oauth-broker-production-{name}-ABCDEFGHIJKL",
        "Effect": "Allow",
        "Principal": {"Service": permission["Principal"]},
        "Action": permission["Action"],
        "Resource": f"arn:aws:lambda:{region_and_account}:function:{function}",
        "Condition": {
            "ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{region_and_account}:a1b2c3d4e5/*{path}"}
        },
    }
    return json.dumps(statement, separators=(",", ":"))
