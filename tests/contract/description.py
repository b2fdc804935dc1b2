"""The OpenAPI description as data: its operations, its references, and values held against its schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH: Final = Path(__file__).parents[2] / "functions" / "console" / "openapi.json"
DOCUMENT: Final[dict[str, Any]] = json.loads(PATH.read_text("utf-8"))
METHODS: Final = ("get", "put", "post", "delete", "patch")

_NAME: Final = "urn:description"
_REGISTRY: Final[Registry[Any]] = Registry().with_resource(_NAME, DRAFT202012.create_resource(DOCUMENT))


@dataclass(frozen=True)
class Operation:
    """One operation: its method in capitals, its path without a server's, and what the description says."""

    method: str
    path: str
    item: dict[str, Any]

    @property
    def definition(self) -> dict[str, Any]:
        """What stands at the method."""
        found: dict[str, Any] = self.item[self.method.lower()]
        return found

    @property
    def servers(self) -> list[str]:
        """What may stand before the path; empty for the root."""
        servers = self.item.get("servers", DOCUMENT["servers"])
        return [server["url"].rstrip("/") for server in servers]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The parameters of path and method."""
        both = [*self.item.get("parameters", []), *self.definition.get("parameters", [])]
        return [followed(parameter) for parameter in both]

    @property
    def responses(self) -> dict[int, dict[str, Any]]:
        """The answers by status."""
        return {int(status): followed(it) for status, it in self.definition["responses"].items()}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> Iterator[Operation]:
    """Every operation of the description."""
    for path, item in DOCUMENT["paths"].items():
        yield from (Operation(method.upper(), path, item) for method in METHODS if method in item)


def followed(value: dict[str, Any]) -> dict[str, Any]:
    """What a reference object stands for, or the value itself."""
    while "$ref" in value:
        found: Any = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def faults(value: object, schema: dict[str, Any]) -> list[str]:
    """What of a JSON value breaks a schema of the description: sentences with the place in front."""
    bound = _bound(schema)
    validator = Draft202012Validator(bound, registry=_REGISTRY, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _bound(schema: Any) -> Any:
    """A schema whose references to the description's components have its name before them."""
    match schema:
        case dict():
            return {
                key: f"{_NAME}{value}" if key == "$ref" and isinstance(value, str) else _bound(value)
                for key, value in schema.items()
            }
        case list():
            return [_bound(inner) for inner in schema]
        case _:
            return schema
