"""Objects ↔ bytes: pickle 5 with out-of-band buffers, signed, digested, memory-mapped back."""

from __future__ import annotations

from vibe_magic.payload.arrays import Owners
from vibe_magic.payload.context import Context
from vibe_magic.payload.loader import revive, unpack
from vibe_magic.payload.packing import Packed, pack
from vibe_magic.payload.sealing import Sealed, Unsealed, reseal, seal, unseal
from vibe_magic.payload.secret import user_secret

__all__ = [
    "Context",
    "Owners",
    "Packed",
    "Sealed",
    "Unsealed",
    "pack",
    "reseal",
    "revive",
    "seal",
    "unpack",
    "unseal",
    "user_secret",
]
