"""Somebody else writes to the very item, a hundred times a second, while its token is refreshed."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.console import Console
from local.stack import Options, Stack
from tests.faults.alterations import altered
from tests.integration.circle.broker import place_of
from tests.integration.oidc.broker import OpenIdBroker, PersonsBrowser, an_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.openid_provider import Client, OpenIdProvider

REFRESHES = 10
A_SECOND = 100
WRITERS = 4


@contextmanager
def busy(
    judge: OpenIdProvider, store: str, *alterations: str
) -> Iterator[tuple[OpenIdBroker, Client, str, list[float]]]:
    """A broker, and the connection `ada` whose item is written to all the time; when it was."""
    environment = {"AccessFunction": altered("AccessFunction", *alterations)} if alterations else {}
    options = Options(
        demo=False,
        schedule_period=1,
        extra_env={"SHARDS": "1", "READER_WAIT": "1"},
        function_env=environment,
        dynamodb_endpoint=store,
    )
    with Stack(options, Console(io.StringIO())) as stack:
        broker = OpenIdBroker(stack, judge)
        resource_id = an_id()
        client = broker.client(resource_id)
        broker.at(client, resource_id, require_confirmation=False)
        asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing)
        assert PersonsBrowser().connect(asked["start_url"]).status_code == 303
        with written_to(broker, resource_id) as times:
            yield broker, client, resource_id, times


@contextmanager
def written_to(broker: OpenIdBroker, resource_id: str) -> Iterator[list[float]]:
    """The item's attribute `x` is another a hundred times a second, until the block ends."""
    ended, times = threading.Event(), [time.monotonic()]
    pk, sk = place_of(resource_id, "ada")
    client = broker.stack.client("dynamodb")

    def write() -> None:
        while not ended.wait(max(0, times[0] + len(times) / A_SECOND - time.monotonic())):
            times.append(time.monotonic())
            client.update_item(
                TableName=broker.stack.table_name,
                Key={"pk": {"S": pk}, "sk": {"S": sk}},
                UpdateExpression="SET x = :x",
                ExpressionAttributeValues={":x": {"N": str(len(times))}},
            )

    with ThreadPoolExecutor(WRITERS) as threads:
        writing = [threads.submit(write) for _ in range(WRITERS)]
        try:
            yield times
        finally:
            ended.set()
        for one in writing:
            one.result()


def refreshed(broker: OpenIdBroker, resource_id: str, count: int = REFRESHES) -> list[int]:
    """The statuses of so many refreshes, one after another."""
    path = f"/v1/resources/{resource_id}/connections/ada/refresh"
    return [broker.call("POST", path).status_code for _ in range(count)]


def test_what_others_write_loses_no_refresh(judge: OpenIdProvider, dynamodb_local: str) -> None:
    """Every refresh is committed, one call each, though the item was another each time."""
    with busy(judge, dynamodb_local) as (broker, client, resource_id, times):
        statuses = refreshed(broker, resource_id)
        writes, took = len(times), time.monotonic() - times[0]
        print(f"\n{writes / took:.0f} writes a second beside {REFRESHES} refreshes")  # noqa: T201 - for `-s`
        assert statuses == [200] * REFRESHES
        assert writes > 2 * REFRESHES
        shown = broker.connection(resource_id, "ada")
        assert (shown["status"], shown["generation"]) == ("active", 1 + REFRESHES)
        assert len(client.calls("refresh_token")) == REFRESHES
        assert client.revocations() == []
        assert client.is_active(broker.token(resource_id, "ada").json()["access_token"])


def test_a_commit_on_the_whole_item_loses_refreshes(judge: OpenIdProvider, dynamodb_local: str) -> None:
    """The test of the test above: what the provider gave finds the item changed and is gone."""
    with busy(judge, dynamodb_local, "commit_on_the_whole_item") as (broker, client, resource_id, _):
        refreshed(broker, resource_id, 3)
        calls = client.calls("refresh_token")
        assert broker.connection(resource_id, "ada")["generation"] - 1 < len(calls)
