"""kill -9 at each step of a callback and of a confirmation: of new connections and of reauthorized ones.

KILLS (default 10) is how many die at each step, half of either kind.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.stops import BATCHES, SETTLED_AFTER, Stops, stoppable
from tests.integration.circle.broker import USER, assert_problem, eventually, query_of, side_by_side
from tests.integration.oidc.broker import OpenIdBroker, PersonsBrowser

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from local.stack import Stack
    from tests.servers.openid_provider import Client, OpenIdProvider

NOT_USED_UP: Final = "before it is consumed"
EXCHANGING: Final = (
    "after it is consumed",
    "before the request",
    "after the request",
    "after the answer",
    "before the commit",
)
COMMITTED: Final = "after the commit"


@dataclass
class Trip:
    """One person's way to one connection; `before` is the generation that it had."""

    people: People
    connection_id: str
    before: int = 0
    browser: PersonsBrowser = field(default_factory=PersonsBrowser)
    callback: str = ""

    def begin(self) -> str:
        """Consent, and come back to where the callback would be opened; the authorization's id."""
        self.callback = self.browser.consent(self.people.link(self.connection_id), account=self.connection_id)
        return query_of(self.callback)["state"].partition(".")[0]

    def open(self) -> requests.Response:
        """Open the callback, the first time or again."""
        return self.browser.open(self.callback)

    def confirm(self, returned: requests.Response) -> requests.Response:
        """What the application does with what came back."""
        return self.people.broker.confirm(
            self.people.resource_id, query_of(returned.headers["Location"]), USER
        )

    def whole(self) -> None:
        """From link to confirmation, with nothing in its way."""
        self.begin()
        response = self.confirm(self.open())
        assert response.status_code == 200, response.text

    def assert_connected(self, generation: int) -> None:
        """Active in this generation, and its token lives."""
        shown = self.people.shown(self)
        assert (shown["status"], shown["generation"], shown["last_error"]) == ("active", generation, None)
        assert self.people.token_lives(self, generation)

    def assert_awaits_confirmation(self) -> None:
        """What waits for its confirmation gives nothing out; an older token set serves."""
        assert self.people.shown(self)["status"] == ("active" if self.before else "awaiting_confirmation")
        if self.before:
            assert self.people.token_lives(self, self.before)

    def assert_as_before(self) -> None:
        """Nothing reads healthy that is not: no connection yet, or the one there was, its token as good."""
        shown = self.people.shown(self)
        assert (shown["status"], shown["generation"]) == ("active" if self.before else "pending", self.before)
        if self.before:
            assert self.people.token_lives(self, self.before)
        else:
            answer = self.people.broker.token(self.people.resource_id, self.connection_id)
            assert_problem(answer, 409, "connection-not-ready")


