"""Rules of roles and policies.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.template.contract import WILDCARDS
from tests.template.document import ROLE, Document, arn_of, as_list, resources, statements, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READY_POLICIES: Final = ("StatusPolicy", "ManagePolicy", "TokenPolicy")
SERVICE_OF: Final = {"ScheduleRole": "scheduler.amazonaws.com"}
INDEX: Final = "${Table.Arn}/index/due"

_READ: Final = ("BatchGetItem", "GetItem")
ANY: Final = ("*any*",)

# Role → (where, action) → the partition keys it may touch.
TABLE_RIGHTS: Final[Mapping[str, Mapping[tuple[str, str], tuple[str, ...]]]] = {
    "StartAuthorizationRole": {("Table", "UpdateItem"): ("A#*",)},
    "CallbackRole": {
        **{("Table", action): ("R", "K", "A#*", "C#*") for action in _READ},
        ("Table", "UpdateItem"): ("R", "A#*", "C#*"),
        ("Table", "PutItem"): ("K", "A#*", "C#*", "D#*"),
        ("Table", "ConditionCheckItem"): ("R",),
    },
    "PublishedKeysRole": {("Table", "BatchGetItem"): ("R",)},
    "RefreshDispatcherRole": {("index", "Query"): ANY},
    "RefreshWorkerRole": {
        ("index", "Query"): ANY,
        **{("Table", action): ("R", "K", "C#*") for action in _READ},
        ("Table", "Query"): ("C#*", "D#*"),
        ("Table", "UpdateItem"): ("R", "C#*", "D#*"),
        **{("Table", action): ANY for action in ("DeleteItem", "PutItem")},
    },
    "RescueRole": {
        ("Table", "UpdateItem"): ("C#*",),
        ("Table", "PutItem"): ("D#*",),
    },
    "ResourcesApiRole": {
        **{("Table", action): ("R", "K", "C#*") for action in _READ},
        ("Table", "Query"): ("R", "C#*", "D#*"),
        **{
            ("Table", action): ANY for action in ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem")
        },
    },
    "AccessRole": {
        **{("Table", action): ("R", "K", "C#*") for action in _READ},
        ("Table", "UpdateItem"): ("R", "C#*"),
        ("Table", "PutItem"): ("K", "D#*"),
    },
    "CatalogueRole": {},
    "ConsoleRole": {},
    "ScheduleRole": {},
}
# Role → the other things it may do, as (action, resource).
OTHER_RIGHTS: Final[Mapping[str, set[tuple[str, str]]]] = {
    "StartAuthorizationRole": set(),
    "CallbackRole": {
        ("kms:GenerateDataKey", "Key"),
        ("kms:Decrypt", "Key"),
        ("kms:Sign", "SigningKeyArns"),
        ("sqs:SendMessage", "RescueQueue"),
    },
    "PublishedKeysRole": set(),
    "RefreshDispatcherRole": {("sqs:SendMessage", "WorkQueue")},
    "RefreshWorkerRole": {
        ("kms:GenerateDataKey", "Key"),
        ("kms:Decrypt", "Key"),
        ("kms:Sign", "SigningKeyArns"),
        ("sqs:SendMessage", "RescueQueue"),
        ("sqs:SendMessage", "WorkQueue"),
        ("sqs:ReceiveMessage", "WorkQueue"),
        ("sqs:DeleteMessage", "WorkQueue"),
        ("sqs:GetQueueAttributes", "WorkQueue"),
        ("events:PutEvents", "event-bus/${EventBusName}"),
    },
    "RescueRole": {
        ("sqs:ReceiveMessage", "RescueQueue"),
        ("sqs:DeleteMessage", "RescueQueue"),
        ("sqs:GetQueueAttributes", "RescueQueue"),
    },
    "ResourcesApiRole": {
        ("kms:GenerateDataKey", "Key"),
        ("kms:Decrypt", "Key"),
        ("kms:Sign", "SigningKeyArns"),
        ("kms:GetPublicKey", "SigningKeyArns"),
        ("kms:ListResourceTags", "SigningKeyArns"),
    },
    "AccessRole": {
        ("kms:GenerateDataKey", "Key"),
        ("kms:Decrypt", "Key"),
        ("kms:Sign", "SigningKeyArns"),
        ("sqs:SendMessage", "RescueQueue"),
    },
    "CatalogueRole": set(),
    "ConsoleRole": set(),
    "ScheduleRole": {
        ("lambda:InvokeFunction", "RefreshDispatcherFunction"),
        ("sqs:SendMessage", "ScheduleDeadLetters"),
    },
}


def wildcards_have_a_reason(document: Document) -> Iterator[str]:
    """No policy allows an action with a wildcard, or a resource with one, but for the listed reasons."""
    for name, statement in statements(document):
        texts = as_list(statement["Action"])
        if name not in READY_POLICIES:
            texts = texts + [text_of(resource) for resource in as_list(statement["Resource"])]
        yield from (
            f"{name} allows {text}" for text in texts if "*" in text and (name, text) not in WILDCARDS
        )


def roles_are_taken_by_their_service_alone(document: Document) -> Iterator[str]:
    """A function's role is Lambda's to take, the schedule's is EventBridge Scheduler's for this account."""
    for name, properties in resources(document, ROLE).items():
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"] != {"Service": SERVICE_OF.get(name, "lambda.amazonaws.com")}:
            yield f"{name} is taken by {statement['Principal']}"
        if name in SERVICE_OF and "aws:SourceAccount" not in str(statement.get("Condition")):
            yield f"{name} is taken for other accounts too"
        if properties.get("ManagedPolicyArns", []) not in ([], [{"Ref": "TableKeyPolicy"}]):
            yield f"{name} has the policies {properties['ManagedPolicyArns']}"


def roles_touch_only_their_rows(document: Document) -> Iterator[str]:
    """Each role has the table's actions and partition keys that its function needs, and no others."""
    found: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {
        name: {} for name in resources(document, ROLE)
    }
    for name, statement in statements(document):
        for action in as_list(statement["Action"]):
            if action.startswith("dynamodb:"):
                keys = _leading_keys(statement)
                for resource in as_list(statement["Resource"]):
                    found[name][_place(resource), action.removeprefix("dynamodb:")] = keys
    yield from (
        f"{name} may do {found.get(name)}"
        for name, rights in TABLE_RIGHTS.items()
        if found.get(name) != rights
    )


