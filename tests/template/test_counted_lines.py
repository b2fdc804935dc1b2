"""What the metric filters look for is what our code writes: word for word, and where a filter sees it."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Final

import pytest

from oauth_broker import log
from oauth_broker.breaker import CLIENT_LEVEL
from tests.template.conftest import ROOT
from tests.template.log_rules import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterator

TERM: Final = re.compile(r'\$\.(\w+) = "([^"]*)"')
PACKAGE: Final = ROOT / "layers/oauth_broker/oauth_broker"


def terms(member: str) -> Iterator[str]:
    """The values that the filters look for in a member."""
    for _, pattern in COUNTED:
        yield from (value for name, value in TERM.findall(pattern) if name == member)


def test_every_event_is_logged() -> None:
    """Each is a sentence that stands in the package once or more, as a log line's event."""
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    events = set(terms("message"))
    assert len(events) == 4
    assert {event for event in events if f'"{event}"' not in source} == set()


def test_the_categories_are_the_breakers() -> None:
    """Those that a person mends."""
    assert set(terms("category")) == {str(one) for one in CLIENT_LEVEL}


@pytest.mark.parametrize("event", sorted(set(terms("message"))))
def test_a_line_has_its_members_on_top(event: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A filter's `$.message` is the event and `$.category` the category, not something inside them."""
    handler = log.LOGGER.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(sys.stdout)
    try:
        log.line(event, failed=True, category="invalid_client", resource_id="acme")
    finally:
        handler.setStream(before)
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["category"], line["level"]) == (event, "invalid_client", "ERROR")
