"""Nothing is unpickled that was not signed for this place; no changed byte goes unseen."""

from __future__ import annotations

import os
import pickle
import random

import numpy as np
import pytest

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Context, pack, reseal, seal, unpack, unseal

SECRET = b"s" * 32
LARGE = {"x": np.arange(200_000.0), "b": bytearray(b"q" * 5001), "t": "text"}
SMALL = {"x": np.arange(100.0), "t": "text"}


def written(objects, path, place="here", secret=SECRET):
    packed = pack(objects, Context({}))
    path.write_bytes(b"".join(packed.seal(secret, place).pieces))
    return packed


def read(path, packed, place="here", secret=SECRET, **more):
    return unpack(path, Context({}), names=packed.names, secret=secret, place=place, **more)


@pytest.fixture(params=[SMALL, LARGE], ids=["read", "mapped"])
def objects(request):
    return request.param


def test_it_comes_back(tmp_path, objects):
    packed = written(objects, tmp_path / "f")
    back = read(tmp_path / "f", packed)
    assert back.keys() == objects.keys()
    assert (back["x"] == objects["x"]).all()


def test_every_part_is_aligned(tmp_path):
    written(LARGE, tmp_path / "f")
    unsealed = unseal(tmp_path / "f", SECRET, "here")
    for buffer in unsealed.buffers:
        assert np.frombuffer(buffer, "u1").ctypes.data % 64 == 0
    assert (tmp_path / "f").stat().st_size % 64 == 0


def test_a_mapped_file_is_private_and_survives_its_removal(tmp_path):
    packed = written(LARGE, tmp_path / "f")
    before = (tmp_path / "f").read_bytes()
    back = read(tmp_path / "f", packed)
    back["x"][:] = -1
    assert (tmp_path / "f").read_bytes() == before
    (tmp_path / "f").unlink()
    assert back["x"].sum() == -200_000


def test_a_flipped_bit_in_any_byte_of_a_small_file_is_seen(tmp_path):
    written(SMALL, tmp_path / "f")
    data = (tmp_path / "f").read_bytes()
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        with pytest.raises(CorruptEntry):
            unseal(bytes(flipped), SECRET, "here")


def test_a_flipped_bit_anywhere_in_a_large_file_is_seen(tmp_path):
    written(LARGE, tmp_path / "f")
    data = (tmp_path / "f").read_bytes()
    rng = random.Random(1)
    for at in [
        *range(0, 700, 7),
        *range(len(data) - 100, len(data)),
        *rng.sample(range(len(data)), 50),
    ]:
        flipped = bytearray(data)
        flipped[at] ^= 1 << rng.randrange(8)
        (tmp_path / "f").write_bytes(flipped)
        with pytest.raises(CorruptEntry):
            unseal(tmp_path / "f", SECRET, "here")


@pytest.mark.parametrize("keep", [0, 1, 63, 64, 65, 200, -64, -1])
def test_a_truncated_file_is_seen(tmp_path, objects, keep):
    packed = written(objects, tmp_path / "f")
    os.truncate(tmp_path / "f", keep if keep >= 0 else (tmp_path / "f").stat().st_size + keep)
    with pytest.raises(CorruptEntry):
        read(tmp_path / "f", packed)


def test_added_bytes_are_seen(tmp_path, objects):
    packed = written(objects, tmp_path / "f")
    with open(tmp_path / "f", "ab") as file:
        file.write(bytes(64))
    with pytest.raises(CorruptEntry, match="length"):
        read(tmp_path / "f", packed)


def test_another_secret_place_or_run_is_not_accepted(tmp_path, objects):
    packed = written(objects, tmp_path / "f")
    for more in ({"secret": b"t" * 32}, {"place": "there"}, {"signature": "00" * 32}):
        with pytest.raises(CorruptEntry):
            read(tmp_path / "f", packed, **more)


def test_another_version_is_not_accepted(tmp_path, monkeypatch):
    from vibe_magic.payload import sealing

    monkeypatch.setattr(sealing, "VERSION", 99)
    packed = written(SMALL, tmp_path / "f")
    monkeypatch.undo()
    with pytest.raises(CorruptEntry, match="format 99"):
        read(tmp_path / "f", packed)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("secret", [b"", b"t" * 32], ids=["no secret", "other secret"])
def test_a_planted_pickle_is_never_unpickled(tmp_path, secret):
    planted = pickle.dumps(([Trap(str(tmp_path / "sprung"))], [0]), protocol=5)
    data = b"".join(seal(planted, [], secret, "here").pieces)
    for content in (data, planted, planted + bytes(64)):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(CorruptEntry):
            unpack(tmp_path / "f", Context({}), names=("x",), secret=SECRET, place="here")
    assert not (tmp_path / "sprung").exists()
    data = b"".join(seal(planted, [], SECRET, "here").pieces)
    unpack(data, Context({}), names=("x",), secret=SECRET, place="here")
    assert (tmp_path / "sprung").exists(), "the trap works if it is signed"


def test_resealing_moves_a_file_without_unpickling_it(tmp_path):
    planted = pickle.dumps(([Trap(str(tmp_path / "sprung"))], [0]), protocol=5)
    (tmp_path / "f").write_bytes(b"".join(seal(planted, [], SECRET, "here").pieces))
    moved = b"".join(reseal(tmp_path / "f", SECRET, "here", "there").pieces)
    assert not (tmp_path / "sprung").exists()
    assert bytes(unseal(moved, SECRET, "there").stream) == planted
    with pytest.raises(CorruptEntry):
        unseal(moved, SECRET, "here")


def test_resealing_keeps_read_only_buffers(tmp_path):
    array = np.arange(1000.0)
    array.flags.writeable = False
    packed = written({"x": array}, tmp_path / "f")
    moved = b"".join(reseal(tmp_path / "f", SECRET, "here", "there").pieces)
    back = unpack(moved, Context({}), names=packed.names, secret=SECRET, place="there")
    assert not back["x"].flags.writeable


def test_a_long_secret_counts_whole(tmp_path):
    packed = written(SMALL, tmp_path / "f", secret=b"k" * 100)
    assert read(tmp_path / "f", packed, secret=b"k" * 100)["t"] == "text"
    with pytest.raises(CorruptEntry):
        read(tmp_path / "f", packed, secret=b"k" * 99 + b"l")
