"""``python -m vibe_magic``."""

from vibe_magic.cli import main

main()
