"""Writers and evictors killed with SIGKILL at random moments: whole entries or none, no leaks.

The suite kills 40 processes; ``VIBE_MAGIC_KILLS=300 pytest tests/stress/test_store_kill.py`` kills
more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Context
from vibe_magic.store import Store

KILLS = int(os.environ.get("VIBE_MAGIC_KILLS", "40"))
TOGETHER = 2
SECRET = b"s" * 32

WORKER = """
import itertools, random, sys, time
from pathlib import Path
import numpy as np
from vibe_magic.payload import Context, pack
from vibe_magic.store import Draft, Store, backend

role, root, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
store = Store(root, secret=b"s" * 32, warn=lambda line: print(line, file=sys.stderr, flush=True))

def draft(number):
    asset, key = f"asset {number % 5}", f"{number % 7:032x}"[::-1]
    x = np.full(rng.choice([10, 40_000, 400_000]), float(number))
    groups = {"x": {"x": x, "n": number}, "y": {"y": [number] * 1000}}
    packed = {label: pack(objects, Context({})) for label, objects in groups.items()}
    return Draft(asset, key, "0" * 32, packed, ({"text": str(number)},), {"number": number},
                 created_at=time.time(), duration_s=rng.random())

print("ready", flush=True)
for _ in itertools.count():
    number = rng.randrange(1000)
    if role == "write":
        store.save(draft(number))
    elif role == "evict":
        store.prune(rng.choice([0, 2_000_000, 8_000_000]))
    elif role == "clear":
        store.clear(f"asset {number % 5}")
    elif role == "lock":
        with store.lock("a", f"{number % 3}", 0.05):
            store.sweep()
    for entry in store.entries(f"asset {number % 5}"):
        store.touch(entry)
"""


def start(role: str, root: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, role, str(root), str(seed)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)


def kill_later(workers: list[subprocess.Popen[str]], rng: random.Random) -> list[str]:
    for worker in workers:
        assert worker.stdout.readline() == "ready\n", worker.stderr.read()
    for worker in workers:
        time.sleep(rng.uniform(0, 0.08))
        worker.send_signal(signal.SIGKILL)
    return [worker.communicate()[1] for worker in workers]


def check_all(store: Store) -> int:
    assert store.verify() == ()
    for entry in store.entries():
        number = entry.trace["number"]
        values = store.load(entry, Context({}))
        assert values["n"] == number == values["x"][0] == values["x"][-1] == values["y"][999]
        assert store.outputs(entry) == ({"text": str(number)},)
    return len(store.entries())


@pytest.mark.timeout(900)
def test_killed_at_random_moments(tmp_path):
    root, rng = tmp_path / "cache", random.Random(5)
    roles = ["write", "write", "evict", "write", "clear", "write", "lock"]
    warned: list[str] = []
    store = Store(root, secret=SECRET, warn=warned.append)
    seen = swept = 0
    for round_ in range(0, KILLS, TOGETHER):
        workers = [start(rng.choice(roles), root, round_ + i) for i in range(TOGETHER)]
        stderr = kill_later(workers, rng)
        assert stderr == [""] * TOGETHER
        swept += store.sweep()
        assert list(root.glob("tmp/*")) == []
        seen += check_all(store)
        with store.lock("a", "0", 1.0) as hold:
            assert hold.held, "the lock of a dead process is free"
    assert warned == []
    assert seen > 0
    assert swept > 0, "some were killed while writing"
    print(f"{KILLS} killed, {swept} pieces swept, {seen} entries read")
    for directory in (root / "assets").iterdir():
        for entry in directory.iterdir():
            assert (entry / "meta.json").is_file(), "no piece of an entry is left"


def test_a_killed_reader_pins_nothing(tmp_path):
    """The marks of use die with their process."""
    root = tmp_path / "cache"
    writer = start("write", root, 1)
    assert writer.stdout.readline() == "ready\n"
    time.sleep(0.5)
    writer.kill()
    writer.communicate()
    store = Store(root, secret=SECRET)
    store.sweep()
    code = (
        "import sys, time; from pathlib import Path; from vibe_magic.payload import Context;"
        "from vibe_magic.store import Store; s = Store(Path(sys.argv[1]), secret=b's' * 32);"
        "kept = [s.load(e, Context({})) for e in s.entries()]; print('ready', flush=True);"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "ready\n"
        large = [e for e in store.entries() if e.nbytes > 2_000_000]
        assert large
        store.prune(0)
        assert {e.path for e in large} <= {e.path for e in store.entries()}
        reader.kill()
        reader.wait()
        store.prune(0)
        assert store.entries() == ()
    with pytest.raises(CorruptEntry):
        store.load(large[0], Context({}))
