"""Whether the analyzed code could catch an exception that an operation raises here.

Where it could, the exception is really raised, on a path of its own; where it surely could not, the lengths that fail
may leave the live set without running anything again. Errs on the side of "it could".
"""

from __future__ import annotations

import dis
import functools
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import CodeType
from typing import Any

import torch

_PACKAGE = str(Path(__file__).absolute().parent) + os.sep
_TORCH = Path(torch.__file__).absolute().parent
# they restore a state or run hooks, and let every exception pass
_TRANSPARENT = frozenset(
    str(_TORCH / file) for file in ("nn/modules/module.py", "overrides.py", "utils/_contextlib.py", "_tensor.py")
)


class Handling(IntEnum):
    """What the code around could do with an exception, from nothing to looking at its text."""

    NONE = 0
    PASSED = 1  # `with` or `finally`: it could be swallowed
    CAUGHT = 2  # `except X:`
    NAMED = 3  # `except X as error:`


def handling() -> Handling:
    """The most that a handler at the current point of any frame up to the start of the analysis could do."""
    most = Handling.NONE
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if file.startswith(_PACKAGE):
            if code.co_name == "run" and file.endswith("tracer.py"):
                break
        elif file not in _TRANSPARENT:
            for start, end, kind in _handlers(code):
                if start <= frame.f_lasti < end:
                    most = max(most, kind)
        frame = frame.f_back
    return most


def may_catch() -> bool:
    """Whether the analyzed code could catch an exception raised here."""
    return handling() is not Handling.NONE


@functools.lru_cache(maxsize=4096)
def _handlers(code: CodeType) -> tuple[tuple[int, int, Handling], ...]:
    """The byte ranges of a code object that some handler (except, finally, with) covers, and its kind."""
    parse: Callable[[CodeType], list[Any]] | None = getattr(dis, "_parse_exception_table", None)  # Python >= 3.11
    instructions = list(dis.get_instructions(code))
    if parse is None:
        setups = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}
        guarded = any(instruction.opname in setups for instruction in instructions)
        return ((0, len(code.co_code), Handling.NAMED),) if guarded else ()
    return tuple((entry.start, entry.end, _kind(instructions, entry.target)) for entry in parse(code))


def _kind(instructions: list[dis.Instruction], target: int) -> Handling:
    """What the handler that starts at `target` is: told by the first instructions of it."""
    kind = Handling.PASSED
    names = [(i.opname, i.argval) for i in instructions if i.offset >= target]
    for position, (name, _) in enumerate(names):
        if name == "WITH_EXCEPT_START":
            return Handling.PASSED
        if name == "CHECK_EXC_MATCH":
            after = [following for following, _ in names[position + 1 : position + 4]]
            if any(following.startswith("STORE_") for following in after):
                return Handling.NAMED
            kind = Handling.CAUGHT
        elif name == "POP_EXCEPT" and kind is Handling.PASSED:
            kind = Handling.CAUGHT  # `except:` alone
        elif name == "RERAISE":
            break
    return kind
