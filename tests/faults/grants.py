"""The connections of one resource under faults, and what the provider's own record says of their grants."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.schedule import shard_of
from tests.faults.stops import SHARDS
from tests.integration.circle.broker import Broker, Browser, place_of, send
from tests.integration.oidc.broker import OpenIdBroker, PersonsBrowser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from local.stack import Stack
    from tests.servers.openid_provider import Client, OpenIdProvider

GRACE: Final = 60
"""Seconds in which the graceful provider gives the successor of a spent refresh token once more."""

_PEOPLE: Final = 4
_LOOK: Final = 0.4


@dataclass
class Grants(ABC):
    """A resource without confirmation, and its connections by shard: each is alone in its own."""

    broker: Broker
    resource_id: str
    askers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))
    _made: Iterator[str] = field(init=False)
    _dynamodb: Any = field(init=False)

    def __post_init__(self) -> None:
        self._dynamodb = self.broker.stack.client("dynamodb")
        self._made = _each_in_a_shard_of_its_own(self.resource_id)

    @abstractmethod
    def consent(self, start_url: str, connection_id: str) -> requests.Response:
        """A person's trip from a start link through the provider: the callback's answer."""

    @abstractmethod
    def lives(self, access_token: str) -> bool:
        """Whether the provider takes an access token."""

    @abstractmethod
    def grants(self) -> dict[str, list[str]]:
        """The grants that the provider gave each connection, oldest first."""

    @abstractmethod
    def ended(self) -> dict[str, str]:
        """The grants that the provider ended, and why."""

    @abstractmethod
    def calls(self, connection_id: str) -> int:
        """How often a refresh token of a connection came to the provider."""

    def connected(self, count: int) -> list[str]:
        """So many new connections, active and announced, each in a shard of its own."""
        ids = [next(self._made) for _ in range(count)]
        with ThreadPoolExecutor(_PEOPLE) as people:
            list(people.map(self.connect, ids))
        self.calm(ids)
        return ids

    def connect(self, connection_id: str) -> None:
        """A connection asked for and consented to."""
        asked = self.broker.ask(self.resource_id, connection_id=connection_id, return_url=self.broker.landing)
        answer = self.consent(asked["start_url"], connection_id)
        assert answer.status_code == 303, answer.text

    def calm(self, ids: list[str]) -> None:
        """The worker has told of what came to be, and nobody holds a lease."""
        self.until(lambda: not any({"n", "l"} & self.item(one).keys() for one in ids))

    def refresh(self, connection_id: str) -> Future[requests.Response]:
        """A refresh asked for by somebody who waits."""
        path = f"/v1/resources/{self.resource_id}/connections/{connection_id}/refresh"
        return self.askers.submit(send, "POST", self.broker.url + path)

    def make_due(self, connection_id: str, *, expired: bool = False) -> None:
        """Bring the refresh forward to now, and the expiry."""
        names = ("nr", "refresh_at", "ex") if expired else ("nr", "refresh_at")
        self._dynamodb.update_item(
            **self._place(connection_id),
            UpdateExpression="SET " + ", ".join(f"{name} = :past" for name in names),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
        )

    def item(self, connection_id: str) -> dict[str, Any]:
        """A connection as it lies in the table. Raises KeyError where it does not."""
        answer = self._dynamodb.get_item(**self._place(connection_id), ConsistentRead=True)
        found: dict[str, Any] = answer["Item"]
        return found

    def _place(self, connection_id: str) -> dict[str, Any]:
        pk, sk = place_of(self.resource_id, connection_id)
        return {"TableName": self.broker.stack.table_name, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}

    def shown(self, connection_id: str) -> dict[str, Any]:
        """A connection as the API shows it."""
        return self.broker.connection(self.resource_id, connection_id)

    def token(self, connection_id: str) -> requests.Response:
        """An access token as it is handed out."""
        return self.broker.token(self.resource_id, connection_id, "?min_ttl=0")

    def dispatch(self) -> None:
        """One turn of the schedule."""
        self.broker.stack.invoke("RefreshDispatcherFunction", {})

    def until(self, holds: Callable[[], bool], seconds: float = 40) -> None:
        """Turn the schedule, once a second at most, until something holds; fails when it does not."""
        until, turned = time.monotonic() + seconds, 0.0
        while not holds():
            assert time.monotonic() < until, "it does not come to pass"
            if int(time.time()) != int(turned):
                turned = time.time()
                self.dispatch()
            time.sleep(_LOOK)


@dataclass
class StrictGrants(Grants):
    """At a provider that rotates refresh tokens and ends the grant of one that comes twice."""

    broker: OpenIdBroker
    client: Client = field(kw_only=True)

    def consent(self, start_url: str, connection_id: str) -> requests.Response:
        """The account has the connection's name."""
        return PersonsBrowser().connect(start_url, connection_id)

    def lives(self, access_token: str) -> bool:
        """By introspection (RFC 7662)."""
        return self.client.is_active(access_token)

    def grants(self) -> dict[str, list[str]]:
        """By the exchanges of codes."""
        found: dict[str, list[str]] = {}
        for call in self.client.calls("authorization_code"):
            found.setdefault(call["account_id"], []).append(call["grant_id"])
        return found

    def ended(self) -> dict[str, str]:
        """`token`: a spent refresh token came again; `revocation`: it was asked to."""
        return {one["grant_id"]: one["by"] for one in self.client.revocations()}

    def calls(self, connection_id: str) -> int:
        """Refused ones count: those of a spent token name its account, too."""
        return sum(call["account_id"] == connection_id for call in self.client.calls("refresh_token"))


