"""CEL, without the terminal its package imports: that one would take a fifth of a service's start."""

import sys
from types import ModuleType

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

import cel  # noqa: E402 — only now

__all__ = ["cel"]
