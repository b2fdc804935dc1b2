"""AWS in the local stack: what the template declares exists, and conditional writes are atomic."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from local.stack import Stack
from tests.integration.local_toys.running import printed, recorded, toys


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The toys."""
    with toys() as running:
        yield running


def test_the_table_is_the_templates(stack: Stack) -> None:
    """Keys, the due index and the expiry attribute."""
    dynamodb = stack.client("dynamodb")
    table = dynamodb.describe_table(TableName=stack.table_name)["Table"]
    assert {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]} == {
        "pk": "HASH",
        "sk": "RANGE",
    }
    [index] = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]["ProjectionType"]) == ("due", "KEYS_ONLY")
    expiry = dynamodb.describe_time_to_live(TableName=stack.table_name)["TimeToLiveDescription"]
    assert expiry["AttributeName"] == "ttl"


def test_the_queues_are_the_templates(stack: Stack) -> None:
    """FIFO, visibility and dead letters."""
    answer = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.attributes["WorkQueue"]["Ref"], AttributeNames=["All"]
    )
    attributes = answer["Attributes"]
    assert (attributes["FifoQueue"], attributes["VisibilityTimeout"]) == ("true", "3")
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == stack.attributes["WorkDeadLetters"]["Arn"]
    assert int(redrive["maxReceiveCount"]) == 3


def test_the_key_seals_and_opens(stack: Stack) -> None:
    """A data key opens with its context alone."""
    kms = stack.client("kms")
    made = kms.generate_data_key(
        KeyId=stack.attributes["Key"]["Arn"], KeySpec="AES_256", EncryptionContext={"a": "1"}
    )
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "1"})
    assert opened["Plaintext"] == made["Plaintext"]
    with pytest.raises(ClientError):
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "2"})


def test_of_sixteen_conditional_writes_at_once_exactly_one_wins(stack: Stack) -> None:
    """In every race of forty: moto alone would let several pass."""
    clients = [stack.client("dynamodb") for _ in range(16)]

    def take(client: object, race: int, gate: threading.Barrier) -> bool:
        gate.wait()
        try:
            client.update_item(  # type: ignore[attr-defined]
                TableName=stack.table_name,
                Key={"pk": {"S": "race"}, "sk": {"S": str(race)}},
                UpdateExpression="SET holder = :me",
                ConditionExpression="attribute_not_exists(holder)",
                ExpressionAttributeValues={":me": {"S": "me"}},
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        for race in range(40):
            gate = threading.Barrier(16)
            winners = sum(threads.map(lambda client: take(client, race, gate), clients))  # noqa: B023
            assert winners == 1, f"race {race}"


def test_dynamodb_may_be_another_server(stack: Stack) -> None:
    """The table, the functions and the guard against loopback targets follow it; the rest stays."""
    with toys(dynamodb_endpoint=stack.endpoint_url) as other:
        assert other.client("dynamodb").meta.endpoint_url == stack.endpoint_url
        assert other.client("sqs").meta.endpoint_url == other.endpoint_url != stack.endpoint_url
        other.invoke("TickFunction", {"by": "hand"})
        assert [entry["event"] for entry in recorded(other, "TickFunction")] == [{"by": "hand"}]
        environment = json.loads(other.invoke("EchoFunction", {})["body"])["environment"]
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == stack.endpoint_url
    assert stack.endpoint_url.rpartition(":")[2] in environment["LOOPBACK_FORBIDDEN_PORTS"].split(",")


def test_a_put_event_is_printed_and_kept(stack: Stack) -> None:
    """EventBridge takes it, the console shows it, and a test finds it."""
    entry = {
        "Source": "oauth-broker",
        "DetailType": "Connection Connected",
        "Detail": '{"connection_id": "ada"}',
    }
    answer = stack.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    assert entry in stack.events
    assert 'oauth-broker: Connection Connected {"connection_id": "ada"}' in printed(stack)
