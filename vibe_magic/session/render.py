"""What a person reads about assets, as text, HTML or mermaid: pure functions of data."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from vibe_magic.config import format_age, format_size

if TYPE_CHECKING:
    from vibe_magic.graph import Graph
    from vibe_magic.session.plan import AssetStatus
    from vibe_magic.trace import Cause

__all__ = [
    "cause_text",
    "graph_mermaid",
    "graph_text",
    "html_table",
    "status_html",
    "status_table",
    "text_table",
    "text_width",
    "why_html",
    "why_text",
]

MARKS = {
    "fresh": "●",
    "stale": "○",
    "expired": "◌",
    "missing": "·",
    "running": "▶",
    "failed": "✗",
}
"""One sign for each state, so that a list can be read without colour."""

COLOURS = {
    "fresh": "#2e7d32",
    "stale": "#b26a00",
    "expired": "#b26a00",
    "missing": "#757575",
    "running": "#1565c0",
    "failed": "#c62828",
}
"""Text colours that are legible on light and dark backgrounds alike."""

_STATUS_HEADER = ("asset", "state", "computed", "took", "size", "why")
_RIGHT = frozenset({2, 3, 4})
_WORDS = {
    "never_run": "no result of it is stored",
    "code": "its code changed",
    "function": "{subject} changed",
    "input": "{subject} changed",
    "upstream": "{subject} is not fresh",
    "file": "file {subject}",
    "env": "environment variable {subject}",
    "package": "package {subject}",
    "python": "Python",
    "param": "option {subject}",
    "expired": "it has expired",
    "evicted": "its result was evicted",
    "forced": "it was forced to run",
    "corrupt": "its result was damaged",
}


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Set rows of text in columns two spaces apart, with the columns `right` flush right."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(map(text_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths, right) for line in lines)


def text_width(text: str) -> int:
    """Count the terminal columns of a text: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return an HTML table; its cells are HTML already, see :func:`html.escape`."""
    align = ["right" if i in right else "left" for i in range(len(header))]
    head = "".join(
        f'<th style="text-align:{side}">{escape(title)}</th>'
        for side, title in zip(align, header, strict=True)
    )
    body = "".join(f"<tr>{_html_row(row, align)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def status_table(statuses: Iterable[AssetStatus], now: float) -> str:
    """Return one line for each asset: state, age, time to compute, size, and the first cause.

    Parameters
    ----------
    statuses : iterable of AssetStatus
        In the order to show.
    now : float
        The present, in seconds since the epoch.
    """
    rows = [_status_row(status, now) for status in statuses]
    if not rows:
        return "no assets"
    return text_table(_STATUS_HEADER, rows, _RIGHT)


def status_html(statuses: Iterable[AssetStatus], now: float) -> str:
    """Return :func:`status_table` as HTML."""
    rows = []
    for status in statuses:
        name, state, *rest = map(escape, _status_row(status, now))
        colour = COLOURS.get(status.state, "inherit")
        rows.append((f"<b>{name}</b>", f'<span style="color:{colour}">{state}</span>', *rest))
    return html_table(_STATUS_HEADER, rows, _RIGHT) if rows else "<i>no assets</i>"


def why_text(status: AssetStatus) -> str:
    """Say why an asset is in its state: every cause with its evidence, and what cannot be known."""
    lines = [f"{MARKS.get(status.state, '?')} {status.name} is {status.state}"]
    if not status.causes:
        lines.append("  nothing that it depends on has changed")
    for cause in status.causes:
        lines.append(f"  {cause_text(cause)}")
        lines += [f"    {line}" for line in cause.diff.splitlines()]
    if status.note:
        lines.append(f"  note: {status.note}")
    return "\n".join(lines)


def why_html(status: AssetStatus) -> str:
    """Return :func:`why_text` as HTML with coloured diffs."""
    parts = [f"<b>{escape(status.name)}</b> is {escape(status.state)}"]
    if not status.causes:
        parts.append("<br>nothing that it depends on has changed")
    items = "".join(
        f"<li>{escape(cause_text(cause))}{_html_diff(cause.diff)}</li>" for cause in status.causes
    )
    parts.append(f"<ul>{items}</ul>" if items else "")
    parts.append(f"<p><i>{escape(status.note)}</i></p>" if status.note else "")
    return "".join(parts)


def cause_text(cause: Cause) -> str:
    """Put a cause into words: ``clean changed``, ``file births.csv: 10 → 12 bytes``."""
    words = _WORDS.get(cause.kind, "{kind} {subject}")
    text = words.format(kind=cause.kind, subject=cause.subject)
    return f"{text}: {cause.detail}" if cause.detail else text


def graph_text(graph: Graph, states: Mapping[str, str]) -> str:
    """Return one line for each asset in an order that works, with the assets it needs.

    Parameters
    ----------
    graph : Graph
        Without cycles.
    states : mapping of str to str
        State by name.
    """
    rows = []
    for name in graph.order():
        needed = ", ".join(graph.upstream[name])
        rows.append((f"{_mark(name, states)} {name}", f"← {needed}" if needed else ""))
    return text_table(("asset", "needs"), rows) if rows else "no assets"


def graph_mermaid(graph: Graph, states: Mapping[str, str]) -> str:
    """Return the graph as a mermaid flowchart."""
    ids = {node.name: f"n{i}" for i, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[name]}["{_mermaid(name, states)}"]' for name in ids]
    for reader, producer in _links(graph):
        lines.append(f"  {ids[producer]} --> {ids[reader]}")
    for name, state in states.items():
        if name in ids and state in COLOURS:
            lines.append(f"  style {ids[name]} stroke:{COLOURS[state]},stroke-width:2px")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    padded = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - text_width(cell))
        padded.append(space + cell if i in right else cell + space)
    return "  ".join(padded).rstrip()


def _html_row(row: Sequence[str], align: Sequence[str]) -> str:
    return "".join(
        f'<td style="text-align:{side}">{cell}</td>' for side, cell in zip(align, row, strict=True)
    )


def _status_row(status: AssetStatus, now: float) -> tuple[str, ...]:
    made = status.created_at
    age = "" if made is None else f"{format_age(max(0.0, now - made))} ago"
    took = "" if status.duration_s is None else format_age(status.duration_s)
    size = "" if status.nbytes is None else format_size(status.nbytes)
    state = f"{MARKS.get(status.state, '?')} {status.state}"
    return status.name, state, age, took, size, _first_cause(status)


def _first_cause(status: AssetStatus) -> str:
    if status.note or not status.causes:
        return status.note
    more = len(status.causes) - 1
    return cause_text(status.causes[0]) + (f" (+{more} more)" if more else "")


def _html_diff(diff: str) -> str:
    if not diff:
        return ""
    colours = {"+": COLOURS["fresh"], "-": COLOURS["failed"]}
    lines = [
        f'<span style="color:{colours.get(line[:1], "inherit")}">{escape(line)}</span>'
        for line in diff.splitlines()
    ]
    return f"<pre>{'<br>'.join(lines)}</pre>"


def _mark(name: str, states: Mapping[str, str]) -> str:
    return MARKS.get(states.get(name, ""), "?")


def _links(graph: Graph) -> Iterable[tuple[str, str]]:
    for reader, producers in graph.upstream.items():
        for producer in producers:
            yield reader, producer


def _mermaid(name: str, states: Mapping[str, str]) -> str:
    label = f"{_mark(name, states)} {name}"
    return label.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")
