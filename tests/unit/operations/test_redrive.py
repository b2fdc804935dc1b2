"""Dead letters sent back by SQS itself, or thrown away."""

from __future__ import annotations

import io
from collections import deque
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations.redrive import Queue, Queues, send_back, throw_away
from operations.report import OperationError, Progress

DEAD = Queue("https://sqs.eu-west-1.amazonaws.com/1/dead", "arn:aws:sqs:eu-west-1:1:dead")
BACK = Queue("https://sqs.eu-west-1.amazonaws.com/1/back", "arn:aws:sqs:eu-west-1:1:back")
START = {"SourceArn": DEAD.arn, "DestinationArn": BACK.arn}


class Sqs:
    """SQS as its own model describes it: requests and answers are checked against it."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.stub = Stubber(self.client)
        self.said = io.StringIO()
        self.slept: deque[float] = deque()
        progress = Progress(self.said, lambda: 0.0)
        self.queues = Queues(self.client, move_tasks=True, sleep=self.slept.append, progress=progress)
        self.stub.activate()

    def counts(self, queue: Queue, waiting: int) -> None:
        """Expect to be asked how many messages a queue has."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = {"Attributes": {names[0]: str(waiting), names[1]: "0"}}
        asked = {"QueueUrl": queue.url, "AttributeNames": names}
        self.stub.add_response("get_queue_attributes", answer, asked)

    def tells(self, **task: Any) -> None:
        """Expect to be asked for the latest move."""
        asked = {"SourceArn": DEAD.arn, "MaxResults": 1}
        self.stub.add_response("list_message_move_tasks", {"Results": [task] if task else []}, asked)


@pytest.fixture
def sqs() -> Sqs:
    """SQS, which answers what is expected and no more."""
    return Sqs()


def test_sqs_moves_them_to_their_queue(sqs: Sqs) -> None:
    """A move is started and awaited. Seen failing with the wait left out."""
    sqs.counts(DEAD, 3)
    sqs.counts(BACK, 0)
    sqs.tells()
    sqs.stub.add_response("start_message_move_task", {"TaskHandle": "t"}, START)
    sqs.tells(Status="RUNNING", ApproximateNumberOfMessagesMoved=1)
    sqs.tells(Status="COMPLETED", ApproximateNumberOfMessagesMoved=3)
    sqs.counts(DEAD, 0)
    sqs.counts(BACK, 2)
    result = send_back(sqs.queues, "rescue", DEAD, BACK, apply=True)
    sqs.stub.assert_no_pending_responses()
    assert result.status == 0
    assert dict(result.members()) == {
        "queue": "rescue",
        "applied": True,
        "before": 3,
        "after": 0,
        "queue_before": 0,
        "queue_after": 2,
        "why_not_sent_back": None,
    }
    assert len(sqs.slept) == 1
    assert "1 moved" in sqs.said.getvalue()
    assert "Sent back." in list(result.lines())


def test_a_move_that_runs_already_is_awaited(sqs: Sqs) -> None:
    """SQS makes one at a time; a second start would be refused."""
    sqs.counts(DEAD, 3)
    sqs.counts(BACK, 0)
    sqs.tells(Status="RUNNING")
    sqs.tells(Status="COMPLETED")
    sqs.counts(DEAD, 0)
    sqs.counts(BACK, 3)
    assert send_back(sqs.queues, "rescue", DEAD, BACK, apply=True).applied
    sqs.stub.assert_no_pending_responses()


@pytest.mark.parametrize("ended, why", [("FAILED", "AccessDenied"), ("CANCELLED", "CANCELLED")])
def test_a_move_that_fails_says_why(sqs: Sqs, ended: str, why: str) -> None:
    """Part of them may have moved: to be run again. Seen failing with every end taken for a good one."""
    sqs.counts(DEAD, 3)
    sqs.counts(BACK, 0)
    sqs.tells(Status="COMPLETED")
    sqs.stub.add_response("start_message_move_task", {"TaskHandle": "t"}, START)
    sqs.tells(Status=ended, **({"FailureReason": why} if ended == "FAILED" else {}))
    with pytest.raises(OperationError, match=why):
        send_back(sqs.queues, "rescue", DEAD, BACK, apply=True)


@pytest.mark.parametrize("waiting, apply, status", [(3, False, 1), (0, False, 0), (0, True, 0)])
def test_nothing_is_moved_unless_there_is_need_and_word(
    sqs: Sqs, waiting: int, apply: bool, status: int
) -> None:
    """SQS is only asked how many there are."""
    sqs.counts(DEAD, waiting)
    sqs.counts(BACK, 0)
    result = send_back(sqs.queues, "rescue", DEAD, BACK, apply=apply)
    assert (result.status, result.applied) == (status, False)
    assert any("--apply" in line for line in result.lines()) is bool(waiting)


@pytest.mark.parametrize("name", ["work", "schedule"])
@pytest.mark.parametrize("apply, status", [(False, 1), (True, 0)])
def test_what_is_worth_nothing_is_thrown_away(sqs: Sqs, name: str, apply: bool, status: int) -> None:
    """The reason is said before, and when it was done."""
    sqs.counts(DEAD, 3)
    if apply:
        sqs.stub.add_response("purge_queue", {}, {"QueueUrl": DEAD.url})
    result = throw_away(sqs.queues, name, DEAD, apply=apply)
    sqs.stub.assert_no_pending_responses()
    assert (result.status, result.applied) == (status, apply)
    assert any("Nothing is to be gained" in line for line in result.lines())
