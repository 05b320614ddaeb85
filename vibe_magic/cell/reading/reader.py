"""Expressions: the reads themselves, and calls whose meaning is known."""

from __future__ import annotations

import ast
import re

from ..facts import Hazard
from ..hazards import FRAME_ATTRIBUTES, IPYTHON_TEXT, SHELL_MAGICS, WRAPPERS
from ..parsing import parse
from ..words import words_in
from .functions import Functions

__all__ = ["Reader"]

_ENVIRON = r"(?:.*\.)?(?:getenv|environ(?:\.(?:get|pop|setdefault))?)"
_IMPORTERS = frozenset({"import_module", "__import__", "find_spec"})
_SETTERS = frozenset({"setattr", "delattr", "__setattr__", "__delattr__"})
_CHANGES = frozenset(
    """
    add append clear discard extend insert pop popitem remove reverse setdefault sort update
    """.split()  # noqa: SIM905 - as a list it would be fifteen lines
)
"""Methods of lists, dicts and sets that change them in place."""


class Reader(Functions):
    """Walks code in the order in which it runs."""

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id, "", node.lineno)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self._delete(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        root, path = _chain(node)
        self.mentions |= set(path.split("."))
        if not FRAME_ATTRIBUTES.isdisjoint(path.split(".")):
            self.hazards.append(Hazard("dynamic", path, node.lineno))
        if not isinstance(root, ast.Name):
            self.visit(root)
            return
        stored = not isinstance(node.ctx, ast.Load)
        if stored:
            self._stored(root.id, path)
        self.read(root.id, "" if stored else path, node.lineno)

    def _stored(self, root: str, path: str) -> None:
        for module, attribute in self.imports.get(root, {(root, "")}):
            self.stores.add(".".join(filter(None, (module, attribute, path))))
        self.stores.add(f"{root}.{path}")

    def _put(self, target: ast.AST) -> None:
        """Note what gets or loses items in place, unless it is a plain variable."""
        while isinstance(target, ast.Subscript):
            target = target.value
        root, _, path = _dotted(target).partition(".")
        for module, attribute in self.imports.get(root, ()):
            self.puts.add(".".join(filter(None, (module, attribute, path))))
        if root and path:
            self.puts.add(f"{root}.{path}")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._put(node.value)
        self._environ(node.value, node.slice)
        self.visit(node.value)
        self.visit(node.slice)

    def visit_Compare(self, node: ast.Compare) -> None:
        self._environ(node.comparators[0], node.left)
        self.visit(node.left)
        self.visit(node.comparators[0])
        with self._maybe():
            for part in node.comparators[1:]:
                self.visit(part)

    def _environ(self, target: ast.AST, name: ast.AST) -> None:
        literal = isinstance(name, ast.Constant) and isinstance(name.value, str)
        if literal and re.fullmatch(_ENVIRON, _dotted(target)):
            self.env.add(name.value)  # type: ignore[attr-defined]

    def visit_Call(self, node: ast.Call) -> None:
        dotted = _dotted(node.func)
        last = dotted.rpartition(".")[2]
        self.seeds |= "seed" in last.lower() or last in ("setstate", "set_state")
        if node.args:
            self._environ(node.func, node.args[0])
        if self._shell_call(node) or self._literal_code(node, dotted):
            return
        if last in _CHANGES and isinstance(node.func, ast.Attribute):
            self._put(node.func.value)
        if last in _SETTERS and len(node.args) > 1:
            root, _, path = _dotted(node.args[0]).partition(".")
            name = str(node.args[1].value) if isinstance(node.args[1], ast.Constant) else "*"
            self._stored(root, f"{path}.{name}".lstrip("."))
        if last in _IMPORTERS and node.args:
            self._imports_by_name(node.args[0], last)
        if dotted in ("locals", "vars", "dir") and not node.args and not self.later:
            self.hazards.append(Hazard("dynamic", f"{dotted}()", node.lineno))
        self.visit(node.func)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def _imports_by_name(self, name: ast.expr, call: str) -> None:
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value[:1] != ".":
            self.modules.add((name.value, ""))
        else:
            self.hazards.append(Hazard("dynamic", f"{call}() of a computed name", name.lineno))

    def _literal_code(self, node: ast.Call, dotted: str) -> bool:
        """Walk the text of ``exec("x = 1")`` as code of the cell."""
        if dotted not in ("exec", "eval") or len(node.args) != 1 or self.later:
            return False
        text = node.args[0]
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
            return False
        if dotted not in self.own:  # by that name there may be a function of the notebook
            self.reads.setdefault(dotted, set()).add("")
        return self._code(text.value)

    def _code(self, text: str) -> bool:
        try:
            tree = parse(text)
        except (SyntaxError, ValueError):
            return False
        self.block(tree.body)
        return True

    def _shell_call(self, node: ast.Call) -> bool:
        """Walk what IPython makes of magics and shell lines."""
        func = node.func
        if not (isinstance(func, ast.Attribute) and func.attr in IPYTHON_TEXT):
            return False
        if _dotted(func.value) != "get_ipython()":
            return False
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if not texts or node.keywords or len(texts) != len(node.args):
            return False
        if func.attr in ("system", "getoutput"):
            self.hazards.append(Hazard("process", f"!{''.join(map(str, texts))}", node.lineno))
            return True
        name, *rest = (str(text) for text in texts)
        sign = "%%" if func.attr == "run_cell_magic" else "%"
        kind = "process" if name in SHELL_MAGICS else "magic"
        if name not in WRAPPERS or not self._wrapped(name, sign, rest):
            self.hazards.append(Hazard(kind, sign + name, node.lineno))
        return True

    def _wrapped(self, name: str, sign: str, texts: list[str]) -> bool:
        words = texts[0].split() if texts else []
        if name == "capture":
            for word in words:
                if not word.startswith("-"):
                    self.bind(word)
            words = []
        code = [word for word in words if not word.startswith("-")]
        line = texts[0] if code and len(code) == len(words) else ""
        if len(code) != len(words) and sign == "%":
            return False
        body = "\n".join(text for text in (line, *texts[1:]) if text.strip())
        return self._timed(body) if name == "timeit" else self._code(body)

    def _timed(self, text: str) -> bool:
        """Walk what runs in a function of its own and binds nothing in the notebook."""
        try:
            node = ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(None))
            timed = ast.FunctionDef("timed", node.args, parse(text).body or [ast.Pass()], [])
        except (SyntaxError, ValueError):
            return False
        reader = type(self)(self.scope, later=True)
        reader.body_of(timed)
        self._absorb(reader)
        return True

    def visit_Constant(self, node: ast.Constant) -> None:
        text = node.value
        if not isinstance(text, str):
            return
        self.words |= words_in(text)
        if 0 < len(text) <= 1024 and "\n" not in text:
            self.strings.add(text)


def _chain(node: ast.Attribute) -> tuple[ast.AST, str]:
    parts = [node.attr]
    root: ast.AST = node.value
    while isinstance(root, ast.Attribute):
        parts.append(root.attr)
        root = root.value
    return root, ".".join(reversed(parts))


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        root, path = _chain(node)
        return f"{_dotted(root)}.{path}"
    if isinstance(node, ast.Call):
        return f"{_dotted(node.func)}()"
    return node.id if isinstance(node, ast.Name) else ""
