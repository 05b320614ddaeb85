from __future__ import annotations

import gc

from vibe_magic.execute.finalizers import finalized
from vibe_magic.payload import Context, pack


class Said:
    def __del__(self) -> None:
        pass


def test_values_with_finalizers_are_named_by_their_class(tmp_path) -> None:
    with open(tmp_path / "f", "w") as file:
        open_file = finalized({"f": file, "n": 1})
    values = {"a": Said(), "b": [1, Said()], "c": {"k": Said()}, "d": [1], "e": "text", "f": file}
    assert finalized(values) == dict.fromkeys("abc", "Said")
    assert open_file == {"f": "TextIOWrapper"}


def test_packing_lets_go_of_what_it_packed() -> None:
    gone: list[int] = []

    class Seen:
        def __del__(self) -> None:
            gone.append(1)

    value = Seen()
    gc.disable()
    try:
        pack({"value": value}, Context({"Seen": Seen, "__name__": "__main__"}))
        del value
        assert gone
    finally:
        gc.enable()
