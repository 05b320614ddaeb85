"""Paths to the parts of values that a result may share."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from vibe_magic.identity import anchors, labels


def test_parts_by_path() -> None:
    inner = [1]
    value = {"a": inner, 3: SimpleNamespace(x={"k": inner}, n=1)}
    found = anchors({"v": value})
    assert found["v"] is value
    assert found["v['a']"] is inner
    assert found["v[3].x"] == {"k": inner}
    assert "v[3].x['k']" not in found, "the shortest path to an object is enough"
    assert "v[3].n" not in found, "numbers have no identity that matters"


def test_arrays_and_labels_of_frames_are_parts() -> None:
    array, frame = np.arange(3), pd.DataFrame({"x": [1]})
    found = anchors({"v": SimpleNamespace(data=array, frame=frame)})
    assert found["v.data"] is array
    assert found["v.frame.axes[0]"] is frame.index
    assert labels({"f": frame, "l": [frame]})["l[0].axes[1]"] is frame.columns


def test_a_value_that_contains_itself_and_a_large_one_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert anchors({"l": loop}) == {"l": loop}
    assert len(anchors({"m": [[n] for n in range(10_000)]})) <= 2001


def test_equal_values_have_equal_paths() -> None:
    one, two = ({"a": [{"b": (1, [2])}]} for _ in range(2))
    assert anchors({"v": one}).keys() == anchors({"v": two}).keys()
