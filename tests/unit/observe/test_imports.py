"""Each module is heard of once, right after its file has run."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from vibe_magic.observe import effects, follow_imports, irreversible, leave_imports
from vibe_magic.observe.hooks import hooks

Put = Callable[..., None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def heard() -> Iterator[list[tuple[str, list[str]]]]:
    """Modules in the order in which they were heard of, with the names that they had then."""
    found: list[tuple[str, list[str]]] = []

    def note(module: ModuleType) -> None:
        found.append((module.__name__, [name for name in vars(module) if not name.startswith("__")]))

    follow_imports(note, lambda names, wrote: found.append(("wrote" if wrote else "more", list(names))))
    yield found
    leave_imports()


def test_modules_are_heard_of_when_they_are_complete(put: Put, heard: list) -> None:
    put(im_a="import im_b\nX = 1\nim_b.Z = 3", im_b="Y = 2")
    importlib.import_module("im_a")
    assert heard == [("im_b", ["Y"]), ("im_a", ["im_b", "X"])]


def test_a_reload_is_heard_of(put: Put, heard: list) -> None:
    put(im_c="X = 1")
    importlib.reload(importlib.import_module("im_c"))
    assert [name for name, _ in heard] == ["im_c", "im_c"]


def test_a_module_that_fails_is_not_heard_of_and_its_traceback_is_pythons_own(put: Put, heard: list) -> None:
    put(im_d="1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        import im_d  # noqa: F401
    names = [Path(frame.filename).name for frame in traceback.extract_tb(caught.tb)]
    assert names == ["test_imports.py", "im_d.py"]
    assert heard == []


def test_an_import_that_writes_is_heard_with_all_that_it_loads(put: Put, heard: list, capsys) -> None:
    put(im_f="import im_g\nX = 1", im_g="print('g')", im_h="import sys\nsys.stderr.write('')")
    write = vars(sys.stdout).get("write")
    importlib.import_module("im_f")
    importlib.import_module("im_h")
    assert heard == [("im_g", []), ("im_f", ["im_g", "X"]), ("wrote", ["im_f", "im_g"]), ("im_h", ["sys"])]
    assert vars(sys.stdout).get("write") is write
    assert capsys.readouterr().out == "g\n"


@pytest.mark.parametrize(
    "text",
    [
        "import pathlib\nX = pathlib.Path('data.txt').read_text()",
        "import os\nX = os.path.exists('data.txt')",
        "import os\nX = os.environ.get('IM_X')",
        "import os\nX = os.listdir('.')",
        "import pathlib\nX = sorted(pathlib.Path('.').glob('*.txt'))",
    ],
)
def test_a_module_that_asks_the_world_is_heard(
    put: Put, heard: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("1")
    put(im_w=text)
    importlib.import_module("im_w")
    assert heard[-1] == ("more", ["im_w"])


@pytest.mark.parametrize(
    "text",
    ["from pathlib import Path\nX = Path(__file__).parent", "import logging\nX = logging.getLogger('im')"],
)
def test_a_module_that_makes_what_its_source_says_is_not(put: Put, heard: list, text: str) -> None:
    put(im_q=text)
    importlib.import_module("im_q")
    assert [name for name, _ in heard] == ["im_q"]


def test_a_warning_of_a_module_points_to_who_imports_it(put: Put, heard: list) -> None:
    put(im_e="import warnings\nwarnings.warn('old', stacklevel=2)")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import im_e  # noqa: F401
    assert Path(caught[0].filename).name == "test_imports.py"
    assert [name for name, _ in heard] == ["im_e"]


HOOKS = "import sys\nclass Finder:\n    find_spec = staticmethod(lambda *_: None)\n"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("import tlz", ()),  # adds a hook to find its modules, whoever imports it
        (HOOKS + "sys.meta_path.append(Finder)", ("an import hook",)),
        (HOOKS + "sys.path_hooks.append(Finder)", ("an import hook",)),
        (HOOKS + "import tlz\nsys.meta_path.append(sys.meta_path.pop(0))", ("an import hook",)),
    ],
)
def test_hooks_that_packages_add_to_find_their_own_modules_are_no_change(
    put: Put, heard: list, monkeypatch: pytest.MonkeyPatch, text: str, changed: tuple
) -> None:
    put(im_k=text)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tlz", "toolz")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("meta_path", "path_hooks"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    before, there = effects(), hooks()
    importlib.import_module("im_k")
    assert irreversible(before, effects()) == changed
    assert hooks() != there


def test_the_loader_is_pythons_own_again_afterwards() -> None:
    before = SourceFileLoader.exec_module
    follow_imports(lambda module: None, lambda names, wrote: None)
    assert SourceFileLoader.exec_module is not before
    leave_imports()
    leave_imports()
    assert "exec_module" not in vars(SourceFileLoader)
    assert SourceFileLoader.exec_module is before
