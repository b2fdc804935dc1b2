"""Messages become Lambda's SQS events, and its answers say which of them stay."""

from __future__ import annotations

from typing import Any

import pytest

from local.execution_environment import Outcome
from local.queues import failed_ids, sqs_event

ARN = "arn:aws:sqs:eu-central-1:123456789012:work.fifo"


def test_messages_become_an_sqs_event() -> None:
    """Every member of a record has Lambda's name for it."""
    message = {
        "MessageId": "m1",
        "ReceiptHandle": "r1",
        "Body": "{}",
        "MD5OfBody": "99914b93",
        "Attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "0"},
        "MessageAttributes": {
            "text": {"StringValue": "x", "DataType": "String"},
            "bytes": {"BinaryValue": b"\xff", "DataType": "Binary"},
        },
    }
    assert sqs_event([message], ARN) == {
        "Records": [
            {
                "messageId": "m1",
                "receiptHandle": "r1",
                "body": "{}",
                "md5OfBody": "99914b93",
                "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "0"},
                "messageAttributes": {
                    "text": {
                        "stringValue": "x",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String",
                    },
                    "bytes": {
                        "binaryValue": "/w==",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "Binary",
                    },
                },
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "eu-central-1",
            }
        ]
    }


@pytest.mark.parametrize(
    "payload, failed, partial, stay",
    [
        (None, False, True, set()),
        ({}, False, True, set()),
        ({"batchItemFailures": []}, False, True, set()),
        ({"batchItemFailures": None}, False, True, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, False, True, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, False, False, set()),
        ({"batchItemFailures": [{"itemIdentifier": "x"}]}, False, True, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, False, True, {"a", "b"}),
        ({"batchItemFailures": [{}]}, False, True, {"a", "b"}),
        ({"batchItemFailures": ["b"]}, False, True, {"a", "b"}),
        ("nonsense", False, True, {"a", "b"}),
        ({"errorType": "ValueError"}, True, True, {"a", "b"}),
        ({"errorType": "ValueError"}, True, False, {"a", "b"}),
    ],
)
def test_what_was_not_answered_for_stays(payload: Any, failed: bool, partial: bool, stay: set[str]) -> None:
    """Named items stay; all do, when the function failed or names what it was not sent."""
    assert failed_ids(Outcome(payload, failed), ["a", "b"], partial=partial) == stay
