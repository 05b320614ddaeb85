"""Compare a warm run with a cold one."""

from __future__ import annotations

from collections.abc import Sequence

from .runner import Cell, Observed

__all__ = ["differences", "until_failure"]


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
        f"{name} is {_apart(warm.values.get(name), cold.values.get(name))}"
        for name in sorted(warm.values.keys() | cold.values.keys())
        if warm.values.get(name) != cold.values.get(name)
    ]
    if warm.shared != cold.shared:
        found.append(f"shared {sorted(warm.shared ^ cold.shared)}")
    return found


def _apart(warm: object, cold: object) -> str:
    """Show two values from shortly before the place where they part."""
    one, two = repr(warm), repr(cold)
    equal = next((n for n, pair in enumerate(zip(one, two, strict=False)) if len(set(pair)) > 1), 0)
    start = max(0, equal - 40)
    return f"…{one[start : start + 200]}, cold …{two[start : start + 200]}"


def until_failure(warm: Observed, cold: Observed) -> tuple[Observed, Observed]:
    """Leave out what comes after a failure, which a cell that was put off meets later."""
    if not cold.failed or warm.fault or cold.fault:
        return warm, cold
    common = len(cold.outputs) - 1
    return Observed(warm.outputs[:common]), Observed(cold.outputs[:common])
