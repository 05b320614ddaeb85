"""Facets of the random generators that a process shares."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from .facet import Default, Facet, Origin

__all__ = ["GENERATORS", "renew"]


def _get_random(_origin: Origin) -> object:
    return sys.modules["random"].getstate()


def _set_random(value: Any, _origin: Origin) -> None:
    if not isinstance(value, Default):
        importlib.import_module("random").setstate(value)


def _get_numpy(_origin: Origin) -> object:
    """Return the state of the legacy global generator; arrays as bytes, which compare quickly."""
    return _frozen(sys.modules["numpy.random"].get_state(legacy=False))


def _set_numpy(value: Any, _origin: Origin) -> None:
    if not isinstance(value, Default):
        importlib.import_module("numpy.random").set_state(_thawed(value))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((key, _frozen(part)) for key, part in value.items())
    if hasattr(value, "tobytes"):
        return (value.dtype.str, value.tobytes())
    return value


def _thawed(value: tuple[Any, ...]) -> dict[str, Any]:
    return {key: _thawed_part(part) for key, part in value}


def _thawed_part(part: Any) -> Any:
    if not isinstance(part, tuple):
        return part
    if isinstance(part[0], str) and isinstance(part[1], bytes):
        return importlib.import_module("numpy").frombuffer(part[1], dtype=part[0]).copy()
    return _thawed(part)


def _get_torch(_origin: Origin) -> object:
    return sys.modules["torch"].random.get_rng_state().numpy().tobytes()


def _set_torch(value: Any, _origin: Origin) -> None:
    if isinstance(value, Default):
        return
    torch = importlib.import_module("torch")
    torch.random.set_rng_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))


def renew() -> None:
    """Give each generator that is loaded a state of its own, as in a process that has just been started.

    Processes that are forked from one another would draw the same numbers otherwise.
    """
    for facet in GENERATORS:
        if facet.module in sys.modules:
            sys.modules[facet.module].seed()  # without a number: from the operating system's entropy


GENERATORS = (
    Facet("<random>", "random", _get_random, _set_random, is_generator=True),
    Facet("<numpy.random>", "numpy.random", _get_numpy, _set_numpy, is_generator=True),
    Facet("<torch.random>", "torch.random", _get_torch, _set_torch, is_generator=True),
)
