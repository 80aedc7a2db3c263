"""The notation of inputs, as torch.fx prints tensors: "f32[1, 1, 80, T]", "i64[1] = T", "i64[2] = [T, T // 2]".

A text that parses names a dtype and sizes that can be built; every fault of one that does not is in one SpecError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shapecheck.lengths.expression import Expression, parse_node
from shapecheck.lengths.scanner import Scanner, SpecError

EXAMPLE = "f32[1, 1, 80, T]"
VALUES_EXAMPLE = "i64[2] = [T, T // 2]"

DTYPES = ("f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "b8", "c64", "c128")
INTEGER_RANGES = {
    "i64": (-(2**63), 2**63 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "i16": (-(2**15), 2**15 - 1),
    "i8": (-(2**7), 2**7 - 1),
    "u8": (0, 2**8 - 1),
}

_SPEC = re.compile(rf"\s*({'|'.join(DTYPES)})\s*\[")


def looks_like_spec(text: str) -> bool:
    """Whether a text begins as a spec does: other texts are values of their own."""
    return _SPEC.match(text) is not None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A tensor: its dtype, the sizes of its dimensions, and for integer tensors the values of its elements, if known.

    `values` is one expression that fills the tensor, or a tuple with one for each element of a 1-dimensional tensor.
    """

    dtype: str  # one of DTYPES
    dims: tuple[Expression, ...]  # () for a scalar
    values: Expression | tuple[Expression, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> InputSpec:
        """Raises SpecError, which names every fault of the text, where it is, and an example.

        >>> InputSpec.parse("i64[1] = T").symbols
        ('T',)
        """
        return _Reader(text).read()

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of sizes and values, in order of appearance."""
        values = (self.values,) if isinstance(self.values, Expression) else self.values or ()
        return tuple(dict.fromkeys(symbol for expression in (*self.dims, *values) for symbol in expression.symbols))

    def bind(self, values: Mapping[str, int]) -> InputSpec:
        """The spec with numbers for some of its symbols. Raises SpecError where that is none."""
        try:
            dims = tuple(size.bind(values) for size in self.dims)
            elements = self.values
            if isinstance(elements, Expression):
                elements = elements.bind(values)
            elif elements is not None:
                elements = tuple(element.bind(values) for element in elements)
        except ZeroDivisionError:
            raise SpecError(str(self), (f"it divides by 0 with {dict(values)}",), EXAMPLE) from None
        return InputSpec.parse(str(InputSpec(self.dtype, dims, elements)))  # checked as one that was written so

    def __str__(self) -> str:
        sizes = f"{self.dtype}[{', '.join(map(str, self.dims))}]"
        if self.values is None:
            return sizes
        values = f"[{', '.join(map(str, self.values))}]" if isinstance(self.values, tuple) else str(self.values)
        return f"{sizes} = {values}"


class _Reader:
    """Reads one text to its end, so that all faults come out together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[str] = []
        self.example = VALUES_EXAMPLE if "=" in text else EXAMPLE

    def read(self) -> InputSpec:
        text = self.text
        opening = text.find("[")
        if opening < 0:
            self._problem(f"expected '[' with the sizes at position {len(text)}")
            opening = closing = len(text)
        else:
            closing = self._closing(opening)
        dtype = self._dtype(text[:opening])
        dims = self._list(opening + 1, closing, "dimension") if opening < closing else ()
        for place, size in enumerate(dims, 1):
            if size is not None and size.constant is not None and size.constant < 0:
                self._problem(f"dimension {place} is {size.constant}: a size is 0 or more")
        values = self._values(closing + 1, dtype, dims) if closing < len(text) else None
        if self.problems:
            raise SpecError(text, tuple(self.problems), self.example)
        return InputSpec(dtype, tuple(size for size in dims if size is not None), values)

    def _dtype(self, text: str) -> str:
        dtype = text.strip()
        if dtype not in DTYPES:
            meant = _OTHER_NAMES.get(dtype.lower().removeprefix("torch."))
            hint = f" (did you mean {meant}?)" if meant else ""
            self._problem(f"{dtype!r} at position 0 is no dtype{hint}; there are {', '.join(DTYPES)}")
        return dtype

    def _values(
        self, begin: int, dtype: str, dims: tuple[Expression | None, ...]
    ) -> Expression | tuple[Expression, ...] | None:
        text = self.text
        rest = text[begin:].lstrip()
        if not rest:
            return None
        equals = len(text) - len(rest)
        if text[equals] != "=":
            self._problem(f"expected '= values' or the end of the text at position {equals}, found {rest[:20]!r}")
            return None
        if dtype in DTYPES and dtype not in INTEGER_RANGES:
            self._problem(f"only integer tensors carry values, {dtype} does not")
        listed = text[equals + 1 :].lstrip()
        opening = len(text) - len(listed)
        if not listed.startswith("["):
            value = self._expression(equals + 1, len(text), "the value")
            self._check_range(dtype, (value,))
            return value
        closing = self._closing(opening)
        if closing == len(text):
            return None
        values = self._list(opening + 1, closing, "value")
        if text[closing + 1 :].strip():
            self._problem(
                f"expected the end of the text at position {closing + 1}, found {text[closing + 1 :].strip()[:20]!r}"
            )
        size = dims[0].constant if len(dims) == 1 and dims[0] is not None else None
        if len(dims) != 1 or (size is None and dims[0] is not None):
            self._problem("listed values need one dimension of a fixed size")
        elif size is not None and size != len(values):
            self._problem(f"{len(values)} values for {size} elements")
        self._check_range(dtype, values)
        return tuple(value for value in values if value is not None)

    def _check_range(self, dtype: str, values: tuple[Expression | None, ...]) -> None:
        smallest, largest = INTEGER_RANGES.get(dtype, INTEGER_RANGES["i64"])
        for value in values:
            if value is not None and value.constant is not None and not smallest <= value.constant <= largest:
                self._problem(f"the value {value.constant} does not fit in {dtype} ({smallest}..{largest})")

    def _list(self, begin: int, end: int, what: str) -> tuple[Expression | None, ...]:
        """The expressions between brackets; None stands for one with a fault."""
        if not self.text[begin:end].strip():
            return ()
        pieces: list[Expression | None] = []
        depth, piece = 0, begin
        for position in range(begin, end + 1):
            character = self.text[position] if position < end else ","
            if character == "," and (depth == 0 or position == end):
                pieces.append(self._expression(piece, position, f"{what} {len(pieces) + 1}"))
                piece = position + 1
            depth += (character == "(") - (character == ")")
        return tuple(pieces)

    def _expression(self, begin: int, end: int, what: str) -> Expression | None:
        if not self.text[begin:end].strip():
            self._problem(f"{what} at position {begin} is empty")
            return None
        try:
            scanner = Scanner(self.text, self.example, begin=begin, end=end)
            root = parse_node(scanner)
            if scanner.token.kind != "end":
                raise scanner.error("expected ',' or ']'" if what != "the value" else "expected the end of the text")
        except SpecError as error:
            self.problems += [f"{what}: {problem}" for problem in error.problems]
            return None
        return Expression(root)

    def _closing(self, opening: int) -> int:
        """The position of the bracket that closes the one given; if none does, the end of the text, and a fault."""
        closing = self.text.find("]", opening)
        if closing >= 0:
            return closing
        self._problem(f"expected ']' at position {len(self.text)} for the '[' at position {opening}")
        return len(self.text)

    def _problem(self, problem: str) -> None:
        self.problems.append(problem)


_OTHER_NAMES = {
    "float64": "f64", "double": "f64", "float32": "f32", "float": "f32", "float16": "f16", "half": "f16",
    "bfloat16": "bf16", "int64": "i64", "long": "i64", "int32": "i32", "int": "i32", "int16": "i16", "short": "i16",
    "int8": "i8", "uint8": "u8", "bool": "b8", "complex64": "c64", "complex128": "c128",
}  # fmt: skip

__all__ = ["DTYPES", "EXAMPLE", "INTEGER_RANGES", "InputSpec", "SpecError", "looks_like_spec"]
