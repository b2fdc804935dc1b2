"""One local stack for all of these tests; each makes resources of its own in it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.integration.circle.broker import Broker, asking

if TYPE_CHECKING:
    from collections.abc import Iterator

# In proportion to the template's, so that what waits for them does not wait long.
NUMBERS = {
    "LEASE_SECONDS": "14",
    "PROVIDER_DEADLINE": "8",
    "COMMIT_DEADLINE": "3",
    "SEND_MARGIN": "3",
    "ATTEMPT_MARGIN": "11",
    "READER_WAIT": "12",
    "SHARDS": "1",
}
OF_THE_CALLBACK = {"READER_WAIT": "6"}
OF_THE_WORKER = {
    "LEASE_SECONDS": "8",
    "PROVIDER_DEADLINE": "5",
    "COMMIT_DEADLINE": "2",
    "SEND_MARGIN": "1",
    "ATTEMPT_MARGIN": "7",
}
VISIBILITY = "9"


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A running broker with the demo provider beside it, its schedule once a second."""
    options = Options(
        schedule_period=1,
        extra_env=NUMBERS,
        function_env={"CallbackFunction": OF_THE_CALLBACK, "RefreshWorkerFunction": OF_THE_WORKER},
        # so long that what one test connected is not refreshed during another
        demo_options=["--controls", "--access-token-lifetime", "3600"],
    )
    with Stack(options, Console(io.StringIO())) as stack:
        stack.client("sqs").set_queue_attributes(
            QueueUrl=stack.attributes["WorkQueue"]["Ref"], Attributes={"VisibilityTimeout": VISIBILITY}
        )
        yield Broker(stack)


@pytest.fixture
def short_tokens(broker: Broker) -> Iterator[int]:
    """The provider's access tokens live as many seconds as this gives; what has expired is not forgotten."""
    before = broker.control("GET", "rules")
    lifetime = 6
    broker.control("PATCH", "rules", {"access_token_lifetime": lifetime})
    yield lifetime
    broker.control("PATCH", "rules", {"access_token_lifetime": before["access_token_lifetime"]})


@pytest.fixture(scope="module")
def tenants(broker: Broker) -> str:
    """A resource whose connections bring a variable, with one connection, `ada`, asked for."""
    resource_id = broker.register(
        connection_variables={"tenant": {"pattern": "[a-z]+"}},
        authorization={"url": f"{broker.provider}/authorize", "params": {"tenant": "{{tenant}}"}},
    )
    broker.ask(resource_id, **asking(broker, connection_id="ada"))
    return resource_id
