"""A function in an interpreter of its own, which tells of each event what it sent to AWS and to providers.

Run as a file in a function's environment: an event a line on standard input; a line back on standard output
with the handler's `answer`, the `aws` requests (service.Operation, each attempt), and those of `egress`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from oauth_broker.doors import aws
from oauth_broker.doors.egress import Egress

AWS: list[str] = []
SENT: list[str] = []
SEND = Egress.send


class Context:
    """What a handler asks of its context."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """The template's time of the access function, always anew."""
        return 29_000


def sent_to_aws(**event: Any) -> None:
    """Counts a request as it goes out, retries too: `before-send.dynamodb.GetItem`."""
    AWS.append(event["event_name"].removeprefix("before-send."))


def send(self: Egress, request: Any, *rest: Any, **named: Any) -> Any:
    """Egress, counted."""
    SENT.append(f"{request.method} {urlsplit(request.url).path}")
    return SEND(self, request, *rest, **named)


def main() -> None:
    """Answers until standard input ends. The handler's own lines go to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    aws._session().register("before-send", sent_to_aws)
    Egress.send = send  # type: ignore[method-assign]  # whoever holds an Egress sends through it
    handler = importlib.import_module("app").handler
    for line in sys.stdin:
        AWS.clear()
        SENT.clear()
        began = time.perf_counter()
        answer = handler(json.loads(line), Context())
        took = round((time.perf_counter() - began) * 1000)
        told = {"answer": answer, "aws": AWS, "egress": SENT, "milliseconds": took}
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
