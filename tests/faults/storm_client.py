"""An application's process in a storm: it asks the broker one thing after another, from a given moment on.

Run as a file with the broker's port: a round a line on standard input, `at` (epoch seconds) and `asks`
(method and path each); a line back on standard output with each answer's status, headers, and body.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import Any


def main() -> None:
    """Asks until standard input ends."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    for line in sys.stdin:
        given = json.loads(line)
        time.sleep(max(0, given["at"] - time.time()))
        answers = [answer(connection, *ask) for ask in given["asks"]]
        print(json.dumps(answers), flush=True)  # noqa: T201 - this is how it answers


def answer(connection: http.client.HTTPConnection, method: str, path: str) -> dict[str, Any]:
    """What the broker answers to a request without a body."""
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read().decode()
    return {"status": response.status, "headers": dict(response.getheaders()), "body": body}


if __name__ == "__main__":
    main()
