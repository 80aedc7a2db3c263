"""Sizes as numbers: whatever Python and NumPy do with an int, or with a torch.Size, decides as it does in eager."""

from __future__ import annotations

import bisect
import copy
import enum
import fractions
import functools
import itertools
import json
import math
import operator
from collections.abc import Callable
from typing import Any

import einops
import numpy as np
import pytest
import torch
from torch import nn

from tests.adversarial.against import Of, X, agrees, let, need


def on_size(predicate: Callable[[Any], Any]) -> nn.Module:
    """A module that raises where the predicate of the length does not hold."""
    return Of(lambda self, x: need(predicate(x.shape[-1])))


# branches -----------------------------------------------------------------------------------------------------------


PREDICATES: dict[str, Callable[[Any], Any]] = {
    "equal": lambda n: n == 5,
    "chained": lambda n: 3 < n <= 9,
    "and or not": lambda n: (n > 5 and not n % 2) or n == 3,
    "in a list": lambda n: n in [1, 5, 9],
    "in a tuple": lambda n: n in (1, 5, 9),
    "in a set": lambda n: n in {1, 5, 9},
    "in a frozenset": lambda n: n in frozenset((1, 5, 9)),
    "in a range": lambda n: n in range(3, 40, 4),
    "not in a range": lambda n: n not in range(20),
    "in a dict": lambda n: n in {1: 2, 5: 6},
    "in dict keys": lambda n: n in {1: 2, 5: 6}.keys(),
    "in dict values": lambda n: n in {1: 2, 5: 6}.values(),
    "value of a dict": lambda n: {1: 2, 5: 6}[n],
    "value of a dict or a default": lambda n: {1: 2, 5: 6}.get(n, 0) == 6,
    "key of a new dict": lambda n: {n: 1}.get(7) == 1,
    "keys that meet": lambda n: len({n: 1, 7: 2}) == 2,
    "elements of a set that meet": lambda n: len({n, 7, n % 3}) == 3,
    "pair as a key": lambda n: {(5, 1): 1}.get((n, 1)),
    "index of a list": lambda n: [0, 1, 1, 0, 1][n],
    "index of a list from the end": lambda n: [0, 1, 1, 0, 1][-n],
    "index of a tuple": lambda n: (0, 1, 1)[n % 3],
    "index of a string": lambda n: "abc"[n % 3] == "b",
    "slice of a list": lambda n: len(list(range(10))[:n]) == 7,
    "slice of a string": lambda n: "abcdefgh"[n - 3 : n] == "cde",
    "length of a repeated list": lambda n: len([0] * n) == 5,
    "length of a repeated string": lambda n: len("ab" * n) == 10,
    "list.index": lambda n: [4, 5, 6].index(n) == 1,
    "list.count": lambda n: [4, 5, 6].count(n) == 1,
    "list.remove": lambda n: [4, 5, 6].remove(n) is None,
    "list.insert": lambda n: [*range(5)].insert(n, 9) is None,
    "list.pop": lambda n: [*range(5)].pop(n) == 3,
    "min": lambda n: min(n, 5) == 5,
    "max": lambda n: max(n, 5) == 5,
    "max with a key": lambda n: max([n, 7], key=lambda v: -v) == 7,
    "min of a generator": lambda n: min(v for v in (n, 10, 2 * n)) == 10,
    "sum": lambda n: sum([n, 1, n]) % 3 == 0,
    "sum with a start": lambda n: sum([1], n) == 6,
    "sorted": lambda n: sorted([n, 5, 9])[1] == n,
    "sorted in reverse": lambda n: sorted([5, n, 9], reverse=True)[0] == n,
    "list.sort": lambda n: let([5, n], lambda v: v.sort() or v[0]) == 5,
    "bisect": lambda n: bisect.bisect([4, 8, 16], n) == 2,
    "abs": lambda n: abs(5 - n) < 2,
    "negative": lambda n: -n < -5,
    "positive": lambda n: +n > 5,
    "round": lambda n: round(n) == 5,
    "round of a half": lambda n: round(n / 2) % 2,
    "divmod": lambda n: divmod(n, 7) == (2, 3),
    "divmod of a constant": lambda n: divmod(100, n)[1] == 0,
    "floor division": lambda n: n // 7 == 3,
    "negative floor division": lambda n: -n // 7 == -3,
    "floor division by a negative": lambda n: n // -7 == -3,
    "remainder": lambda n: n % 7 == 3,
    "negative remainder": lambda n: -n % 7 == 3,
    "remainder of a negative": lambda n: n % -7 == -3,
    "division by zero": lambda n: 7 // (n - 5) > 0,
    "remainder by zero": lambda n: 7 % (n - 5) >= 0,
    "constant divided by zero": lambda n: n // 0,
    "constant true division by zero": lambda n: n / 0,
    "constant remainder by zero": lambda n: n % 0,
    "true division by zero": lambda n: 7 / (n - 5) > 0,
    "power": lambda n: n**2 == 49,
    "power of two sizes": lambda n: n ** (n % 4) > 300,
    "power of a constant": lambda n: 2**n > 300,
    "large power": lambda n: n**9 % 2,
    "power of itself": lambda n: n**n % 3 == 1,
    "negative power": lambda n: n**-1 < 0.2,
    "root": lambda n: n**0.5 == int(n**0.5),
    "pow with a modulus": lambda n: pow(n, 3, 7) == 1,
    "shift left": lambda n: n << 2 > 40,
    "shift right": lambda n: n >> 2 == 3,
    "shift by a size": lambda n: 1 << n > 100,
    "bit and": lambda n: n & 3 == 1,
    "power of two": lambda n: n & (n - 1) == 0,
    "bit or": lambda n: n | 1 == n,
    "bit xor": lambda n: n ^ 5 == 0,
    "invert": lambda n: ~n < -5,
    "reflected bits": lambda n: 7 & n == 5,
    "bit length": lambda n: n.bit_length() == 4,
    "bit count": lambda n: n.bit_count() == 2,
    "as_integer_ratio": lambda n: n.as_integer_ratio() == (5, 1),
    "real": lambda n: n.real == 5,
    "numerator": lambda n: n.numerator == 5,
    "denominator": lambda n: n.denominator == 1,
    "conjugate": lambda n: n.conjugate() == 5,
    "to_bytes": lambda n: n.to_bytes(2, "big")[1] == 5,
    "float": lambda n: float(n) > 5.5,
    "times a float": lambda n: n * 0.5 > 5.25,
    "float times": lambda n: 0.5 * n > 5.25,
    "plus a float": lambda n: n + 0.5 > 5.25,
    "float plus": lambda n: 0.5 + n > 5.25,
    "minus a float": lambda n: n - 0.5 > 5.25,
    "float minus": lambda n: 10.5 - n > 5.25,
    "floor division by a float": lambda n: n // 2.0 == 5.0,
    "float floor division": lambda n: 100.0 // n == 5.0,
    "remainder of a float": lambda n: n % 2.5 == 1.0,
    "float remainder": lambda n: 7.5 % n == 1.5,
    "divided by a float": lambda n: n / 2.5 == 2.0,
    "float divided": lambda n: 10.0 / n == 2.5,
    "divmod by a float": lambda n: divmod(n, 2.0) == (3.0, 1.0),
    "float power": lambda n: 1.5**n > 40,
    "halves compared": lambda n: n / 2 > 5,
    "halves floored": lambda n: (n / 2) // 1 == 3,
    "constant floor-divided by a half": lambda n: 10 // (n / 2) == 3,
    "constant remainder of a half": lambda n: 10 % (n / 2) == 1,
    "constant to the power of a half": lambda n: 2 ** (n / 2) > 50,
    "divmod of a half": lambda n: divmod(n / 2, 2)[0] == 3,
    "thirds that come back": lambda n: n / 3 * 3 == n,
    "tenths": lambda n: n * 0.1 == n / 10,
    "sum of tenths": lambda n: n / 10 + 0.2 == (n + 2) / 10,
    "inverse of zero": lambda n: (n - 5) ** -1 > 0,
    "overflowing power": lambda n: (n / 2) ** 400 > 1,
    "power of a negative half": lambda n: ((5 - n) / 2) ** 0.5 != 0,
    "rounded to digits": lambda n: round(n / 20, 1) == 0.1,
    "rounded to no digits": lambda n: isinstance(round(n / 2, 0), float),
    "rounded to tens": lambda n: round(n, -1) == 20,
    "half compared with infinity": lambda n: n / 2 < float("inf"),
    "compared with nan": lambda n: n < float("nan"),
    "compared with a float": lambda n: n > 5.5,
    "equal to a float": lambda n: n == 5.0,
    "float equal": lambda n: n / 2 == 3,
    "is_integer of a half": lambda n: (n / 2).is_integer(),
    "math.ceil": lambda n: math.ceil(n / 4) == 3,
    "math.floor": lambda n: math.floor(n / 4) == 3,
    "math.trunc": lambda n: math.trunc(n / 4) == 3,
    "math.sqrt": lambda n: math.sqrt(n) == 4,
    "math.isqrt": lambda n: math.isqrt(n) == 4,
    "math.log2": lambda n: math.log2(n) == 4,
    "math.log": lambda n: int(math.log(n, 3)) == 2,
    "math.exp": lambda n: math.exp(n) > 100,
    "math.gcd": lambda n: math.gcd(n, 12) == 4,
    "math.lcm": lambda n: math.lcm(n, 4) == 12,
    "math.prod": lambda n: math.prod([n, 2, n]) > 50,
    "math.factorial": lambda n: math.factorial(n % 7) == 24,
    "math.comb": lambda n: math.comb(n, 2) == 10,
    "math.fmod": lambda n: math.fmod(n, 3) == 1,
    "math.pow": lambda n: math.pow(n, 2) == 25,
    "math.isclose": lambda n: math.isclose(n, 5),
    "math.copysign": lambda n: math.copysign(n, -1) == -5,
    "math.hypot": lambda n: math.hypot(n, 4) == 5,
    "math.modf": lambda n: math.modf(n / 2)[0] == 0.5,
    "math.isfinite": lambda n: math.isfinite(n / 2),
    "math.ceil of a logarithm": lambda n: 2 ** math.ceil(math.log2(n)) == n,
    "int of a half": lambda n: int(n / 2) == 3,
    "int of a product": lambda n: int(n * 1.5) == 10,
    "int of a negative half": lambda n: int(-n / 2) == -3,
    "int": lambda n: int(n) == 5,
    "bool": lambda n: bool(n - 5),
    "not": lambda n: not n - 5,
    "truth": lambda n: n - 5,
    "and as a value": lambda n: (n - 5 and 3) == 3,
    "or as a value": lambda n: (n % 5 or 7) == 7,
    "conditional expression": lambda n: 1 if n > 5 else 0,
    "isinstance int": lambda n: isinstance(n, int),
    "isinstance float": lambda n: isinstance(n, float),
    "isinstance bool": lambda n: isinstance(n, bool),
    "isinstance float of a half": lambda n: isinstance(n / 2, float),
    "isinstance int of a half": lambda n: isinstance(n / 2, int),
    "made from its own type": lambda n: type(n)(5) == 5,
    "comparison is a bool": lambda n: (n > 5) is True,
    "comparison of halves is a bool": lambda n: (n / 2 > 5) is True,
    "comparison as a key": lambda n: {True: 1, False: 0}[n > 5],
    "comparison as an index": lambda n: [0, 1][n > 5],
    "comparisons added": lambda n: (n > 5) + (n > 9) == 1,
    "comparison in a set": lambda n: (n > 5) in {True},
    "is None": lambda n: n is None,
    "compared with None": lambda n: n != None,  # noqa: E711
    "compared with a string": lambda n: n != "5",
    "ordered with a string": lambda n: n < "5",
    "operator.index": lambda n: operator.index(n) == 5,
    "operator.eq": lambda n: operator.eq(n, 5),
    "hash": lambda n: hash(n) == 5,
    "complex": lambda n: complex(n).real == 5,
    "plus an imaginary number": lambda n: (n + 1j).real == 5,
    "Fraction": lambda n: fractions.Fraction(n, 4) == fractions.Fraction(5, 4),
    "str": lambda n: str(n) == "5",
    "repr": lambda n: repr(n) == "5",
    "format": lambda n: f"{n}" == "5",
    "format with a width": lambda n: f"{n:03d}" == "005",
    "format method": lambda n: "{}".format(n) == "5",  # noqa: UP032
    "percent format": lambda n: "%d" % n == "5",  # noqa: UP031
    "percent s format": lambda n: "%s" % n == "5",  # noqa: UP031
    "length of a text": lambda n: len(str(n)) == 1,
    "format of a half": lambda n: f"{n / 2:.1f}" == "2.5",
    "str of a half": lambda n: str(n / 2) == "2.5",
    "text as a key": lambda n: {"n5": 1}[f"n{n}"],
    "text back to an int": lambda n: int(str(n)) == 5,
    "hex": lambda n: hex(n) == "0x5",
    "bin": lambda n: bin(n).count("1") == 2,
    "chr": lambda n: chr(n) == "\x05",
    "bytes": lambda n: len(bytes(n)) == 5,
    "enum": lambda n: enum.IntEnum("E", {"A": 5, "B": 7})(n),
    "deep copy": lambda n: copy.deepcopy(n) == 5,
    "deep copy of a list": lambda n: copy.deepcopy([n, 1])[0] == 5,
    "copy": lambda n: copy.copy(n) == 5,
    "itertools.repeat": lambda n: len(list(itertools.repeat(0, n))) == 5,
    "itertools.islice": lambda n: len(list(itertools.islice(itertools.count(), n))) == 5,
    "itertools.accumulate": lambda n: list(itertools.accumulate([n, n]))[1] == 10,
    "functools.reduce": lambda n: functools.reduce(operator.mul, [n, 2]) == 10,
    "match": lambda n: _matched(n),
    "all of comparisons": lambda n: all(n % k for k in (2, 3, 5)),
    "any of comparisons": lambda n: any(n == k for k in (2, 3, 5)),
    "range as a sum": lambda n: sum(range(n)) == 10,
    "range with a step": lambda n: len(range(0, n, 4)) == 3,
    "last of a range": lambda n: range(n)[-1] == 4,
    "reversed range": lambda n: next(iter(reversed(range(n)))) == 4,
    "zip of ranges": lambda n: len(list(zip(range(n), range(7), strict=False))) == 5,
    "enumerate from a size": lambda n: next(enumerate("a", n))[0] == 5,
    "slice.indices": lambda n: slice(None, None, 2).indices(n)[1] == 5,
    "int in another base": lambda n: int("11", n + 1) == 5,
}


