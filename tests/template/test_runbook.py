"""The runbook against the template: an operator who is alarmed finds the alarm there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.template.document import resources

RUNBOOK = Path(__file__).parents[2] / "docs" / "operations.md"


def test_every_alarm_is_in_the_runbook(document: Any) -> None:
    """Each has its row, and no row is of an alarm that is gone. Seen failing with a row taken out."""
    rows = set(re.findall(r"^\| `(\w+Alarm)` \|", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == set(resources(document, "AWS::CloudWatch::Alarm"))
