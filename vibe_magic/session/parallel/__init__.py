"""Bring assets up to date with several workers.

Workers fill the store, the kernel restores from it. A worker gets what an asset reads and runs it ahead of
its turn, as if what stands before it were done. The kernel takes the results over in the order of the
notebook (but for those that nothing before them can tell), each after the one judge of freshness has found
that it was computed from what is there now. So running in parallel is right wherever restoring is; where work
done ahead turns out to rest on something else, because another cell has changed a value in place, say, the
asset runs again in its turn.
"""

from __future__ import annotations

from .ahead import Ahead
from .background import Background
from .bring import Bringing
from .crew import Crew, begin_nursery, employ
from .single import run_apart
from .turns import Wanted

__all__ = ["Ahead", "Background", "Bringing", "Crew", "Wanted", "begin_nursery", "employ", "run_apart"]
