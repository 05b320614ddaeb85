"""A registered cell, and the labels that tell cells apart within one kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vibe_magic.cell import Cell
from vibe_magic.graph import Node

from .spec import Spec

__all__ = ["Asset", "Registry"]


@dataclass(frozen=True, slots=True)
class Asset:
    """A cell registered as a node of the graph.

    Parameters
    ----------
    name : str
        Unique among the registered assets.
    spec : Spec
        What its header asks for.
    cell : Cell
        Its body, analysed.
    cell_id : str
        The front end's identity of the cell; empty where it sends none.
    function : callable or None
        What is called instead of a cell being run, if the asset is a function.
    """

    name: str
    spec: Spec
    cell: Cell
    cell_id: str = ""
    function: Any = None

    @property
    def label(self) -> str:
        """What identifies the cell or function within this kernel."""
        return self.cell_id or f"{'asset' if self.function is None else 'function'}:{self.name}"

    def node(self, reads: frozenset[str] = frozenset()) -> Node:
        """Return the asset as a node of the graph, with the names found to be read."""
        facts = self.cell.facts
        return Node(self.name, reads | facts.reads, facts.writes, frozenset(self.spec.deps))


@dataclass(frozen=True)
class Registry:
    """The assets of one kernel or notebook in their order; never changed, only replaced."""

    assets: Mapping[str, Asset] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Asset]:
        """Iterate over the assets in order of registration."""
        return iter(self.assets.values())

    def __getitem__(self, name: str) -> Asset:
        """Return the asset of a name; KeyError if there is none."""
        return self.assets[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether an asset of this name is registered."""
        return name in self.assets

    @cached_property
    def by_label(self) -> Mapping[str, Asset]:
        """The assets by what identifies their cells."""
        return {asset.label: asset for asset in self}

    def claim(self, spec: Spec, cell: Cell, cell_id: str, default: str) -> tuple[Asset, Asset | None]:
        """Return the asset that a cell asks to be, and the one that holds its name already.

        A name that the header gives may be taken by another cell, which is then returned; a name
        that was only derived gives way and gets a number.
        """
        name = spec.name or self._free(default, cell_id)
        holder = self.assets.get(name)
        taken = holder is not None and self._foreign(name, cell_id)
        return Asset(name, spec, cell, cell_id), holder if taken else None

    def _foreign(self, name: str, cell_id: str) -> bool:
        holder = self.assets.get(name)
        return holder is not None and bool(cell_id) and holder.cell_id not in ("", cell_id)

    def _free(self, wanted: str, cell_id: str) -> str:
        name, number = wanted, 1
        while self._foreign(name, cell_id):
            number += 1
            name = f"{wanted}_{number}"
        return name

    def with_asset(self, asset: Asset) -> Registry:
        """Register an asset: in the place of the one it replaces, or at the end."""
        if self.assets.get(asset.name) == asset:
            return self
        former = self.by_label.get(asset.label) if asset.cell_id else None
        if former is None or former.name == asset.name:
            return Registry({**self.assets, asset.name: asset})
        others = ((a.name, a) for a in self if a.name != asset.name)
        return Registry(dict((asset.name, asset) if a is former else (n, a) for n, a in others))

    def without(self, names: Collection[str]) -> Registry:
        """Forget assets."""
        return Registry({name: a for name, a in self.assets.items() if name not in names})
