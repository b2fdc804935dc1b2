"""A line chart as SVG: its own few lines, so that the same figures give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 720
HEIGHT: Final = 400
LEFT: Final = 60
RIGHT: Final = 20
TOP: Final = 40
BOTTOM: Final = 50
COLOURS: Final = ("#1b6ca8", "#c0392b", "#2e7d32", "#8e44ad")


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its name."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: titles, the ends of both axes, which begin at 0, and levels to be marked, with their words."""

    title: str
    x_title: str
    y_title: str
    x_most: float
    y_most: float
    x_steps: Sequence[tuple[float, str]]
    y_steps: Sequence[tuple[float, str]]
    lines: Sequence[Line]
    levels: Sequence[tuple[float, str]] = ()

    def svg(self) -> str:
        """The drawing. What is above the upper end is drawn at it."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12">',
            "<style>text { font-family: sans-serif }</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            _text(WIDTH / 2, 20, self.title, 'text-anchor="middle" font-size="14"'),
            _text(WIDTH / 2, HEIGHT - 10, self.x_title, 'text-anchor="middle"'),
            _text(LEFT, TOP - 8, self.y_title, 'text-anchor="start" fill="#555"'),
        ]
        for value, words in self.x_steps:
            parts.append(_text(self._x(value), HEIGHT - BOTTOM + 18, words, 'text-anchor="middle"'))
        for value, words in self.y_steps:
            parts.append(_rule(self._y(value), "#ddd"))
            parts.append(_text(LEFT - 6, self._y(value) + 4, words, 'text-anchor="end"'))
        for value, words in self.levels:
            parts.append(_rule(self._y(value), "#c0392b", 'stroke-dasharray="4 4"'))
            parts.append(_text(WIDTH - RIGHT, self._y(value) - 5, words, 'text-anchor="end" fill="#c0392b"'))
        for number, line in enumerate(self.lines):
            colour = COLOURS[number % len(COLOURS)]
            places = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in line.points)
            parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts.append(_text(LEFT + 12, TOP + 18 * (number + 1), line.name, f'fill="{colour}"'))
        return "\n".join([*parts, "</svg>", ""])

    def _x(self, value: float) -> float:
        return LEFT + min(value / self.x_most, 1) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - min(value / self.y_most, 1) * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, words: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(words)}</text>'


def _rule(y: float, colour: str, attributes: str = "") -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" {attributes}/>'
    )
