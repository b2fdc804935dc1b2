"""A broker whose AWS fails when a test says so, on a clock that a test moves on; what became of grants."""

from __future__ import annotations

import io
import secrets
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.stack import Options, Stack
from tests.faults.alterations import Clock, on_a_clock
from tests.integration.circle.broker import Broker, Browser, eventually, place_of, query_of
from tests.integration.watched.run import Gate, Listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.aws import AwsCall
    from tests.integration.watched.run import Matches

NUMBERS: Final = {
    "SHARDS": "1",
    "COMMIT_DEADLINE": "3",
    "READER_WAIT": "1",
    "DATA_KEY_PERIOD": "60",
    "DATA_KEY_MAX_AGE": "300",
}
"""The template's otherwise: leases, for one, lapse by the clock that is moved on."""

LEASE: Final = 30
MAX_AGE: Final = 300
TOKEN_LIFETIME: Final = 3600
TURN: Final = 2
"""Seconds, the machine's, for which the queues hide a message: the template's rescue queue does so for 30."""

_WRITES: Final = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


def is_write(call: AwsCall) -> bool:
    """Whether one of the functions would change the table."""
    return call.service == "dynamodb" and call.operation in _WRITES and call.caller.endswith("Function")


def is_commit(call: AwsCall) -> bool:
    """Whether a process that has a provider's answer would commit it."""
    values = call.request.get("ExpressionAttributeValues", {})
    brings = not {":new_ts", ":new_p"}.isdisjoint(values)
    return is_write(call) and call.operation == "UpdateItem" and brings and not is_rescue(call)


def is_rescue(call: AwsCall) -> bool:
    """Whether it is the rescue function's."""
    return call.caller == "RescueFunction"


def is_kms(call: AwsCall) -> bool:
    """Whether it asks for a key."""
    return call.service == "kms"


def to_the_rescue(call: AwsCall) -> bool:
    """Whether a function would leave a token set to the rescue."""
    return call.operation == "SendMessage" and '"token_set"' in call.request["MessageBody"]


@dataclass(frozen=True)
class Grant:
    """A connection, and the family of the tokens that its consent brought; "" before it did."""

    resource_id: str
    connection_id: str
    family_id: str = ""

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/v1/resources/{self.resource_id}/connections/{self.connection_id}"


@dataclass(frozen=True)
class Rig:
    """The broker at the demo provider, the gate before its AWS, and its clock."""

    broker: Broker
    gate: Gate
    clock: Clock
    console: Listener

    @property
    def stack(self) -> Stack:
        """The stack it runs in."""
        return self.broker.stack

    @contextmanager
    def outage(self, refused: Matches, *, once: Matches | None = None) -> Iterator[None]:
        """What matches is refused until the block ends: from its beginning, or once a call comes like `once`.

        That call is refused, too, if it matches.
        """
        over = threading.Event()
        with ExitStack() as closed:

            def begin() -> None:
                if not over.is_set():
                    closed.enter_context(self.gate.closed(refused))

            if once is None:
                begin()
            else:
                self.gate.before(once, begin)
            yield
            over.set()

    def registered(self, **changes: Any) -> str:
        """A resource of its own."""
        return self.broker.register(require_confirmation=False, **changes)

    def connected(self, count: int) -> list[Grant]:
        """So many connections of a resource of their own, of which the worker has told."""
        resource_id = self.registered()
        grants = []
        for number in range(count):
            before = self.broker.families().keys()
            asked = self.broker.ask(resource_id, connection_id=f"c{number}", return_url=self.broker.landing)
            returned = Browser().connect(asked["start_url"])
            assert "error" not in query_of(returned.headers["Location"])
            [family_id] = self.broker.families().keys() - before
            grants.append(Grant(resource_id, f"c{number}", family_id))
        for grant in grants:
            assert eventually(partial(self.has_no_news, grant))
        return grants

    def has_no_news(self, grant: Grant) -> bool:
        """Whether the worker has told of the connection, and is done with it."""
        return "n" not in self.item(grant)

    def item(self, grant: Grant) -> dict[str, Any]:
        """The connection as it lies in the table."""
        return self.broker.item(*place_of(grant.resource_id, grant.connection_id))

    def make_due(self, grant: Grant) -> None:
        """The refresh brought forward to now."""
        for name in ("nr", "refresh_at"):
            place = place_of(grant.resource_id, grant.connection_id)
            self.broker.set_number(*place, name, self.clock.now() - 1)

    def refresh(self, grant: Grant) -> int:
        """The status that asking for a refresh is answered with."""
        return self.broker.call("POST", f"{grant.path}/refresh").status_code

    def shown(self, grant: Grant) -> dict[str, Any]:
        """The connection as the API shows it."""
        return self.broker.connection(grant.resource_id, grant.connection_id)

    def calls(self, grant: Grant) -> int:
        """How often the grant's refresh tokens came to the provider."""
        return self.broker.refreshes(grant.family_id)

    def exchanges(self) -> int:
        """How often a code came to the provider."""
        return len(self.broker.calls("authorization_code"))

    def ended(self, grant: Grant) -> str | None:
        """Why the provider ended the grant; None while it lives."""
        reason: str | None = self.broker.families()[grant.family_id]["ended"]
        return reason

    def is_served(self, grant: Grant, query: str = "") -> bool:
        """Whether a token is given out; one that is must live at the provider."""
        answer = self.broker.token(grant.resource_id, grant.connection_id, query)
        if answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            assert answer.headers["Retry-After"]
            return False
        assert self.broker.me(answer.json()["access_token"]).status_code == 200
        return True

    def assert_kept(self, grants: Sequence[Grant], generation: int = 2) -> float:
        """All come to that generation, by one call each; the seconds that took."""
        began = time.monotonic()
        for grant in grants:
            assert eventually(partial(self.has_come_to, grant, generation)), grant
        took = time.monotonic() - began
        for grant in grants:
            shown = self.shown(grant)
            assert (shown["status"], shown["last_error"]) == ("active", None)
            assert self.calls(grant) == shown["generation"] - 1
            assert self.ended(grant) is None
            assert self.is_served(grant)
        return took

    def has_come_to(self, grant: Grant, generation: int) -> bool:
        """Whether the connection has had so many token sets."""
        return bool(self.shown(grant)["generation"] >= generation)

    def said(self, message: str, grant: Grant) -> bool:
        """Whether a function wrote that line about the connection."""
        return any(
            message in line and grant.resource_id in line and grant.connection_id in line
            for _, line in list(self.console.lines)
        )

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Messages received from a queue, which hides them for a while."""
        answer = self.stack.client("sqs").receive_message(
            QueueUrl=self.queue(queue), MaxNumberOfMessages=10, VisibilityTimeout=60
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def queue(self, name: str) -> str:
        """A queue's URL by its logical id."""
        return self.stack.attributes[name]["Ref"]

    def attributes(self, queue: str) -> dict[str, str]:
        """A queue's attributes."""
        answer = self.stack.client("sqs").get_queue_attributes(
            QueueUrl=self.queue(queue), AttributeNames=["All"]
        )
        found: dict[str, str] = answer["Attributes"]
        return found

    def set_attributes(self, queue: str, **attributes: str) -> None:
        """Some of a queue's attributes set."""
        self.stack.client("sqs").set_queue_attributes(QueueUrl=self.queue(queue), Attributes=attributes)


