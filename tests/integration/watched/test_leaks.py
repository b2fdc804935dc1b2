"""No secret is anywhere but sealed: not in the table, the queues, the events, a call to AWS, or a log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.circle.broker import eventually
from tests.integration.watched import kept
from tests.integration.watched.planted import FORMS, KINDS, Kept, Planted

if TYPE_CHECKING:
    from tests.integration.watched.run import Run

WHERE: Final = (
    *(f"item {kind}" for kind in ("R ", "C#", "A#", "E#", "K ")),
    *(f"a message in {queue}" for queue in ("RescueDeadLetters", "WorkDeadLetters")),
    *(
        f"a line of {source}"
        for source in (
            "StartAuthorizationFunction",
            "CallbackFunction",
            "PublishedKeysFunction",
            "RefreshDispatcherFunction",
            "RefreshWorkerFunction",
            "RescueFunction",
            "ResourcesApiFunction",
            "AccessFunction",
            "CatalogueFunction",
            "demo",
        )
    ),
    "SendMessage of CallbackFunction",
    "PutItem of ResourcesApiFunction",
    "Sign of RefreshWorkerFunction",
    "UpdateItem of AccessFunction",
    "an event",
    "the console",
)


def test_every_kind_of_secret_was_in_play(run: Run) -> None:
    """What was never given out could not have leaked."""
    assert run.planted.values.keys() == KINDS
    assert all(run.planted.values.values())


@pytest.mark.parametrize("place", WHERE)
def test_everything_was_kept(all_kept: list[Kept], place: str) -> None:
    """Each place that could hold a secret holds something."""
    assert any(one.where.startswith(place) for one in all_kept)


def test_no_secret_is_kept(run: Run, all_kept: list[Kept]) -> None:
    """Nothing that is kept holds one of them, whole or cut, in any encoding.

    It failed while the state was kept that a provider repeats in its refusal, and a client secret that came
    back as Base64 of its URL-encoding.
    """
    assert run.planted.found_in(all_kept) == []


def in_the_table(run: Run, form: bytes) -> list[Kept]:
    """Put deep into an item, as binary."""
    item = {"pk": {"S": "control"}, "sk": {"S": "1"}, "a": {"M": {"b": {"L": [{"B": b"x" + form + b"x"}]}}}}
    run.stack.client("dynamodb").put_item(TableName=run.stack.table_name, Item=item)
    return kept.table(run)


def in_a_name(run: Run, form: bytes) -> list[Kept]:
    """Put into the name of an item's attribute."""
    item = {"pk": {"S": "control"}, "sk": {"S": "2"}, f"x{form.decode()}x": {"S": "x"}}
    run.stack.client("dynamodb").put_item(TableName=run.stack.table_name, Item=item)
    return kept.table(run)


def in_a_dead_letter(run: Run, form: bytes) -> list[Kept]:
    """Sent to a queue inside JSON."""
    body = json.dumps({"commit": form.decode()})
    run.stack.client("sqs").send_message(QueueUrl=run.queue("RescueDeadLetters"), MessageBody=body)
    return kept.queues(run)


def in_an_event(run: Run, form: bytes) -> list[Kept]:
    """Sent as the detail of an event."""
    entry = {"Source": "control", "DetailType": "control", "Detail": json.dumps({"said": form.decode()})}
    run.stack.client("events").put_events(Entries=[entry])
    return kept.events(run)


def in_a_log(run: Run, form: bytes) -> list[Kept]:
    """Printed by a function: its line about a request names the route."""
    before = len(run.console.lines)
    run.stack.invoke("ConsoleFunction", {"routeKey": form.decode()})
    assert eventually(lambda: len(run.console.lines) > before)
    return [one for one in kept.printed(run) if one.where == "a line of ConsoleFunction"]


PLACES: Final[Mapping[str, Callable[[Run, bytes], list[Kept]]]] = {
    "table": in_the_table,
    "name": in_a_name,
    "dead letter": in_a_dead_letter,
    "event": in_an_event,
    "log": in_a_log,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_what_is_there(run: Run, form: str, place: str) -> None:
    """A value is found in any form, in any place, once it is put there."""
    planted = Planted()
    value = planted.new("client secret").encode()
    *_, encoded = FORMS[form](value)
    found = planted.found_in(PLACES[place](run, encoded))
    assert any(form in sentence for sentence in found), found


@pytest.mark.parametrize("cut", [slice(None, -1), slice(1, None)], ids=["beginning", "end"])
def test_a_cut_value_is_found(cut: slice) -> None:
    """A value cut short is found by what is left of it."""
    planted = Planted()
    content = planted.new("access token").encode()[cut]
    assert planted.found_in([Kept("here", b"said: " + content)])
    assert not planted.found_in([Kept("here", b"said: nothing")])
