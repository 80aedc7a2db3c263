"""Texts made from sizes: one marker for all live lengths, until it matters what the text says.

A size in an f-string is mostly part of a message. So a path writes a marker, and if it then ends by raising that
message, the text is filled in later. Any other end could have depended on the text: the path is run again, one run for
each value.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable
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
        """What PyTorch prints of the exception at one index of the sweep; `assert n > 4, x.shape` holds no text yet."""
        text = str(error)
        if type(error).__str__ is Exception.__str__ and error.args:
            args = [_plain(arg, index) for arg in error.args]
            text = str(args[0] if len(args) == 1 else tuple(args))
        return self.fill(f"{type(error).__name__}: {text}", index)

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


def is_explicit(error: BaseException) -> bool:
    """Whether a `raise` or `assert` of Python code raised it, not a builtin function that choked on a text."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    if trace.tb_frame.f_globals.get("__name__", "").startswith("shapecheck."):
        return False  # PyTorch's own error, which code caught and raised again
    for instruction in dis.get_instructions(trace.tb_frame.f_code):
        if instruction.offset == trace.tb_lasti:
            return instruction.opname == "RAISE_VARARGS"
    return False
