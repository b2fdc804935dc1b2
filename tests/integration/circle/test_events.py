"""The sample events: the function that each is named after answers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.circle.broker import Broker

FOLDER = Path(__file__).parents[3] / "events"
PAGE, PROBLEM = "text/html; charset=utf-8", "application/problem+json"
NO_FAILURES: dict[str, list[Any]] = {"batchItemFailures": []}
# event → its function; what it answers: status and content type of an HTTP answer, else the answer itself
ANSWERS: dict[str, tuple[str, Any]] = {
    "access": ("AccessFunction", (404, PROBLEM)),
    "access_jwt": ("AccessFunction", (404, PROBLEM)),
    "access_refresh": ("AccessFunction", (404, PROBLEM)),
    "callback": ("CallbackFunction", (400, PAGE)),
    "callback_form_post": ("CallbackFunction", (303, None)),
    "catalogue": ("CatalogueFunction", (200, "application/json")),
    "console": ("ConsoleFunction", (200, "application/json")),
    "console_file": ("ConsoleFunction", (200, "text/javascript; charset=utf-8")),
    "published_keys": ("PublishedKeysFunction", (404, PROBLEM)),
    "refresh_dispatcher": ("RefreshDispatcherFunction", None),
    "refresh_worker": ("RefreshWorkerFunction", NO_FAILURES),
    "rescue": ("RescueFunction", NO_FAILURES),
    "resources_api": ("ResourcesApiFunction", (201, "application/json")),
    "start_authorization": ("StartAuthorizationFunction", (404, PAGE)),
}


def read(name: str) -> dict[str, Any]:
    """A sample."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return content


def test_every_sample_is_tried() -> None:
    """The table has each file of the folder, and no other."""
    assert {path.stem for path in FOLDER.glob("*.json")} == ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_sample_is_answered(broker: Broker, name: str) -> None:
    """As the service would send it; nothing in it is known here, so most are told so."""
    function, expected = ANSWERS[name]
    sample = read(name)
    answer = broker.stack.invoke(function, sample)
    if "routeKey" in sample:
        answer = (answer["statusCode"], answer["headers"].get("content-type"))
    assert answer == expected
    broker.call("DELETE", "/v1/resources/acme-crm")
