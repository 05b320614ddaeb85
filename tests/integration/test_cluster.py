"""The same notebook on a cluster of processes, whether it sees the store or not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import joblib
import psutil
import pytest
from distributed import Client

import vibe_magic
from tests.disks import as_root_on_linux
from vibe_magic.session import current, report

from .shell import Notebook
from .test_parallel import SWITCH, actions, asset

CELLS = {
    "s": "import os, time\nimport numpy as np\nGO = 0\nbase = np.arange(3.0)",
    "a": "%%asset a\nprint('in a')\na = base * 2 + GO",
    "b": "%%asset b\nb = [base, 'b']",
    "c": "%%asset c --no-cache\nc = (a.sum(), b[0].sum())\nc",
    "w": "%%asset w\nw = os.getpid() if GO else 0",
}


class Cluster:
    """A scheduler and two workers, in processes of their own.

    Parameters
    ----------
    folder : Path
        Where they keep their files.
    hidden : Path or None
        A directory that the workers see empty.
    """

    def __init__(self, folder: Path, hidden: Path | None) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        card = ["--scheduler-file", str(folder / "scheduler.json")]
        self._start(["scheduler", *card, "--no-dashboard", "--port", "0"], None)
        for _ in range(2):
            worker = ["worker", *card, "--nthreads", "2", "--no-dashboard", "--local-directory", str(folder)]
            self._start(worker, hidden)
        self.client = Client(scheduler_file=str(folder / "scheduler.json"), timeout=60)
        self.client.wait_for_workers(2, timeout=60)

    def _start(self, words: list[str], hidden: Path | None) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:]]
        if hidden is not None:
            mount = f'mount -t tmpfs none {hidden} && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, "sh", *command]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(command, cwd="/", **quiet))

    def close(self) -> None:
        self.client.close()
        for process in self.processes:
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                one.kill()
            process.wait()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All that the kernel writes is below one directory with a short name, the notebook's folder apart."""
    assert tmp_path.exists()  # made before temporary files go elsewhere
    folder = Path(tempfile.mkdtemp(prefix="vm"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("VIBE_MAGIC_CACHE_DIR", str(folder / "cache"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["shared", pytest.param("unseen", marks=as_root_on_linux)])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, place: Path
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    found = Cluster(folder, place if request.param == "unseen" else None)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def quiet(place: Path, notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBE_MAGIC_CACHE_DIR", str(place / "cache"))
    monkeypatch.setenv("VIBE_MAGIC_QUIET", "1")
    for name in ("sys.stdout", "sys.stderr"):  # replaced by these tests, to see what cells write
        current().at_start.pop(name, None)


def test_a_cluster_gives_the_same_results(notebook: Notebook, cluster: Cluster) -> None:
    for cell_id, text in CELLS.items():
        notebook.run(text, cell_id)
    notebook.run("GO = 1", "go")
    with cluster.client, joblib.parallel_config(backend="dask"):
        records = vibe_magic.run(force=True)
    assert actions(records) == dict.fromkeys("abcw", "ran")
    assert not [record for record in records if record.stayed]
    assert notebook["a"].tolist() == [1, 3, 5]
    assert notebook["b"][0] is notebook["base"]
    assert notebook["c"] == (9.0, 3.0)
    assert notebook["w"] not in (0, os.getpid())
    assert vibe_magic.run("a", "b", "w") == []
    notebook.run(CELLS["a"], "a")
    assert "in a" in notebook.text
    assert report()[-1].action == "restored"


@pytest.mark.timeout(120)  # nothing hangs
def test_what_gives_up_on_a_cluster_gives_up_alone(notebook: Notebook, cluster: Cluster) -> None:
    notebook.run(SWITCH, "s")
    notebook.run(asset("fine", "time.sleep(0.1)"))
    notebook.run(asset("killed", "os.kill(os.getpid(), 9)"))
    notebook.run("GO = True", "go")
    with cluster.client, joblib.parallel_config(backend="dask"):
        found = actions(vibe_magic.run(keep_going=True))
    assert found == {"fine": "ran", "killed": "failed"}
