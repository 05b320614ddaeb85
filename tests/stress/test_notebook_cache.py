"""A whole notebook on a cache that was damaged, is in trouble, or is shared by many kernels at once."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks import as_root_on_linux, mounted
from tests.integration.test_cli import Project
from tests.oracle.compare import differences
from tests.oracle.runner import Cell, Observed, Pass, run

CELLS = [
    Cell("c0", "import numpy as np"),
    Cell("c1", "%%asset a\na = np.arange(400.0)\nb = {'k': [1, 2]}\nprint('made')\na.sum()"),
    Cell("c2", "print(a[:3], b)"),
]
PROCESSES = 8


class Bench:
    """A notebook's folder and its cache, run as often as one likes."""

    def __init__(self, place: Path) -> None:
        self.folder, self.cache = place / "work", place / "cache"
        self.folder.mkdir()
        (self.cold,) = run([Pass(CELLS)], self.folder, None)

    def warm(self) -> tuple[str, Observed]:
        """Run; return what became of the asset."""
        (seen,) = run([Pass(CELLS)], self.folder, self.cache)
        assert not seen.fault, seen.fault
        return seen.actions[1][-1][1], seen

    def files(self) -> list[Path]:
        entries = [p.parent for p in self.cache.rglob("meta.json") if "cell_" not in str(p)]
        (entry,) = [p for p in entries if json.loads((p / "meta.json").read_bytes())["asset"] == "a"]
        return sorted(p for p in entry.iterdir() if p.is_file() and p.name != "used")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def flip(at: float) -> Callable[[bytes], bytes]:
    def flipped(data: bytes) -> bytes:
        place = min(int(len(data) * at), len(data) - 1)
        return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]

    return flipped


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "lengthened": lambda data: data + b"\0",
    **{f"flipped at {at:.0%}": flip(at) for at in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_a_miss_that_the_run_repairs(
    bench: Bench, damage: Callable[[bytes], bytes]
) -> None:
    assert bench.warm()[0] == "ran"
    for number in range(len(bench.files())):
        path = bench.files()[number]
        path.write_bytes(damage(path.read_bytes()))
        action, seen = bench.warm()
        assert action == "ran", path.name
        assert len(seen.told) == 1, seen.told
        assert differences(seen, bench.cold, CELLS) == []
        action, seen = bench.warm()
        assert (action, seen.told) == ("restored", []), path.name
        assert differences(seen, bench.cold, CELLS) == []


def test_what_somebody_else_signed_is_a_miss(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBE_MAGIC_SECRET", "theirs")
    assert bench.warm()[0] == "ran"
    assert bench.warm()[0] == "restored"
    monkeypatch.setenv("VIBE_MAGIC_SECRET", "mine")
    action, seen = bench.warm()
    assert (action, len(seen.told)) == ("ran", 1)
    assert bench.warm()[0] == "restored"


def test_a_planted_pickle_is_never_loaded(bench: Bench) -> None:
    assert bench.warm()[0] == "ran"
    trap = bench.folder / "trap"
    stream = pickle.dumps(Planted(str(trap)))
    for number in range(len(bench.files())):
        path = bench.files()[number]
        data = path.read_bytes()
        for planted in (stream, stream + data[len(stream) :], data[:64] + stream + data[64 + len(stream) :]):
            path.write_bytes(planted)
            assert bench.warm()[0] == "ran"
            path = bench.files()[number]
    assert not trap.exists()
    pickle.loads(stream)
    assert trap.exists(), "the trap works"


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


def check_that_it_runs_all_the_same(project: Project, cache: Path) -> None:
    done = project.call("run", "n.ipynb", "-o", "out.ipynb", "--cache-dir", str(cache), "--json", "r.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((project.folder / "r.json").read_text())
    assert {row["name"]: row["action"] for row in report["assets"]} == {"raw": "ran", "total": "ran"}
    shown = json.dumps(project.outputs("out.ipynb"), ensure_ascii=False)
    assert "plain 6" in shown
    assert shown.count('"text/plain": "cache · ') == 1
    assert "Traceback" not in shown
    assert "Traceback" not in done.stderr, done.stderr


@as_root_on_linux
def test_a_full_disk_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / "filler").write_bytes(b"x" * 60_000)
        check_that_it_runs_all_the_same(Project(tmp_path / "p"), disk / "cache")


@as_root_on_linux
def test_a_read_only_disk_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with mounted(tmp_path / "disk", "size=1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        check_that_it_runs_all_the_same(Project(tmp_path / "p"), disk / "cache")


@as_root_on_linux
def test_a_directory_without_permission_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p")
    locked = Path("/proc/sys/vibe_magic")  # where not even root may make directories
    check_that_it_runs_all_the_same(project, locked)


def test_a_path_that_is_a_file_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "p").mkdir()
    check_that_it_runs_all_the_same(Project(tmp_path / "p"), tmp_path / "file")


def test_eight_kernels_compute_each_key_once(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p")
    cells = [f"%%asset a{i}\nimport time\ntime.sleep(0.2)\na{i} = {i}" for i in range(5)]
    project.write("seed = 1", *cells, "print(sum((a0, a1, a2, a3, a4)))")
    command = [sys.executable, "-m", "vibe_magic", "run", "n.ipynb", "--cache-dir", "cache", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [
        subprocess.Popen([*command, f"r{i}.json", "-o", f"{i}.ipynb"], cwd=project.folder, text=True, **pipes)
        for i in range(PROCESSES)
    ]
    for process in runs:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert "lock" not in errors
    reports = [json.loads((project.folder / f"r{i}.json").read_text())["assets"] for i in range(PROCESSES)]
    counts = Counter((row["name"], row["action"]) for rows in reports for row in rows)
    assert counts == {(f"a{i}", "ran"): 1 for i in range(5)} | {
        (f"a{i}", "restored"): PROCESSES - 1 for i in range(5)
    }
    for number in range(PROCESSES):
        shown = json.dumps(project.outputs(f"{number}.ipynb"))
        assert "10\\n" in shown
        assert "Error" not in shown
    shutil.rmtree(project.folder / "cache")
