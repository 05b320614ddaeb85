"""Names whose use has effects, or depends on things, that the text of the code does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .facts import Facts, Hazard

__all__ = [
    "FRAME_ATTRIBUTES",
    "INTROSPECTION",
    "IPYTHON_TEXT",
    "SHELL_MAGICS",
    "WRAPPERS",
    "copies_docstrings",
    "hazards_of_name",
    "history",
]

# Mentioning one of these can bring docstrings, source text or line numbers into a result.
INTROSPECTION = frozenset(
    [
        "__doc__",
        "__code__",
        "help",
        "getdoc",
        "getsource",
        "getsourcelines",
        "getsourcefile",
        "findsource",
        "getcomments",
        "getlineno",
        "inspect",
        "doctest",
        "pydoc",
        "linecache",
        "traceback",
        "currentframe",
        "_getframe",
        "co_firstlineno",
        "co_consts",
        "co_code",
        "co_positions",
        "co_lines",
        "pinfo",
        "pinfo2",
        "psource",
        "pdoc",
        "pfile",
        "format_exc",
        "print_exc",
        "exc_info",
        "exception",
        "extract_tb",
        "extract_stack",
        "__traceback__",
        "tb_lineno",
        "f_lineno",
        "lineno",
    ]
)

# Calling one of these copies the docstring of a function that it is given.
_DOCUMENTING = frozenset({"wraps", "update_wrapper", "vectorize"})

# Attributes that lead to a namespace.
FRAME_ATTRIBUTES = frozenset(
    [
        "f_globals",
        "f_locals",
        "f_back",
        "f_builtins",
        "__globals__",
        "user_ns",
        "user_global_ns",
        "user_ns_hidden",
        "user_module",
        "__builtins__",
    ]
)

# Magics that only run the code they are given, in the namespace of the notebook.
WRAPPERS = frozenset({"time", "timeit", "prun", "capture"})
SHELL_MAGICS = frozenset(["bash", "sh", "script", "sx", "system", "!", "!!", "cmd", "perl", "ruby"])
IPYTHON_TEXT = frozenset({"run_line_magic", "run_cell_magic", "system", "getoutput"})

_HISTORY = r"_{1,3}|_\d+|_i{1,3}|_i\d+|_[iod]h|_exit_code|Out|In"

_HARMLESS = frozenset(
    [
        "PIPE",
        "DEVNULL",
        "STDOUT",
        "CalledProcessError",
        "TimeoutExpired",
        "SubprocessError",
        "CompletedProcess",
        "list2cmdline",
    ]
)
_PROCESS = (
    r"subprocess(\..*)?"
    r"|(os|posix|nt)\.(system|popen|fork|forkpty|startfile|spawn\w*|exec[lv]\w*|posix_spawnp?)"
    r"|pty\.(spawn|fork)|asyncio\.create_subprocess_\w+|pexpect(\..*)?"
    r"|asyncio\.subprocess\.create_subprocess_\w+"
)
_STDIN = (
    r"(builtins\.)?(input|raw_input)|getpass\.getpass|getpass\.win_getpass"
    r"|sys\.(__)?stdin(__)?(\..*)?|fileinput(\..*)?"
)
_FILES = r"(os|posix|nt)\.(access|lstat|readlink|stat)"
_ADDRESS = r"(builtins\.)?id"
_EXIT = r"(os|posix|nt)\.(_exit|abort)"
_EXIT_HERE = r"sys\.exit|(builtins\.)?(exit|quit)"
_DYNAMIC = (
    r"(builtins\.)?(globals|exec|eval|breakpoint)|sys\.(modules|settrace|setprofile)(\..*)?"
    r"|importlib\.reload|__builtins__(\..*)?|gc\.get_(objects|referrers)|__main__(\..*)?"
    r"|(code|pdb)\.(interact|set_trace|InteractiveConsole)|builtins\.(locals|vars)"
    r"|get_ipython(\..*)?|IPython\.get_ipython|IPython\.core\.getipython\.get_ipython"
)
_CALLED = r"((?<!\w)id|input|globals|exec|eval|exit|quit|breakpoint|get_ipython|reload|getpass)$"


def copies_docstrings(facts: Facts) -> bool:
    """Tell whether code may bring docstrings of functions into a result without asking for their text."""
    return not _DOCUMENTING.isdisjoint(facts.mentions) or "__doc__" in facts.strings


def history(name: str) -> bool:
    """Whether IPython binds this global name to earlier results or inputs."""
    return re.fullmatch(_HISTORY, name) is not None


def hazards_of_name(name: str, path: str, line: int, later: bool) -> Iterator[Hazard]:
    """Yield the hazard, if any, of using ``name.path``.

    Parameters
    ----------
    name : str
        A global name, or the dotted name of a module.
    path : str
        Attributes taken from it, dotted; empty for the name as such.
    line : int
        Where.
    later : bool
        Whether inside a function.
    """
    dotted = f"{name}.{path}" if path else name
    shown = dotted + "()" if re.search(_CALLED, dotted) else dotted
    if re.fullmatch(_PROCESS, dotted) and dotted.rpartition(".")[2] not in _HARMLESS:
        yield Hazard("process", shown, line)
    elif re.fullmatch(_STDIN, dotted):
        yield Hazard("stdin", shown, line)
    elif re.fullmatch(_EXIT, dotted) or (not later and re.fullmatch(_EXIT_HERE, dotted)):
        yield Hazard("exit", shown, line)
    elif re.fullmatch(_FILES, dotted):
        yield Hazard("file", f"{dotted}()", line)
    elif re.fullmatch(_ADDRESS, dotted):
        yield Hazard("address", shown, line)
    elif re.fullmatch(_DYNAMIC, dotted):
        yield Hazard("dynamic", shown, line)
