"""Where in the source each layer was constructed: the file and the line, to say what is to be changed there.

Written down while modules are made within `recording()`; a layer that was made outside of it has no origin. A module of
Python that has the classes of a published file names that file as PUBLISHED_IN, and stands for it.
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

_FOLDERS = tuple(os.path.dirname(os.path.realpath(file)) + os.sep for file in (torch.__file__,))  # noqa: PTH120
_MOST_LINES = 12  # of a statement that is shown
_known: WeakKeyDictionary[nn.Module, Origin] = WeakKeyDictionary()


_Named = Iterable[tuple[str, nn.Module]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The call that made a layer."""

    file: str  # as it can be opened, or the name of a published file
    line: int | None  # None: the published file, whose lines are not known
    text: str = ""  # what stands there, as one line; "" where it cannot be read
    inside: str = ""  # the class whose code it is, of a published file

    def __str__(self) -> str:
        """`models.py:157`, or `StyleEncoder in models.py`."""
        if self.line is None:
            return f"{self.inside} in {self.file}" if self.inside else self.file
        return f"{_shown(self.file)}:{self.line}"


@contextmanager
def recording() -> Generator[None]:
    """Write down where the modules that this thread makes meanwhile are made."""
    module_class: Any = nn.Module
    original = module_class.__init__
    thread = threading.get_ident()

    def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
        original(module, *args, **kwargs)
        if threading.get_ident() == thread:
            origin = _origin(module, sys._getframe(1))
            if origin is not None:
                with suppress(TypeError):  # a class of its own equality has no hash
                    _known[module] = origin

    module_class.__init__ = init
    try:
        yield
    finally:
        module_class.__init__ = original


def origin_of(module: nn.Module, owner: nn.Module) -> Origin | None:
    """Where the module was constructed, if that is known; `owner`: the innermost module around it that is no
    container of torch's, or it itself."""
    stands_for = getattr(sys.modules.get(type(owner).__module__), "PUBLISHED_IN", None)
    if isinstance(stands_for, str):
        return Origin(stands_for, None, inside=type(owner).__name__)
    with suppress(TypeError):
        return _known.get(module)
    return None


def keep_origins(module: nn.Module, copy: nn.Module) -> None:
    """A copy has the origins of what it was copied from."""
    copies, originals = (cast("_Named", each.named_modules(remove_duplicate=False)) for each in (copy, module))
    by_name = dict(copies)
    for name, layer in originals:
        with suppress(TypeError):
            if layer in _known and name in by_name:
                _known[by_name[name]] = _known[layer]


def _origin(module: nn.Module, frame: FrameType | None) -> Origin | None:
    """The first frame outside of torch, and of the constructors of the module itself."""
    while frame is not None and (_is_torch(frame) or _is_own(frame, module)):
        frame = frame.f_back
    if frame is None:
        return None
    file, line = frame.f_code.co_filename, frame.f_lineno
    linecache.checkcache(file)
    return Origin(file, line, _statement(file, line))


def _statement(file: str, line: int) -> str:
    """The line, and those after it up to where its brackets close, as one."""
    text = linecache.getline(file, line).strip()
    for more in range(line + 1, line + _MOST_LINES):
        if sum(map(text.count, "([{")) <= sum(map(text.count, ")]}")):
            break
        following = linecache.getline(file, more).strip()
        text += following if text[-1:] in "([{" or following[:1] in ")]}" else f" {following}"
    return text


def _is_torch(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_FOLDERS)


def _is_own(frame: FrameType, module: nn.Module) -> bool:
    arguments = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return frame.f_code.co_name == "__init__" and bool(arguments) and frame.f_locals.get(arguments[0]) is module


def _shown(file: str) -> str:
    """From the working directory on, where it lies in there; else its name in its folder."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path.name


__all__ = ["Origin", "keep_origins", "origin_of", "recording"]
