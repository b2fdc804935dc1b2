"""Rules of table, key, queues and alarms.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.template.document import QUEUE, Document, arn_of, resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORTNIGHT: Final = 14 * 86_400
DEAD_LETTERS: Final = ("WorkDeadLetters", "RescueDeadLetters", "ScheduleDeadLetters")
QUEUES: Final[Mapping[str, Mapping[str, Any]]] = {
    "WorkQueue": {
        "FifoQueue": True,
        "ContentBasedDeduplication": False,
        "MessageRetentionPeriod": 300,
        "VisibilityTimeout": 50,
        "RedrivePolicy": {"deadLetterTargetArn": arn_of("WorkDeadLetters"), "maxReceiveCount": 3},
    },
    "WorkDeadLetters": {"FifoQueue": True, "MessageRetentionPeriod": FORTNIGHT},
    "RescueQueue": {
        "MessageRetentionPeriod": FORTNIGHT,
        "VisibilityTimeout": 30,
        "RedrivePolicy": {"deadLetterTargetArn": arn_of("RescueDeadLetters"), "maxReceiveCount": 1000},
    },
    "RescueDeadLetters": {"MessageRetentionPeriod": FORTNIGHT},
    "ScheduleDeadLetters": {"MessageRetentionPeriod": FORTNIGHT},
}
TABLE: Final[Mapping[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "DeletionProtectionEnabled": True,
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn_of("Key")},
    "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "due",
            "KeySchema": [
                {"AttributeName": "shard", "KeyType": "HASH"},
                {"AttributeName": "refresh_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "shard", "AttributeType": "S"},
        {"AttributeName": "refresh_at", "AttributeType": "N"},
    ],
}


def the_table_is_as_designed(document: Document) -> Iterator[str]:
    """Keys and index are what the code asks for; the rows are encrypted with our key and can be restored."""
    found = document["Resources"]["Table"]["Properties"]
    for member, value in TABLE.items():
        if found.get(member) != value:
            yield f"Table: {member} is {found.get(member)}"


def table_and_key_outlive_the_stack(document: Document) -> Iterator[str]:
    """Deleting the stack, or replacing one of the two, deletes no grant."""
    for name in ("Table", "Key"):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if document["Resources"][name].get(policy) != "Retain":
                yield f"{name}: {policy} is {document['Resources'][name].get(policy)}"


def the_key_is_turned_over(document: Document) -> Iterator[str]:
    """KMS rotates the key each year, and a deletion by mistake can be taken back for a month."""
    key = document["Resources"]["Key"]["Properties"]
    if key.get("EnableKeyRotation") is not True:
        yield "the key is not rotated"
    if key.get("PendingWindowInDays") != 30:
        yield "the key is gone too soon"


def queues_are_as_designed(document: Document) -> Iterator[str]:
    """Every queue is encrypted; what cannot be done is kept among dead letters for as long as SQS allows."""
    found = resources(document, QUEUE)
    yield from (f"{name} is not in the design" for name in found.keys() - QUEUES.keys())
    for name, expected in QUEUES.items():
        if found.get(name) != {**expected, "SqsManagedSseEnabled": True}:
            yield f"{name} is {found.get(name)}"


def alarms_watch_what_must_not_stay(document: Document) -> Iterator[str]:
    """Dead letters, an old rescue and a silent dispatcher each ring, at the topic if there is one."""
    alarms = resources(document, "AWS::CloudWatch::Alarm")
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0])
        for alarm in alarms.values()
        if "Dimensions" in alarm
    }
    expected = {("ApproximateNumberOfMessagesVisible", name) for name in DEAD_LETTERS}
    expected.add(("ApproximateAgeOfOldestMessage", "RescueQueue"))
    yield from (f"nothing watches {metric} of {queue}" for metric, queue in expected - watched)
    if not any(_watches_the_dispatcher(alarm) for alarm in alarms.values()):
        yield "nothing watches the dispatcher"
    for name, alarm in alarms.items():
        if alarm.get("AlarmActions", {}).get("Fn::If", [])[:2] != [
            "HasAlarmTopic",
            [{"Ref": "AlarmTopicArn"}],
        ]:
            yield f"{name} rings nowhere"


def _watches_the_dispatcher(alarm: Document) -> bool:
    metrics = [
        metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric
    ]
    dispatcher = {"Ref": "RefreshDispatcherFunction"}
    named = {metric["MetricName"] for metric in metrics if metric["Dimensions"][0]["Value"] == dispatcher}
    return named == {"Invocations", "Errors"} and alarm.get("TreatMissingData") == "breaching"
