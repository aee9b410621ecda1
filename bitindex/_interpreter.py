"""Refuse subinterpreters, before any compiled part of the package is imported.

In one, `_core` would wait for ever for the GIL that the same thread holds, and `_bitops` would keep
the main interpreter from importing it later.
"""

from __future__ import annotations

import ctypes

_state_of = ctypes.PYFUNCTYPE(ctypes.c_void_p)
_this = _state_of(("PyInterpreterState_Get", ctypes.pythonapi))
_main = _state_of(("PyInterpreterState_Main", ctypes.pythonapi))

if _this() != _main():
    raise ImportError("bitindex works in the main interpreter only, not in a subinterpreter")
