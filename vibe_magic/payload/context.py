"""What the objects that are packed live in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from vibe_magic.payload.functions import importable

__all__ = ["Context"]

_BY_VALUE = (str, bytes, int, float, complex, bool, type(None), ModuleType, BuiltinFunctionType)


@dataclass(frozen=True, slots=True)
class Context:
    """The namespace that objects come from or go to, and what is in it already.

    Parameters
    ----------
    namespace : dict
        The notebook's global names. Functions come back with this very dict as their globals,
        instances with the class that it holds under their class's name.
    externals : mapping of str to object, optional
        Objects that are not part of what is packed, by name. Wherever one of them is met it is
        stored as a reference to its name, and the present object of that name comes back.
    """

    namespace: dict[str, Any]
    externals: Mapping[str, object] = field(default_factory=dict)

    def references(self) -> dict[str, object]:
        """Return the externals whose identity matters and that no module holds, each under one name."""
        found: dict[int, tuple[str, object]] = {}
        for name, value in self.externals.items():
            known = found.get(id(value))
            if self._refers(value) and (known is None or not known[0].isidentifier()):
                found[id(value)] = name, value
        return dict(found.values())

    def _refers(self, value: object) -> bool:
        if isinstance(value, _BY_VALUE):
            return False
        if isinstance(value, FunctionType):
            return value.__globals__ is self.namespace or not importable(value)
        if isinstance(value, type):
            return self.owns(value) or not importable(value)
        return not (isinstance(value, tuple | frozenset) and not value)

    def owns(self, cls: type) -> bool:
        """Tell whether a class was defined in the namespace, not in a module."""
        return cls.__module__ in ("__main__", self.namespace.get("__name__", "__main__"))

    def named(self, qualname: str) -> object:
        """Return what a dotted name stands for in the namespace.

        Raises
        ------
        LookupError
            Nothing of that name.
        """
        first, *rest = qualname.split(".")
        found = self.namespace[first]
        for part in rest:
            try:
                found = vars(found)[part] if isinstance(found, type) else getattr(found, part)
            except (AttributeError, KeyError):
                raise LookupError(qualname) from None
        return found
