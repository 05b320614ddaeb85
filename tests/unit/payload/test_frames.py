"""pandas, polars and Arrow tables come back equal, and as independent as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

FRAME = pd.DataFrame(
    {
        "f": [1.0, np.nan, 3.0],
        "i": [1, 2, 3],
        "s": ["x", None, "zz"],
        "d": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
        "tz": pd.date_range("2020", periods=3, tz="Europe/Berlin"),
        "c": pd.Categorical(["a", "b", "a"], ordered=True),
        "n": pd.array([1, None, 3], dtype="Int64"),
        "o": [[1], None, {"a": 1}],
    }
)


@pytest.mark.parametrize(
    "value",
    [
        FRAME,
        FRAME.iloc[::2],
        FRAME.set_index(["s", "i"]),
        FRAME.T,
        FRAME.iloc[:0],
        pd.DataFrame(),
        pd.DataFrame(np.arange(12.0).reshape(3, 4)),
        pd.DataFrame(np.arange(400_000.0).reshape(-1, 4)),
    ],
    ids=["all types", "rows", "multi-index", "transposed", "no rows", "empty", "matrix", "large"],
)
def test_a_pandas_frame_survives(notebook, value):
    pd.testing.assert_frame_equal(notebook.value(value), value)


def test_series_index_and_attributes_survive(notebook):
    frame = FRAME.copy()
    frame.attrs["unit"] = "m"
    assert notebook.value(frame).attrs == {"unit": "m"}
    pd.testing.assert_series_equal(notebook.value(FRAME["f"]), FRAME["f"])
    for index in (pd.RangeIndex(5), FRAME.set_index(["s", "i"]).index, pd.Index(["a", "b"])):
        pd.testing.assert_index_equal(notebook.value(index), index)


def test_a_restored_frame_can_be_changed_in_place(notebook):
    back = notebook.value(pd.DataFrame(np.zeros((100_000, 3)), columns=list("abc")))
    back.loc[0, "a"] = 5.0
    back["d"] = 1
    assert (back["a"].sum(), list(back)) == (5.0, list("abcd"))


@pytest.mark.parametrize("rows", [2, 200_000])
def test_frames_that_share_memory_lazily_do_not_write_into_each_other(notebook, rows):
    frame = pd.DataFrame({"a": np.zeros(rows), "b": np.zeros(rows)})
    renamed = frame.rename(columns={"a": "z"})
    notebook.namespace.update(
        df=frame, renamed=renamed, head=frame.head(2), s=frame["a"], i=pd.Index(frame["a"])
    )
    back = notebook.back("df", "renamed", "head", "s", "i")
    back["df"].loc[0, "a"] = 9.0
    assert back["renamed"].loc[0, "z"] == 0
    assert back["head"].loc[0, "a"] == 0
    assert back["s"][0] == 0
    assert back["i"][0] == 0
    back["s"].iloc[1] = 7.0
    assert back["df"].loc[1, "a"] == 0
    assert back["i"][1] == 0


POLARS = pl.DataFrame(
    {
        "i": [1, None],
        "s": ["x", "y" * 100],
        "c": pl.Series(["a", "b"], dtype=pl.Categorical),
        "e": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        "d": pl.Series([1, 2], dtype=pl.Date),
        "t": pl.Series([1, 2], dtype=pl.Datetime("us", "UTC")),
        "b": [True, None],
        "n": [None, None],
    }
)


@pytest.mark.parametrize(
    "value",
    [
        POLARS,
        POLARS.head(1),
        pl.DataFrame(),
        pl.DataFrame({"l": [[1], [2, 3]], "r": [{"a": 1}, {"a": 2}]}),
        pl.concat([POLARS, POLARS], rechunk=False),
        pl.DataFrame({"x": range(100_000)}).sort("x", descending=True),
    ],
    ids=["all types", "slice", "empty", "nested", "chunks", "sorted"],
)
def test_a_polars_frame_survives(notebook, value):
    back = notebook.value(value)
    assert type(back) is type(value)
    assert back.schema == value.schema
    assert back.equals(value)
    assert back.n_chunks() == value.n_chunks()
    assert [column.flags for column in back] == [column.flags for column in value]


def test_polars_series_and_lazy_frames(notebook):
    series = pl.Series("name", [1, 2, None])
    back = notebook.value(series)
    assert (back.name, back.dtype, back.to_list()) == ("name", pl.Int64, [1, 2, None])
    lazy = pl.DataFrame({"a": [1, 2]}).lazy().filter(pl.col("a") > 1)
    assert notebook.value(lazy).collect().rows() == [(2,)]


def test_a_polars_frame_of_python_objects_is_kept_or_refused_but_never_wrong(notebook):
    from vibe_magic.errors import Unpicklable

    frame = pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(Unpicklable):
        notebook.value(frame)


def test_arrow_tables_survive_and_small_slices_stay_small(notebook):
    table = pa.table({"a": range(100_000), "s": [str(i) for i in range(100_000)]})
    assert notebook.value(table).equals(table)
    notebook.namespace["value"] = table.slice(10, 5)
    data, packed = notebook.bytes("value")
    assert len(data) < 20_000
    assert notebook.unpack(data, packed)["value"].equals(table.slice(10, 5))


def test_a_small_head_of_a_frame_of_strings_stays_small(notebook):
    frame = pd.DataFrame({"s": [f"text {i}" for i in range(100_000)]})
    notebook.namespace["value"] = frame.head(3)
    data, packed = notebook.bytes("value")
    assert len(data) < 20_000
    pd.testing.assert_frame_equal(notebook.unpack(data, packed)["value"], frame.head(3))
