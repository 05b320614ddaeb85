"""Real files, touched in all ways that a cell can touch them."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vibe_magic.identity import file_digest
from vibe_magic.observe import Files, Watch, muted

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Watched

BOTH = pytest.mark.parametrize("native", [True, False], ids=["with inotify", "audit only"])


@BOTH
def test_reading(base: Path, watched: Watched, native: bool) -> None:
    Path("a.txt").write_text("a")
    with watched(native=native) as outcome:
        open("a.txt").close()
    (seen,) = outcome
    assert set(seen.read) == {"a.txt"}
    assert seen.read["a.txt"].kind == "file"
    assert not seen.written
    assert not seen.gaps


@BOTH
def test_an_output_that_is_read_again_is_an_output_only(base: Path, watched: Watched, native: bool) -> None:
    with watched(native=native) as outcome:
        Path("out.txt").write_text("1")
        Path("out.txt").read_text()
    (seen,) = outcome
    assert set(seen.written) == {"out.txt"}
    assert not seen.read
    assert not seen.updated
    assert not seen.appended


@BOTH
def test_overwriting_is_an_output_only(base: Path, watched: Watched, native: bool) -> None:
    Path("out.txt").write_text("old")
    with watched(native=native) as outcome:
        Path("out.txt").write_text("new")
    (seen,) = outcome
    assert set(seen.written) == {"out.txt"}
    assert not seen.read
    assert not seen.updated


@BOTH
def test_read_and_then_written_is_updated(base: Path, watched: Watched, native: bool) -> None:
    Path("n.txt").write_text("1")
    with watched(native=native) as outcome:
        Path("n.txt").write_text(Path("n.txt").read_text() + "1")
    (seen,) = outcome
    assert seen.updated == {"n.txt"} == set(seen.written)


@BOTH
@pytest.mark.parametrize("mode", ["r+", "rb+"])
def test_changed_in_part_is_updated(base: Path, watched: Watched, native: bool, mode: str) -> None:
    Path("n.bin").write_text("12")
    with watched(native=native) as outcome, open("n.bin", mode) as file:
        file.write("3" if mode == "r+" else b"3")
    (seen,) = outcome
    assert seen.updated == {"n.bin"} == set(seen.written)


@BOTH
def test_opened_for_update_but_only_read(base: Path, watched: Watched, native: bool) -> None:
    Path("n.txt").write_text("12")
    os.utime("n.txt", (1, 1))
    with watched(native=native) as outcome, open("n.txt", "r+") as file:
        file.read()
    (seen,) = outcome
    assert set(seen.read) == {"n.txt"}
    assert not seen.written


@BOTH
def test_appending(base: Path, watched: Watched, native: bool) -> None:
    Path("log").write_text("1\n")
    with watched(native=native) as outcome, open("log", "a") as file:
        file.write("2\n")
    (seen,) = outcome
    assert seen.appended == {"log"} == set(seen.written)
    assert not seen.read


@BOTH
def test_appending_to_a_new_file_makes_it(base: Path, watched: Watched, native: bool) -> None:
    with watched(native=native) as outcome, open("log", "a") as file:
        file.write("2\n")
    (seen,) = outcome
    assert set(seen.written) == {"log"}
    assert not seen.appended


@BOTH
def test_temporary_files_do_not_count(base: Path, watched: Watched, native: bool) -> None:
    with watched(native=native) as outcome:
        with tempfile.NamedTemporaryFile(dir=base) as file:
            file.write(b"x")
        with tempfile.TemporaryDirectory(dir=base) as directory:
            Path(directory, "f").write_text("x")
        Path("scratch").write_text("1")
        os.remove("scratch")
    (seen,) = outcome
    assert not seen.written
    assert not seen.read


@BOTH
def test_replaced_through_a_temporary_file(base: Path, watched: Watched, native: bool) -> None:
    Path("out.txt").write_text("old")
    with watched(native=native) as outcome:
        Path("out.tmp").write_text("new")
        os.replace("out.tmp", "out.txt")
    (seen,) = outcome
    assert set(seen.written) == {"out.txt"}
    assert not seen.updated
    assert not seen.read


@BOTH
def test_removing_leaves_an_absence(base: Path, watched: Watched, native: bool) -> None:
    Path("old").write_text("x")
    with watched(native=native) as outcome:
        os.remove("old")
    (seen,) = outcome
    assert {name: state.kind for name, state in seen.written.items()} == {"old": "absent"}


@BOTH
def test_renaming_an_existing_file(base: Path, watched: Watched, native: bool) -> None:
    Path("a").write_text("x")
    with watched(native=native) as outcome:
        os.rename("a", "b")
    (seen,) = outcome
    assert {n: s.kind for n, s in seen.written.items()} == {"a": "absent", "b": "file"}
    assert "a" in seen.updated


@BOTH
def test_a_missing_file_that_was_looked_for(base: Path, watched: Watched, native: bool) -> None:
    with watched(native=native) as outcome, pytest.raises(FileNotFoundError):
        Path("config.json").read_text()
    (seen,) = outcome
    assert seen.read["config.json"].kind == "absent"


@BOTH
def test_new_folders_count_by_being_there(base: Path, watched: Watched, native: bool) -> None:
    Path("old").mkdir()
    with watched(native=native) as outcome:
        os.makedirs("new/deep", exist_ok=True)
        os.makedirs("old", exist_ok=True)
        Path("new/deep/f").write_text("x")
    (seen,) = outcome
    assert {n: s.kind for n, s in seen.written.items()} == {
        "new": "folder",
        "new/deep": "folder",
        "new/deep/f": "file",
    }


@BOTH
@pytest.mark.parametrize(
    "scan", [os.listdir, lambda p: list(os.scandir(p)), lambda p: list(Path(p).iterdir())]
)
def test_listing(base: Path, watched: Watched, native: bool, scan: object) -> None:
    Path("data").mkdir()
    with watched(native=native) as outcome:
        scan("data")  # type: ignore[operator]
    (seen,) = outcome
    assert {n: s.kind for n, s in seen.read.items()} == {"data": "directory"}


def test_listing_the_base(base: Path, watched: Watched) -> None:
    with watched() as outcome:
        os.listdir()
    assert set(outcome[0].read) == {"."}


def test_glob_counts_as_a_pattern(base: Path, watched: Watched) -> None:
    Path("data").mkdir()
    Path("data/a.csv").write_text("1")
    with watched() as outcome:
        glob.glob("data/*.csv")
        glob.glob("**/*.txt", root_dir=str(base), recursive=True)
    (seen,) = outcome
    assert {n: s.kind for n, s in seen.read.items()} == {"data/*.csv": "glob", "**/*.txt": "glob"}


@pytest.mark.parametrize(
    ("pattern", "appears"),
    [("*.csv", "a.csv"), ("sub/x.csv", "sub/x.csv"), ("*/x.csv", "sub/x.csv"), ("**/*.csv", "sub/b.csv")],
)
@pytest.mark.parametrize("method", ["glob", "rglob"])
def test_what_a_path_globs_is_seen(
    base: Path, watched: Watched, method: str, pattern: str, appears: str
) -> None:
    Path("sub").mkdir()
    with watched() as outcome:
        assert list(getattr(Path(), method)(pattern)) == []
    (seen,) = outcome
    files = Files(str(base), file_digest)
    assert all(files.compare(name, state) is None for name, state in seen.read.items())
    Path(appears).write_text("1")
    files = Files(str(base), file_digest)
    assert not all(files.compare(name, state) is None for name, state in seen.read.items())


def test_relative_paths_follow_a_chdir(base: Path, watched: Watched) -> None:
    Path("sub").mkdir()
    Path("sub/a.txt").write_text("a")
    with watched() as outcome:
        os.chdir("sub")
        open("a.txt").close()
        os.chdir("..")
    assert set(outcome[0].read) == {"sub/a.txt"}


def test_paths_outside_are_absolute(tmp_path: Path, base: Path, watched: Watched) -> None:
    outside = tmp_path / "elsewhere.txt"
    outside.write_text("x")
    with watched() as outcome:
        open("../elsewhere.txt").close()
    assert set(outcome[0].read) == {str(outside)}


@BOTH
def test_a_link_counts_by_its_own_name(base: Path, watched: Watched, native: bool) -> None:
    Path("v1").write_text("x")
    os.symlink("v1", "latest")
    with watched(native=native) as outcome:
        open("latest").close()
    assert set(outcome[0].read) == {"latest"}


def test_threads_of_the_cell_are_seen(base: Path, watched: Watched) -> None:
    Path("a").write_text("x")
    with watched() as outcome:
        thread = threading.Thread(target=lambda: open("a").close())
        thread.start()
        thread.join()
    (seen,) = outcome
    assert set(seen.read) == {"a"}
    assert not seen.threads


def test_threads_that_go_on_are_named(base: Path, watched: Watched) -> None:
    done = threading.Event()
    with watched() as outcome:
        threading.Thread(target=lambda: (done.wait(20), None), name="worker").start()
    done.set()
    assert outcome[0].threads == ("worker",)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda loop: loop.call_later(20, print, "x"), True),
        (lambda loop: loop.call_soon([].append, 1), True),
        (lambda loop: loop.call_later(20, print, "x").cancel(), False),
        (lambda loop: loop.create_future().set_result(1), False),
    ],
)
def test_callbacks_that_wait_in_the_loop_are_told(
    base: Path, watched: Watched, call: Callable[[asyncio.AbstractEventLoop], object], told: bool
) -> None:
    async def cell() -> None:
        with watched() as outcome:
            call(asyncio.get_running_loop())
        assert outcome[0].threads == (("a callback of the event loop",) if told else ())

    asyncio.run(cell())


def test_tasks_that_go_on_are_named(base: Path, watched: Watched) -> None:
    async def cell() -> None:
        with watched() as outcome:
            task = asyncio.create_task(asyncio.sleep(20), name="left")
        assert outcome[0].threads == ("left",)
        task.cancel()

    asyncio.run(cell())


def test_idle_pools_are_not_the_cells_work(base: Path, watched: Watched) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    with watched() as outcome:
        pool.submit(int).result()
    pool.shutdown()
    assert not outcome[0].threads


def test_pools_of_processes_are_the_cells_work_until_their_results_are_there(
    base: Path, watched: Watched
) -> None:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool:
        with watched() as outcome:
            pool.submit(int).result()
        assert not outcome[0].threads
    with ProcessPoolExecutor(1) as pool:
        with watched() as outcome:
            pool.submit(time.sleep, 1)
        assert outcome[0].threads


def test_programs(base: Path, watched: Watched) -> None:
    with watched() as outcome:
        subprocess.run([sys.executable, "-c", ""], check=True)
        subprocess.run(["uname"], check=True, stdout=subprocess.DEVNULL)
        os.system("true")
        subprocess.run("exit 0", shell=True, check=True)
    assert set(outcome[0].programs) == {Path(sys.executable).name, "true", "sh"}


def test_network(base: Path, watched: Watched) -> None:
    with watched() as outcome:
        socket.getaddrinfo("localhost", 1)
    assert outcome[0].network
    with watched() as outcome:
        pass
    assert not outcome[0].network


def test_sqlite(base: Path, watched: Watched) -> None:
    with sqlite3.connect("d.db") as connection:
        connection.execute("create table t (x)")
    connection.close()
    with watched() as outcome:
        connection = sqlite3.connect("d.db")
        connection.execute("select * from t").fetchall()
        connection.close()
    assert (set(outcome[0].read), set(outcome[0].written)) == ({"d.db"}, set())
    with watched() as outcome:
        connection = sqlite3.connect("d.db")
        connection.execute("insert into t values (1)")
        connection.commit()
        connection.close()
    assert outcome[0].updated == {"d.db"} == set(outcome[0].written)
    with watched() as outcome:
        sqlite3.connect(":memory:").close()
    assert not outcome[0].written


def test_copies(base: Path, watched: Watched) -> None:
    Path("a").write_text("x")
    with watched() as outcome:
        shutil.copy("a", "b")
    (seen,) = outcome
    assert (set(seen.read), set(seen.written)) == ({"a"}, {"b"})


def test_native_readers_are_seen(base: Path, watched: Watched) -> None:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as parquet

    names = ["p" + str(i) + ".parquet" for i in range(2)]
    for name in names:
        parquet.write_table(pa.table({"a": [1, 2]}), name)
    with watched() as outcome:
        parquet.read_table(names[0])
        pl.read_parquet(names[1])
    (seen,) = outcome
    assert set(seen.read) == set(names)
    assert not seen.written


def test_native_writers_are_seen(base: Path, watched: Watched) -> None:
    import polars as pl

    pl.DataFrame({"a": [1]}).write_parquet("old.parquet")
    with watched() as outcome:
        pl.DataFrame({"a": [1]}).write_parquet("new.parquet")
        pl.DataFrame({"a": [2]}).write_parquet("old.parquet")
        pl.read_parquet("new.parquet")
    (seen,) = outcome
    assert set(seen.written) == {"new.parquet", "old.parquet"}
    assert not seen.read
    assert not seen.updated


def test_native_writers_into_new_directories(base: Path, watched: Watched) -> None:
    import polars as pl

    with watched() as outcome:
        os.makedirs("out/deep")
        pl.DataFrame({"a": [1]}).write_parquet("out/deep/a.parquet")
    assert set(outcome[0].written) == {"out", "out/deep", "out/deep/a.parquet"}
    assert not outcome[0].read


def test_directories_made_since_are_watched(files: Files, base: Path) -> None:
    watch = Watch(files)
    Path("new").mkdir()
    Path("new/a").write_text("x")
    watch.start()
    subprocess.run("cat new/a", shell=True, check=True, stdout=subprocess.DEVNULL)
    assert set(watch.stop().read) == {"new/a"}
    watch.close()


def test_a_literal_in_a_missing_directory_is_no_gap(base: Path, watched: Watched) -> None:
    with watched("missing/a.csv") as outcome:
        pass
    assert outcome[0].read["missing/a.csv"].kind == "absent"
    assert not outcome[0].gaps


def test_native_readers_of_directories(base: Path, watched: Watched) -> None:
    import polars as pl

    Path("parts").mkdir()
    for name in ("a", "b"):
        pl.DataFrame({"a": [1]}).write_parquet(f"parts/{name}.parquet")
    with watched() as outcome:
        pl.read_parquet("par" + "ts/")
    assert set(outcome[0].read) == {"parts", "parts/a.parquet", "parts/b.parquet"}


def test_children_are_seen(base: Path, watched: Watched) -> None:
    Path("a").write_text("x")
    with watched() as outcome:
        subprocess.run("cat a > b", shell=True, check=True)
    (seen,) = outcome
    assert (set(seen.read), set(seen.written)) == ({"a"}, {"b"})


def test_named_files_count_unless_written_first(base: Path, watched: Watched) -> None:
    Path("a.csv").write_text("x")
    Path("out.csv").write_text("x")
    with watched("a.csv", "out.csv", "missing.csv", native=False) as outcome:
        Path("out.csv").write_text("y")
    (seen,) = outcome
    assert {n: s.kind for n, s in seen.read.items()} == {"a.csv": "file", "missing.csv": "absent"}
    assert set(seen.written) == {"out.csv"}


@pytest.mark.parametrize(
    "path",
    [
        os.__file__,
        "/proc/self/status",
        os.path.join(sys.prefix, "pyvenv.cfg"),
        "__pycache__/x.pyc",
        ".ipynb_checkpoints/n.ipynb",
        "cache/entry",
        "~/.config-of-something/x",
    ],
)
def test_other_peoples_files_do_not_count(
    base: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HOME", str(base.parent))
    path = os.path.expanduser(path)
    skip = (str(base / "cache"),)
    with watched(skip=skip) as outcome, contextlib.suppress(FileNotFoundError):
        open(path).close()
    assert not outcome[0].read


def test_hidden_files_of_the_project_count(base: Path, watched: Watched) -> None:
    Path(".env").write_text("x")
    with watched() as outcome:
        open(".env").close()
    assert set(outcome[0].read) == {".env"}


def test_sources_of_loaded_modules_are_code(
    base: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("local_module_a.py").write_text("x = 1")
    Path("script.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(base))
    with watched(native=False) as outcome:
        import local_module_a  # type: ignore[import-not-found]  # noqa: F401

        open("script.py").close()
    assert "local_module_a.py" not in outcome[0].read
    assert "script.py" in outcome[0].read


@pytest.mark.parametrize("started", [False, True], ids=["another worker", "a program of the run"])
def test_sources_that_somebody_else_imports_do_not_count(base: Path, watched: Watched, started: bool) -> None:
    Path("helpers.py").write_text("x = 1")
    read = [sys.executable, "-c", "import os; os.listdir('.'); open('helpers.py').read()"]
    with watched() as outcome:
        if started:
            subprocess.run(read, check=True)
        else:
            with muted():  # so that nobody knows who it is, as with another worker
                subprocess.run(read, check=True)
    assert set(outcome[0].read) == ({"helpers.py", "."} if started else set())


def test_saving_the_notebook_does_not_count(base: Path, watched: Watched) -> None:
    Path("n.ipynb").write_text("{}")
    with watched() as outcome:
        subprocess.run("echo {} > n.ipynb", shell=True, check=True)
    assert not outcome[0].written
    with watched() as outcome:
        open("n.ipynb").close()
    assert set(outcome[0].read) == {"n.ipynb"}


@BOTH
def test_nothing_counts_before_and_after(base: Path, watched: Watched, native: bool) -> None:
    Path("a").write_text("x")
    with watched(native=native) as outcome:
        pass
    open("a").close()
    assert not outcome[0].read
    assert not outcome[0].written


def test_own_reading_does_not_count(base: Path, watched: Watched) -> None:
    Path("a").write_text("x")
    with watched(native=False) as outcome, muted():
        open("a").close()
    assert not outcome[0].read


def test_standard_input(base: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("answer\n"))
    with watched() as outcome:
        assert input() == "answer"
    assert outcome[0].stdin


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_flood_between_cells_costs_nothing(base: Path) -> None:
    """While nobody asks, the system keeps so many events and no more."""
    watch = Watch(Files(str(base), file_digest))
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with muted():
        for number in range(limit // 2):  # each opened, changed and closed
            Path(f"{number % 7}.txt").write_text("a")
        Path("new").mkdir()
        Path("new/a.txt").write_text("a")
    for name in "0.txt", "new/a.txt":
        watch.start()
        with muted():
            subprocess.run(["cat", name], stdout=subprocess.DEVNULL, check=True)
        seen = watch.stop()
        assert not seen.gaps
        assert name in seen.read
    watch.close()
