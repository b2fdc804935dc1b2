"""SQS: nudges for the worker, and commits for the rescue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.commits import Commit, from_message, to_message
from oauth_broker.doors.aws import AwsClient
from oauth_broker.errors import QueueUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CONTINUED: Final = 60


@dataclass(frozen=True, slots=True)
class Nudge:
    """A shard has connections due.

    `number` counts the invocations of one period; `after` is the place to go on.
    """

    shard: str
    period_number: int
    number: int = 0
    after: Mapping[str, Any] | None = None


def nudge_of(body: str) -> Nudge:
    """Read a nudge from a message's body."""
    return Nudge(**json.loads(body))


def commit_of(body: str) -> Commit:
    """Read a commit from a message's body."""
    return from_message(body)


class WorkQueue:
    """FIFO: one group a shard, so that a shard has one worker at a time."""

    def __init__(self, url: str) -> None:
        """Name the queue; no call is made."""
        self._url = url
        self._sqs = AwsClient("sqs")

    def send(self, nudge: Nudge) -> None:
        """Nudge a shard's worker; a second nudge of the same number is dropped by SQS.

        Raises QueueUnavailableError.
        """
        suffix = f"-{nudge.number}" if nudge.number else ""
        body = {
            "shard": nudge.shard,
            "period_number": nudge.period_number,
            "number": nudge.number,
            "after": nudge.after,
        }
        _send(
            self._sqs.get(),
            QueueUrl=self._url,
            MessageBody=json.dumps(body, separators=(",", ":")),
            MessageGroupId=nudge.shard,
            MessageDeduplicationId=f"{nudge.shard}-{nudge.period_number}{suffix}",
        )


class RescueQueue:
    """Standard: sealed token sets that could not be committed."""

    def __init__(self, url: str) -> None:
        """Name the queue; no call is made."""
        self._url = url
        self._sqs = AwsClient("sqs", read_timeout=1.0, attempts=1)

    def send(self, commit: Commit) -> None:
        """Keep a commit for the rescue. Raises QueueUnavailableError."""
        _send(self._sqs.get(), QueueUrl=self._url, MessageBody=to_message(commit))


def _send(sqs: Any, **message: str) -> None:
    try:
        sqs.send_message(**message)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        text = f"SQS refused: {code}"
        raise QueueUnavailableError(text) from None
    except BotoCoreError as error:
        text = f"SQS cannot be reached: {type(error).__name__}"
        raise QueueUnavailableError(text) from None
