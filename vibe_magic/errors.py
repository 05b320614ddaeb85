"""Every exception that vibe_magic raises, as data.

::

    VibeMagicError                 anything below; catch this one
    ├── UsageError                 what the person typed cannot be carried out
    │   ├── ConfigError            a setting that is unknown or malformed
    │   └── NotebookError          a notebook that is missing or unreadable
    ├── Undigestible               a value whose content has no stable digest
    ├── Unpicklable                a result that cannot be written to the store
    ├── StoreError                 the cache directory does not do its work
    │   └── CorruptEntry           an entry that fails its signature or digest
    ├── BodyError                  what the body of a cell raised in another process
    └── KernelDied                 the process that ran the notebook is gone

Fields come before prose: each exception carries what happened, where, and what to do as attributes,
builds its message from them, and survives pickling.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BodyError",
    "ConfigError",
    "CorruptEntry",
    "KernelDied",
    "NotebookError",
    "StoreError",
    "Undigestible",
    "Unpicklable",
    "UsageError",
    "VibeMagicError",
]


class VibeMagicError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    what : str
        What is wrong, as a clause.
    where : str, optional
        The option, file, cell or variable concerned.
    fix : str, optional
        What the person can do about it.
    """

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Put the fields into one line: ``where: what; fix``."""
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.fix}" if self.fix else ""
        return f"{place}{self.what}{advice}"


class UsageError(VibeMagicError):
    """What the person typed cannot be carried out; shown as one line."""


class ConfigError(UsageError):
    """A setting that is unknown or has a value of the wrong form."""


class NotebookError(UsageError):
    """A notebook that is missing, unreadable, or not one for Python."""


class Undigestible(VibeMagicError):
    """A value whose content cannot be told apart reliably.

    Parameters
    ----------
    path : str
        Where in the namespace it was met, such as ``raw.conn`` or ``models[3]``.
    type_name : str
        Its type.
    reason : str
        Why it has no digest.
    """

    def __init__(self, path: str, type_name: str, reason: str) -> None:
        super().__init__(f"a {type_name} has no content digest ({reason})", path)
        self.args = (path, type_name, reason)
        self.path = path
        self.type_name = type_name
        self.reason = reason


class Unpicklable(VibeMagicError):
    """A result that cannot be written to the store and read back.

    Parameters
    ----------
    name : str
        The variable.
    type_name : str
        The type of the object in it that does not pickle.
    reason : str
        What the pickler said.
    """

    def __init__(self, name: str, type_name: str, reason: str) -> None:
        super().__init__(f"a {type_name} cannot be stored ({reason})", name)
        self.args = (name, type_name, reason)
        self.name = name
        self.type_name = type_name
        self.reason = reason


class StoreError(VibeMagicError):
    """The cache directory cannot be read or written."""


class CorruptEntry(StoreError):
    """An entry whose signature, digest or form is wrong; treated as a miss."""


class KernelDied(VibeMagicError):
    """The process that ran the notebook ended by itself."""


class BodyError(VibeMagicError):
    """What a body raised, with the traceback that it has there.

    Parameters
    ----------
    name, message : str
        Of the exception.
    lines : list of str
        Its traceback, as the shell shows it.
    """

    def __init__(self, name: str, message: str, lines: list[str]) -> None:
        super().__init__(f"raised {name}", fix=message)
        self.args = (name, message, lines)
        self.name = name
        self.message = message
        self.lines = lines

    def exception(self) -> BaseException:
        """Return an exception that the shell shows as the original."""
        shown = {"_render_traceback_": lambda _: self.lines, "__str__": lambda _: self.message}
        cls: Any = type(self.name, (Exception,), shown)
        made: BaseException = cls()
        return made
