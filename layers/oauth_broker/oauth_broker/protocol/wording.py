"""How a name that is not known is answered: with the nearest that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_SHOWN: Final = 64
_NEAR: Final = 0.75


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is no `kind`, and which of `known` was meant if one is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it: cold start

    shown = name if len(name) <= _LONGEST_SHOWN else name[:_LONGEST_SHOWN] + "…"
    near = get_close_matches(shown, sorted(known), n=1, cutoff=_NEAR)
    return f"unknown {kind} {shown}" + (f"; did you mean {near[0]}?" if near else "")
