"""Facets of libraries: options that decide what they compute and how they show it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from .facet import DEFAULT, Default, Facet, Origin, unlike, variables

__all__ = ["LIBRARIES"]

_NUMPY_PRINT = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
    "override_repr": None,
}
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_PANDAS = "pandas._config.config"
_INLINE = "matplotlib_inline.config"
_INLINE_BACKEND = "matplotlib_inline.backend_inline"
_BACKEND_KEYS = ("backend", "interactive")


def _get_print(_origin: Origin) -> object:
    present = sys.modules["numpy"].get_printoptions()
    return unlike(present, {key: _NUMPY_PRINT.get(key) for key in present})


def _set_print(value: Mapping[str, Any], _origin: Origin) -> None:
    options = {key: _or_default(part, _NUMPY_PRINT.get(key)) for key, part in value.items()}
    importlib.import_module("numpy").set_printoptions(**options)


def _get_errors(_origin: Origin) -> object:
    return unlike(sys.modules["numpy"].geterr(), _NUMPY_ERRORS)


def _set_errors(value: Mapping[str, Any], _origin: Origin) -> None:
    options = {key: _or_default(part, _NUMPY_ERRORS[key]) for key, part in value.items()}
    importlib.import_module("numpy").seterr(**options)


def _get_pandas(_origin: Origin) -> object:
    """Return the options that are not as registered; read past `get_option`, which warns."""
    config = sys.modules[_PANDAS]
    changed = {}
    for key, option in config._registered_options.items():
        value: Any = config._global_config
        for part in key.split("."):
            value = value[part]
        if value is not option.defval and value != option.defval:
            changed[key] = value
    return changed


def _set_pandas(value: Mapping[str, Any], _origin: Origin) -> None:
    pandas = importlib.import_module("pandas")
    for key, part in value.items():
        if isinstance(part, Default):
            pandas.reset_option(key)
        else:
            pandas.set_option(key, part)


def _get_matplotlib(_origin: Origin) -> object:
    """Return the parameters that differ from the settings files'."""
    matplotlib = sys.modules["matplotlib"]
    default = matplotlib.rcParamsOrig
    # past the methods of rcParams, which warn of deprecated keys and resolve the backend
    changed = {
        key: value
        for key, value in dict.items(matplotlib.rcParams)
        if value != dict.get(default, key) and not key.startswith(_BACKEND_KEYS)
    }
    inline = _inline_settings()
    return {key: part for key, part in changed.items() if key not in inline or inline[key] != part}


def _inline_settings() -> Mapping[str, Any]:
    """Return what the notebook's own figure backend sets when it is loaded."""
    module = sys.modules.get(_INLINE)
    if module is None or not module.InlineBackend.initialized():
        return {}
    settings: Mapping[str, Any] = module.InlineBackend.instance().rc
    return settings


def _set_matplotlib(value: Mapping[str, Any], _origin: Origin) -> None:
    matplotlib = importlib.import_module("matplotlib")
    for key, part in value.items():
        matplotlib.rcParams[key] = _or_default(part, dict.get(matplotlib.rcParamsOrig, key))


def _get_backend(origin: Origin) -> object:
    """Return what draws figures, and whether at once, where that is not as it came."""
    matplotlib = sys.modules["matplotlib"]
    default = _backend_defaults(origin)
    present = {key: dict.get(matplotlib.rcParams, key) for key in default}
    return {key: value for key, value in present.items() if _short(value) != _short(default[key])}


def _set_backend(value: Mapping[str, Any], origin: Origin) -> None:
    matplotlib, pyplot = map(importlib.import_module, ("matplotlib", "matplotlib.pyplot"))
    if "backend" in value:
        name = _or_default(value["backend"], _backend_defaults(origin)["backend"])
        if isinstance(name, str):
            matplotlib.use(name)
        else:  # matplotlib's mark for not chosen yet, which its own way of setting passes over
            dict.__setitem__(matplotlib.rcParams, "backend", name)
    if "interactive" in value:
        if _INLINE_BACKEND not in sys.modules:  # loading it turns this on
            pyplot.switch_backend(matplotlib.get_backend())
        matplotlib.interactive(_or_default(value["interactive"], _backend_defaults(origin)["interactive"]))


def _backend_defaults(origin: Origin) -> dict[str, Any]:
    """Return what is so where nobody has chosen: by the environment, and by the notebook's own backend."""
    files = sys.modules["matplotlib"].rcParamsOrig
    inline = _INLINE_BACKEND in sys.modules and importlib.import_module("IPython").get_ipython() is not None
    return {
        "backend": origin.environ.get("MPLBACKEND") or dict.get(files, "backend"),
        "interactive": inline or dict.get(files, "interactive"),
    }


