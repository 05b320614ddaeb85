"""What a person reads: text that lines up, HTML that escapes, graphs that parse."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from vibe_magic.graph import Graph, Node
from vibe_magic.session import AssetStatus
from vibe_magic.session.render import (
    cause_text,
    graph_mermaid,
    graph_text,
    html_table,
    status_html,
    status_table,
    text_table,
    why_html,
    why_text,
)
from vibe_magic.trace import CAUSES, Cause

NOW = 10_000.0
FUNCTION = Cause("function", "clean", "", "-    return a < b\n+    return a > b")
GRAPH = Graph(
    (
        Node("raw", writes=frozenset("r")),
        Node("clean", frozenset("r"), frozenset("c")),
        Node("users", frozenset("r"), frozenset("u")),
        Node("features", frozenset("cu"), frozenset("f")),
    )
)
STATES = {"raw": "fresh", "clean": "stale", "users": "fresh", "features": "stale"}


def status(name: str, state: str, *causes: Cause, made: bool = True, note: str = "") -> AssetStatus:
    return AssetStatus(
        name=name,
        state=state,
        causes=causes,
        cell_id="",
        index=0,
        created_at=NOW - 7200 if made else None,
        duration_s=41.0 if made else None,
        nbytes=4200 if made else None,
        reads=frozenset(),
        writes=frozenset(),
        note=note,
    )


def test_columns_line_up() -> None:
    assert text_table(("a", "n"), [("x", "1"), ("long", "100")], {1}).splitlines() == [
        "a       n",
        "x       1",
        "long  100",
    ]


def test_wide_characters_take_two_columns() -> None:
    lines = text_table(("name", "x"), [("变量", "1"), ("abcd", "2")]).splitlines()
    assert lines[1] == "变量  1"
    assert lines[2] == "abcd  2"


def test_status_says_age_time_size_and_first_cause() -> None:
    text = status_table([status("features", "stale", FUNCTION, Cause("file", "a.csv", "new"))], NOW)
    line = text.splitlines()[1]
    assert line.split("  ")[:1] == ["features"]
    for part in ("○ stale", "2 h ago", "41 s", "4.2 kB", "clean changed (+1 more)"):
        assert part in line


def test_status_of_what_never_ran() -> None:
    text = status_table([status("a", "missing", Cause("never_run"), made=False)], NOW)
    assert "ago" not in text
    assert "no result of it is stored" in text


def test_no_assets_is_said() -> None:
    assert status_table([], NOW) == graph_text(Graph(), {}) == "no assets"
    assert "no assets" in status_html([], NOW)


def test_why_shows_the_evidence() -> None:
    assert why_text(status("features", "stale", FUNCTION)).splitlines() == [
        "○ features is stale",
        "  clean changed",
        "    -    return a < b",
        "    +    return a > b",
    ]


def test_why_of_what_is_fresh_and_what_cannot_be_known() -> None:
    text = why_text(status("a", "fresh", note="reads the clock"))
    assert "nothing that it depends on has changed" in text
    assert "note: reads the clock" in text


def test_every_cause_has_words() -> None:
    for kind in CAUSES:
        text = cause_text(Cause(kind, "thing", "how"))
        assert text.endswith(": how")
        assert "{" not in text


def test_html_escapes_what_comes_from_people() -> None:
    odd = "<script>alert(1)</script>"
    shown = status(odd, "stale", Cause("input", odd, odd, f"+{odd}"), note=odd)
    for html in (status_html([shown], NOW), why_html(shown), html_table((odd,), [])):
        assert "<script>" not in html
    ET.fromstring(status_html([shown], NOW))
    assert "<script>" not in graph_mermaid(Graph((Node(odd),)), {})


def test_graph_text_puts_each_asset_after_what_it_needs() -> None:
    lines = graph_text(GRAPH, STATES).splitlines()[1:]
    order = [line.split()[1] for line in lines]
    assert order[0] == "raw"
    assert order[-1] == "features"
    assert lines[-1].split("← ")[1] == "clean, users"
    assert lines[-1].startswith("○")


def test_mermaid_has_each_box_and_arrow_once() -> None:
    lines = graph_mermaid(GRAPH, STATES).splitlines()
    assert lines[0] == "flowchart LR"
    assert sum("[" in line for line in lines) == 4
    assert sorted(line.strip() for line in lines if "-->" in line) == [
        "n0 --> n1",
        "n0 --> n2",
        "n1 --> n3",
        "n2 --> n3",
    ]


def test_a_long_chain_needs_no_recursion() -> None:
    nodes = [Node("a0", writes=frozenset(["v0"]))]
    nodes += [Node(f"a{i}", frozenset([f"v{i - 1}"]), frozenset([f"v{i}"])) for i in range(1, 3000)]
    chain = Graph(tuple(nodes))
    assert len(graph_text(chain, {}).splitlines()) == 3001
