"""Each ready-made IAM policy, evaluated against each route for its own resource and for others."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.template.contract import CONNECTION, CONNECTIONS, RESOURCE, SCOPES
from tests.template.document import as_list, statements

if TYPE_CHECKING:
    from tests.template.document import Document

API: Final = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"
VALUES: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "Api": "a1b2c3d4e5",
}
STATUS: Final = {"GET /v1/callback-url", f"GET {RESOURCE}", f"GET {CONNECTIONS}", f"GET {CONNECTION}"}
MANAGE: Final = STATUS | {
    f"PUT {RESOURCE}",
    f"PATCH {RESOURCE}",
    f"DELETE {RESOURCE}",
    f"POST {CONNECTIONS}",
    f"POST {RESOURCE}/imports",
    f"DELETE {CONNECTION}",
    f"POST {CONNECTION}/confirm",
    f"POST {CONNECTION}/reauthorize",
    f"POST {CONNECTION}/refresh",
}
TOKEN: Final = {"GET /v1/tokens/{resource_id}/{connection_id}"}
ALLOWED: Final = {"StatusPolicy": STATUS, "ManagePolicy": MANAGE, "TokenPolicy": TOKEN}


@pytest.mark.parametrize("policy,expected", ALLOWED.items())
def test_a_policy_allows_its_routes_for_its_resource(
    policy: str, expected: set[str], document: Document
) -> None:
    """Of all routes, a policy opens exactly those it is named for, for the resource in the caller's tag."""
    patterns = patterns_of(document, policy, tag="acme")
    assert {route for route in SCOPES if allows(patterns, request(route, "acme"))} == expected


@pytest.mark.parametrize("policy", ALLOWED)
@pytest.mark.parametrize("resource_id", ["acme-2", "acm", "other", "x-acme"])
def test_a_policy_opens_no_other_resource(policy: str, resource_id: str, document: Document) -> None:
    """A resource whose id begins or ends alike stays closed; only the callback addresses are for all."""
    patterns = patterns_of(document, policy, tag="acme")
    opened = {route for route in SCOPES if allows(patterns, request(route, resource_id))}
    assert opened <= {"GET /v1/callback-url"}


@pytest.mark.parametrize("policy", ALLOWED)
@pytest.mark.parametrize(
    "path",
    [
        "POST/v1/proxy/other/c1/v1/resources/acme",
        "GET/v1/proxy/other/c1/v1/resources/acme/connections",
        "GET/v1/proxy/other/c1/v1/tokens/acme/c1",
        "GET/jwt/v1/resources/acme",
        "POST/v1/rebind/acme",
        "POST/v1/resources",
        "GET/v1/resources",
        "OPTIONS/v1/resources/acme",
    ],
)
def test_a_policy_opens_no_path_that_ends_in_its_own(policy: str, path: str, document: Document) -> None:
    """A star of IAM spans slashes, so a longer path that ends like an allowed one must not match."""
    assert not allows(patterns_of(document, policy, tag="acme"), f"{API}/$default/{path}")


@pytest.mark.parametrize("policy", ALLOWED)
def test_a_policy_without_the_tag_opens_no_resource(policy: str, document: Document) -> None:
    """IAM matches nothing with a variable that has no value."""
    patterns = patterns_of(document, policy, tag=None)
    assert {route for route in SCOPES if allows(patterns, request(route, "acme"))} <= {"GET /v1/callback-url"}


def request(route: str, resource_id: str) -> str:
    """The ARN that API Gateway asks IAM about."""
    method, path = route.split()
    names = {"resource_id": resource_id, "connection_id": "c1", "provider": "google"}
    return f"{API}/$default/{method}{path.format(**names)}"


def patterns_of(document: Document, policy: str, *, tag: str | None) -> list[str]:
    """The resource patterns that a policy allows a caller with this tag."""
    patterns = []
    for name, statement in statements(document):
        if name == policy:
            assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
            patterns += [resource["Fn::Sub"] for resource in as_list(statement["Resource"])]
    substituted = [
        re.sub(r"\$\{([A-Z][^}]*)\}", lambda found: VALUES[found[1]], pattern) for pattern in patterns
    ]
    variable = "${!aws:PrincipalTag/oauth-broker-resource}"
    return [pattern.replace(variable, tag or "") for pattern in substituted if tag or variable not in pattern]


def allows(patterns: list[str], arn: str) -> bool:
    """Whether one of the patterns matches: `*` is any text, slashes included, as in IAM."""
    return any(fnmatch.fnmatchcase(arn, pattern) for pattern in patterns)
