"""The sample events are what the template's triggers send, and each function has one."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from oauth_broker.commits import to_message
from oauth_broker.doors.queues import commit_of, nudge_of
from tests.template.contract import TIMEOUTS, all_routes

EVENTS_FOLDER: Final = Path(__file__).parents[2] / "events"
EVENTS: Final = sorted(EVENTS_FOLDER.glob("*.json"))


def folder_of(function: str) -> str:
    """The folder of a function, as its events are named: RefreshWorkerFunction is refresh_worker."""
    stem = function.removesuffix("Function")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in stem).lstrip("_")


FOLDERS: Final = {folder_of(function): function for function in TIMEOUTS}


def function_of(event: Path) -> str:
    """The function that an event is named after; what follows its name says which case it is."""
    (folder,) = (name for name in FOLDERS if event.stem == name or event.stem.startswith(f"{name}_"))
    return FOLDERS[folder]


def read(event: Path) -> dict[str, Any]:
    """An event as its function gets it."""
    content: dict[str, Any] = json.loads(event.read_text("utf-8"))
    return content


HTTP: Final = [event for event in EVENTS if "routeKey" in read(event)]
SQS: Final = [event for event in EVENTS if "Records" in read(event)]


def name(event: Path) -> str:
    """What to call an event's test."""
    return event.stem


def test_every_function_has_an_event() -> None:
    """Each function can be tried with `sam local invoke`, and each event belongs to one."""
    assert {function_of(event) for event in EVENTS} == set(TIMEOUTS)


@pytest.mark.parametrize("event", HTTP, ids=name)
def test_an_http_event_is_of_a_route(event: Path) -> None:
    """Its route leads to its function, its path is one of the route's, its authorizer is the route's."""
    content = read(event)
    function, scope = all_routes()[content["routeKey"]]
    assert function == function_of(event)
    method, template = content["routeKey"].split()
    assert template.format(**content.get("pathParameters", {})) == content["rawPath"]
    context = content["requestContext"]
    assert (context["http"]["method"], context["http"]["path"]) == (method, content["rawPath"])
    kinds = {None: [], "": ["iam"]}
    assert list(context.get("authorizer", {})) == kinds.get(scope, ["jwt"])


@pytest.mark.parametrize("event", HTTP, ids=name)
def test_an_http_event_tells_its_query_twice(event: Path) -> None:
    """API Gateway gives the query as it came and, parsed, once more."""
    content = read(event)
    assert dict(parse_qsl(content["rawQueryString"])) == content.get("queryStringParameters", {})


def test_a_form_post_comes_as_base64() -> None:
    """API Gateway takes a form for binary."""
    (form,) = (read(event) for event in HTTP if "form" in event.stem)
    assert form["isBase64Encoded"] is True
    assert dict(parse_qsl(base64.b64decode(form["body"]).decode())).keys() == {"code", "state"}


@pytest.mark.parametrize("event", SQS, ids=name)
def test_a_message_is_whole(event: Path) -> None:
    """The digest that SQS gives is that of the body."""
    for record in read(event)["Records"]:
        assert hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest() == record["md5OfBody"]


def test_a_nudge_is_of_its_group() -> None:
    """The worker's message names the shard that it is grouped by, and the period it belongs to."""
    (record,) = read(EVENTS_FOLDER / "refresh_worker.json")["Records"]
    nudge, attributes = nudge_of(record["body"]), record["attributes"]
    assert attributes["MessageGroupId"] == nudge.shard
    assert attributes["MessageDeduplicationId"] == f"{nudge.shard}-{nudge.period_number}"


def test_a_rescue_carries_a_commit() -> None:
    """The rescue's message is what the broker would write of the commit that it reads there."""
    (record,) = read(EVENTS_FOLDER / "rescue.json")["Records"]
    assert to_message(commit_of(record["body"])) == record["body"]


def test_the_schedule_sends_an_event() -> None:
    """The dispatcher gets what EventBridge Scheduler sends to a function without an input of its own."""
    (event,) = (read(event) for event in EVENTS if function_of(event) == "RefreshDispatcherFunction")
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
