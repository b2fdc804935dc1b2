"""`redrive` on queues: dead letters go back as they were, and are counted."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from operations import command_line
from tests.integration.operations.conftest import DeployedBroker
from tests.integration.operations.tables import operator

BODIES: Final = sorted(f'{{"kind": "refresh", "n": {number}, "é": "…"}}' for number in range(23))


@pytest.fixture
def sqs(deployed: DeployedBroker) -> Any:
    """SQS, the stack's queues empty."""
    client = deployed.client("sqs")
    for name in ("RescueQueue", "RescueDeadLetters", "WorkDeadLetters", "ScheduleDeadLetters"):
        received(client, deployed.physical_id(name))
    return client


def run(
    deployed: DeployedBroker, capsys: pytest.CaptureFixture[str], *line: str
) -> tuple[int, dict[str, Any]]:
    """Run a redrive; gives its status and what it told as JSON."""
    argv = ["redrive", *line, "--endpoint-url", deployed.url, "--json"]
    status = command_line.main(argv, session=operator())
    told = capsys.readouterr()
    return status, json.loads(told.out) if told.out else {"error": told.err}


def received(sqs: Any, url: str) -> list[str]:
    """Give the bodies of all messages of a queue, which is empty then."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(bodies)


def test_dead_letters_of_the_rescue_go_back(
    deployed: DeployedBroker, sqs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every one, as it was; a dry run before moves none, one after finds none.

    Seen failing with the messages received, and not sent.
    """
    dead, queue = deployed.physical_id("RescueDeadLetters"), deployed.physical_id("RescueQueue")
    for body in BODIES:
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    told = {"queue": "rescue", "why_not_sent_back": None}
    count = len(BODIES)
    assert run(deployed, capsys, "rescue", "--stack", deployed.name) == (
        1,
        {**told, "applied": False, "before": count, "after": None, "queue_before": 0, "queue_after": None},
    )
    assert run(deployed, capsys, "rescue", "--stack", deployed.name, "--apply") == (
        0,
        {**told, "applied": True, "before": count, "after": 0, "queue_before": 0, "queue_after": count},
    )
    assert received(sqs, queue) == BODIES
    assert received(sqs, dead) == []
    status, found = run(deployed, capsys, "rescue", "--stack", deployed.name, "--apply")
    assert (status, found["before"], found["applied"]) == (0, 0, False)


def test_queues_can_be_named_by_hand(
    deployed: DeployedBroker, sqs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no stack knows them. Without the queue that they go back to, nothing is done."""
    dead, queue = deployed.physical_id("RescueDeadLetters"), deployed.physical_id("RescueQueue")
    sqs.send_message(QueueUrl=dead, MessageBody="a")
    by_hand = ("rescue", "--dead-letters-url", dead, "--apply")
    status, told = run(deployed, capsys, *by_hand)
    assert status == 2
    assert "--queue-url" in told["error"]
    assert run(deployed, capsys, *by_hand, "--queue-url", queue)[0] == 0
    assert received(sqs, queue) == ["a"]


@pytest.mark.parametrize(
    "name, logical_id", [("work", "WorkDeadLetters"), ("schedule", "ScheduleDeadLetters")]
)
def test_what_is_worth_nothing_is_thrown_away(
    deployed: DeployedBroker, sqs: Any, capsys: pytest.CaptureFixture[str], name: str, logical_id: str
) -> None:
    """With the reason; a dry run leaves it."""
    url = deployed.physical_id(logical_id)
    fifo = {"MessageGroupId": "00", "MessageDeduplicationId": "1"} if url.endswith(".fifo") else {}
    sqs.send_message(QueueUrl=url, MessageBody="a", **fifo)
    status, told = run(deployed, capsys, name, "--stack", deployed.name)
    assert (status, told["before"]) == (1, 1)
    assert "Nothing is to be gained" in told["why_not_sent_back"]
    assert run(deployed, capsys, name, "--stack", deployed.name, "--apply")[0] == 0
    assert received(sqs, url) == []


@pytest.mark.parametrize(
    "line, why",
    [
        ("redrive rescue --stack other", "other does not exist"),
        ("repair --stack other", "other does not exist"),
        ("repair --table other --shards 4", "AWS refused"),
        ("redrive work --dead-letters-url {url}/123456789012/nobody", "AWS refused"),
    ],
)
def test_what_is_not_there_is_said(
    deployed: DeployedBroker, capsys: pytest.CaptureFixture[str], line: str, why: str
) -> None:
    """Status 2 and one sentence, no stack trace."""
    argv = [*line.format(url=deployed.url).split(), "--endpoint-url", deployed.url]
    assert command_line.main(argv, session=operator()) == 2
    told = capsys.readouterr()
    assert why in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""