def _matched(n: Any) -> bool:
    match n:
        case 5 | 7:
            return True
        case int() if n > 20:
            return True
        case _:
            return False


@pytest.mark.parametrize("name", PREDICATES)
def test_predicate(name: str) -> None:
    agrees(on_size(PREDICATES[name]), X)


# NumPy --------------------------------------------------------------------------------------------------------------


NUMPY: dict[str, Callable[[Any], Any]] = {
    "prod": lambda n: np.prod([n, 2]) == 10,
    "prod of scalars": lambda n: n * np.prod([2, 3]) == 30,
    "ceil": lambda n: np.ceil(n / 4) == 3,
    "ceil to int": lambda n: int(np.ceil(n / 4)) == 3,
    "floor": lambda n: np.floor(n / 4) == 3,
    "sqrt": lambda n: np.sqrt(n) == 4,
    "log2": lambda n: np.log2(n) == 4,
    "maximum": lambda n: np.maximum(n, 5) == 5,
    "minimum": lambda n: np.minimum(n, 5) == 5,
    "clip": lambda n: np.clip(n, 3, 5) == 5,
    "abs": lambda n: np.abs(n - 5) == 2,
    "mod": lambda n: np.mod(n, 5) == 2,
    "floor_divide": lambda n: np.floor_divide(n, 5) == 2,
    "max of a list": lambda n: np.max([n, 5]) == 5,
    "sum of a list": lambda n: np.sum([n, 5]) == 10,
    "mean of a list": lambda n: np.mean([n, 5]) == 5,
    "array": lambda n: np.array([n, 5]).max() == 5,
    "array of floats": lambda n: np.array([n / 2, 5.0]).max() == 5,
    "array times": lambda n: (np.array([1, 2]) * n)[1] == 10,
    "array compared": lambda n: (np.array([1, 8]) < n).sum() == 1,
    "times an array": lambda n: (n * np.array([1, 2]))[1] == 10,
    "array index": lambda n: np.arange(10)[n] == 5,
    "array slice": lambda n: len(np.arange(10)[:n]) == 5,
    "arange": lambda n: len(np.arange(n)) == 5,
    "arange with a step": lambda n: len(np.arange(0, n, 4)) == 3,
    "arange to a half": lambda n: len(np.arange(n / 2)) == 3,
    "zeros": lambda n: np.zeros(n).shape == (5,),
    "zeros of a pair": lambda n: np.zeros((n, 2)).size == 10,
    "linspace": lambda n: len(np.linspace(0, 1, n)) == 5,
    "int64": lambda n: np.int64(n) == 5,
    "float32": lambda n: np.float32(n) == 5,
    "NumPy int plus": lambda n: np.int64(2) + n == 7,
    "NumPy int minus": lambda n: np.int64(9) - n == 4,
    "NumPy int divided": lambda n: np.int64(10) // n == 2,
    "NumPy int compared": lambda n: np.int64(5) < n,
    "NumPy int equal": lambda n: np.int64(5) == n,
    "NumPy float times": lambda n: np.float64(0.5) * n == 2.5,
    "NumPy float compared": lambda n: np.float64(5.5) < n,
    "in an array": lambda n: n in np.array([1, 5]),
    "where": lambda n: np.where(n > 5, 1, 0) == 1,
    "isscalar": lambda n: np.isscalar(n),
    "array_split": lambda n: len(np.array_split(np.arange(7), n)) == 5,
    "math.ceil of a NumPy quotient": lambda n: math.ceil(n / np.int64(4)) == 3,
    "power of a NumPy int": lambda n: np.int64(2) ** n == 32,
    "argmin": lambda n: np.argmin([abs(n - k) for k in (4, 8, 16)]) == 1,
    "searchsorted": lambda n: np.searchsorted([4, 8, 16], n) == 1,
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy(name: str) -> None:
    agrees(on_size(NUMPY[name]), X)


# shapes -------------------------------------------------------------------------------------------------------------


SHAPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "equal to a tuple": lambda x: x.shape == (1, 4, 5),
    "not equal to a tuple": lambda x: x.shape != (1, 4, 5),
    "tuple equal": lambda x: x.shape == (1, 4, 5),
    "equal to a list": lambda x: x.shape == [1, 4, 5],
    "list equal": lambda x: x.shape == [1, 4, 5],
    "as a list": lambda x: list(x.shape) == [1, 4, 5],
    "as a tuple": lambda x: tuple(x.shape) == (1, 4, 5),
    "equal to a Size": lambda x: x.shape == torch.Size((1, 4, 5)),
    "Size equal": lambda x: torch.Size((1, 4, 5)) == x.shape,
    "equal to another rank": lambda x: x.shape == (4, 5),
    "slices equal": lambda x: x.shape[-2:] == x[..., :5].shape[-2:],
    "slice equal": lambda x: x.shape[1:] == (4, 5),
    "size() equal": lambda x: x.size() == torch.Size([1, 4, 5]),
    "size() in a set": lambda x: x.size() in {(1, 4, 5), (1, 4, 7)},
    "shape in a list": lambda x: x.shape in [(1, 4, 5), (1, 4, 7)],
    "shape as a key": lambda x: {(1, 4, 5): 1}.get(x.shape),
    "shape as a key of a Size": lambda x: {torch.Size((1, 4, 5)): 1}.get(x.shape),
    "shapes in a set": lambda x: len({x.shape, x[..., :5].shape}) == 1,
    "less than": lambda x: x.shape < (1, 4, 5),
    "index": lambda x: x.shape.index(5) == 2,
    "count": lambda x: x.shape.count(4) == 2,
    "contains": lambda x: 5 in x.shape,
    "len": lambda x: len(x.shape) == 3,
    "max": lambda x: max(x.shape) == 5,
    "sum": lambda x: sum(x.shape) == 10,
    "numel": lambda x: x.shape.numel() == 20,
    "numel of a slice": lambda x: x.shape[1:].numel() == 20,
    "math.prod": lambda x: math.prod(x.shape) == 20,
    "numpy.prod": lambda x: int(np.prod(x.shape)) == 20,
    "numpy.array": lambda x: np.array(x.shape).max() == 5,
    "sorted": lambda x: sorted(x.shape)[-1] == 5,
    "reversed": lambda x: tuple(reversed(x.shape)) == (5, 4, 1),
    "reversed by a slice": lambda x: x.shape[::-1] == (5, 4, 1),
    "unpacked": lambda x: _third(*x.shape) == 5,
    "unpacked into too few": lambda x: _second(*x.shape) == 5,
    "starred": lambda x: [*x.shape, 1] == [1, 4, 5, 1],
    "plus a tuple": lambda x: x.shape + (1,) == (1, 4, 5, 1),
    "tuple plus": lambda x: (1,) + x.shape == (1, 1, 4, 5),
    "plus a list": lambda x: x.shape + [1] == (1, 4, 5, 1),
    "list plus": lambda x: [1] + x.shape == (1, 1, 4, 5),
    "times a number": lambda x: x.shape[2:] * 2 == (5, 5),
    "Size plus a shape": lambda x: torch.Size((1,)) + x.shape == (1, 1, 4, 5),
    "shape plus a Size": lambda x: x.shape + torch.Size((1,)) == (1, 4, 5, 1),
    "Size of a shape": lambda x: torch.Size(x.shape) == (1, 4, 5),
    "Size of sizes": lambda x: torch.Size([x.shape[2], 2]).numel() == 10,
    "is a Size": lambda x: isinstance(x.shape, torch.Size),
    "is a tuple": lambda x: isinstance(x.shape, tuple),
    "slice is a Size": lambda x: isinstance(x.shape[1:], torch.Size),
    "made from its own type": lambda x: type(x.shape)((1, 5)) == (1, 5),
    "str": lambda x: str(x.shape) == "torch.Size([1, 4, 5])",
    "format": lambda x: f"{tuple(x.shape)}" == "(1, 4, 5)",
    "size by a NumPy axis": lambda x: x.size(np.int64(2)) == 5,
    "size by a negative axis": lambda x: x.size(-1) == 5,
    "size by a keyword": lambda x: x.size(dim=2) == 5,
    "size by an axis out of range": lambda x: x.size(3) == 5,
    "size by a boolean axis": lambda x: x.size(True) == 4,
    "shape by an axis out of range": lambda x: x.shape[3] == 5,
    "match": lambda x: _matched_shape(x.shape),
    "dim": lambda x: x.dim() == 3 and x.ndim == 3 and x.ndimension() == 3,
    "tensor numel": lambda x: x.numel() == 20 and x.nelement() == 20,
    "torch.numel": lambda x: torch.numel(x) == 20,
    "shape of an eager method": lambda x: torch.Tensor.size(x, 2) == 5,
    "deep copy": lambda x: copy.deepcopy(x.shape)[2] == 5,
    "map over sizes": lambda x: list(map(int, x.shape)) == [1, 4, 5],
    "zip over sizes": lambda x: all(a == b for a, b in zip(x.shape, (1, 4, 5), strict=True)),
    "einops.parse_shape": lambda x: einops.parse_shape(x, "b c t")["t"] == 5,
}


def _second(a: Any, b: Any) -> Any:
    return b


def _third(a: Any, b: Any, c: Any) -> Any:
    return c


def _matched_shape(shape: Any) -> bool:
    match shape:
        case (1, 4, 5):
            return True
        case [_, _, t] if t > 20:
            return True
        case _:
            return False


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    agrees(Of(lambda self, x: need(SHAPES[name](x))), X)
