"""Queues feed functions as SQS and Lambda do: batches, failures, redelivery, dead letters, order."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from local.stack import Stack
from tests.integration.local_toys.running import eventually, recorded, toys


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The toys, with three warm processes a queue: a cold one may load longer than a message is hidden."""
    with toys() as running, ThreadPoolExecutor(6) as threads:
        list(
            threads.map(
                lambda name: running.invoke(name, {"warm": 2}), ["WorkFunction", "RescueFunction"] * 3
            )
        )
        yield running


class Letters:
    """The messages of one test, told from those of the others by a label."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sqs = stack.client("sqs")
        self.label = str(uuid.uuid4())
        self._dead: list[int] = []

    def rescue(self, number: int, **wish: Any) -> None:
        """Puts a message into the standard queue."""
        self._send("RescueQueue", {"n": number, **wish})

    def work(self, group: str, number: int, **wish: Any) -> None:
        """Puts a message into the FIFO queue."""
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": f"{self.label}-{group}-{number}"}
        self._send("WorkQueue", {"n": number, **wish}, **fifo)

    def events(self, function: str) -> list[dict[str, Any]]:
        """What a function recorded of this test's messages, in the order in which it began."""
        entries = recorded(self.stack, function)
        return [entry for entry in entries if self.label in json.dumps(entry["event"])]

    def got(self, function: str) -> list[int]:
        """The numbers of the messages that a function got."""
        records = [record for entry in self.events(function) for record in entry["event"]["Records"]]
        return [json.loads(record["body"])["n"] for record in records]

    def dead(self, queue: str) -> list[int]:
        """The numbers of the messages that have arrived in a dead letter queue so far."""
        url = self.stack.attributes[queue]["Ref"]
        for message in self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            body = json.loads(message["Body"])
            if body["label"] == self.label:
                self._dead.append(body["n"])
        return self._dead

    def left(self, queue: str) -> int:
        """How many messages a queue holds, in flight or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.stack.attributes[queue]["Ref"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def _send(self, queue: str, body: dict[str, Any], **fifo: str) -> None:
        url = self.stack.attributes[queue]["Ref"]
        self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"label": self.label, **body}), **fifo)


@pytest.fixture
def letters(stack: Stack) -> Letters:
    """Messages of this test alone."""
    return Letters(stack)


def test_a_message_reaches_its_function_once(stack: Stack, letters: Letters) -> None:
    """With Lambda's record, and it is deleted after."""
    letters.rescue(1)
    assert eventually(lambda: letters.got("RescueFunction")) == [1]
    assert eventually(lambda: letters.left("RescueQueue") == 0)
    time.sleep(2.5)  # its visibility timeout is over
    [entry] = letters.events("RescueFunction")
    [record] = entry["event"]["Records"]
    assert record["eventSourceARN"] == stack.attributes["RescueQueue"]["Arn"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_only_what_failed_comes_back_and_then_is_a_dead_letter(letters: Letters) -> None:
    """Of a batch, the reported message alone is delivered again, until the redrive policy's two receives."""
    for number in range(4):
        letters.rescue(number, fail=number == 2)
    assert eventually(lambda: letters.dead("RescueDeadLetters")) == [2]
    assert sorted(letters.got("RescueFunction")) == [0, 1, 2, 2, 3]
    assert letters.left("RescueQueue") == 0


def test_a_raised_error_fails_its_whole_batch(letters: Letters) -> None:
    """It comes back, and ends as a dead letter."""
    letters.rescue(1, **{"raise": True})
    assert eventually(lambda: letters.dead("RescueDeadLetters")) == [1]
    assert letters.got("RescueFunction") == [1, 1]


def test_a_message_whose_process_died_comes_back(letters: Letters) -> None:
    """A function that is ended by its timeout has answered for nothing."""
    letters.rescue(1, sleep=30)
    assert eventually(lambda: letters.dead("RescueDeadLetters"), seconds=30) == [1]
    assert letters.left("RescueQueue") == 0


def test_a_group_is_in_order_and_one_at_a_time(letters: Letters) -> None:
    """The next message of a group comes when the one before is done."""
    for number in range(4):
        letters.work("a", number, sleep=0.3)
    assert eventually(lambda: len(letters.got("WorkFunction")) == 4)
    assert letters.got("WorkFunction") == [0, 1, 2, 3]
    entries = letters.events("WorkFunction")
    assert all(before["ended"] <= after["began"] for before, after in pairwise(entries))
    attributes = entries[0]["event"]["Records"][0]["attributes"]
    assert attributes["MessageGroupId"] == "a"
    assert attributes["MessageDeduplicationId"] == f"{letters.label}-a-0"


def test_groups_do_not_wait_for_each_other(letters: Letters) -> None:
    """Three groups of more than a second each overlap."""
    for group in "bcd":
        letters.work(group, 0, sleep=1.5)
    assert eventually(lambda: len(letters.got("WorkFunction")) == 3)
    entries = letters.events("WorkFunction")
    assert max(entry["began"] for entry in entries) < min(entry["ended"] for entry in entries)


def test_a_failed_head_of_a_group_holds_the_rest_until_it_is_a_dead_letter(letters: Letters) -> None:
    """Three receives, then the FIFO dead letters; what stood behind it follows."""
    letters.work("e", 0, fail=True)
    letters.work("e", 1)
    assert eventually(lambda: len(letters.got("WorkFunction")) == 4, seconds=30)
    assert letters.got("WorkFunction") == [0, 0, 0, 1]
    assert eventually(lambda: letters.dead("WorkDeadLetters")) == [0]
