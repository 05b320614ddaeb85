"""The settings as traits, so that ``%config VibeMagic.ttl = "1d"`` and IPython profiles reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Int, Unicode
from traitlets.config import Configurable

__all__ = ["VibeMagic"]


class VibeMagic(Configurable):
    """Settings of vibe_magic in this kernel.

    Only what is set here overrides pyproject.toml and the environment; everything else keeps its value.
    """

    cache_dir = Unicode("", help="Directory of the cache; by default .vibe_magic at the project's root.").tag(
        config=True
    )
    cache_size = AnyTrait(
        None,
        allow_none=True,
        help="Limit of the cache, such as '10GB'; the cheapest to recompute go first.",
    ).tag(config=True)
    ttl = AnyTrait(
        None, allow_none=True, help="Age at which results expire, such as '1d'; none by default."
    ).tag(config=True)
    run_upstream = Bool(True, help="Bring stale upstream assets up to date before a cell runs.").tag(
        config=True
    )
    quiet = Bool(False, help="Show no status lines.").tag(config=True)
    store = Bool(True, help="Store results; False runs everything and keeps nothing.").tag(config=True)

    n_jobs = Int(1, help="How many workers bring assets up to date; -1 is as many as there are cores.").tag(
        config=True
    )
    engine = Unicode("", help="The joblib backend that has these workers; loky by default.").tag(config=True)

    def values(self) -> Mapping[str, Any]:
        """Return all traits as they are, cheaply, to tell whether anything changed."""
        return dict(self._trait_values)

    def given(self) -> Mapping[str, Any]:
        """Return the settings that a profile or ``%config`` has set."""
        changed = self._trait_values
        defaults = {name: trait.default_value for name, trait in self.traits(config=True).items()}
        return {
            name: changed[name]
            for name, default in defaults.items()
            if name in changed and changed[name] != default
        }
