"""The type that hides its value."""

from __future__ import annotations

import hmac
from typing import Final, Self

HIDDEN: Final = "***"


class Secret:
    """A string that shows itself only when asked to by name.

    `repr`, `str`, formatting and logging show `Secret(***)`; pickling and JSON refuse it. The value leaves
    through `reveal()` alone, which one can grep.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hide `value`."""
        self._value = value

    def reveal(self) -> str:
        """Give the hidden value."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        message = "a secret is not pickled"
        raise TypeError(message)


def reveal(value: str | Secret) -> str:
    """Give the text of `value`, hidden or not: for the one place where a request is written out."""
    return value.reveal() if isinstance(value, Secret) else value
