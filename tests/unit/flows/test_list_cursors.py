"""A list's cursor names a connection, which may be another's: only an admin can read it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from oauth_broker.caller import Caller
from oauth_broker.errors import MalformedError
from oauth_broker.flows.list_connections import list_connections
from tests.doubles.broker import ADMIN, Broker, person

ADA, BOB = person("ada"), person("bob")
IDS = [f"bobs-{number}" for number in range(9)]


@pytest.fixture
def broker() -> Broker:
    """A broker with connections of Ada's among those of Bob's."""
    made = Broker()
    made.register()
    for one in IDS:
        made.ask(one, caller=BOB)
    for number in range(5):
        made.ask(f"adas-{number}", caller=ADA)
    return made


def listed(
    broker: Broker, caller: Caller, cursor: Mapping[str, Any] | None, *, resource_id: str = "acme"
) -> tuple[list[str], dict[str, Any] | None]:
    """List one place of a list, by ids."""
    items, following = list_connections(
        broker.kit, caller, resource_id, limit=1, cursor=cursor, status=None, label=None
    )
    return [item["connection_id"] for item in items], following


def pages(broker: Broker, caller: Caller) -> tuple[list[str], list[dict[str, Any]]]:
    """List to the end; gives the ids and the cursors."""
    ids: list[str] = []
    cursors: list[dict[str, Any]] = []
    cursor = None
    while True:
        found, cursor = listed(broker, caller, cursor)
        ids += found
        if cursor is None:
            return ids, cursors
        cursors.append(cursor)


def texts(cursor: Mapping[str, Any]) -> str:
    """Give what a person could read out of a cursor."""
    raw = base64.b64decode(cursor["c"]) if "c" in cursor else b""
    return f"{cursor}{raw.decode('latin-1')}"


def test_paging_shows_all_of_ones_own(broker: Broker) -> None:
    """Each once, whatever lies between them; to an admin all."""
    assert sorted(pages(broker, ADA)[0]) == [f"adas-{number}" for number in range(5)]
    assert sorted(pages(broker, BOB)[0]) == IDS
    assert len(pages(broker, ADMIN)[0]) == len(IDS) + 5


def test_a_cursor_does_not_tell_anothers_id(broker: Broker) -> None:
    """Not in clear, nor encoded; an admin's does, since an admin sees all."""
    cursors = pages(broker, ADA)[1]
    assert len(cursors) >= 5
    assert not [cursor for cursor in cursors if "bobs" in texts(cursor) or "adas" in texts(cursor)]
    assert {set(cursor) == {"c"} for cursor in cursors} == {True}
    assert "bobs" in "".join(texts(cursor) for cursor in pages(broker, ADMIN)[1])


def test_another_process_goes_on(broker: Broker) -> None:
    """A cursor is good wherever the next page is asked for."""
    first, cursor = listed(broker, ADA, None)
    assert cursor is not None
    broker.kit = broker.process()
    second, _ = listed(broker, ADA, cursor)
    assert first != second


@pytest.mark.parametrize(
    "changed",
    [
        lambda c: {"c": c["c"][:-4]},
        lambda c: {"c": c["c"] + "AAAA"},
        lambda c: {"c": flipped(c["c"], -1)},
        lambda c: {"c": flipped(c["c"], 5)},  # in the wrapped key: KMS does not know it
        lambda _: {"c": "AQAA" + "A" * 80},  # no wrapped key at all
        lambda _: {"c": ""},
        lambda _: {"c": "ü"},
        lambda _: {"c": 1},
        lambda _: {"c": None},
        lambda c: {**c, "p": "0"},
        lambda _: {"p": "0", "s": "bobs-1"},  # an admin's
        lambda _: {},
    ],
)
def test_a_cursor_that_was_changed_is_refused(broker: Broker, changed: Any) -> None:
    """A JWT caller cannot ask for a place of its own choice."""
    cursor = next(iter(pages(broker, ADA)[1]))
    broker.kms.calls.clear()
    with pytest.raises(MalformedError):
        listed(broker, ADA, changed(cursor))
    assert broker.kms.calls["decrypt"] <= 1


def flipped(text: str, place: int) -> str:
    """Change one byte of a base64 text's."""
    raw = bytearray(base64.b64decode(text))
    raw[place] ^= 1
    return base64.b64encode(raw).decode("ascii")


def test_a_cursor_of_another_list_is_refused(broker: Broker) -> None:
    """It is sealed for its resource."""
    broker.register(resource_id="globex", name="Globex")
    cursor = next(iter(pages(broker, ADA)[1]))
    with pytest.raises(MalformedError):
        listed(broker, ADA, cursor, resource_id="globex")
