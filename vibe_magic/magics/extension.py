"""Load the extension into a shell, and take it out again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from vibe_magic.config import ENV_PREFIX, Settings, resolve
from vibe_magic.session import Session, activate, deactivate

from .commands import AssetMagics
from .hooks import Hooks
from .settings import VibeMagic
from .status_line import show_line

__all__ = ["load", "unload"]

_SLOT = "_vibe_magic_hooks"


def load(shell: Any) -> None:
    """Connect a shell; a second call keeps the session that it has."""
    if getattr(shell, _SLOT, None) is not None:
        return
    traits = VibeMagic(parent=shell)
    session = Session(shell, _settings(traits), lambda name, line: show_line(shell, name, line))
    shell.configurables.append(traits)
    shell.register_magics(AssetMagics(shell, session))
    hooks = Hooks(shell, session)
    hooks.install()
    setattr(shell, _SLOT, hooks)
    activate(session)


def unload(shell: Any) -> None:
    """Disconnect a shell."""
    hooks = getattr(shell, _SLOT, None)
    if hooks is None:
        return
    hooks.remove()
    hooks.session.drop()
    hooks.session.dismiss()
    hooks.session.imported.close()
    shell.configurables[:] = [c for c in shell.configurables if not isinstance(c, VibeMagic)]
    setattr(shell, _SLOT, None)
    deactivate()


def _settings(traits: VibeMagic) -> Callable[[], Settings]:
    """Return a function that resolves the settings anew only when they have changed."""
    start = Path.cwd()
    known: list[tuple[Any, Settings]] = []
    names = [f"{ENV_PREFIX}{field.name.upper()}" for field in fields(Settings)]

    def settings() -> Settings:
        state = (traits.values(), tuple(map(os.environ.get, names)))
        if not known or known[0][0] != state:
            known[:] = [(state, resolve(start, os.environ, None, traits.given()))]
        return known[0][1]

    return settings
