"""The engines that an operator's commands are tried on, and a stack of the template's table and queues."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from local.aws import AwsServer
from local.stack import TEMPLATE
from local.template import load
from operations.command_line import QUEUES
from tests.integration.operations.tables import operator

QUEUE_IDS: Final = {logical for ids in QUEUES.values() for logical in ids if logical}
SETTLED_BY_AWS: Final = ("SSESpecification", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled")


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Moto behind a port."""
    server = AwsServer(lambda _entry: None)
    yield server.url
    server.close()


@pytest.fixture(params=["moto", "dynamodb_local"])
def dynamodb_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of each DynamoDB."""
    name = {"moto": "moto_url", "dynamodb_local": "dynamodb_local"}[request.param]
    return str(request.getfixturevalue(name))


@dataclass(frozen=True)
class DeployedBroker:
    """A stack with the template's table and queues, and nothing else of it."""

    url: str
    name: str

    def client(self, service: str) -> Any:
        """Give a client of the AWS it is in."""
        # The service's name is not a literal here, which is what the typed overloads want.
        return operator().client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    def physical_id(self, logical_id: str) -> str:
        """Give a table's name or a queue's URL."""
        answer = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture(scope="module")
def deployed(moto_url: str) -> DeployedBroker:
    """Deploy it to moto, for one module: under the logical ids that the template has."""
    broker = DeployedBroker(moto_url, f"broker-{secrets.token_hex(4)}")
    given = load(TEMPLATE, {}).document
    resources: dict[str, Any] = {}
    for name in ("Table", *sorted(QUEUE_IDS)):
        resource = given["Resources"][name]
        properties = {
            key: value for key, value in resource["Properties"].items() if key not in SETTLED_BY_AWS
        }
        if properties.get("FifoQueue"):
            properties["QueueName"] = f"{broker.name}-{name}-1.fifo"  # moto makes none without a name
        resources[name] = {"Type": resource["Type"], "Properties": properties}
    body = {"Parameters": {"Shards": given["Parameters"]["Shards"]}, "Resources": resources}
    broker.client("cloudformation").create_stack(StackName=broker.name, TemplateBody=json.dumps(body))
    return broker
