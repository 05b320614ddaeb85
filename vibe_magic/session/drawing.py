"""A graph as a drawing: assets in columns, and edges that pass between boxes, never through them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from .render import COLOURS, text_width

if TYPE_CHECKING:
    from vibe_magic.graph import Graph

__all__ = ["graph_svg"]

_CHAR, _PADDING, _GAP, _EDGE = 7, 22, 40, 5
_HEIGHT, _ROW = 30, 46
_LONGEST = 24
"""Measures: in pixels, but for the longest label, in characters."""


class _Layout(NamedTuple):
    """Columns and rows of a graph.

    Parameters
    ----------
    columns : dict of str to int
        Of each asset: one behind all that it needs.
    rows : dict of str to int
        Of each asset: the next free one of its column.
    lanes : dict of str to int
        Of assets that are read further on than in the next column: the row in which their edges pass the
        columns in between.
    """

    columns: dict[str, int]
    rows: dict[str, int]
    lanes: dict[str, int]


class _Column(NamedTuple):
    """From where to where a column reaches, in pixels."""

    left: int
    right: int

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def graph_svg(graph: Graph, states: Mapping[str, str]) -> str:
    """Return the graph as an SVG drawing, in columns by the longest way from a source.

    The drawing has a view box, so that a page narrower than it scales it down and cuts nothing off.
    """
    layout = _layout(graph)
    if not layout.rows:
        return ""
    columns = _columns(layout)
    edges = [
        _edge(layout, columns, producer, reader)
        for reader, producers in graph.upstream.items()
        for producer in producers
    ]
    boxes = [
        _box(name, columns[layout.columns[name]], _top(row), states.get(name, ""))
        for name, row in layout.rows.items()
    ]
    width = columns[-1].right + _EDGE
    height = _top(max((*layout.rows.values(), *layout.lanes.values()))) + _HEIGHT + _EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">'
        f"{''.join(edges)}{''.join(boxes)}</svg>"
    )


def _layout(graph: Graph) -> _Layout:
    columns: dict[str, int] = {}
    last: dict[str, int] = {}
    for name in graph.order():
        columns[name] = 1 + max((columns[needed] for needed in graph.upstream[name]), default=-1)
        for needed in graph.upstream[name]:
            last[needed] = max(last.get(needed, 0), columns[name])
    free: defaultdict[int, int] = defaultdict(int)
    rows, lanes = {}, {}
    for name, column in columns.items():
        rows[name] = free[column]
        free[column] += 1
        between = range(column + 1, last.get(name, 0))
        if between:
            lanes[name] = max(free[each] for each in between)
            free.update(dict.fromkeys(between, lanes[name] + 1))
    return _Layout(columns, rows, lanes)


def _columns(layout: _Layout) -> list[_Column]:
    """Make each column as wide as its longest label, with room for edges between."""
    widths: defaultdict[int, int] = defaultdict(int)
    for name, column in layout.columns.items():
        widths[column] = max(widths[column], _CHAR * text_width(_label(name)) + _PADDING)
    columns, left = [], _EDGE
    for column in range(len(widths)):
        columns.append(_Column(left, left + widths[column]))
        left += widths[column] + _GAP
    return columns


def _top(row: int) -> int:
    return _EDGE + row * _ROW


def _level(row: int) -> int:
    """Return the height at which edges meet the boxes of a row."""
    return _top(row) + _HEIGHT // 2


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _box(name: str, column: _Column, top: int, state: str) -> str:
    return (
        f"<g><title>{escape(f'{name}: {state}')}</title>"
        f'<rect x="{column.left}" y="{top}" width="{column.right - column.left}" height="{_HEIGHT}" rx="5" '
        f'fill="none" stroke="{COLOURS.get(state, "#757575")}" stroke-width="2"/>'
        f'<text x="{column.middle}" y="{top + _HEIGHT // 2 + 4}" text-anchor="middle" '
        f'fill="currentColor">{escape(_label(name))}</text></g>'
    )


def _edge(layout: _Layout, columns: list[_Column], producer: str, reader: str) -> str:
    """Draw a line that changes its height between columns only."""
    start, end = layout.columns[producer], layout.columns[reader]
    level, goal = _level(layout.rows[producer]), _level(layout.rows[reader])
    path = f"M{columns[start].right},{level}"
    if end > start + 1:
        lane = _level(layout.lanes[producer])
        path += _curve(columns[start], columns[start + 1], level, lane) + f" H{columns[end - 1].right}"
        level = lane
    path += _curve(columns[end - 1], columns[end], level, goal)
    return f'<path d="{path}" fill="none" stroke="#9e9e9e" stroke-width="1.5"/>'


def _curve(before: _Column, behind: _Column, level: int, goal: int) -> str:
    turn = (before.right + behind.left) / 2
    return f" C{turn},{level} {turn},{goal} {behind.left},{goal}"
