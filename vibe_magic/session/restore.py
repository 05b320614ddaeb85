"""Bring a stored result back into a namespace, as if its cell had run."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Collection, Mapping
from types import FunctionType
from typing import Any

from vibe_magic.capture import ABSENT, replay
from vibe_magic.cell import Cell
from vibe_magic.errors import Undigestible
from vibe_magic.execute import RESULT, STATE, sharing, user_names
from vibe_magic.identity import Memo, Parts, anchors, found_by, labels, parts
from vibe_magic.observe import facets
from vibe_magic.payload import Context
from vibe_magic.store import Entry, Store
from vibe_magic.trace import Fact, Trace

__all__ = ["aliased", "define", "equate", "referable", "restore", "root_of"]

_HISTORY = ("_", "__", "___")


def restore(
    entry: Entry,
    trace: Trace,
    store: Store,
    cell: Cell,
    namespace: dict[str, Any],
    shell: Any,
    *,
    show: bool = True,
    but: Collection[str] = (),
) -> Any:
    """Put an entry's values into the namespace and show its outputs, unless they have been shown.

    Process state comes first, since imports may need a changed ``sys.path``; then the definitions, since
    values may be instances of the classes among them; then the values, `but` for some names.

    Returns
    -------
    object
        The value of the last expression.

    Raises
    ------
    CorruptEntry
        The entry cannot be read.
    """
    outputs = store.outputs(entry) if show else ()
    inputs = {ref: namespace[ref] for ref in trace.inputs if ref in namespace}
    state = store.load(entry, Context(namespace), [STATE]).get(STATE)
    if isinstance(state, Mapping):
        facets.apply(state)
    define(cell, namespace, shell)
    present = {**referable(entry, namespace, trace.mutated), **inputs}
    values = store.load(entry, Context(namespace, present), set(entry.names) - {STATE, *but})
    result = values.pop(RESULT, ABSENT)
    for name in trace.mutated:
        if name in values and name in namespace:
            _replace_in_history(namespace, namespace[name], values[name])
    for name in trace.deleted:
        namespace.pop(name, None)
    namespace.update(values)
    if show:
        replay(outputs, shell, result=result)
    return None if result is ABSENT else result


def referable(entry: Entry, namespace: Mapping[str, Any], mutated: Collection[str] = ()) -> dict[str, Any]:
    """Return the parts of the notebook's values that an entry refers to by their paths.

    Of values that the cell changed in place only the labels of frames are taken as they are; see `labels`.
    """
    paths = [name for name in entry.externals if not name.isidentifier()]
    roots = set(map(root_of, paths))
    values = {ref: value for root in roots for ref, value in found_by(root, namespace).items()}
    found = labels(values)
    for name in values.keys() - set(mutated):  # one by one, for a part of two keeps the path from each
        found |= anchors({name: values[name]})
    return found


def root_of(path: str) -> str:
    """Return the name, or ``module:name``, that a path to a part of a value begins with."""
    found = re.match(r"([\w.]+:)?\w+", path)
    return found[0] if found else path


ALIGNED_BYTES = 50 * 2**20
"""Up to this size, what came back is digested at once, to be known as what was stored."""


def equate(facts: Mapping[str, Fact], nbytes: int, namespace: Mapping[str, Any], memo: Memo) -> None:
    """Let what came back count as what was stored, for readers that go by its digest; unless it is large."""
    for name, fact in facts.items() if nbytes < ALIGNED_BYTES else ():
        if fact.kind == "value" and name in namespace:
            with contextlib.suppress(Undigestible):  # then its readers will say so
                memo.equate(namespace[name], fact.digest)


def define(cell: Cell, namespace: dict[str, Any], shell: Any) -> None:
    """Run the imports, functions and classes of a cell: they are code, not results."""
    if not cell.definitions:
        return
    name = shell.compile.cache(cell.python, shell.execution_count, raw_code=cell.source)
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        for statement in cell.definition_module().body:  # one by one, as IPython does
            exec(shell.compile(ast.Module([statement], []), name, "exec"), namespace)


def aliased(trace: Trace, namespace: Mapping[str, Any]) -> str:
    """Return a name whose value the cell changes in place while others hold it, too; or nothing."""
    changed = [name for name in trace.mutated if name in namespace]
    if not changed:
        return ""
    shared = labels({name: namespace[name] for name in changed})
    kept = [id(index) for path, index in shared.items() if path not in trace.mutated]
    kept += [id(value) for value in namespace.values() if isinstance(value, type | FunctionType)]
    extents: dict[str, Parts] = {name: parts(namespace[name], kept) for name in changed}
    others = user_names(namespace) - set(changed)
    for other in others:
        pairs = sharing({**extents, f"other {other}": parts(namespace[other])})
        for one, two in pairs:
            if "other " in one or "other " in two:
                return one if two.startswith("other ") else two
    return ""


def _replace_in_history(namespace: dict[str, Any], old: object, new: object) -> None:
    """Let earlier ``Out`` entries show the changed object, as they would after a change in place."""
    history = namespace.get("_oh", {})
    for number, value in list(history.items()):
        if value is old:
            history[number] = new
            namespace[f"_{number}"] = new
    for name in _HISTORY:
        if namespace.get(name) is old:
            namespace[name] = new
