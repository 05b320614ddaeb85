"""The only place where identity is computed: of values, of code, of modules and packages."""

from __future__ import annotations

from . import code as code
from .anchors import anchors
from .code import own_members
from .describe import describe, difference
from .explore import PACKAGED, Identity, Problem, Reach, explore
from .keys import combine, file_digest, fingerprint, text_digest
from .labels import labels, same_names
from .memo import Memo
from .parts import Parts, parts
from .statics import describe_source, module_static, note_loaded
from .values import Digest, digest

__all__ = [
    "PACKAGED",
    "Digest",
    "Identity",
    "Memo",
    "Parts",
    "Problem",
    "Reach",
    "anchors",
    "combine",
    "describe",
    "describe_source",
    "difference",
    "digest",
    "explore",
    "file_digest",
    "fingerprint",
    "labels",
    "module_static",
    "note_loaded",
    "own_members",
    "parts",
    "same_names",
    "text_digest",
]
