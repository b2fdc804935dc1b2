"""What IAM would say of a call, by the policies of the function's role; no more of IAM than they use.

IAM User Guide, "Policy evaluation logic": nothing is allowed but what a statement allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from local.intrinsics import ACCOUNT, REGION, Resolver
from tests.template.document import FUNCTION, as_list, resources

if TYPE_CHECKING:
    from local.aws import AwsCall
    from local.template import Template

LEADING_KEYS: Final = "dynamodb:LeadingKeys"
CONDITIONS: Final = frozenset(
    {
        ("ForAllValues:StringLike", LEADING_KEYS),
        ("Null", LEADING_KEYS),
        ("StringEquals", "events:source"),
        ("StringEquals", "kms:ViaService"),
    }
)
# How the parts of a transaction are authorized (DynamoDB Developer Guide, "Using IAM with DynamoDB
# transactions").
PARTS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


@dataclass(frozen=True)
class Asked:
    """One thing that a call asks IAM for; `keys` are its context, each key with its values."""

    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Grant:
    """A statement that allows, its expressions evaluated."""

    policy: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[tuple[str, str], tuple[str, ...]]

    def allows(self, asked: Asked) -> bool:
        """Whether this statement allows it."""
        return (
            asked.action in self.actions
            and any(fnmatchcase(asked.resource, pattern) for pattern in self.resources)
            and all(
                _holds(operator, asked.keys.get(key, ()), values)
                for (operator, key), values in self.conditions.items()
            )
        )

    def parts(self) -> Iterator[Grant]:
        """The least that it could have been divided into: one action on one resource."""
        for action in self.actions:
            for resource in self.resources:
                yield replace(self, actions=(action,), resources=(resource,))

    def rows(self) -> tuple[str, ...]:
        """The patterns of partition keys that it names."""
        return self.conditions.get(("ForAllValues:StringLike", LEADING_KEYS), ())

    def without(self, part: Grant) -> Iterator[Grant]:
        """What is left when a part is taken out."""
        yield from (one for one in self.parts() if one != part)


def _holds(operator: str, values: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    match operator:
        case "ForAllValues:StringLike":
            return all(any(fnmatchcase(value, pattern) for pattern in wanted) for value in values)
        case "Null":
            return wanted == (str(not values).lower(),)
        case "StringEquals":
            return any(value in wanted for value in values)
    raise ValueError(f"not evaluated here: {operator}")


def grants(template: Template, attributes: Mapping[str, Mapping[str, str]]) -> dict[str, list[Grant]]:
    """What each function's role allows, by the function's logical id; `attributes` as the stack has them."""
    document = dict(template.document)
    groups = {name: {"Arn": name} for name in resources(document, "AWS::Logs::LogGroup")}
    resolver = Resolver(document, template.parameters, {**groups, **attributes})
    found: dict[str, list[Grant]] = {}
    for name, properties in resources(document, FUNCTION).items():
        role = document["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        policies = [(policy["PolicyName"], policy["PolicyDocument"]) for policy in role["Policies"]]
        for managed in role.get("ManagedPolicyArns", []):
            policy = document["Resources"][managed["Ref"]]["Properties"]
            policies.append((managed["Ref"], policy["PolicyDocument"]))
        found[name] = [
            _grant(policy, statement)
            for policy, content in policies
            for statement in resolver.resolve(content["Statement"])
        ]
    return found


def _grant(policy: str, statement: Mapping[str, Any]) -> Grant:
    assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}, statement
    assert statement["Effect"] == "Allow", statement
    conditions = {
        (operator, key): tuple(as_list(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    }
    assert conditions.keys() <= CONDITIONS, statement
    actions, places = as_list(statement["Action"]), as_list(statement["Resource"])
    return Grant(policy, tuple(actions), tuple(places), conditions)


def asks(call: AwsCall, attributes: Mapping[str, Mapping[str, str]]) -> list[Asked]:
    """What a call asks IAM for."""
    request = call.request
    action = f"{call.service}:{call.operation}"
    match call.service:
        case "dynamodb":
            return list(_of_table(call.operation, request))
        case "kms":
            return [Asked(action, request["KeyId"], {})]
        case "sqs":
            (arn,) = (one["Arn"] for one in attributes.values() if one["Ref"] == request["QueueUrl"])
            return [Asked(action, arn, {})]
        case "events":
            return [
                Asked(action, _arn("events", f"event-bus/{entry['EventBusName']}"), _source(entry))
                for entry in request["Entries"]
            ]
    raise ValueError(f"not evaluated here: {action}")


def _source(entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {"events:source": (entry["Source"],)}


def _of_table(operation: str, request: Mapping[str, Any]) -> Iterator[Asked]:
    match operation:
        case "TransactWriteItems":
            for one in request["TransactItems"]:
                ((part, write),) = one.items()
                yield _on_items(PARTS[part], write["TableName"], [write.get("Key") or write["Item"]])
        case "BatchGetItem":
            for table, wanted in request["RequestItems"].items():
                yield _on_items(operation, table, wanted["Keys"])
        case "Query":
            attribute = request["KeyConditionExpression"].partition(" = ")[2].partition(" ")[0]
            keys = {LEADING_KEYS: (request["ExpressionAttributeValues"][attribute]["S"],)}
            index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
            yield Asked("dynamodb:Query", f"{_table_arn(request['TableName'])}{index}", keys)
        case _:
            yield _on_items(operation, request["TableName"], [request.get("Key") or request["Item"]])


def _on_items(operation: str, table: str, items: Sequence[Mapping[str, Any]]) -> Asked:
    keys = {LEADING_KEYS: tuple(item["pk"]["S"] for item in items)}
    return Asked(f"dynamodb:{operation}", _table_arn(table), keys)


def _table_arn(name: str) -> str:
    return _arn("dynamodb", f"table/{name}")


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"
