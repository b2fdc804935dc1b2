"""What a story costs in calls to AWS and to the provider: exactly the design's budgets, cold and warm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.budgets.measured import nudge
from tests.integration.circle.broker import USER, Browser, place_of

if TYPE_CHECKING:
    from tests.integration.budgets.measured import Cost, Measuring

WARM, COLD = "warm", "cold"
EXCHANGE = REFRESH = ("POST /token",)
UPDATE, GET, BATCH, OPEN, QUERY = "UpdateItem", "GetItem", "BatchGetItem", "Decrypt", "Query"


def status(cost: Cost) -> int:
    """The HTTP status of an answer."""
    code: int = cost.answer["statusCode"]
    return code


def test_the_first_seal_of_a_period(measuring: Measuring) -> None:
    """Whoever seals first makes the vault key and keeps it; the next in the same process only writes."""
    broker = measuring.broker
    with measuring.function("ResourcesApiFunction") as function:
        for state, expected in (
            (COLD, [BATCH, "GenerateDataKey", "PutItem", "PutItem"]),
            (WARM, ["PutItem"]),
        ):
            made = measuring.request("POST", f"{broker.url}/v1/resources", body=broker.registration())
            cost = measuring.note("create a resource (first seal)", state, function.run(made))
            assert status(cost) == 201
            assert cost.operations == expected
            assert not cost.egress


def test_start(measuring: Measuring) -> None:
    """One write, cold or warm: nothing of the resource is needed."""
    resource_id = measuring.broker.register()
    with measuring.function("StartAuthorizationFunction") as function:
        for state in (COLD, WARM):
            link = measuring.broker.ask(resource_id)["start_url"]
            cost = measuring.note("start", state, function.run(measuring.request("GET", link)))
            assert status(cost) == 302
            assert cost.operations == [UPDATE]
            assert not cost.egress


@pytest.mark.parametrize("confirmation", [True, False], ids=["confirmed", "direct"])
def test_callback(measuring: Measuring, confirmation: bool) -> None:
    """Consume and commit, and the exchange between them; cold, one read and one key to open."""
    broker = measuring.broker
    resource_id = broker.register(require_confirmation=confirmation)
    what = f"callback ({'to be confirmed' if confirmation else 'direct'})"
    with measuring.function("CallbackFunction") as function:
        for state, before in ((COLD, [BATCH, OPEN]), (WARM, [])):
            body = {"return_url": broker.landing} | ({"user": USER} if confirmation else {})
            browser = Browser()
            callback = browser.consent(broker.ask(resource_id, **body)["start_url"])
            cookies = browser.session.cookies.get_dict()
            cost = measuring.note(
                what, state, function.run(measuring.request("GET", callback, cookies=cookies))
            )
            assert status(cost) == 303
            assert cost.operations == [*before, UPDATE, UPDATE]
            assert cost.egress == EXCHANGE


def connected(measuring: Measuring, resource_id: str) -> str:
    """An active connection of a resource."""
    asked = measuring.broker.ask(resource_id, return_url=measuring.broker.landing)
    assert Browser().connect(asked["start_url"]).status_code == 303
    connection_id: str = asked["connection_id"]
    return connection_id


def test_read(measuring: Measuring) -> None:
    """One consistent read; cold, one read brings resource and connection, and one key is opened."""
    broker = measuring.broker
    resource_id = broker.register(require_confirmation=False)
    with measuring.function("AccessFunction") as function:
        for state, expected in ((COLD, [BATCH, OPEN]), (WARM, [GET])):
            url = f"{broker.url}/v1/tokens/{resource_id}/{connected(measuring, resource_id)}?min_ttl=0"
            cost = measuring.note("token read", state, function.run(measuring.request("GET", url)))
            assert status(cost) == 200
            assert cost.operations == expected
            assert not cost.egress


def test_read_that_refreshes(measuring: Measuring) -> None:
    """Read, lease, commit around one call to the provider; cold, the read is a batch, and a key is opened."""
    broker = measuring.broker
    resource_id = broker.register(require_confirmation=False)
    with measuring.function("AccessFunction") as function:
        for state, expected in ((COLD, [BATCH, UPDATE, OPEN, UPDATE]), (WARM, [GET, UPDATE, UPDATE])):
            connection_id = connected(measuring, resource_id)
            place = place_of(resource_id, connection_id)
            broker.set_number(*place, "ex", time.time() - 1)
            url = f"{broker.url}/v1/tokens/{resource_id}/{connection_id}"
            cost = measuring.note(
                "token read that must refresh", state, function.run(measuring.request("GET", url))
            )
            assert status(cost) == 200
            assert cost.operations == expected
            assert cost.egress == REFRESH


def test_worker(measuring: Measuring) -> None:
    """A query, then lease and commit for each connection; cold, one batch for all resources and the key."""
    broker = measuring.broker
    resource_id = broker.register(require_confirmation=False)
    first = connected(measuring, resource_id)
    shard = broker.item(*place_of(resource_id, first))["shard"]["S"]
    with measuring.function("RefreshWorkerFunction") as function:
        function.run(nudge(shard))  # tells of what the other tests connected
    with measuring.function("RefreshWorkerFunction") as function:
        for state, before in ((COLD, [QUERY, BATCH, OPEN]), (WARM, [QUERY])):
            place = place_of(resource_id, first)
            for name in ("nr", "refresh_at"):
                broker.set_number(*place, name, time.time() - 1)
            cost = measuring.note("worker, one refresh", state, function.run(nudge(shard)))
            assert cost.answer == {"batchItemFailures": []}
            assert cost.operations == [*before, UPDATE, UPDATE]
            assert cost.egress == REFRESH


def test_worker_with_nothing_to_do(measuring: Measuring) -> None:
    """A shard without anything due costs one query."""
    with measuring.function("RefreshWorkerFunction") as function:
        cost = measuring.note("worker, nothing due", COLD, function.run(nudge("ff")))
        assert (cost.operations, cost.egress) == ([QUERY], ())
