"""SQS event source mappings: queues polled and their messages handed to functions, as Lambda does.

Lambda Developer Guide, "Using Lambda with Amazon SQS". What was answered for is deleted; what failed stays
and comes back when its visibility timeout is over, until the queue's redrive policy moves it. Visibility,
redrive and the order of FIFO groups are the queue's own.
"""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.execution_environment import Log, Outcome
from local.functions import BusyError, FunctionPool
from local.intrinsics import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.aws import Endpoints
    from local.template import EventSource

_LONG_POLL = 1  # seconds: a stopped stack's last poll ends soon
# moto's long poll of a FIFO queue takes a whole processor while a group's message waits for one in flight.
_FIFO_PAUSE = 0.2  # seconds between short polls
_PAUSE = 1.0  # seconds after an error of the queue's


def sqs_event(messages: Sequence[Mapping[str, Any]], queue_arn: str) -> dict[str, Any]:
    """The event for messages as ReceiveMessage gives them."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def failed_ids(outcome: Outcome, sent: Sequence[str], *, partial: bool) -> set[str]:
    """Which of the sent message ids the function did not answer for.

    With partial failures reported: those it names; all, if it failed, or names one that was not sent.
    """
    if outcome.failed:
        return set(sent)
    if not partial or outcome.payload is None:
        return set()
    try:
        items = outcome.payload.get("batchItemFailures") or []
        named = {item["itemIdentifier"] for item in items}
    except (AttributeError, KeyError, TypeError):
        return set(sent)
    return set(sent) if named - set(sent) else named


class Poller:
    """Feeds one function from one queue, until closed; several batches at a time where they come."""

    def __init__(
        self, source: EventSource, queue_url: str, pool: FunctionPool, endpoints: Endpoints, log: Log
    ) -> None:
        self._source = source
        self._url = queue_url
        self._pool = pool
        self._log = log
        self._fifo = queue_url.endswith(".fifo")
        self._client = endpoints.client("sqs", max_pool_connections=source.concurrency + 1)
        self._slots = threading.Semaphore(source.concurrency)
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """Receives no more, once the poll that is under way has ended."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._slots.acquire()
            try:
                messages = self._receive()
            except (BotoCoreError, ClientError) as error:
                messages = []
                if not self._closed.wait(_PAUSE):
                    self._log("queues", f"{self._source.function}: {type(error).__name__}")
            if messages:
                threading.Thread(target=self._deliver, args=(messages,), daemon=True).start()
            else:
                self._slots.release()
                if self._fifo:
                    self._closed.wait(_FIFO_PAUSE)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(10, self._source.batch_size),
            WaitTimeSeconds=0 if self._fifo else _LONG_POLL,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _deliver(self, messages: Sequence[Mapping[str, Any]]) -> None:
        try:
            outcome = self._pool.invoke(sqs_event(messages, self._source.queue_arn))
            ids = [message["MessageId"] for message in messages]
            failed = failed_ids(outcome, ids, partial=self._source.partial_failures)
            if failed and not self._closed.is_set():
                self._log("queues", f"{self._source.function}: {len(failed)} of {len(ids)} messages stay")
            self._delete([message for message in messages if message["MessageId"] not in failed])
        except BusyError:
            return  # the stack is stopping
        except (BotoCoreError, ClientError) as error:
            if not self._closed.is_set():
                self._log("queues", f"{self._source.function}: {type(error).__name__}")
        finally:
            self._slots.release()

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        if messages:
            self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages)
                ],
            )


def _record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: _message_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _message_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        made["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        made["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return made