@dataclass
class People:
    """A resource whose connections are confirmed, and who comes to connect."""

    broker: OpenIdBroker
    client: Client
    resource_id: str
    _numbers: count[int] = field(default_factory=count)

    def trips(self, number: int) -> list[Trip]:
        """So many people on their way: half to new connections, the others to those that they have."""
        made = [Trip(self, f"somebody-{next(self._numbers)}") for _ in range(number)]
        had = made[number // 2 :]
        with ThreadPoolExecutor(4) as people:
            list(people.map(Trip.whole, had))
            for trip in had:
                trip.before = 1
                trip.browser = PersonsBrowser()
            list(people.map(Trip.begin, made))
        return made

    def link(self, connection_id: str) -> str:
        """A start link: of a connection that is asked for, or asked for again."""
        body = {"return_url": self.broker.landing, "user": USER}
        path = f"/v1/resources/{self.resource_id}/connections"
        asked = self.broker.call("POST", path, {**body, "connection_id": connection_id})
        if asked.status_code == 409:
            asked = self.broker.call("POST", f"{path}/{connection_id}/reauthorize", body)
        assert asked.status_code == 201, asked.text
        return str(asked.json()["start_url"])

    def shown(self, trip: Trip) -> dict[str, Any]:
        """A connection as the API shows it."""
        return self.broker.connection(self.resource_id, trip.connection_id)

    def token_lives(self, trip: Trip, generation: int) -> bool:
        """Whether the token handed out is of this generation, and the provider takes it."""
        token = self.broker.token(self.resource_id, trip.connection_id).json()
        return token["generation"] == generation and self.client.is_active(token["access_token"])

    def exchanges(self, trip: Trip) -> int:
        """How often the provider was brought a code of this person's."""
        calls = self.client.calls("authorization_code")
        return sum(call["account_id"] == trip.connection_id for call in calls)


def people_of(stack: Stack, judge: OpenIdProvider, resource_id: str) -> People:
    """A new resource at the strict provider."""
    broker = OpenIdBroker(stack, judge)
    client = broker.client(resource_id)
    return People(broker, client, broker.at(client, resource_id))


@pytest.fixture(scope="module")
def people(stoppable_stack: Stack, judge: OpenIdProvider) -> People:
    """Who comes to connect to this module's resource."""
    return people_of(stoppable_stack, judge, "people")


def killed(people: People, stops: Stops, step: str, number: int) -> list[Trip]:
    """So many trips whose callbacks were killed at a step."""
    trips = people.trips(number)
    ids = [query_of(trip.callback)["state"].partition(".")[0] for trip in trips]
    for one in ids:
        stops.order(one, step, signal.SIGKILL)
    answers = side_by_side(Trip.open, trips)
    assert {answer.status_code for answer in answers} == {500}, "API Gateway's: a function died"
    assert all(stops.stopped(one) for one in ids), "each came to the step"
    stops.clear()
    return trips


@pytest.mark.parametrize("number", BATCHES)
@pytest.mark.parametrize("step", [NOT_USED_UP, COMMITTED])
def test_a_reload_goes_on(people: People, stops: Stops, step: str, number: int) -> None:
    """Before the authorization is used up, and once its tokens are committed, nothing is lost.

    However often it is reloaded the browser is sent to the same place, and the code is spent once.
    """
    for trip in killed(people, stops, step, number):
        if trip.before:
            trip.assert_as_before()
        returned = trip.open()
        assert (returned.status_code, "error" in query_of(returned.headers["Location"])) == (303, False)
        assert trip.open().headers["Location"] == returned.headers["Location"]
        assert trip.confirm(returned).status_code == 200
        trip.assert_connected(trip.before + 1)
        assert people.exchanges(trip) == trip.before + 1
    assert people.client.revocations() == []


@pytest.mark.parametrize("number", BATCHES)
@pytest.mark.parametrize("step", EXCHANGING)
def test_between_the_person_consents_again(people: People, stops: Stops, step: str, number: int) -> None:
    """Nothing reads healthy, no older token set is harmed, no code comes twice, and a new consent works."""
    trips = killed(people, stops, step, number)
    for trip in trips:
        trip.assert_as_before()
    ended = side_by_side(lambda trip: eventually(lambda: came_to_nothing(trip), SETTLED_AFTER + 20), trips)
    assert all(ended)
    for trip in trips:
        trip.assert_as_before()
        assert people.exchanges(trip) <= trip.before + 1
    with ThreadPoolExecutor(4) as again:
        list(again.map(Trip.whole, trips))
    for trip in trips:
        trip.assert_connected(trip.before + 1)
    assert people.client.revocations() == []


def came_to_nothing(trip: Trip) -> bool:
    """Whether a reload says that the exchange failed: until it is known, it says to come again."""
    returned = trip.open()
    if returned.status_code == 503:
        assert returned.headers["Retry-After"]
        return False
    told = query_of(returned.headers["Location"])
    return returned.status_code == 303 and told["error"] == "exchange_failed"


@pytest.mark.parametrize("number", BATCHES)
@pytest.mark.parametrize("step, again", [("before the commit", 200), ("after the commit", 409)])
def test_a_confirmation_killed(people: People, stops: Stops, step: str, again: int, number: int) -> None:
    """Before the commit the application confirms again; after it nothing is left to confirm, or lost."""
    trips = people.trips(number)
    returned = [trip.open() for trip in trips]
    for trip in trips:
        trip.assert_awaits_confirmation()
        stops.order(trip.connection_id, step, signal.SIGKILL)
    answers = side_by_side(lambda pair: pair[0].confirm(pair[1]), zip(trips, returned, strict=True))
    assert {answer.status_code for answer in answers} == {500}
    assert all(stops.stopped(trip.connection_id) for trip in trips)
    stops.clear()
    for trip, came in zip(trips, returned, strict=True):
        if again == 200:
            trip.assert_awaits_confirmation()
        assert trip.confirm(came).status_code == again
        trip.assert_connected(trip.before + 1)
    assert people.client.revocations() == []


def test_a_code_that_comes_twice_ends_the_grant(
    tmp_path: Path, dynamodb_local: str, judge: OpenIdProvider
) -> None:
    """The test of the tests above: a callback that is not used up costs the grant when it is reloaded."""
    with stoppable(tmp_path, dynamodb_local, without="used up once") as stack:
        people = people_of(stack, judge, "naive-people")
        (trip,) = killed(people, Stops(tmp_path), COMMITTED, 1)
        assert query_of(trip.open().headers["Location"])["error"] == "exchange_failed"
        assert [one["by"] for one in people.client.revocations()] == ["token"]
