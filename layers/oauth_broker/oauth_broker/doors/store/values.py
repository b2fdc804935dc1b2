"""Python values as DynamoDB writes them, and back: only the types that we store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Item = dict[str, Any]


def to_value(value: object) -> dict[str, Any]:  # noqa: PLR0911 - one return a type
    """Write one value. A frozenset is a binary set; None is not stored: leave the attribute out instead."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case frozenset():
            return {"BS": sorted(value)}
        case list() | tuple():
            return {"L": [to_value(one) for one in value]}
        case dict():
            return {"M": to_item(value)}
    message = f"not a stored type: {type(value).__name__}"
    raise TypeError(message)


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write an item or a map; members that are None are left out."""
    return {name: to_value(value) for name, value in values.items() if value is not None}


def from_value(stored: Mapping[str, Any]) -> Any:
    """Read one value."""
    ((kind, value),) = stored.items()
    match kind:
        case "N":
            return float(value) if any(mark in value for mark in ".eE") else int(value)
        case "B":
            return bytes(value)
        case "BS":
            return frozenset(bytes(one) for one in value)
        case "L":
            return [from_value(one) for one in value]
        case "M":
            return from_item(value)
    return value


def from_item(stored: Mapping[str, Any]) -> Item:
    """Read an item or a map."""
    return {name: from_value(value) for name, value in stored.items()}


def key_of(key: tuple[str, str]) -> dict[str, Any]:
    """Write a primary key."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