@dataclass
class DemoGrants(Grants):
    """At the demo provider, whose people have three accounts among them: they consent one after the other."""

    _families: dict[str, list[str]] = field(default_factory=dict, kw_only=True)

    def connected(self, count: int) -> list[str]:
        """Its family is the one that was not there before."""
        ids = [next(self._made) for _ in range(count)]
        for one in ids:
            before = self.broker.families().keys()
            self.connect(one)
            self._families.setdefault(one, []).extend(self.broker.families().keys() - before)
        self.calm(ids)
        return ids

    def consent(self, start_url: str, connection_id: str) -> requests.Response:  # noqa: ARG002 - see above
        """Always the same account."""
        return Browser().connect(start_url)

    def lives(self, access_token: str) -> bool:
        """By its API."""
        return self.broker.me(access_token).status_code == 200

    def grants(self) -> dict[str, list[str]]:
        """The families."""
        return self._families

    def ended(self) -> dict[str, str]:
        """The families that give nothing any more."""
        families = self.broker.families()
        return {family: known["ended"] for family, known in families.items() if known["ended"]}

    def calls(self, connection_id: str) -> int:
        """Those of all its families."""
        return sum(self.broker.refreshes(family) for family in self._families[connection_id])


@dataclass
class ClientCredentials(DemoGrants):
    """At the demo provider, by client_credentials: nobody consents."""

    def connected(self, count: int) -> list[str]:
        """Active at once."""
        ids = [next(self._made) for _ in range(count)]
        for one in ids:
            asked = self.broker.ask(self.resource_id, connection_id=one)
            assert asked["status"] == "active"
        self.calm(ids)
        return ids


def strict_grants(stack: Stack, judge: OpenIdProvider, resource_id: str = "strict") -> StrictGrants:
    """A new resource at the strict provider."""
    broker = OpenIdBroker(stack, judge)
    client = broker.client(resource_id)
    broker.at(client, resource_id, require_confirmation=False)
    return StrictGrants(broker, resource_id, client=client)


def graceful_grants(stack: Stack, resource_id: str = "graceful") -> DemoGrants:
    """A new resource at the demo provider, which forgives for a minute, as the resource says."""
    broker = Broker(stack)
    broker.control("PATCH", "rules", {"grace_period": GRACE})
    refresh_token = {"rotates": True, "grace_period": GRACE}
    broker.register(resource_id=resource_id, refresh_token=refresh_token, require_confirmation=False)
    return DemoGrants(broker, resource_id)


def keeping_grants(stack: Stack) -> DemoGrants:
    """A new resource at the demo provider, whose refresh tokens stay good."""
    broker = Broker(stack)
    refresh_token = {"rotates": False}
    resource_id = broker.register(
        client_id="demo-keeps", refresh_token=refresh_token, require_confirmation=False
    )
    return DemoGrants(broker, resource_id)


def own_tokens(stack: Stack) -> ClientCredentials:
    """A new resource at the demo provider, for the client's own tokens."""
    broker = Broker(stack)
    resource_id = broker.register(
        grant_type="client_credentials", authorization=None, scopes=["profile"], require_confirmation=None
    )
    return ClientCredentials(broker, resource_id)


def _each_in_a_shard_of_its_own(resource_id: str) -> Iterator[str]:
    """Names of connections, those that follow each other in shards that do."""
    shard, number = 0, 0
    while True:
        name = f"person-{number}"
        number += 1
        if int(shard_of(resource_id, name, SHARDS), 16) == shard:
            yield name
            shard = (shard + 1) % SHARDS