def roles_have_no_other_rights(document: Document) -> Iterator[str]:
    """Keys, queues, the bus: each role has what its function uses, and no more."""
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in resources(document, ROLE)}
    for name, statement in statements(document):
        for action in as_list(statement["Action"]):
            if name in found and not action.startswith(("dynamodb:", "logs:")):
                found[name] |= {(action, _place(resource)) for resource in as_list(statement["Resource"])}
    yield from (f"{name} is a role too many" for name in found.keys() - OTHER_RIGHTS.keys())
    for name, rights in OTHER_RIGHTS.items():
        if found.get(name) != rights:
            yield f"{name} may do {sorted(found.get(name, set()) ^ rights)} more or less"


def the_table_key_is_used_through_the_table(document: Document) -> Iterator[str]:
    """What every role may do with the key, it may do only where DynamoDB asks: no sealed value opens so."""
    through = {"StringEquals": {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.${AWS::URLSuffix}"}}}
    for name, statement in statements(document):
        if name == "TableKeyPolicy" and (
            statement.get("Condition") != through or statement["Resource"] != arn_of("Key")
        ):
            yield f"{name} allows {statement}"


def signing_is_allowed_only_where_keys_are_named(document: Document) -> Iterator[str]:
    """Without SigningKeyArns no role may sign: a statement about no key is none that IAM takes."""
    for name, resource in document["Resources"].items():
        for policy in resource["Properties"].get("Policies", []) if resource["Type"] == ROLE else ():
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement.get("Fn::If", [""])[0] != "HasSigningKeys" and "kms:Sign" in str(statement):
                    yield f"{name} may sign whatever SigningKeyArns says"


def only_our_events_are_sent(document: Document) -> Iterator[str]:
    """The worker cannot send events in another's name."""
    for name, statement in statements(document):
        if statement["Action"] == "events:PutEvents" and statement.get("Condition") != {
            "StringEquals": {"events:source": "oauth-broker"}
        }:
            yield f"{name} sends events from anywhere"


def _leading_keys(statement: Document) -> tuple[str, ...]:
    """The partition keys that a statement is for. ForAllValues is true of none at all: Null forbids that."""
    conditions: dict[str, Any] = statement.get("Condition", {})
    named = conditions.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
    return tuple(named) if named and conditions.get("Null") == {"dynamodb:LeadingKeys": "false"} else ANY


def _place(resource: object) -> str:
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    if isinstance(resource, dict) and "Ref" in resource:
        return str(resource["Ref"])
    text = text_of(resource)
    return "index" if text == INDEX else text.rpartition(":")[2]
