"""numpy arrays come back in type, form, flags and sharing."""

from __future__ import annotations

import numpy as np
import pytest

from vibe_magic.errors import Unpicklable

ARRAYS = {
    "floats": np.arange(5.0),
    "large": np.arange(300_000.0),
    "0-d": np.array(5.0),
    "empty": np.zeros((3, 0)),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "strided": np.arange(24).reshape(2, 3, 4)[:, :, ::2],
    "reversed": np.arange(10)[::-1],
    "broadcast": np.broadcast_to(np.arange(3.0), (4, 3)),
    "owned in odd order": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2).copy(order="K"),
    "big endian": np.arange(5, dtype=">i4"),
    "structured": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "structured with objects": np.array([(1, "x")], dtype=[("a", "i4"), ("b", "O")]),
    "dates": np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
    "spans": np.array([1, 2], dtype="m8[s]"),
    "strings": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "variable strings": np.array(["a", "b" * 100], dtype=np.dtypes.StringDType()),
    "objects": np.array(["a", None, [1]], dtype=object),
    "complex": np.array([1j]),
    "bools": np.array([True, False]),
    "matrix": np.array([[1, 2]]).view(np.matrix),
    "records": np.rec.array([(1, 2.0)], names="a,b"),
    "scalar": np.float32(3),
    "dtype": np.dtype("i4"),
}


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("value", ARRAYS.values(), ids=ARRAYS)
def test_an_array_survives(notebook, value):
    back = notebook.value(value)
    assert type(back) is type(value)
    if isinstance(value, np.dtype):
        assert back == value
        return
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert repr(back) == repr(value)
    assert (back.tobytes() == value.tobytes()) or value.dtype.hasobject or value.dtype.kind == "T"
    if isinstance(value, np.ndarray) and value.size:
        assert back.strides == value.strides
        assert back.flags.writeable == value.flags.writeable


def test_masked_arrays_keep_data_mask_and_fill(notebook):
    value = np.ma.masked_array([1.0, 2.0], mask=[0, 1], fill_value=-9)
    back = notebook.value(value)
    assert (back.tolist(), back.data[1], back.fill_value) == ([1.0, None], 2.0, -9)


@pytest.mark.parametrize("mask", [np.ma.nomask, [0, 0]])
def test_masked_arrays_without_a_mask_get_none(notebook, mask):
    back = notebook.value(np.ma.masked_array([1.0, 2.0], mask=mask))
    assert (back.mask is np.ma.nomask) == (mask is np.ma.nomask)
    assert back.tolist() == [1.0, 2.0]


def test_memory_maps_come_back_as_content(notebook, tmp_path):
    value = np.memmap(tmp_path / "m", dtype="f8", mode="w+", shape=(500, 2))
    value[:] = 3
    value.flush()
    with pytest.raises(Unpicklable, match="goes to its file"):
        notebook.value(value)
    back = notebook.value(np.memmap(tmp_path / "m", dtype="f8", mode="c", shape=(500, 2)))
    (tmp_path / "m").unlink()
    assert isinstance(back, np.memmap)
    assert back.sum() == 3000


@pytest.mark.parametrize("size", [3, 300_000])
@pytest.mark.parametrize("kind", [float, object])
def test_read_only_stays_read_only(notebook, size, kind):
    back = notebook.value(frozen(np.zeros(size, dtype=kind)))
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 1


@pytest.mark.parametrize("size", [3, 300_000])
def test_writing_into_a_restored_array_stays_here(notebook, size):
    notebook.namespace["value"] = np.zeros(size)
    data, packed = notebook.bytes("value")
    notebook.unpack(data, packed)["value"][:] = 7
    assert notebook.unpack(data, packed)["value"].sum() == 0


def test_a_small_array_owns_its_memory(notebook):
    back = notebook.value(np.arange(3))
    back.resize(10, refcheck=False)
    assert back.flags.owndata


@pytest.mark.parametrize("order", [("a", "v", "w"), ("v", "w", "a"), ("w", "a", "v")])
@pytest.mark.parametrize("kind", [float, "M8[ns]", object])
def test_a_view_stays_a_view(notebook, order, kind):
    array = np.arange(1000).astype(kind)
    notebook.namespace.update(a=array, v=array[:2], w=array[1:9:2])
    back = notebook.back(*order)
    back["a"][1] = array[500]
    assert back["v"][1] == array[500] == back["w"][0]
    assert np.shares_memory(back["v"], back["a"])


def test_views_of_two_dimensions_and_other_types(notebook):
    array = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    notebook.namespace.update(a=array, row=array[1], t=array.T, b=array.T.view("i8"))
    back = notebook.back("row", "b", "t", "a")
    back["a"][1, 2] = 99
    assert back["row"][2] == back["t"][2, 1] == 99
    assert back["b"].tobytes() == back["t"].tobytes()


def test_overlapping_views_share_even_without_their_base(notebook):
    array = np.arange(1000.0)
    notebook.namespace.update(v=array[:6], w=array[4:9])
    back = notebook.back("v", "w")
    back["v"][5] = -1
    assert back["w"][1] == -1


def test_a_slice_that_stands_alone_takes_only_its_part(notebook):
    notebook.namespace["value"] = np.arange(1_000_000.0)[:100]
    data, packed = notebook.bytes("value")
    assert len(data) < 3000
    assert notebook.unpack(data, packed)["value"].tolist() == list(range(100))


def test_disjoint_slices_do_not_bring_their_base(notebook):
    array = np.arange(1_000_000.0)
    notebook.namespace.update(v=array[:100], w=array[200:300])
    assert len(notebook.bytes("v", "w")[0]) < 5000


def test_views_inside_containers_share(notebook):
    notebook.run(
        "import numpy as np\na = np.zeros(4)\nd = {'v': a[:2], 'deep': [a]}\n"
        "obj = np.array([None, None])\nobj[0] = a"
    )
    back = notebook.back("d", "obj")
    back["obj"][0][0] = 5
    assert back["d"]["v"][0] == back["d"]["deep"][0][0] == 5


def test_what_was_restored_can_be_stored_again(notebook):
    notebook.namespace.update(a=np.arange(300_000.0))
    notebook.namespace.update(v=notebook.namespace["a"][5:])
    notebook.namespace.update(notebook.back("a", "v"))
    back = notebook.back("a", "v")
    back["a"][5] = -1
    assert back["v"][0] == -1


def test_random_generators_keep_their_state(notebook):
    notebook.namespace["rng"] = np.random.default_rng(5)
    notebook.namespace["rng"].random(3)
    back = notebook.back("rng")["rng"]
    assert back.random() == notebook.namespace["rng"].random()
