"""Whether the analyzed code could catch an exception that an operation raises here.

Where it could, the exception is really raised, on a path of its own; where it surely could not, the lengths that fail may
leave the live set without running anything again. Errs on the side of "it could".
"""

from __future__ import annotations

import dis
import functools
import os
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

import torch

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
# they restore a state or run hooks, and let every exception pass
_TRANSPARENT = tuple(
    _TORCH + os.path.join(*parts)
    for parts in (("nn", "modules", "module.py"), ("overrides.py",), ("utils", "_contextlib.py"), ("_tensor.py",))
)


def may_catch() -> bool:
    """Whether a handler of the analyzed code covers the current point of any frame up to the start of the analysis."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if file.startswith(_PACKAGE):
            if code.co_name == "run" and file.endswith("tracer.py"):
                return False
        elif file not in _TRANSPARENT and _covers(code, frame.f_lasti):
            return True
        frame = frame.f_back
    return False


def _covers(code: CodeType, offset: int) -> bool:
    ranges = _handlers(code)
    return any(start <= offset < end for start, end in ranges)


@functools.lru_cache(maxsize=4096)
def _handlers(code: CodeType) -> tuple[tuple[int, int], ...]:
    """The byte ranges of a code object that some handler (except, finally, with) covers."""
    parse: Callable[[CodeType], list[Any]] | None = getattr(dis, "_parse_exception_table", None)  # Python >= 3.11
    if parse is not None:
        return tuple((entry.start, entry.end) for entry in parse(code))
    setups = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}
    guarded = any(instruction.opname in setups for instruction in dis.get_instructions(code))
    return ((0, len(code.co_code)),) if guarded else ()
