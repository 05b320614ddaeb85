"""What holds for all tests."""

from __future__ import annotations

import sys

if sys.version_info < (3, 12) and sys.gettrace() is not None:
    # Coverage installs its trace function in every new thread. This Python refuses that while another thread
    # is in the midst of the same, where an audit hook may lose the interpreter's lock: longer turns keep it.
    sys.setswitchinterval(0.1)
