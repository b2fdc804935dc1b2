"""Make of the YAML files what the broker reads, and the page that people read: `make catalogue`.

The broker has no YAML reader, and whoever runs `sam build` may have none either; so what is compiled is
committed, and a test holds it to the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from providers.page import page

FOLDER: Final = Path(__file__).parent
COMPILED: Final = FOLDER.parent / "layers" / "oauth_broker" / "oauth_broker" / "catalogue.jsonl"
PAGE: Final = FOLDER / "README.md"


class _Loader(yaml.SafeLoader):
    """YAML without repeated names, which would hide what was written first."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if name in found:
            raise yaml.constructor.ConstructorError(None, None, f"{name} is there twice", key.start_mark)
        found[name] = loader.construct_object(value, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(text: str) -> Any:
    """Read an entry's YAML. Raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


def entries() -> dict[str, Any]:
    """Give all entries as they are written, by the names of their files."""
    return {path.stem: read(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}


def compiled(written: Mapping[str, Any]) -> str:
    """Write entries as `Catalogue` reads them: a line each, by id, the id first."""
    lines = [{"provider": provider, **entry} for provider, entry in sorted(written.items())]
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


if __name__ == "__main__":
    COMPILED.write_text(compiled(entries()), "utf-8")
    PAGE.write_text(page(entries()), "utf-8")
