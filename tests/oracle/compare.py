"""Compare a warm run with a cold one."""

from __future__ import annotations

from collections.abc import Sequence

from .runner import Cell, Observed

__all__ = ["differences"]


def differences(warm: Observed, cold: Observed, cells: Sequence[Cell]) -> list[str]:
    """Return every way in which a warm run shows that it was one."""
    if warm.fault or cold.fault:
        return [f"fault: {warm.fault or cold.fault}"]
    found = []
    for place in range(max(len(warm.outputs), len(cold.outputs))):
        one = warm.outputs[place] if place < len(warm.outputs) else "not run"
        two = cold.outputs[place] if place < len(cold.outputs) else "not run"
        if one != two:
            found.append(f"cell {place} ({cells[place].text!r}) shows {one}, cold {two}")
    found += [
        f"{name} is {warm.values.get(name)}, cold {cold.values.get(name)}"
        for name in sorted(warm.values.keys() | cold.values.keys())
        if warm.values.get(name) != cold.values.get(name)
    ]
    if warm.shared != cold.shared:
        found.append(f"shared {sorted(warm.shared ^ cold.shared)}")
    return found
