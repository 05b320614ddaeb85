"""Restored values that nothing reads are not loaded, and nothing shows that they are not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

import vibe_magic
from vibe_magic.session import current, report

from .shell import Notebook

CELLS = {
    "np": "import numpy as np",
    "a": "%%asset a\na = np.arange(50_000.0)",
    "b": "%%asset b\nb = a * 2",
    "c": "%%asset c\nc = [b + 1] * 2\nc[0].sum()",
}


def run_all(notebook: Notebook) -> None:
    for cell_id, text in CELLS.items():
        notebook.run(text, cell_id)


@pytest.fixture
def restored(notebook: Notebook) -> Notebook:
    """Return a notebook whose assets were restored, as in a new kernel."""
    run_all(notebook)
    for name in "abc":
        del notebook.shell.user_ns[name]
    current().unread.is_open = True
    run_all(notebook)
    assert [record.action for record in report()[-3:]] == ["restored"] * 3
    return notebook


def unread() -> set[str]:
    return set(current().unread.names)


def test_running_all_loads_nothing_that_no_cell_reads(restored: Notebook) -> None:
    assert unread() == {"a", "b", "c"}
    assert restored.run("1 + 1", "other").result == 2
    assert unread() == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("float(a[1])", "a"),
        ("def f():\n    return float(b[1])\nf()", "b"),
        ("c[0] is c[1]", "c"),
        ("a, b", "ab"),
        ("a = 1", "a"),
        ("del b", "b"),
        ("globals()['a']", "abc"),
        ("%who", "abc"),
        ("eval('a + b')", "ab"),
        ("import pandas as pd\npd.eval('a + 1')", "a"),
        ("import pandas as pd\npd.eval(''.join(['', 'a']) + ' + 1')", "a"),
        ("%asset status", ""),
        ("%asset run\nb", "b"),
        ("%%asset d\nd = a[:2].copy()", "a"),
        ("%%asset d --lazy\nd = a[:2].copy()", "a"),
        ("!echo {a}", "abc"),
        ("!echo", ""),
        ("%config InlineBackend.close_figures = True", ""),
        ("%config VibeMagic.ttl = '{a}'", "abc"),
    ],
)
def test_a_cell_finds_what_it_reads(restored: Notebook, text: str, loaded: str) -> None:
    done = restored.run(text, "reader")
    assert done.success, restored.text
    assert unread() == {"a", "b", "c"} - set(loaded)


def test_a_reader_that_is_restored_loads_nothing(restored: Notebook) -> None:
    text = "%%asset d\nd = a + b + c[0]"
    restored.run(text, "d")
    del restored.shell.user_ns["d"]
    run_all(restored)
    restored.run(text, "d")
    assert restored.last.action == "restored"
    assert unread() == {"a", "b", "c", "d"}


def test_a_function_asset_finds_its_parameters(restored: Notebook) -> None:
    restored.run("import vibe_magic as vm\n@vm.asset\ndef total(a):\n    return float(a.sum())", "f")
    assert restored.run("total()", "call").result == 50_000 * 49_999 / 2


def test_workers_take_it_from_the_store(restored: Notebook) -> None:
    for name in ("sys.stdout", "sys.stderr"):  # replaced by these tests, to see what cells write
        current().at_start.pop(name, None)
    restored.run("%%asset d --lazy\nd = float(a.sum() + b.sum())", "d")
    run_all(restored)
    assert unread() == {"a", "b", "c"}
    restored.run("%asset run d --force -j 2 --engine threading", "run")
    assert not restored.last.stayed
    assert unread() == {"a", "b", "c"}
    assert restored["d"] == 3 * 50_000 * 49_999 / 2


def test_what_cannot_be_read_after_all_is_computed_again(restored: Notebook) -> None:
    group = current().unread._groups["b"]
    content = bytearray(group.held.content.stream)
    memory = memoryview(group.held.content.stream.obj)
    start = bytes(memory).index(bytes(content))
    memory[start : start + len(content)] = b"\0" * len(content)
    assert float(restored.run("float(b[1])", "reader").result) == 2.0
    assert "computed again" in restored.text


def test_with_threads_of_the_notebook_values_do_not_wait(restored: Notebook) -> None:
    done = threading.Event()
    restored.shell.user_ns["done"] = done
    restored.run("import threading\ndef work():\n    done.wait()\nthreading.Thread(target=work).start()", "t")
    for name in "abc":
        restored.run(f"{name} = None", name)
    run_all(restored)
    assert unread() == set()
    done.set()


def test_what_refers_to_the_notebook_is_loaded_at_once(notebook: Notebook) -> None:
    current().unread.is_open = True
    current().unread.from_bytes = 0
    text = "%%asset a\nclass P: pass\na, f, n = P(), (lambda x: x), 5"
    notebook.run(text, "a")
    for name in "afn":
        del notebook.shell.user_ns[name]
    notebook.run(text, "a")
    assert unread() == {"n"}


def test_unloading_the_extension_loads_the_values(restored: Notebook) -> None:
    vibe_magic.unload_ipython_extension(restored.shell)
    assert {"a", "b", "c"} <= restored.shell.user_ns.keys()
    vibe_magic.load_ipython_extension(restored.shell)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    """Yield the client of a kernel in which the assets were restored."""
    cache = str(tmp_path / "cache")
    setup = f"import os\nos.environ['VIBE_MAGIC_CACHE_DIR'] = {cache!r}\n%load_ext vibe_magic"
    for attempt in range(2):
        manager, found = start_new_kernel(cwd=str(tmp_path))
        found.execute_interactive(setup, timeout=60)
        for text in CELLS.values():
            found.execute_interactive(text, timeout=60)
        if attempt == 0:
            found.stop_channels()
            manager.shutdown_kernel(now=True)
    yield found
    found.stop_channels()
    manager.shutdown_kernel(now=True)


def asked(client: Any, expression: str) -> str:
    reply = client.execute_interactive("", user_expressions={"it": expression}, timeout=60, silent=True)
    return str(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])


WAITING = "sorted(__import__('vibe_magic.session').session.current().unread.names)"


def test_who_reads_names_without_a_cell_finds_them(client: Any) -> None:
    assert asked(client, WAITING) == "['a', 'b', 'c']"
    client.complete("a.su", 4)
    assert "sum" in client.get_shell_msg(timeout=60)["content"]["matches"]
    assert asked(client, WAITING) == "['b', 'c']"
    assert asked(client, "float(b[1])") == "2.0"
    assert asked(client, WAITING) == "['c']"
    client.inspect("c", 1)
    assert client.get_shell_msg(timeout=60)["content"]["found"]
    assert asked(client, WAITING) == "[]"


def test_a_front_end_that_looks_at_all_names_sees_them(client: Any) -> None:
    assert asked(client, "sorted(name for name in globals() if name in 'abc')") == "['a', 'b', 'c']"
