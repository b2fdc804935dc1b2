"""A storm: connections of one resource that all come due at once, while many processes ask for them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from tests.contract.answers import check
from tests.integration.circle.broker import eventually, place_of
from tests.integration.oidc.broker import PersonsBrowser

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping, Sequence

    from tests.integration.oidc.broker import OpenIdBroker
    from tests.servers.openid_provider import Client

PROCESSES: Final = 16
BANDS: Final = 4
"""The processes walk the connections in bands, each from a place of its own; a band's walk together."""

_PROGRAM: Final = Path(__file__).with_name("storm_client.py")
_SOON: Final = 2  # seconds from making all due to the moment they are, in which a round is given out
_AGAIN: Final = 0.3  # seconds between one expiry of all and the next
_NEVER: Final = {"N": "Infinity"}
_WORKED: Final = re.compile(r" RefreshWorker worked .*\brefreshed=(\d+)")


@dataclass(frozen=True)
class Ask:
    """What a process asks the broker."""

    connection_id: str
    method: str
    path: str


@dataclass(frozen=True)
class Answer:
    """What a process was answered."""

    to: Ask
    status_code: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def told(self) -> dict[str, Any]:
        """The body."""
        body: dict[str, Any] = json.loads(self.content)
        return body


@dataclass
class Storm:
    """What is stormed, and what came of it so far."""

    broker: OpenIdBroker
    client: Client
    resource_id: str
    connection_ids: Sequence[str]
    console: io.StringIO
    processes: Sequence[subprocess.Popen[str]]
    answers: list[Answer] = field(default_factory=list, repr=False)
    seconds: float = 0

    def gather(self) -> None:
        """Processes and functions are up before the first round: each has asked for what is not due yet."""
        self._ask(0, [self._reads(number)[:5] for number in range(len(self.processes))])

    def blow(self) -> None:
        """One round: every connection due and its token expired, every process asks for every connection.

        What was refreshed is made due again at once, so that the schedule is never done.
        """
        self.calm()
        at = int(time.time()) + _SOON
        self._expire(at)
        processes = range(len(self.processes))
        asks = [self._reads(n) if n // BANDS % 2 else self._refreshes(n) for n in processes]
        with self._made_due_again(at):
            self.answers += self._ask(at, asks)
        self.seconds += time.time() - at

    def calm(self) -> None:
        """Nothing is due, every event was sent, and nobody holds a lease: nobody writes any more.

        Nor is an outcome unknown: where the table was too busy to take a write in time, that takes a minute.
        """

        def is_calm() -> bool:
            now = time.time()
            return not any(
                not item.keys().isdisjoint({"n", "l", "uk"})
                or float(item.get("refresh_at", _NEVER)["N"]) <= now
                for item in self._items()
            )

        assert eventually(is_calm, 200 + len(self.connection_ids)), "the storm does not end"

    def calls_by_grant(self) -> list[int]:
        """How often each grant's refresh tokens came to the provider, fewest first."""
        count = Counter(dict.fromkeys(self._grants(), 0))
        count.update(call["grant_id"] for call in self.client.calls("refresh_token"))
        return sorted(count.values())

    def refusals(self) -> list[str]:
        """Why the provider refused to refresh, each time."""
        return [call["error_detail"] for call in self.client.calls("refresh_token") if call["error"]]

    def dead(self) -> set[str]:
        """The grants that the provider ended since a spent refresh token came again."""
        return {one["grant_id"] for one in self.client.revocations() if one["by"] == "token"}

    def tokens_by_generation(self) -> dict[tuple[str, int], set[str]]:
        """The access tokens that were handed out, by connection and generation."""
        found = defaultdict(set)
        for answer in self.answers:
            if answer.status_code == 200 and "access_token" in answer.told:
                found[answer.to.connection_id, answer.told["generation"]].add(answer.told["access_token"])
        return dict(found)

    def shown(self) -> list[dict[str, Any]]:
        """The connections as the API shows them."""
        return [self.broker.connection(self.resource_id, one) for one in self.connection_ids]

    def by_schedule(self) -> int:
        """How many refreshes were the schedule's, as the worker's log counts them."""
        return sum(int(found[1]) for found in _WORKED.finditer(self.console.getvalue()))

    def log_of(self, answers: Sequence[Answer]) -> str:
        """What the functions logged about the connections of these answers, and what broke off."""
        named = {f"connection_id={answer.to.connection_id} " for answer in answers}
        lines = self.console.getvalue().splitlines()
        return "\n".join(line for line in lines if "Error" in line or any(one in line for one in named))

    def figures(self) -> str:
        """What came of it, in a line."""
        statuses = Counter(answer.status_code for answer in self.answers)
        answered = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
        calls = sum(self.calls_by_grant())
        refreshes = calls - len(self.refusals())
        return (
            f"{len(self.connection_ids)} connections, {len(self.processes)} processes, answers {answered}; "
            f"{refreshes} refreshes (the schedule's {self.by_schedule()}), {calls} calls, "
            f"{self.seconds:.1f} s, {len(self.dead())} dead"
        )

    def _ask(self, at: int, asks: Sequence[Sequence[Ask]]) -> list[Answer]:
        """What each process is answered that begins to ask at `at`; every answer is as it is described."""
        for process, its in zip(self.processes, asks, strict=True):
            _tell(process, {"at": at, "asks": [(ask.method, ask.path) for ask in its]})
        answers = []
        for process, its in zip(self.processes, asks, strict=True):
            for ask, given in zip(its, _told(process), strict=True):
                answer = Answer(
                    ask, given["status"], CaseInsensitiveDict(given["headers"]), given["body"].encode()
                )
                check(ask.method, ask.path, answer)
                answers.append(answer)
        return answers

    def _reads(self, number: int) -> list[Ask]:
        path = f"/v1/tokens/{self.resource_id}"
        return [Ask(one, "GET", f"{path}/{one}?min_ttl=3600") for one in self._walk(number)]

    def _refreshes(self, number: int) -> list[Ask]:
        path = f"/v1/resources/{self.resource_id}/connections"
        return [Ask(one, "POST", f"{path}/{one}/refresh") for one in self._walk(number)]

    def _walk(self, number: int) -> list[str]:
        """The connections in the order in which a process asks for them."""
        start = number % BANDS * len(self.connection_ids) // BANDS
        return [*self.connection_ids[start:], *self.connection_ids[:start]]

    def _grants(self) -> list[str]:
        return [call["grant_id"] for call in self.client.calls("authorization_code")]

    def _items(self) -> list[dict[str, Any]]:
        """The connections as they lie in the table."""
        pages = self.broker.stack.client("dynamodb").get_paginator("scan")
        found = pages.paginate(
            TableName=self.broker.stack.table_name,
            FilterExpression="begins_with(pk, :of)",
            ExpressionAttributeValues={":of": {"S": f"C#{self.resource_id}#"}},
            ConsistentRead=True,
        )
        return [item for page in found for item in page["Items"]]

    def _expire(self, at: float) -> None:
        """Brings the refresh and the expiry of what lives, and nobody refreshes now, forward to `at`."""
        client = self.broker.stack.client("dynamodb")
        for connection_id in self.connection_ids:
            pk, sk = place_of(self.resource_id, connection_id)
            with suppress(client.exceptions.ConditionalCheckFailedException):
                client.update_item(
                    TableName=self.broker.stack.table_name,
                    Key={"pk": {"S": pk}, "sk": {"S": sk}},
                    UpdateExpression="SET nr = :at, refresh_at = :at, ex = :at",
                    ConditionExpression="st = :active AND attribute_not_exists(l)",
                    ExpressionAttributeValues={":at": {"N": str(int(at))}, ":active": {"S": "a"}},
                )

    @contextmanager
    def _made_due_again(self, at: float) -> Iterator[None]:
        """From `at` to the end of the block, all connections expire again and again."""
        ended = threading.Event()

        def expire() -> None:
            while not ended.wait(max(_AGAIN, at - time.time())):
                self._expire(time.time())

        with ThreadPoolExecutor(1) as thread:
            expiring = thread.submit(expire)
            try:
                yield
            finally:
                ended.set()
            expiring.result()


@contextmanager
def storm(broker: OpenIdBroker, console: io.StringIO, connections: int) -> Iterator[Storm]:
    """A resource with so many connections, consented to one by one, and the processes that will ask."""
    resource_id = "storm"
    client = broker.client(resource_id)
    broker.at(client, resource_id, require_confirmation=False)

    def connected(account: str) -> str:
        asked = broker.ask(resource_id, connection_id=account, return_url=broker.landing)
        returned = PersonsBrowser().connect(asked["start_url"], account)
        assert returned.status_code == 303, returned.text
        return account

    with ThreadPoolExecutor(4) as people, ExitStack() as opened:
        connection_ids = list(people.map(connected, [f"person-{n}" for n in range(connections)]))
        port = str(urlsplit(broker.url).port)
        processes = [opened.enter_context(_process(port)) for _ in range(PROCESSES)]
        prepared = Storm(broker, client, resource_id, connection_ids, console, processes)
        prepared.gather()
        yield prepared


@contextmanager
def _process(port: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", str(_PROGRAM), port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _tell(process: subprocess.Popen[str], given: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    print(json.dumps(given), file=process.stdin, flush=True)


def _told(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "a process of the storm ended"
    told: list[dict[str, Any]] = json.loads(line)
    return told
