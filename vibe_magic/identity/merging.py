"""The facts of a cell together with those of the code that it can call."""

from __future__ import annotations

from dataclasses import replace

from vibe_magic.cell import Facts

__all__ = ["merged_facts"]

_merges: dict[tuple[int, ...], tuple[tuple[Facts, ...], Facts]] = {}


def merged_facts(facts: tuple[Facts, ...]) -> Facts:
    """Return the union of facts; that of the same objects as before is known."""
    key = tuple(map(id, facts))
    known = _merges.get(key)
    if known is None:
        if len(_merges) > 20_000:
            _merges.clear()
        known = _merges[key] = facts, _united(*facts)  # holding them, so that no other gets an id of theirs
    return known[1]


def _united(facts: Facts, *every: Facts) -> Facts:
    """Add to a cell's facts what matters of the code it can call: not its names, but its effects."""
    if not every:
        return facts
    return replace(
        facts,
        strings=facts.strings.union(*(f.strings for f in every)),
        words=facts.words.union(*(f.words for f in every)),
        env=facts.env.union(*(f.env for f in every)),
        hazards=tuple(dict.fromkeys((*facts.hazards, *(h for f in every for h in f.hazards)))),
        introspects=facts.introspects or any(f.introspects for f in every),
        seeds=facts.seeds or any(f.seeds for f in every),
        stores=facts.stores.union(*(f.stores for f in every)),
        puts=facts.puts.union(*(f.puts for f in every)),
        mentions=facts.mentions.union(*(f.mentions for f in every)),
    )
