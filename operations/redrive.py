"""`redrive`: dead letters of the rescue back to their queue; those of nudges and of the schedule away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from operations.report import OperationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from operations.report import Progress

POLL: Final = 2.0
"""Seconds between two looks at a move that SQS makes."""

NOTHING_TO_GAIN: Final[Mapping[str, str]] = {
    "work": (
        "Nothing is to be gained by sending these back: each is a nudge to work a shard, and the next period "
        "has sent that shard another. The log line `work failed` of the worker says why."
    ),
    "schedule": (
        "Nothing is to be gained by sending these back: each is a call of the dispatcher that could not be "
        "made, and the next period made another."
    ),
}
"""Why dead letters of these queues are only thrown away: then their alarm ends, in place of 14 days later."""


@dataclass(frozen=True, slots=True)
class Counted:
    """About how many messages a queue has: to be received, and received but not deleted."""

    waiting: int
    under_way: int

    @property
    def total(self) -> int:
        """Both."""
        return self.waiting + self.under_way


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: its address and its ARN."""

    url: str
    arn: str


class Queues:
    """SQS, as far as a redrive needs it.

    `move_tasks`: SQS moves the messages itself. moto, which stands for it locally, cannot: then they are
    received, sent and deleted one after another, so that one may arrive twice but none is lost.
    """

    def __init__(
        self, client: Any, *, move_tasks: bool, sleep: Callable[[float], object], progress: Progress
    ) -> None:
        self._client = client
        self._move_tasks = move_tasks
        self._sleep = sleep
        self._progress = progress

    def find(self, url: str) -> Queue:
        """Give a queue by its address."""
        return Queue(url, self._attributes(url, "QueueArn")["QueueArn"])

    def count(self, queue: Queue) -> Counted:
        """Count a queue's messages, as nearly as SQS does."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self._attributes(queue.url, *names)
        return Counted(*(int(found[name]) for name in names))

    def purge(self, queue: Queue) -> None:
        """Delete all messages of a queue."""
        self._client.purge_queue(QueueUrl=queue.url)

    def move(self, source: Queue, target: Queue) -> None:
        """Move all messages of a dead letter queue. Raises OperationError where SQS gives up."""
        if self._move_tasks:
            self._move_by_task(source, target)
        else:
            self._move_by_hand(source, target)

    def _move_by_task(self, source: Queue, target: Queue) -> None:
        task = self._latest_task(source)
        if task.get("Status") != "RUNNING":
            self._client.start_message_move_task(SourceArn=source.arn, DestinationArn=target.arn)
        else:
            self._progress.say("SQS is moving them already.")
        self._progress.say("SQS moves them, also if this command is broken off.")
        while (task := self._latest_task(source)).get("Status") == "RUNNING":
            self._progress.say(f"{task.get('ApproximateNumberOfMessagesMoved', 0):,} moved")
            self._sleep(POLL)
        if task.get("Status") != "COMPLETED":
            reason = task.get("FailureReason", task.get("Status", "SQS knows of no move"))
            raise OperationError(f"SQS did not move all messages: {reason}. Run this again.")

    def _latest_task(self, source: Queue) -> Mapping[str, Any]:
        tasks = self._client.list_message_move_tasks(SourceArn=source.arn, MaxResults=1).get("Results", [])
        return tasks[0] if tasks else {}

    def _move_by_hand(self, source: Queue, target: Queue) -> None:
        self._progress.say("There are no move tasks here: receiving, sending and deleting each message.")
        while messages := self._client.receive_message(QueueUrl=source.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._client.send_message(QueueUrl=target.url, MessageBody=message["Body"])
                self._client.delete_message(QueueUrl=source.url, ReceiptHandle=message["ReceiptHandle"])

    def _attributes(self, url: str, *names: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._client.get_queue_attributes(
            QueueUrl=url, AttributeNames=list(names)
        )["Attributes"]
        return found


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of dead letters. `why_not`: why they are not sent back, but thrown away.

    SQS counts late: `after` is what it counted when all was done, and no reason to do it again.
    """

    name: str
    before: Counted
    why_not: str | None = None
    applied: bool = False
    after: Counted | None = None
    target_before: Counted | None = None
    target_after: Counted | None = None

    @property
    def status(self) -> int:
        """1 when dead letters were left where they are."""
        return int(bool(self.before.total) and not self.applied)

    def lines(self) -> Iterator[str]:
        """Give the counts, and what was or would be done."""
        yield f"{self.name} dead letters: about {_words(self.before)}"
        if self.target_before is not None:
            yield f"{self.name} queue: about {_words(self.target_before)}"
        if self.why_not is not None and self.before.total:
            yield self.why_not
        if self.applied:
            yield "Thrown away: SQS takes up to a minute for it." if self.why_not else "Sent back."
        elif self.before.total:
            yield f"Nothing was {'thrown away' if self.why_not else 'sent back'}. --apply does it."
        if self.after is not None:
            yield f"{self.name} dead letters after it: about {_words(self.after)}"
        if self.target_after is not None:
            yield f"{self.name} queue after it: about {_words(self.target_after)}"

    def members(self) -> Mapping[str, object]:
        """Give everything."""
        counts = {
            "before": self.before,
            "after": self.after,
            "queue_before": self.target_before,
            "queue_after": self.target_after,
        }
        return {
            "queue": self.name,
            "applied": self.applied,
            **{name: None if one is None else one.total for name, one in counts.items()},
            "why_not_sent_back": self.why_not,
        }


def send_back(queues: Queues, name: str, source: Queue, target: Queue, *, apply: bool) -> Redriven:
    """Move dead letters to the queue they came from. Raises OperationError."""
    found = Redriven(name, queues.count(source), target_before=queues.count(target))
    if not apply or not found.before.total:
        return found
    queues.move(source, target)
    return replace(found, applied=True, after=queues.count(source), target_after=queues.count(target))


def throw_away(queues: Queues, name: str, source: Queue, *, apply: bool) -> Redriven:
    """Delete dead letters that are worth nothing."""
    found = Redriven(name, queues.count(source), NOTHING_TO_GAIN[name])
    if not apply or not found.before.total:
        return found
    queues.purge(source)
    return replace(found, applied=True)


def _words(counted: Counted) -> str:
    more = f", {counted.under_way:,} more under way" if counted.under_way else ""
    return f"{counted.waiting:,} messages{more}"