@contextmanager
def rig(folder: Path, **alterations: tuple[str, ...]) -> Iterator[Rig]:
    """A broker with its schedule once a second; some functions altered further (logical id → modules)."""
    gate, console = Gate(), Listener(io.StringIO())
    clock = Clock(folder / f"clock-{secrets.token_hex(4)}")
    options = Options(
        schedule_period=1,
        extra_env=NUMBERS,
        function_env=on_a_clock(clock, **alterations),
        demo_options=["--controls", "--access-token-lifetime", str(TOKEN_LIFETIME)],
        aws_gate=gate,
    )
    with Stack(options, console) as stack:
        made = Rig(Broker(stack), gate, clock, console)
        assert int(made.attributes("RescueQueue")["VisibilityTimeout"]) <= LEASE
        for queue in ("RescueQueue", "WorkQueue"):
            made.set_attributes(queue, VisibilityTimeout=str(TURN))
        yield made


def refresh_while(held: Rig, grants: list[Grant]) -> None:
    """The first is refreshed by the schedule, the others are asked for; none is committed.

    Returns once the process that has an answer has given up.
    """
    held.make_due(grants[0])
    asking = [threading.Thread(target=held.refresh, args=(grant,)) for grant in grants[1:]]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert eventually(lambda: any(held.calls(grant) for grant in grants))
    for grant in grants:
        assert eventually(partial(is_given_up, held, grant))


def is_refreshed(held: Rig, grant: Grant) -> bool:
    """Whether a refresh that is asked for is made."""
    return held.refresh(grant) == 200


def is_given_up(held: Rig, grant: Grant) -> bool:
    """Whether nobody tries any more to commit what was brought for it."""
    return held.said("left to the rescue", grant) or not held.calls(grant)


def link(held: Rig, resource_id: str, connection_id: str) -> tuple[Browser, str]:
    """A browser whose person has consented, and the callback that it is sent to."""
    asked = held.broker.ask(resource_id, connection_id=connection_id, return_url=held.broker.landing)
    browser = Browser()
    return browser, browser.consent(asked["start_url"])


def in_the_next_period(held: Rig) -> Grant:
    """A connection whose tokens can be opened without KMS, while the key to seal others is not made yet."""
    [grant] = held.connected(1)
    assert held.refresh(grant) == 200
    held.clock.pass_by(60)
    return grant
