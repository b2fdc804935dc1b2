"""An UpdateItem's expression, put together member by member."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from oauth_broker.doors.store.values import to_value

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Change:
    """A change under a condition.

    Conditions are written with the attribute names, none of which is a reserved word.
    """

    condition: str
    values: dict[str, Any] = field(default_factory=dict)
    _set: list[str] = field(default_factory=list)
    _remove: list[str] = field(default_factory=list)
    _add: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    def also(self, clause: str) -> Self:
        """Add a clause to the condition."""
        self.condition = f"{self.condition} AND {clause}"
        return self

    def given(self, **values: object) -> Self:
        """Give the condition's values, by the names that it uses after the colon."""
        self.values.update({f":{name}": value for name, value in values.items()})
        return self

    def set(self, attributes: Mapping[str, Any]) -> Self:
        """Set attributes; one that is None is removed."""
        for name, value in attributes.items():
            if value is None:
                self.remove(name)
            else:
                self._set.append(f"{self._named(name)} = {self._valued(name, value)}")
        return self

    def set_if_absent(self, **attributes: object) -> Self:
        """Set attributes that the item does not have."""
        for name, value in attributes.items():
            named = self._named(name)
            self._set.append(f"{named} = if_not_exists({named}, {self._valued(name, value)})")
        return self

    def append(self, name: str, values: list[Any]) -> Self:
        """Append to a list, which is made where it is missing."""
        if values:
            named = self._named(name)
            self.values[":none"] = []
            self._set.append(
                f"{named} = list_append(if_not_exists({named}, :none), {self._valued(name, values)})"
            )
        return self

    def increment(self, name: str) -> Self:
        """Add one to a number, which counts from 0."""
        self._add.append(f"{self._named(name)} {self._valued(name, 1)}")
        return self

    def add_to_set(self, name: str, value: bytes) -> Self:
        """Add to a binary set."""
        self._add.append(f"{self._named(name)} {self._valued(name, frozenset({value}))}")
        return self

    def remove(self, *names: str) -> Self:
        """Remove attributes."""
        self._remove.extend(self._named(name) for name in names)
        return self

    def arguments(self) -> dict[str, Any]:
        """Give UpdateItem's arguments."""
        clauses = (("SET", self._set), ("REMOVE", self._remove), ("ADD", self._add))
        arguments: dict[str, Any] = {
            "UpdateExpression": " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts),
            "ConditionExpression": self.condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ExpressionAttributeNames": self._names,
        }
        if self.values:
            arguments["ExpressionAttributeValues"] = {
                name: to_value(value) for name, value in self.values.items()
            }
        return arguments

    def _named(self, name: str) -> str:
        self._names[f"#{name}"] = name
        return f"#{name}"

    def _valued(self, name: str, value: object) -> str:
        self.values[f":new_{name}"] = value
        return f":new_{name}"
