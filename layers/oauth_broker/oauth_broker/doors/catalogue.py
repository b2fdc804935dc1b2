"""The catalogue of known providers, as it was compiled: one line of JSON an entry."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).parents[1] / "catalogue.jsonl"


class Catalogue:
    """The entries, by provider. Of the file, only the lines that are asked for are parsed."""

    def __init__(self, path: Path = PATH) -> None:
        self._path = path
        self._parsed: dict[str, dict[str, Any]] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        """The ids of all entries."""
        return tuple(self._lines)

    def entry(self, provider: str) -> dict[str, Any] | None:
        """Give an entry, None for a provider that is not in the catalogue."""
        if provider not in self._parsed and provider in self._lines:
            self._parsed[provider] = json.loads(self._lines[provider])
        return self._parsed.get(provider)

    @cached_property
    def _lines(self) -> dict[str, str]:
        lines = self._path.read_text("utf-8").splitlines()
        # each line begins {"provider":"<id>",
        return {line.split('"', 4)[3]: line for line in lines}
