"""The backend under any `joblib.Memory`."""

from __future__ import annotations

import datetime as dt
import pickle
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib._store_backends import CacheWarning

from vibe_magic.store import backend
from vibe_magic.store.backend import VibeMagicBackend


@pytest.fixture
def memory(tmp_path):
    memory = joblib.Memory(str(tmp_path / "m"), backend="vibe_magic", verbose=0)
    memory.store_backend.secret = b"s" * 32
    return memory


def cached(memory, function, **options):
    calls = []

    def counted(*args):
        calls.append(args)
        return function(*args)

    return memory.cache(counted, **options), calls


def test_a_function_is_computed_once(memory):
    f, calls = cached(memory, lambda n: {"x": np.arange(float(n)), "n": n})
    for _ in range(3):
        assert f(5)["x"].sum() == 10
    assert f(200_000)["x"][-1] == 199_999
    assert f(200_000)["x"].flags.writeable
    assert len(calls) == 2
    assert f.check_call_in_cache(5)


def test_results_load_later(memory):
    f, _ = cached(memory, lambda n: [n])
    shelved = f.call_and_shelve(3)
    assert shelved.get() == [3]
    shelved.clear()
    with pytest.raises(KeyError):
        shelved.get()


def test_expiry_through_joblib(memory):
    f, calls = cached(memory, lambda n: n, cache_validation_callback=joblib.expires_after(seconds=3600))
    assert f(1) == f(1) == 1
    assert len(calls) == 1
    for path in memory.store_backend.get_items():
        (Path(path.path) / "metadata.json").unlink()
    assert f(1) == 1, "killed before the metadata were written"


def test_damage_is_computed_again(memory, recwarn):
    f, calls = cached(memory, lambda n: [n])
    f(1)
    (item,) = memory.store_backend.get_items()
    file = Path(item.path) / "output.bin"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    assert f(1) == [1]
    assert len(calls) == 2


def test_what_cannot_be_stored_is_returned_with_a_warning_and_leaves_nothing(memory):
    f, _ = cached(memory, lambda _: threading.Lock())
    with pytest.warns(CacheWarning, match="lock cannot be stored") as caught:
        f(1)
    assert "not stored" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not f.check_call_in_cache(1)
    assert not list((Path(memory.store_backend.location) / "tmp").iterdir())


def test_sizes_are_reduced(memory):
    f, _ = cached(memory, lambda n: np.arange(float(n)))
    for n in (1000, 2000, 3000):
        f(n)
    items = memory.store_backend.get_items()
    assert len(items) == 3
    assert all(isinstance(item.last_access, dt.datetime) for item in items)
    memory.reduce_size(items_limit=2)
    assert len(memory.store_backend.get_items()) == 2
    memory.reduce_size(bytes_limit="1K")
    assert memory.store_backend.get_items() == []
    f(1000)
    memory.reduce_size(age_limit=dt.timedelta(days=1))
    assert len(memory.store_backend.get_items()) == 1
    with pytest.raises(ValueError, match="positive"):
        memory.reduce_size(age_limit=dt.timedelta(days=-1))
    memory.clear(warn=False)
    assert memory.store_backend.get_items() == []


def test_a_pickled_memory_leaves_the_secret_behind(memory, tmp_path, monkeypatch):
    monkeypatch.setenv("VIBE_MAGIC_SECRET", "mine")
    data = pickle.dumps(memory)
    assert b"s" * 32 not in data
    again = pickle.loads(data).store_backend
    assert again.secret == backend.user_secret()


def test_an_entry_of_ours_is_an_item_of_joblibs(desk):
    entry = desk.save(values={"g": {"x": 1}, "h": {"y": [2]}})
    other = VibeMagicBackend()
    other.configure(str(desk.root))
    other.secret = b"s" * 32
    call_id = ("assets", entry.path.parent.name, entry.path.name)
    assert other.contains_item(call_id)
    assert other.load_item(call_id) == {"x": 1, "y": [2]}
    assert other.get_metadata(call_id)["duration"] == 2.0
    assert [item.path for item in other.get_items()] == [str(entry.path)]
    (entry.path / "meta.json").write_bytes(b"")
    assert other.get_metadata(call_id) == {}
    other.clear_item(call_id)
    assert not other.contains_item(call_id)
    assert desk.leftovers() == []


def test_it_is_registered_with_joblib_under_its_name():
    from joblib.memory import _STORE_BACKENDS

    assert _STORE_BACKENDS["vibe_magic"] is VibeMagicBackend
