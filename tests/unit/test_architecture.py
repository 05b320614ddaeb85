"""The package keeps its layers, its names, its sizes, and imports nothing that it does not use."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import vibe_magic

PACKAGE = Path(vibe_magic.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    "errors": 0,
    "attributes": 0,
    "closed": 0,
    "collector": 0,
    "methods": 0,
    "modules": 0,
    "config": 1,
    "cell": 1,
    "immutable": 1,
    "slotnames": 1,
    "identity": 2,
    "graph": 2,
    "trace": 2,
    "payload": 2,
    "store": 3,
    "capture": 3,
    "observe": 3,
    "execute": 4,
    "schedule": 5,
    "session": 6,
    "magics": 7,
    "notebook": 7,
    "report": 7,
    "cli": 8,
    "__main__": 9,
    "__init__": 9,
}
"""A module imports only from lower layers and from inside its own package."""

FORBIDDEN = frozenset(
    f"{word}{plural}"
    for word in ("manager", "helper", "util", "handler", "base", "common", "misc")
    for plural in ("", "s")
)
NESTING = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

HEAVY = (
    "dask",
    "ipywidgets",
    "joblib",
    "matplotlib",
    "nbclient",
    "nbformat",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "sklearn",
)

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def component(path: Path) -> str:
    """Name the layer-table entry that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the entries of the layer table that a file imports, wherever in it."""
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = from_names(node, package)
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "vibe_magic" and len(parts) > 1 and is_component(parts[1]):
                yield parts[1]


def from_names(node: ast.ImportFrom, package: str) -> list[str]:
    start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*start, *([node.module] if node.module else [])])
    return [module, *(f"{module}.{alias.name}" for alias in node.names)]


def is_component(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


@every_module
def test_has_a_layer(path: Path) -> None:
    assert component(path) in LAYERS


@every_module
def test_imports_only_from_lower_layers(path: Path) -> None:
    own = component(path)
    above = {
        other for other in imported(path) if other != own and LAYERS.get(other, 99) >= LAYERS.get(own, 99)
    }
    assert not above, f"{own} (layer {LAYERS.get(own)}) imports {sorted(above)}"


@every_module
def test_is_of_readable_size(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@every_module
def test_functions_are_small_and_flat(path: Path) -> None:
    too_long = [f"{node.name}: {n} lines" for node, n in lengths(path) if n > 40]
    too_deep = [node.name for node, _ in lengths(path) if depth(node) > 3]
    assert not too_long
    assert not too_deep


@every_module
def test_names_say_what_things_are(path: Path) -> None:
    named = [path.stem if path.stem != "__init__" else path.parent.name]
    named += [n.name for n in ast.walk(tree(path)) if isinstance(n, (ast.ClassDef, *FUNCTIONS))]
    named = [name for name in named if not name.startswith("visit_")]  # nodes have Python's names
    bad = [name for name in named if words(name) & FORBIDDEN]
    assert not bad


def test_most_functions_are_under_twelve_lines() -> None:
    counts = [n for path in MODULES for _, n in lengths(path)]
    assert sum(n < 12 for n in counts) >= 0.6 * len(counts)


def test_public_names_exist() -> None:
    missing = [name for name in getattr(vibe_magic, "__all__", ()) if not hasattr(vibe_magic, name)]
    assert not missing


def test_import_is_light() -> None:
    assert loaded_by("import vibe_magic") == []


def test_load_ext_is_light() -> None:
    # A shell draws no prompt and keeps no history here; only what loading adds is counted.
    setup = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from traitlets.config import Config\n"
        "config = Config(HistoryManager={'enabled': False})\n"
        "shell = InteractiveShell(config=config)"
    )
    assert loaded_by("shell.extension_manager.load_extension('vibe_magic')", setup) == []


def loaded_by(code: str, setup: str = "") -> list[str]:
    """Return which heavy packages a fresh interpreter has loaded after the code, not before."""
    program = (
        f"import sys\n{setup}\nbefore = set(sys.modules)\n{code}\n"
        f"print(*sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.split()


def lengths(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Yield each function with its number of lines, docstring not counted."""
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTIONS):
            first = node.body[0]
            is_doc = ast.get_docstring(node) is not None
            doc = (first.end_lineno or 0) - first.lineno + 1 if is_doc else 0
            yield node, (node.end_lineno or 0) - node.lineno + 1 - doc


def depth(node: ast.AST) -> int:
    """Count the levels of control flow inside a function, not those of functions within it."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        own = isinstance(child, NESTING) and not chained
        deepest = max(deepest, own + depth(child))
    return deepest


def words(name: str) -> set[str]:
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")
    return set(parts)
