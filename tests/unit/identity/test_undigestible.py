"""What has no digest is named, down to the part that has none."""

from __future__ import annotations

import threading
import types

import pytest

from vibe_magic.errors import Undigestible
from vibe_magic.identity import digest


@pytest.mark.parametrize(
    ("value", "path", "type_name"),
    [
        ({"a": {"conn": threading.Lock()}}, "['a']['conn']", "lock"),
        ([1, (2, (x for x in ()))], "[1][1]", "generator"),
        (types.SimpleNamespace(n=1, lock=threading.Lock()), ".lock", "lock"),
        (threading.Lock(), "", "lock"),
    ],
    ids=["dict", "tuple", "attribute", "itself"],
)
def test_the_culprit_is_named(value: object, path: str, type_name: str) -> None:
    with pytest.raises(Undigestible) as caught:
        digest(value)
    assert (caught.value.path, caught.value.type_name) == (path, type_name)