def _short(value: Any) -> Any:
    """Return one name for the notebook's own backend, which has two."""
    return "inline" if value == f"module://{_INLINE_BACKEND}" else value


def _get_figures(_origin: Origin) -> object:
    """Return in which formats the shell shows figures, and whether its backend closes them."""
    backend, shell = sys.modules[_INLINE].InlineBackend, importlib.import_module("IPython").get_ipython()
    printers = {} if shell is None else _figure_printers(shell)
    closes = not backend.initialized() or backend.instance().close_figures
    found: dict[str, Any] = {} if closes else {"close_figures": False}
    if printers and printers != _PNG:
        found["formats"] = printers
    return found


def _figure_printers(shell: Any) -> dict[str, dict[str, Any]]:
    """Return the arguments with which figures are printed, by format."""
    found = {}
    for one in shell.display_formatter.formatters.values():
        for cls, printer in one.type_printers.items():
            if (cls.__module__, cls.__name__) == ("matplotlib.figure", "Figure"):
                options = dict(getattr(printer, "keywords", {}))
                options.pop("base64", None)
                name = options.pop("fmt", "retina")
                found[name] = options
    return found


_PNG = {"png": {"bbox_inches": "tight"}}
"""How figures are shown where nobody has asked for anything else."""


def _set_figures(value: Mapping[str, Any], _origin: Origin) -> None:
    backend = importlib.import_module(_INLINE).InlineBackend.instance()
    if "close_figures" in value:
        backend.close_figures = _or_default(value["close_figures"], True)
    if "formats" in value:
        formats = _or_default(value["formats"], _PNG)
        shell = importlib.import_module("IPython").get_ipython()
        backend.print_figure_kwargs = options = dict(next(iter(formats.values())))
        backend.figure_formats = set(formats)
        importlib.import_module("IPython.core.pylabtools").select_figure_formats(
            shell, set(formats), **options
        )


def _get_polars(_origin: Origin) -> object:
    return {name: os.environ[name] for name in variables() if name.startswith("POLARS_")}


def _set_polars(value: Mapping[str, Any], _origin: Origin) -> None:
    for key, part in value.items():
        if isinstance(part, Default):
            os.environ.pop(key, None)
        else:
            os.environ[key] = part


def _or_default(value: Any, default: Any) -> Any:
    return default if value is DEFAULT else value


_TEXT = (
    "float_precision",
    "float_format",
    "max_seq_length",
    "max_width",
    "newline",
    "pprint",
    "verbose",
)
_SHELL = ("ast_node_interactivity",)


def _shown_by() -> tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...]:
    """Return what has a say in how results are shown, each with its options and how they are by default."""
    shell = sys.modules["IPython"].get_ipython()
    formatter = getattr(shell, "display_formatter", None)
    text = None if formatter is None else formatter.formatters.get("text/plain")
    if text is None:
        return ()
    kinds: Any = (type(text), type(shell))
    return (text, _defaults(kinds[0], _TEXT)), (shell, _defaults(kinds[1], _SHELL))


@cache
def _defaults(cls: Any, names: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    traits = cls.class_traits()
    return tuple((name, traits[name].default_value) for name in names)


def _get_display(_origin: Origin) -> object:
    """Return the options that are not as by default; what was never set is not among a trait's values."""
    found = {}
    for one, options in _shown_by():
        values = one._trait_values
        for name, default in options:
            value = values.get(name, default)
            if value != default:
                found[name] = value
    return found


def _set_display(value: Mapping[str, Any], _origin: Origin) -> None:
    for one, options in _shown_by():
        for name, default in options:
            if name in value:
                setattr(one, name, _or_default(value[name], default))


LIBRARIES = (
    Facet("<display>", "IPython", _get_display, _set_display),
    Facet("<numpy.printoptions>", "numpy", _get_print, _set_print, setters=("numpy.set_printoptions",)),
    Facet("<numpy.errstate>", "numpy", _get_errors, _set_errors, setters=("numpy.seterr",)),
    Facet("<pandas.options>", _PANDAS, _get_pandas, _set_pandas, setters=("pandas.set_option",)),
    Facet(
        "<matplotlib.rcParams>",
        "matplotlib",
        _get_matplotlib,
        _set_matplotlib,
        setters=("matplotlib.use", "matplotlib.set_cmap", "seaborn.set*"),
    ),
    Facet("<matplotlib.backend>", "matplotlib", _get_backend, _set_backend),
    Facet("<figures>", _INLINE, _get_figures, _set_figures, setters=("*.set_matplotlib_*",)),
    Facet("<polars.Config>", "polars", _get_polars, _set_polars, setters=("polars.set_*",)),
)
