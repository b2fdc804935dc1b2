"""Reading the compiled catalogue: an entry by its id, without parsing the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oauth_broker.doors.catalogue import PATH, Catalogue


def test_each_entry_is_found_by_its_id() -> None:
    """The ids are those of the file, in their order, and each line is its own entry."""
    catalogue = Catalogue()
    lines = [json.loads(line) for line in PATH.read_text("utf-8").splitlines()]
    assert catalogue.providers == tuple(line["provider"] for line in lines)
    assert [catalogue.entry(provider) for provider in catalogue.providers] == lines
    assert lines


def test_who_is_not_there_is_none() -> None:
    """Neither an unknown id, nor a part of one, nor something that is no id."""
    catalogue = Catalogue()
    assert [catalogue.entry(name) for name in ("googel", "goog", "", '"', "google\n")] == [None] * 5


def test_only_what_is_asked_for_is_parsed(tmp_path: Path) -> None:
    """A broken line costs who asks for it, and nobody else."""
    path = tmp_path / "catalogue.jsonl"
    path.write_text('{"provider":"good","title":"Good"}\n{"provider":"broken",\n', "utf-8")
    catalogue = Catalogue(path)
    assert catalogue.entry("good") == {"provider": "good", "title": "Good"}
    with pytest.raises(ValueError, match="Expecting"):
        catalogue.entry("broken")
