"""Finds things in the transformed template: resources by kind, operations by route, statements by owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]

FUNCTION: Final = "AWS::Lambda::Function"
ROLE: Final = "AWS::IAM::Role"
QUEUE: Final = "AWS::SQS::Queue"


def resources(document: Document, kind: str) -> dict[str, Document]:
    """The properties of every resource of a kind, by logical id."""
    found = document["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def operations(document: Document) -> dict[str, Document]:
    """Every operation of the API's OpenAPI description, by `METHOD /path`."""
    paths = document["Resources"]["Api"]["Properties"]["Body"]["paths"]
    return {
        f"{method.upper()} {path}": it for path, methods in paths.items() for method, it in methods.items()
    }


def stage(document: Document) -> Document:
    """The properties of the API's one stage."""
    properties: Document = document["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
    return properties


def statements(document: Document) -> Iterator[tuple[str, Document]]:
    """Every statement of every permission policy, with the logical id of the resource that has it."""
    for name, resource in document["Resources"].items():
        properties = resource["Properties"]
        policies = [
            policy["PolicyDocument"] for policy in properties.get("Policies", []) if "PolicyName" in policy
        ]
        policies += [properties[member] for member in ("PolicyDocument", "KeyPolicy") if member in properties]
        for policy in policies:
            yield from ((name, _if_there(statement)) for statement in policy["Statement"])


def _if_there(statement: Document) -> Document:
    """A statement that a condition puts there, or takes away, as it is when it is there."""
    there: Document = statement["Fn::If"][1] if "Fn::If" in statement else statement
    return there


def as_list(value: object) -> list[Any]:
    """A policy's member, which may be one value or a list of them."""
    return value if isinstance(value, list) else [value]


def arn_of(logical_id: str) -> Document:
    """The expression for a resource's ARN."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def text_of(resource: object) -> str:
    """A policy's resource as text, as far as it is written out: a string, or the string of a `Sub`."""
    return str(resource.get("Fn::Sub", "")) if isinstance(resource, dict) else str(resource)
