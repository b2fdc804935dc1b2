"""A broker without I/O: the package's own flows on doors in memory, and people who use it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from oauth_broker.caller import Caller, CallerKind
from oauth_broker.connection import Connection
from oauth_broker.doors.queues import Nudge
from oauth_broker.flows.ask import ask_for_connection, reauthorize
from oauth_broker.flows.circuits import Circuits
from oauth_broker.flows.ending import Ending
from oauth_broker.flows.finish_authorization import finish_authorization
from oauth_broker.flows.issuers import Issuers
from oauth_broker.flows.kit import Kit, Sender
from oauth_broker.flows.manage_resources import create_resource
from oauth_broker.flows.shelf import HeldResource, Shelf
from oauth_broker.flows.start_authorization import Started, start_authorization
from oauth_broker.flows.start_link import Addresses
from oauth_broker.flows.work_shard import Worker
from oauth_broker.secret import Secret
from oauth_broker.settings import RefreshNumbers, Schedule
from tests.doubles.dynamodb import MemoryDynamoDB, memory_store
from tests.doubles.kms import MemoryKms, memory_sealing, memory_signing
from tests.doubles.machine import HandMachine
from tests.doubles.provider import ScriptedProvider, granted
from tests.doubles.queues import MemoryAnnouncements, MemoryRescue, MemoryWorkQueue

BASE: Final = "https://broker.example"
APP: Final = "https://app.example/back"
ADMIN: Final = Caller(CallerKind.IAM, "arn:aws:iam::1:user/a", admin=True)
ADDRESSES: Final = Addresses(BASE, lambda origin: origin == "https://app.example:443")
NUMBERS: Final = RefreshNumbers(
    lease=30, provider_deadline=15, commit_deadline=5, attempt_margin=25, send_margin=5, reader_wait=20
)
SCHEDULE: Final = Schedule(shards=16, period=60, expiry_notice=7 * 86_400)
ACME: Final[Mapping[str, Any]] = {
    "resource_id": "acme",
    "name": "Acme",
    "client_id": "client-1",
    "client_secret": "client-secret-1",
    "authorization": {"url": "https://acme.example/authorize"},
    "token": {"url": "https://acme.example/token"},
    "revocation": {"url": "https://acme.example/revoke"},
    "scopes": ["read", "write"],
    "require_confirmation": False,
}


def person(name: str) -> Caller:
    """Give a JWT caller who is no admin."""
    return Caller(CallerKind.JWT, name, owner=hashlib.sha256(name.encode()).digest())


def plenty() -> float:
    """Give the seconds left to an invocation that has time."""
    return 100.0


@dataclass
class Browser:
    """Keeps the cookies that it was given."""

    cookies: dict[str, Secret] = field(default_factory=dict)

    def keep(self, started: Started) -> str:
        """Keep the cookie of a start; gives the state that the provider will send back."""
        self.cookies[started.cookie.name] = started.cookie.value
        [state] = parse_qs(urlsplit(started.url).query)["state"]
        return state


class Broker:
    """One process of the broker's, and what all of them share."""

    def __init__(self, provider: Sender | None = None, *, numbers: RefreshNumbers = NUMBERS) -> None:
        self.machine = HandMachine()
        self.dynamodb = MemoryDynamoDB()
        self.kms = MemoryKms()
        self.scripted = ScriptedProvider()
        self.egress: Sender = provider or self.scripted
        self.rescue = MemoryRescue()
        self.work_queue = MemoryWorkQueue()
        self.announcements = MemoryAnnouncements()
        self.numbers = numbers
        self.kit = self.process()

    def process(self, *, data_key_max_age: int = 300) -> Kit:
        """Give the kit of another process: it holds nothing."""
        store = memory_store(self.dynamodb)
        sealing = memory_sealing(self.kms, max_age=data_key_max_age)
        signing = memory_signing(self.kms)
        shelf = Shelf(store, sealing, self.machine, signing)
        return Kit(
            store=store,
            sealing=sealing,
            egress=self.egress,
            rescue=self.rescue,
            machine=self.machine,
            schedule=SCHEDULE,
            numbers=self.numbers,
            shelf=shelf,
            signing=signing,
            circuits=Circuits(store, shelf, self.machine, period=SCHEDULE.period),
            issuers=Issuers(self.egress, self.machine),
        )

    def worker(self, *, provider_concurrency: int = 128) -> Worker:
        """Give the worker."""
        return Worker(self.kit, self.announcements, self.work_queue, provider_concurrency)

    def work(self, connection_id: str = "c1", resource_id: str = "acme") -> Mapping[str, int]:
        """Let the worker work a connection's shard."""
        nudge = Nudge(self.kit.shard(resource_id, connection_id), int(self.machine.now()) // SCHEDULE.period)
        return self.worker().work(nudge, remaining=plenty)

    def work_all(self) -> None:
        """Let the worker work every shard."""
        for shard in range(SCHEDULE.shards):
            self.worker().work(Nudge(f"{shard:02x}", 0), remaining=plenty)

    def register(self, **members: Any) -> HeldResource:
        """Register a resource like Acme; a member that is None is left out."""
        body = {name: value for name, value in {**ACME, **members}.items() if value is not None}
        create_resource(self.kit, ADDRESSES, body, loopback=False)
        return self.kit.shelf.resource(body["resource_id"])

    def ask(
        self, connection_id: str = "c1", *, caller: Caller = ADMIN, resource_id: str = "acme", **body: Any
    ) -> str:
        """Ask for a connection; gives the start link's ticket."""
        link = ask_for_connection(
            self.kit, caller, ADDRESSES, resource_id, {"connection_id": connection_id, **body}
        )
        return ticket_of(link)

    def ask_again(
        self, connection_id: str = "c1", *, caller: Caller = ADMIN, resource_id: str = "acme", **body: Any
    ) -> str:
        """Reauthorize; gives the new start link's ticket."""
        ids = {"resource_id": resource_id, "connection_id": connection_id}
        return ticket_of(reauthorize(self.kit, caller, ADDRESSES, **ids, body=body))

    def start(self, ticket: str, browser: Browser) -> Started:
        """Open a start link."""
        cookies = list(browser.cookies.items())
        return start_authorization(self.kit.store, self.machine, ticket=ticket, cookies=cookies, secure=True)

    def call_back(self, browser: Browser, resource_id: str | None = "acme", /, **query: str) -> Ending:
        """Send a browser back from the provider."""
        return called_back(self.kit, browser, resource_id, query)

    def consent(
        self, ticket: str, browser: Browser | None = None, resource_id: str | None = "acme"
    ) -> Ending:
        """Go the whole way from a start link to the callback."""
        browser = browser or Browser()
        state = browser.keep(self.start(ticket, browser))
        return self.call_back(browser, resource_id, state=state, code="code-1")

    def connect(self, connection_id: str = "c1", **members: Any) -> Connection:
        """Make an active connection under Acme, whose events were sent; `members` are of the token answer."""
        if self.kit.store.resources.load(resource_id="acme").resource is None:
            self.register()
        if self.egress is self.scripted:
            self.scripted.will(granted(**members))
        self.consent(self.ask(connection_id))
        self.work(connection_id)
        return self.connection(connection_id)

    def connection(self, connection_id: str = "c1", resource_id: str = "acme") -> Connection:
        """Give a connection that is there."""
        found = self.find(connection_id, resource_id)
        assert found is not None
        return found

    def find(self, connection_id: str = "c1", resource_id: str = "acme") -> Connection | None:
        """Give a connection as the table has it."""
        return self.kit.store.connections.get(resource_id, connection_id)

    def status(self, connection_id: str = "c1") -> str:
        """Give the status that callers see."""
        held = self.kit.shelf.resource("acme")
        return str(self.connection(connection_id).shown_status(self.machine.now(), held.destinations_ids))


def called_back(
    kit: Kit,
    browser: Browser,
    resource_id: str | None,
    query: Mapping[str, str],
    remaining: Callable[[], float] | None = None,
) -> Ending:
    """Send a browser back from the provider, to one process that has so many seconds."""
    return finish_authorization(
        kit,
        resource_id=resource_id,
        raw_query=urlencode(query),
        cookies=list(browser.cookies.items()),
        secure=True,
        remaining=remaining or plenty,
    )


def ticket_of(link: Mapping[str, Any]) -> str:
    """Give the ticket of a start link."""
    [ticket] = parse_qs(urlsplit(str(link["start_url"])).query)["ticket"]
    return ticket


def told(ending: Ending) -> dict[str, str]:
    """Give what the application is told at its return_url."""
    assert ending.location is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(ending.location).query).items()}
