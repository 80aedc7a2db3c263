"""Texts made from sizes: one marker for all live lengths, until it matters what the text says.

A size in an f-string is mostly part of a message. So where the code goes straight on to a `raise`, the path writes a
marker, and if it then ends by raising that message, the text is filled in later. Any other text is made at once, and
any other end could have depended on the marker: one run for each value.
"""

from __future__ import annotations

import dis
import functools
import re
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch

from shapecheck.lengths.swept import at
from shapecheck.sizes import SweptSize
from shapecheck.trees import is_sequence, kind_of, sequence_of

_MARK = re.compile("\ue000([0-9]+)\ue001")


class Texts:
    """The texts of one analysis."""

    def __init__(self) -> None:
        self._entries: list[tuple[Any, Callable[[int], str]]] = []
        self._marked: dict[int, tuple[Exception, tuple[Any, ...]]] = {}  # errors as they were, with their markers

    def mark(self, number: Any, resolve: Callable[[int], str]) -> tuple[int, str]:
        """(identifier, marker) of a new text: `resolve` gives it at an index of the sweep, `number` decides it."""
        self._entries.append((number, resolve))
        return len(self._entries) - 1, f"\ue000{len(self._entries) - 1}\ue001"

    def number(self, identifier: int) -> Any:
        return self._entries[identifier][0]

    def marks_in(self, error: BaseException) -> set[int]:
        """The identifiers of the texts in an exception's message."""
        args = self._marked[id(error)][1] if id(error) in self._marked else error.args
        return {int(found) for found in _MARK.findall(" ".join(map(str, args)))}

    def fill(self, text: str, index: int) -> str:
        """The text as it is at one index of the sweep."""
        while _MARK.search(text):  # the text of an error can hold another one
            text = _MARK.sub(lambda found: self._entries[int(found.group(1))][1](index), text)
        return text

    def message(self, error: Exception, index: int) -> str:
        """What PyTorch prints of the exception at one index of the sweep; its arguments become those of that length.

        `assert n > 4, x.shape` and `KeyError(n)` hold no text yet.
        """
        error.args = tuple(_plain(arg, index) for arg in error.args)
        return self.fill(f"{type(error).__name__}: {error}", index)

    def filled(self, error: Exception, index: int) -> Exception:
        """The exception with its texts as they are at one index of the sweep."""
        # the same object for every path, since an exception class of the user's own may not be copied
        marked = self._marked.setdefault(id(error), (error, error.args))[1]
        error.args = tuple(self.fill(arg, index) if isinstance(arg, str) else arg for arg in marked)
        return error


def _plain(arg: Any, index: int) -> Any:
    if isinstance(arg, SweptSize):
        return torch.Size([at(size, index) for size in arg])
    if is_sequence(arg):
        return sequence_of(kind_of(arg), [_plain(item, index) for item in arg])
    return at(arg, index)


def is_part_of_message() -> bool:
    """Whether the text that is being made goes straight into an exception that the same code raises.

    Code that branches on the way could have looked at it.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("shapecheck."):
        frame = frame.f_back
    return frame is not None and _goes_straight_to_raise(frame.f_code, frame.f_lasti)


@functools.lru_cache(maxsize=4096)
def _goes_straight_to_raise(code: CodeType, start: int) -> bool:
    for instruction in dis.get_instructions(code):
        if instruction.offset > start:
            if instruction.opname == "RAISE_VARARGS":
                return True
            if _branches(instruction) or instruction.opname in ("POP_TOP", "RETURN_VALUE", "RETURN_CONST"):
                return False  # POP_TOP: the text was given to a function for what the function does
    return False


def _branches(instruction: dis.Instruction) -> bool:
    return "JUMP" in instruction.opname or instruction.opname in ("FOR_ITER", "SEND")


def is_explicit(error: BaseException) -> bool:
    """Whether a `raise` or `assert` raised it, not a function that choked on a text, nor code that looked at one.

    Where it is raised in a handler, that could have looked at the text of the error that it handles.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    if trace.tb_frame.f_globals.get("__name__", "").startswith("shapecheck."):
        return False  # PyTorch's own error, which code caught and raised again
    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(trace.tb_frame.f_code):
        if instruction.offset == trace.tb_lasti:
            return instruction.opname == "RAISE_VARARGS" and not _looks_at_error(error, before)
        before.append(instruction)
    return False


def _looks_at_error(error: BaseException, before: list[dis.Instruction]) -> bool:
    """Whether the code in front of a `raise` branches since the start of the handler that it is in, if it is in one."""
    if error.__context__ is None:
        return False
    depth = 0
    branches = False
    for position in range(len(before) - 1, -1, -1):
        instruction = before[position]
        if instruction.opname == "PUSH_EXC_INFO":
            if depth == 0:
                return branches
            depth -= 1
        elif instruction.opname == "POP_EXCEPT":
            depth += 1  # the end of a handler further up
        elif _branches(instruction) and before[position - 1].opname != "CHECK_EXC_MATCH":
            branches = True
    return True  # called by a handler
