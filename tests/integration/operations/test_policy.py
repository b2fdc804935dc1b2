"""The policy in the runbook against the calls that the commands were seen to make: all of it, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber

from local.intrinsics import ACCOUNT, REGION
from local.stack import TEMPLATE
from local.template import load
from oauth_broker.doors.store.resource_rows import resource_item
from oauth_broker.doors.store.values import to_item
from operations import command_line
from operations.redrive import Queues
from tests.doubles.samples import resource_row
from tests.integration.operations.conftest import DeployedBroker
from tests.integration.operations.tables import progress
from tests.template.document import as_list
from tests.unit.operations.items import LATER, item_of

RUNBOOK: Final = Path(__file__).parents[3] / "docs" / "operations.md"
LINES: Final = (
    "repair --apply",
    "reshard --shards 4 --apply",
    "redrive rescue --apply",
    "redrive work --apply",
    "redrive schedule --apply",
    "revocations acme",
)


@dataclass(frozen=True)
class Asked:
    """What a call asks IAM for."""

    action: str
    resource: str


@pytest.fixture
def policy(deployed: DeployedBroker) -> list[dict[str, Any]]:
    """Give the statements of the policy in the runbook, its placeholders filled in."""
    [text] = re.findall(r"```json\n(.*?)```", RUNBOOK.read_text(encoding="utf-8"), re.DOTALL)
    for placeholder, value in {"REGION": REGION, "ACCOUNT": ACCOUNT, "STACK": deployed.name}.items():
        text = re.sub(rf"\b{placeholder}\b", value, text)
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def refused(policy: list[dict[str, Any]], asked: set[Asked]) -> set[Asked]:
    """Give what no statement allows."""
    return {one for one in asked if not any(allows(statement, one) for statement in policy)}


def allows(statement: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a statement allows it."""
    return asked.action in statement["Action"] and any(
        fnmatchcase(asked.resource, pattern) for pattern in as_list(statement["Resource"])
    )


def asks(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[Asked]:
    """Give what a call asks for.

    Amazon SQS Developer Guide, "Configuring a dead-letter queue redrive", names what a move takes.
    """
    action = f"{service}:{operation}"
    match service:
        case "cloudformation":
            yield Asked(action, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{request['StackName']}/1")
        case "dynamodb":
            yield Asked(action, f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{request['TableName']}")
        case "sqs" if operation == "StartMessageMoveTask":
            for also in (operation, "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
                yield Asked(f"sqs:{also}", request["SourceArn"])
            yield Asked("sqs:SendMessage", request["DestinationArn"])
        case "sqs" if "SourceArn" in request:
            yield Asked(action, request["SourceArn"])
        case "sqs":
            name = request["QueueUrl"].rpartition("/")[2]
            yield Asked(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
        case _:
            raise AssertionError(action)


class Watched(boto3.Session):
    """A session whose every call is noted."""

    def __init__(self) -> None:
        super().__init__("x", "x", region_name=REGION)
        self.asked: set[Asked] = set()
        self.events.register("provide-client-params.*.*", self._note)

    def _note(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.asked |= set(asks(model.service_model.service_name, model.name, params))


@pytest.fixture(scope="module")
def seen(deployed: DeployedBroker) -> set[Asked]:
    """Run every command on a table and queues in which there is something to do."""
    session = Watched()
    lost = item_of(LATER, refresh_at=None, shard=None)
    for item in (resource_item(resource_row()), lost):
        deployed.client("dynamodb").put_item(TableName=deployed.physical_id("Table"), Item=to_item(item))
    for name in ("RescueDeadLetters", "WorkDeadLetters", "ScheduleDeadLetters"):
        url = deployed.physical_id(name)
        fifo = {"MessageGroupId": "00", "MessageDeduplicationId": "1"} if url.endswith(".fifo") else {}
        deployed.client("sqs").send_message(QueueUrl=url, MessageBody="a", **fifo)
    for line in LINES:
        argv = [*line.split(), "--stack", deployed.name, "--endpoint-url", deployed.url]
        assert command_line.main(argv, session=session) == 0, line
    _move_by_task(session, deployed)
    return session.asked


def _move_by_task(session: boto3.Session, deployed: DeployedBroker) -> None:
    """Let SQS make the move, which moto cannot: its answers are stubbed, the calls are not."""
    client = session.client("sqs", endpoint_url=deployed.url)
    queues = Queues(client, move_tasks=True, sleep=lambda _: None, progress=progress())
    source = queues.find(deployed.physical_id("RescueDeadLetters"))
    target = queues.find(deployed.physical_id("RescueQueue"))
    with Stubber(client) as stub:
        stub.add_response("list_message_move_tasks", {"Results": []})
        stub.add_response("start_message_move_task", {"TaskHandle": "t"})
        stub.add_response("list_message_move_tasks", {"Results": [{"Status": "COMPLETED"}]})
        queues.move(source, target)


def test_nothing_is_missing(policy: list[dict[str, Any]], seen: set[Asked]) -> None:
    """IAM would have allowed every call of every command."""
    assert refused(policy, seen) == set()


def test_every_right_would_be_missed(policy: list[dict[str, Any]], seen: set[Asked]) -> None:
    """Without any one action on any one resource a call is refused, but for the table's key.

    DynamoDB opens that in the name of who calls it, as for the functions: by the same actions.
    """
    unseen = set()
    for statement in policy:
        others = [one for one in policy if one is not statement]
        for action in statement["Action"]:
            for resource in as_list(statement["Resource"]):
                rest = [
                    {"Action": [one], "Resource": pattern}
                    for one in statement["Action"]
                    for pattern in as_list(statement["Resource"])
                    if (one, pattern) != (action, resource)
                ]
                if not refused([*others, *rest], seen):
                    unseen.add(action)
    template = load(TEMPLATE, {}).document["Resources"]["TableKeyPolicy"]["Properties"]["PolicyDocument"]
    assert unseen == set(template["Statement"][0]["Action"])
