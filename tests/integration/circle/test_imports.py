"""Imports over HTTP: one, many, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.circle.broker import Broker, assert_problem, eventually

TOKENS = {"access_token": "obtained-elsewhere-1", "refresh_token": "obtained-elsewhere-2"}


def imported(broker: Broker, resource_id: str, body: Any, **rest: Any) -> Any:
    """An import's answer."""
    return broker.call("POST", f"/v1/resources/{resource_id}/imports", body, **rest)


def lines(broker: Broker, resource_id: str, text: str, media_type: str = "application/x-ndjson") -> Any:
    """The answer to many imports at once."""
    headers = {"Content-Type": media_type}
    return imported(broker, resource_id, None, data=text.encode(), headers=headers)


def test_an_import_is_active_at_once(broker: Broker) -> None:
    """Its token is handed out; the refresh finds out soon that the provider never knew it.

    Fails when an import without an expiry is left to its readers.
    """
    resource_id = broker.register()
    answer = imported(broker, resource_id, {"connection_id": "eve", "token_set": TOKENS})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"connection_id": "eve", "status": "active"}
    assert broker.token(resource_id, "eve").json()["access_token"] == TOKENS["access_token"]

    def found_out() -> bool:
        return bool(broker.connection(resource_id, "eve")["status"] == "needs_reauthorization")

    assert eventually(found_out, 70)
    assert eventually(lambda: "connection needs reauthorization" in broker.events("eve"))
    assert "connection connected" in broker.events("eve")


@pytest.mark.parametrize(
    "media_type", ["application/x-ndjson", "application/jsonl", "Application/X-NDJSON; charset=utf-8"]
)
def test_of_many_each_line_has_its_result(broker: Broker, media_type: str) -> None:
    """In order, by number; blank lines are passed over."""
    resource_id = broker.register()
    made, wrong = ({"connection_id": name, "token_set": TOKENS} for name in ("eve", "bob"))
    text = f"{json.dumps(made)}\r\n\n{json.dumps(wrong | {'token_set': {}})}\n{json.dumps(made)}\nno\n"
    answer = lines(broker, resource_id, text, media_type)
    assert answer.status_code == 200, answer.text
    told = [
        (one["line"], one["connection_id"], one["status"], (one["problem"] or {}).get("status"))
        for one in answer.json()["items"]
    ]
    assert told == [
        (1, "eve", "active", None),
        (3, "bob", None, 422),
        (4, "eve", None, 409),
        (5, None, None, 400),
    ]
    pointers = [error["pointer"] for error in answer.json()["items"][1]["problem"]["errors"]]
    assert pointers == ["/token_set/access_token"]
    assert TOKENS["access_token"] not in answer.text


def test_what_is_wrong_with_an_import(broker: Broker) -> None:
    """Each by its own problem; nothing is kept."""
    resource_id = broker.register()
    body = {"connection_id": "eve", "token_set": {**TOKENS, "expires_at": 5}, "user": "ada"}
    assert_problem(imported(broker, resource_id, body), 422, "invalid", "/token_set/expires_at", "/user")
    assert_problem(broker.call("GET", f"/v1/resources/{resource_id}/connections/eve"), 404, "not-found")
    assert_problem(imported(broker, "no-such", {"token_set": TOKENS}), 404, "not-found")
    assert_problem(lines(broker, resource_id, "{}", "text/plain"), 415, "unsupported-media-type")
    assert_problem(
        lines(broker, resource_id, "{}", "application/jsonl; charset=latin1"), 415, "unsupported-media-type"
    )
    assert_problem(lines(broker, resource_id, "{}\n" * 201), 413, "too-large")
    own = {"client_id": "demo-machine", "grant_type": "client_credentials", "authorization": None}
    machine = broker.register(**own)
    assert_problem(imported(broker, machine, {"token_set": TOKENS}), 409, "conflict")
