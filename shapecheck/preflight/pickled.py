"""A pickle read as data: its instructions are followed, and nothing that it names is imported or called.

The tensors of torch become TensorInfo; what any other name makes is Opaque. Invariant: memory and time are bounded by
the limits below, whatever the pickle says.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, cast

from .rebuilt import KEYS, STORAGE_DTYPES, Attributed, Name, Opaque, Storage, called, is_harmless, natural, text
from .tensors import Unreadable

_LARGEST_PICKLE = 1 << 26  # bytes; that of StyleTTS2's checkpoints has about 1,000,000
_MOST_INSTRUCTIONS = 8_000_000  # a tensor takes 30 of them


class Pickled:
    """One pickle at the position of a file, which is left behind its end. Raises Unreadable."""

    def __init__(self, file: BinaryIO) -> None:
        self.storages: dict[str, Storage] = {}
        self.foreign: dict[str, None] = {}  # names that torch's weights-only loader does not let pass, in order
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python 3.11: texts with escapes that are none
                self.value = self._run(file)
        except Unreadable:
            raise
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
            raise Unreadable("its pickle is corrupt or cut off") from error

    def _run(self, file: BinaryIO) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("Any", _Bounded(file)))):
            if count >= _MOST_INSTRUCTIONS:
                raise Unreadable(f"its pickle has more than {_MOST_INSTRUCTIONS:,} instructions")
            name = opcode.name
            if name in _LITERALS:
                self._stack.append(argument)
            elif name == "STOP":
                return self._stack.pop()
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            elif name not in _NOTHING:
                raise Unreadable(f"its pickle has the instruction {name}, which no checkpoint needs")
        raise Unreadable("its pickle has no end")

    def push(self, value: object) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self._stack.pop()

    def top(self) -> Any:
        return self._stack[-1]

    def mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def pop_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def pop_or_mark(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self.pop_mark()

    def put(self, key: int | None) -> None:
        self._memo[len(self._memo) if key is None else key] = self._stack[-1]

    def get(self, key: int) -> None:
        self._stack.append(self._memo[key])

    def name(self, text: str) -> None:
        module, _, attribute = text.partition(" ")
        full = f"{_PYTHON_2.get(module, module)}.{attribute}"
        if not is_harmless(full):
            self.foreign.setdefault(full)
        self._stack.append(Name(full))

    def name_of_stack(self) -> None:
        attribute, module = self._stack.pop(), self._stack.pop()
        if not isinstance(attribute, str) or not isinstance(module, str):
            raise Unreadable("its pickle is corrupt")
        self.name(f"{module} {attribute}")

    def tuple_of(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) != count:
            raise Unreadable("its pickle is corrupt")
        self._stack[-count:] = [items]

    def extend(self, items: Sequence[Any]) -> None:
        if isinstance(self._stack[-1], list):
            cast("list[Any]", self._stack[-1]).extend(items)

    def set_items(self, items: Sequence[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, KEYS):
                    target[key] = value

    def call(self, arguments: Any, *, function: Any = None) -> None:
        function = self._stack.pop() if function is None else function
        self._stack.append(called(function, arguments))

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Attributed) and isinstance(state, dict):
            target.attributes = cast("Mapping[Any, Any]", state)

    def storage(self, identity: Any) -> None:
        if text(identity[0]) == "module":  # a whole module, of the format before zip, with its source
            self._stack.append(identity[1])
            return
        kind, storage_type, key, _location, count, *view = identity
        if text(kind) != "storage" or not isinstance(storage_type, Name) or not isinstance(count, int) or count < 0:
            raise Unreadable("its pickle is corrupt")
        dtype = STORAGE_DTYPES.get(storage_type.text.rpartition(".")[2])
        if dtype is None:
            raise Unreadable(f"it stores its tensors as {storage_type.text}, which torch does not")
        storage = Storage(text(key), dtype, count)
        self.storages.setdefault(storage.key, storage)
        view = view[0] if view else None
        if view is not None:  # of the format before zip: a part of another storage
            storage = Storage(storage.key, dtype, natural(view[2]))
        self._stack.append(storage)


class _Bounded:
    """A file of which no more than so many bytes are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _LARGEST_PICKLE

    def read(self, count: int) -> bytes:
        self._spend(count)
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline(self._left + 1)
        self._spend(len(line))
        return line

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Unreadable(f"its pickle has more than {_LARGEST_PICKLE:,} bytes, or is corrupt")


_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}

_LITERALS = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_NOTHING = frozenset(("PROTO", "FRAME"))

_ACTIONS: Mapping[str, Callable[[Pickled, Any], object]] = {
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_SET": lambda machine, _: machine.push(Opaque("builtins.set")),
    "ADDITEMS": lambda machine, _: machine.pop_mark(),
    "FROZENSET": lambda machine, _: machine.push(Opaque(f"a set of {len(machine.pop_mark())}")),
    "MARK": lambda machine, _: machine.mark(),
    "LIST": lambda machine, _: machine.push(machine.pop_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "DICT": lambda machine, _: _dictionary(machine, machine.pop_mark()),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_mark()),
    "SETITEM": lambda machine, _: _set_item(machine, machine.pop()),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "POP": lambda machine, _: machine.pop_or_mark(),
    "POP_MARK": lambda machine, _: machine.pop_mark(),
    "DUP": lambda machine, _: machine.push(machine.top()),
    "PUT": lambda machine, key: machine.put(key),
    "BINPUT": lambda machine, key: machine.put(key),
    "LONG_BINPUT": lambda machine, key: machine.put(key),
    "MEMOIZE": lambda machine, _: machine.put(None),
    "GET": lambda machine, key: machine.get(key),
    "BINGET": lambda machine, key: machine.get(key),
    "LONG_BINGET": lambda machine, key: machine.get(key),
    "GLOBAL": lambda machine, text: machine.name(text),
    "STACK_GLOBAL": lambda machine, _: machine.name_of_stack(),
    "REDUCE": lambda machine, _: machine.call(machine.pop()),
    "NEWOBJ": lambda machine, _: machine.call(machine.pop()),
    "NEWOBJ_EX": lambda machine, _: (machine.pop(), machine.call(machine.pop())),
    "OBJ": lambda machine, _: _object(machine, machine.pop_mark()),
    "INST": lambda machine, text: (machine.name(text), _object(machine, [machine.pop(), *machine.pop_mark()])),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.storage(machine.pop()),
}


def _dictionary(machine: Pickled, items: list[Any]) -> None:
    machine.push({})
    machine.set_items(items)


def _set_item(machine: Pickled, value: object) -> None:
    machine.set_items([machine.pop(), value])


def _object(machine: Pickled, parts: list[Any]) -> None:
    machine.call(tuple(parts[1:]), function=parts[0])
