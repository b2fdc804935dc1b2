"""`revocations`: what is under way and how the others ended, of one resource."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Final

import pytest

from oauth_broker.doors.store.left_rows import RECORD_KEPT_FOR, LeftToRevoke, ended_item, left_item
from operations import command_line
from operations.revocations import PAGE
from operations.wording import time_text
from tests.doubles.samples import SHARD, token_set
from tests.integration.operations.tables import Filled, operator

NOW: Final = int(time.time())
LEFT: Final = LeftToRevoke("acme", "c1#00", "c1", token_set())
TRIED: Final = {"f": 3, "nr": NOW + 600, "ct": "not_connected"}


@pytest.fixture
def filled(dynamodb_url: str) -> Filled:
    """A table in which one is under way, more than a page have ended, one of them too long ago to count."""
    ended = [
        ended_item(
            replace(LEFT, sort=f"c{number}#00", connection_id=f"c{number}", outcome="revoked"),
            at=NOW - number,
        )
        for number in range(2, PAGE + 4)
    ]
    old = replace(LEFT, sort="old#00", connection_id="old", outcome="failed", category="timeout", attempts=9)
    others = replace(LEFT, resource_id="other", outcome="refused")
    return Filled.at(
        dynamodb_url,
        [
            {**left_item(LEFT, shard=SHARD, refresh_at=NOW), **TRIED},
            *ended,
            ended_item(old, at=NOW - RECORD_KEPT_FOR - 60),
            ended_item(replace(old, sort="young#00", connection_id="young"), at=NOW - RECORD_KEPT_FOR + 3600),
            ended_item(others, at=NOW),
        ],
    )


def run(filled: Filled, capsys: pytest.CaptureFixture[str], *line: str) -> str:
    """Run the command; gives what it told."""
    argv = ["revocations", "acme", "--table", filled.name, "--endpoint-url", filled.url, *line]
    assert command_line.main(argv, session=operator()) == 0
    return capsys.readouterr().out


def test_all_of_the_resource_are_listed(filled: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first, page after page; not another's, nor what is past its 30 days. No token is told.

    Seen failing with the second page left out.
    """
    found = json.loads(run(filled, capsys, "--json"))
    assert found["open"] == [
        {
            "connection_id": "c1",
            "outcome": None,
            "category": "not_connected",
            "attempts": 3,
            "next_try": time_text(NOW + 600),
        }
    ]
    assert [ended["connection_id"] for ended in found["ended"]] == [
        "young",
        *(f"c{number}" for number in range(PAGE + 3, 1, -1)),
    ]
    assert found["ended"][0] == {
        "connection_id": "young",
        "outcome": "failed",
        "category": "timeout",
        "attempts": 9,
        "at": time_text(NOW - RECORD_KEPT_FOR + 3600),
    }
    assert "sealed" not in json.dumps(found)


def test_a_person_reads_a_line_each(filled: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    """How many, then what and why."""
    lines = run(filled, capsys).splitlines()
    assert lines[0] == f"acme: 1 under way, {PAGE + 3} ended in the last 30 days"
    assert lines[1] == f"    c1   next try {time_text(NOW + 600)} after 3 attempts: not_connected"
    assert lines[2].startswith("    young   failed ")
    assert lines[2].endswith(" after 9 attempts: timeout")
    assert lines[-1] == f"    c2   revoked {time_text(NOW - 2)}"
