"""Drawings of graphs: everything is in the picture, and no edge passes through a box."""

from __future__ import annotations

import random
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from vibe_magic.graph import Graph, Node
from vibe_magic.session.drawing import graph_svg

SPACE = "{http://www.w3.org/2000/svg}"
GRAPH = Graph(
    (
        Node("raw", writes=frozenset("r")),
        Node("clean", frozenset("r"), frozenset("c")),
        Node("users", frozenset("r"), frozenset("u")),
        Node("features", frozenset("cu"), frozenset("f")),
    )
)


def random_graph(seed: int) -> Graph:
    rng = random.Random(seed)
    return Graph(
        tuple(
            Node(f"a{i}", frozenset(f"v{rng.randrange(i)}" for _ in range(min(i, 3))), frozenset([f"v{i}"]))
            for i in range(rng.randrange(2, 30))
        )
    )


def rectangles(root: Any) -> dict[str, tuple[float, float, float, float]]:
    """Return left, top, right and bottom of each box, by its name."""
    found = {}
    for box in root.iter(f"{SPACE}g"):
        x, y, width, height = (
            float(box.find(f"{SPACE}rect").get(name)) for name in ("x", "y", "width", "height")
        )
        found[box.find(f"{SPACE}title").text.split(":")[0]] = x, y, x + width, y + height
    return found


def segments(path: str) -> list[tuple[float, float, float, float]]:
    """Return the frames of a path's lines and curves; a curve stays in that of its ends and turns."""
    found, at = [], (0.0, 0.0)
    for command, text in re.findall(r"([MCH])([^MCH]*)", path):
        numbers = [float(number) for number in re.findall(r"[-\d.]+", text)]
        end = (numbers[0], at[1]) if command == "H" else (numbers[-2], numbers[-1])
        if command != "M":
            xs, ys = sorted([at[0], end[0], *numbers[:-2:2]]), sorted([at[1], end[1]])
            found.append((xs[0], ys[0], xs[-1], ys[-1]))
        at = end
    return found


def test_a_graph_goes_from_left_to_right() -> None:
    root = ET.fromstring(graph_svg(GRAPH, {"raw": "fresh"}))
    lefts = {name: box[0] for name, box in rectangles(root).items()}
    assert lefts["raw"] < lefts["clean"] == lefts["users"] < lefts["features"]
    assert len(list(root.iter(f"{SPACE}path"))) == 4
    assert [title.text for title in root.iter(f"{SPACE}title")][:2] == ["raw: fresh", "clean: "]


@pytest.mark.parametrize("seed", range(25))
def test_an_edge_passes_through_no_box(seed: int) -> None:
    graph = random_graph(seed)
    root = ET.fromstring(graph_svg(graph, {}))
    boxes = rectangles(root)
    for path in root.iter(f"{SPACE}path"):
        for left, top, right, bottom in segments(path.get("d")):
            crossed = [
                name
                for name, box in boxes.items()
                if box[0] < right and left < box[2] and box[1] <= bottom and top <= box[3]
            ]
            assert crossed == []


@pytest.mark.parametrize("seed", range(25))
def test_an_edge_leads_from_what_is_read_to_its_reader(seed: int) -> None:
    graph = random_graph(seed)
    root = ET.fromstring(graph_svg(graph, {}))
    boxes = rectangles(root)
    ends = {(box[2], (box[1] + box[3]) / 2): name for name, box in boxes.items()}
    starts = {(box[0], (box[1] + box[3]) / 2): name for name, box in boxes.items()}
    drawn = []
    for path in root.iter(f"{SPACE}path"):
        numbers = [float(number) for number in re.findall(r"[-\d.]+", path.get("d"))]
        drawn.append((ends[numbers[0], numbers[1]], starts[numbers[-2], numbers[-1]]))
    assert sorted(drawn) == sorted((p, r) for r, found in graph.upstream.items() for p in found)


def test_a_narrow_page_scales_the_svg_and_cuts_nothing_off() -> None:
    names = ("a", "a name that is rather long", "变量" * 6)
    root = ET.fromstring(graph_svg(Graph(tuple(map(Node, names))), {}))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    boxes = list(root.iter(f"{SPACE}rect"))
    for side, corner, length in (("width", "x", "width"), ("height", "y", "height")):
        ends = [float(box.get(corner)) + float(box.get(length)) for box in boxes]
        assert max(ends) < float(root.get(side))
    assert len(boxes) == 3
    assert all(float(box.get("width")) >= 7 * 24 for box in boxes)


def test_names_are_escaped_and_no_assets_are_no_drawing() -> None:
    assert "<script>" not in graph_svg(Graph((Node("<script>"),)), {})
    assert graph_svg(Graph(), {}) == ""


def test_a_long_chain_needs_no_recursion() -> None:
    nodes = [Node("a0", writes=frozenset(["v0"]))]
    nodes += [Node(f"a{i}", frozenset([f"v{i - 1}"]), frozenset([f"v{i}"])) for i in range(1, 3000)]
    assert graph_svg(Graph(tuple(nodes)), {}).count("<rect") == 3000
