"""The only place where identity is computed: of values, of code, of modules and packages."""

from __future__ import annotations

from . import code as code
from .anchors import anchors, found_by
from .code import own_members
from .describe import describe, difference
from .explore import explore
from .keys import combine, file_digest, fingerprint, text_digest
from .labels import labels, same_names
from .loading import altered, loaded_since, loads, note_found, note_loaded, note_more, said_since
from .memo import Memo
from .parts import Parts, parts
from .reach import PACKAGED, SOURCE_TEXT, Identity, Problem, Reach
from .relations import registered
from .statics import Statics, describe_source, effects_of
from .values import Digest, digest

__all__ = [
    "PACKAGED",
    "SOURCE_TEXT",
    "Digest",
    "Identity",
    "Memo",
    "Parts",
    "Problem",
    "Reach",
    "Statics",
    "altered",
    "anchors",
    "combine",
    "describe",
    "describe_source",
    "difference",
    "digest",
    "effects_of",
    "explore",
    "file_digest",
    "fingerprint",
    "found_by",
    "labels",
    "loaded_since",
    "loads",
    "note_found",
    "note_loaded",
    "note_more",
    "own_members",
    "parts",
    "registered",
    "said_since",
    "same_names",
    "text_digest",
]
