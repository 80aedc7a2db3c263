"""Branches, loops, exceptions and calls that follow sizes: every path of the unmodified Python code is taken where eager takes it."""

from __future__ import annotations

import bisect
import contextlib
import copy
import dataclasses
import enum
import fractions
import functools
import itertools
import json
import math
import operator
import re
from collections import namedtuple, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import einops
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.against_eager import Of, agrees, compare, sound

X = "f32[1, 4, T]"


def need(condition: Any, error: type[Exception] = ValueError) -> None:
    if not condition:
        raise error("needed")


def on_size(predicate: Callable[[Any], Any]) -> nn.Module:
    """A module that raises where the predicate of the length does not hold."""
    return Of(lambda self, x: need(predicate(x.shape[-1])))


# branches ---------------------------------------------------------------------------------------------------------


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
    "list.sort": lambda n: (lambda v: v.sort() or v[0])([5, n]) == 5,
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
    "conditional expression": lambda n: (1 if n > 5 else 0),
    "isinstance int": lambda n: isinstance(n, int),
    "isinstance float": lambda n: isinstance(n, float),
    "isinstance bool": lambda n: isinstance(n, bool),
    "isinstance float of a half": lambda n: isinstance(n / 2, float),
    "isinstance int of a half": lambda n: isinstance(n / 2, int),
    "isinstance SymInt": lambda n: not isinstance(n, torch.SymInt),
    "type is int": lambda n: type(n) is int,
    "type equals int": lambda n: type(n) == int,  # noqa: E721
    "type in a tuple": lambda n: type(n) in (int, float),
    "class is int": lambda n: n.__class__ is int,
    "type is float of a half": lambda n: type(n / 2) is float,
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
    "json": lambda n: json.dumps(n) == "5",
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


# NumPy -------------------------------------------------------------------------------------------------------------

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
    "dtype of an array": lambda n: np.array([n, 5]).dtype == np.int64,
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
    "unravel_index": lambda n: np.unravel_index(n % 6, (2, 3))[0] == 1,
    "array_split": lambda n: len(np.array_split(np.arange(7), n)) == 5,
    "issubdtype": lambda n: np.issubdtype(type(n), np.integer),
    "math.ceil of a NumPy quotient": lambda n: math.ceil(n / np.int64(4)) == 3,
    "power of a NumPy int": lambda n: np.int64(2) ** n == 32,
    "argmin": lambda n: np.argmin([abs(n - k) for k in (4, 8, 16)]) == 1,
    "searchsorted": lambda n: np.searchsorted([4, 8, 16], n) == 1,
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy(name: str) -> None:
    agrees(on_size(NUMPY[name]), X)


# shapes ------------------------------------------------------------------------------------------------------------

SHAPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "equal to a tuple": lambda x: x.shape == (1, 4, 5),
    "not equal to a tuple": lambda x: x.shape != (1, 4, 5),
    "tuple equal": lambda x: (1, 4, 5) == x.shape,
    "equal to a list": lambda x: x.shape == [1, 4, 5],
    "list equal": lambda x: [1, 4, 5] == x.shape,
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
    "unpacked": lambda x: (lambda b, c, t: t == 5)(*x.shape),
    "unpacked into too few": lambda x: (lambda b, t: t == 5)(*x.shape),
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
    "type is Size": lambda x: type(x.shape) is torch.Size,
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
    "broadcast_shapes": lambda x: torch.broadcast_shapes(x.shape, (1, 1, 5)) == (1, 4, 5),
    "shape of an eager method": lambda x: torch.Tensor.size(x, 2) == 5,
    "deep copy": lambda x: copy.deepcopy(x.shape)[2] == 5,
    "map over sizes": lambda x: list(map(int, x.shape)) == [1, 4, 5],
    "zip over sizes": lambda x: all(a == b for a, b in zip(x.shape, (1, 4, 5), strict=True)),
    "einops.parse_shape": lambda x: einops.parse_shape(x, "b c t")["t"] == 5,
}


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


# loops -------------------------------------------------------------------------------------------------------------


def test_a_while_loop_that_halves() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        while x.shape[-1] > 4:
            x = x[..., ::2]
        return self.conv(x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 4)), X)


def test_a_while_loop_with_break_and_else() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        while n > 1:
            if n % 3 == 0:
                break
            n -= 2
        else:
            raise ValueError("no multiple of three")
        return x

    agrees(Of(forward), X)


def test_a_for_loop_over_a_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = x[..., :1]
        for i in range(x.shape[-1]):
            y = torch.cat([y, x[..., i : i + 1]], dim=-1)
        return F.conv1d(y, torch.ones(1, 4, 9))

    agrees(Of(forward), X, lengths=(1, 20))


def test_a_for_loop_over_windows() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.conv(x[..., i : i + 8]) for i in range(0, x.shape[-1], 8)], dim=-1)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 3)), X)


def test_a_loop_that_continues_and_breaks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        found = 0
        for k in (2, 3, 5, 7):
            if x.shape[-1] % k:
                continue
            found += 1
            if found == 2:
                break
        else:
            raise RuntimeError("too few divisors")
        return x

    agrees(Of(forward), X)


def test_recursion_on_a_size() -> None:
    def down(x: torch.Tensor) -> torch.Tensor:
        return x if x.shape[-1] <= 3 else down(x[..., : x.shape[-1] // 2])

    agrees(Of(lambda self, x: need(down(x).shape[-1] == 3)), X)


def test_mutual_recursion_of_modules() -> None:
    def even(self: Any, x: torch.Tensor) -> torch.Tensor:
        return x if x.shape[-1] == 0 else self.other[0](x[..., 1:])

    def odd(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] == 0:
            raise ValueError("odd")
        return self.other[0](x[..., 1:])

    first, second = Of(even), Of(odd)
    first.other, second.other = [second], [first]  # lists: not submodules of each other
    agrees(first, X, lengths=(1, 12))


def test_early_return() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 4:
            return x
        if x.shape[-1] == 9:
            return self.wrong(x)
        return self.conv(x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 7), wrong=nn.Conv1d(3, 4, 1)), X)


def test_a_branch_on_a_branch() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = F.pad(x, (0, 1)) if x.shape[-1] % 3 else x[..., 1:]
        if x.shape[-1] % 4:
            x = x[..., 2:]
        return x.view(1, 4, 4, -1)

    agrees(Of(forward), X)


def test_nested_modules_that_all_branch() -> None:
    def layer(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = x[..., :-1]
        return self.inner(x) if self.inner is not None else F.avg_pool1d(x, 2)

    module: Any = None
    for _ in range(5):
        inner = module
        module = Of(lambda self, x: layer(self, F.avg_pool1d(x, 2)) if x.shape[-1] > 3 else layer(self, x), inner=inner)
    agrees(module, X)


def test_a_module_called_twice_branches_twice() -> None:
    inner = Of(lambda self, x: x[..., 1:] if x.shape[-1] % 2 else x[..., : x.shape[-1] // 2])
    agrees(Of(lambda self, x: self.conv(self.inner(self.inner(x))), inner=inner, conv=nn.Conv1d(4, 4, 3)), X)


def test_a_shared_submodule() -> None:
    conv = nn.Conv1d(4, 4, 3)
    agrees(nn.Sequential(conv, nn.ReLU(), conv, conv), X)


# outputs -----------------------------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")  # noqa: PYI024


class Typed(NamedTuple):
    first: torch.Tensor
    second: Any


@dataclasses.dataclass
class Output:
    value: torch.Tensor
    extra: Any = None


class Plain:
    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


OUTPUTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "rank": lambda x: x if x.shape[-1] % 2 else x[0],
    "dtype": lambda x: x if x.shape[-1] % 2 else x.double(),
    "tuple or tensor": lambda x: x if x.shape[-1] % 2 else (x, x),
    "tuples of two lengths": lambda x: (x,) if x.shape[-1] % 2 else (x, x),
    "None or tensor": lambda x: x if x.shape[-1] % 2 else None,
    "dict keys": lambda x: {"a": x} if x.shape[-1] % 2 else {"b": x},
    "dict order": lambda x: {"a": x, "b": 1} if x.shape[-1] % 2 else {"b": 1, "a": x},
    "list or tuple": lambda x: [x] if x.shape[-1] % 2 else (x,),
    "string": lambda x: "odd" if x.shape[-1] % 2 else "even",
    "number or tensor": lambda x: x.shape[-1] if x.shape[-1] % 2 else x,
    "bool or int": lambda x: True if x.shape[-1] % 2 else 3,
    "float or int": lambda x: 1.0 if x.shape[-1] % 2 else 1,
    "float": lambda x: 1.5 if x.shape[-1] % 2 else 2.5,
    "half": lambda x: x.shape[-1] / 2 if x.shape[-1] % 2 else 0.5,
    "named tuple": lambda x: Pair(x, 1) if x.shape[-1] % 2 else Pair(x[..., 1:], 2),
    "typed named tuple": lambda x: Typed(x, None) if x.shape[-1] % 2 else Typed(x[..., 1:], x),
    "dataclass": lambda x: Output(x) if x.shape[-1] % 2 else Output(x[..., 1:], 3),
    "object": lambda x: Plain(x) if x.shape[-1] % 2 else Plain(x[..., 1:]),
    "shape": lambda x: x.shape if x.shape[-1] % 2 else x.shape[1:],
    "Size or tuple": lambda x: x.shape if x.shape[-1] % 2 else (1, 4, 5),
    "ordered dict": lambda x: OrderedDict(a=x) if x.shape[-1] % 2 else OrderedDict(a=x[..., 1:]),
    "default dict": lambda x: defaultdict(int, a=x) if x.shape[-1] % 2 else defaultdict(int, a=x[..., 1:]),
    "dict with integer keys": lambda x: OrderedDict({1: x}) if x.shape[-1] % 2 else OrderedDict({1: x[..., 1:]}),
    "nested": lambda x: {"a": [x, (x, {"b": x.shape[-1]})]} if x.shape[-1] % 2 else {"a": [x, (x[0], {"b": 2})]},
    "set": lambda x: {1, 2} if x.shape[-1] % 2 else {1},
    "function": lambda x: (lambda: x.shape[-1]) if x.shape[-1] % 2 else (lambda: 4),
    "generator": lambda x: (x[..., i] for i in range(2)) if x.shape[-1] % 2 else (x[..., i] for i in range(3)),
    "iterator": lambda x: iter([x]) if x.shape[-1] % 2 else iter([x, x]),
    "array": lambda x: np.ones(3) if x.shape[-1] % 2 else np.ones(4),
    "parameter": lambda x: nn.Parameter(torch.ones(3)) if x.shape[-1] % 2 else nn.Parameter(torch.ones(4)),
    "plain tensor": lambda x: torch.ones(3) if x.shape[-1] % 2 else torch.zeros(4),
    "input or a copy": lambda x: x if x.shape[-1] % 2 else x.clone(),
    "dtype as a value": lambda x: x.dtype if x.shape[-1] % 2 else torch.int64,
    "one of three": lambda x: (x, x[0], (x, x))[x.shape[-1] % 3],
}


def _describe(x: torch.Tensor, out: Any) -> None:
    """Raises for some of the outputs, by what they are."""
    if isinstance(out, torch.Tensor):
        need(out.dim() < 3 or out.dtype != torch.float32 or out.shape[-1] > 4)
        need(out is not x or x.shape[-1] != 7)
        need(not isinstance(out, nn.Parameter) or out.shape[0] == 4)
    elif isinstance(out, dict):
        need(list(out)[0] != "a" or x.shape[-1] > 5)
        if isinstance(out, defaultdict):
            need(out["new"] == 0)
        if 1 in out:
            need(out[1].shape[-1] > 3)
    elif isinstance(out, str):
        need(out == "odd")
    elif out is None:
        need(x.shape[-1] > 6)
    elif isinstance(out, bool):
        need(x.shape[-1] < 20)
    elif isinstance(out, int):
        need(out > 3 or x.shape[-1] < 10)
    elif isinstance(out, float):
        need(out > 1 and out != 3.5)
    elif isinstance(out, torch.Size):
        need(len(out) == 2 or out[2] > 5)
    elif isinstance(out, (Pair, Typed)):
        need(out.first.shape[-1] > 5 and out[1] is not None)
    elif isinstance(out, (tuple, list)):
        need(len(out) == 2 or isinstance(out, tuple))
    elif isinstance(out, (Output, Plain)):
        need(out.value.shape[-1] > 5)
    elif callable(out):
        need(out() > 3)
    elif isinstance(out, (set, np.ndarray)):
        need(len(out) in (1, 3))
    elif isinstance(out, Iterator):
        need(len(list(out)) != 2)
    elif isinstance(out, torch.dtype):
        need(out.is_floating_point)


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_that_differ_in(name: str) -> None:
    inner = Of(lambda self, x: OUTPUTS[name](x))
    agrees(Of(lambda self, x: _describe(x, self.inner(x)), inner=inner), X)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_whole_module_gives_outputs_that_differ_in(name: str) -> None:
    agrees(Of(lambda self, x: OUTPUTS[name](x)), X)


def test_an_output_in_a_dict_goes_on() -> None:
    inner = Of(lambda self, x: {"y": x[..., ::2], "n": x.shape[-1] // 2})
    agrees(Of(lambda self, x: need((o := self.inner(x))["y"].shape[-1] == o["n"]), inner=inner), X)


def test_the_joined_output_is_the_input_itself_where_eager_returns_it() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x).unsqueeze_(0)
        need(x.dim() == 3)

    agrees(Of(forward, inner=Of(lambda self, x: x if x.shape[-1] % 2 else x.clone())), X)


def test_an_output_that_shares_memory_with_the_input_on_one_path() -> None:
    def forward(self: Any, n: torch.Tensor) -> None:
        self.inner(n).add_(1)
        need(n.item() % 2 == 0)

    sound(Of(forward, inner=Of(lambda self, n: n if n.item() % 2 else n.clone())), "i64[1] = T")


# exceptions --------------------------------------------------------------------------------------------------------

CONV = nn.Conv1d(4, 4, 5)


def test_an_operation_that_fails_in_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError:
            return x

    agrees(Of(forward, conv=CONV), X)


def test_bare_except() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            x = self.conv(x)
        except:  # noqa: E722
            x = F.pad(x, (0, 3))
        return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_except_of_another_class() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except (ValueError, IndexError):
            return x

    agrees(Of(forward, conv=CONV), X)


def test_try_with_else_and_finally() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = 0
        try:
            x = self.conv(x)
        except RuntimeError:
            n += 1
        else:
            n += 2
        finally:
            n += 4
        need(n == 6 or x.shape[-1] == 2)
        return x

    agrees(Of(forward, conv=CONV), X)


def test_finally_that_returns() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            y = self.conv(x)
        finally:
            return x  # noqa: B012

    agrees(Of(forward, conv=CONV), X)


def test_finally_that_raises() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        finally:
            need(x.shape[-1] % 7)

    agrees(Of(forward, conv=CONV), X)


def test_an_exception_that_is_raised_again() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            if x.shape[-1] == 3:
                return x
            raise ValueError("too short") from error

    agrees(Of(forward, conv=CONV), X)


def test_contextlib_suppress() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with contextlib.suppress(RuntimeError):
            x = self.conv(x)
        return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_context_manager_that_lets_exceptions_pass() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with contextlib.nullcontext():
            return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_context_manager_made_of_a_generator() -> None:
    @contextlib.contextmanager
    def forgiving() -> Iterator[None]:
        try:
            yield
        except RuntimeError:
            pass

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with forgiving():
            return self.conv(x)
        raise ValueError("failed before")

    agrees(Of(forward, conv=CONV), X)


def test_a_decorator_that_catches() -> None:
    def forgiving(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except RuntimeError:
                return args[1]

        return call

    agrees(Of(forgiving(lambda self, x: self.conv(x)), conv=CONV), X)


def test_the_caller_of_a_module_catches() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except RuntimeError:
            return x[..., :1]

    agrees(Of(forward, inner=nn.Sequential(CONV, nn.Conv1d(4, 4, 3))), X)


def test_the_text_of_an_exception_names_the_length() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            if "(3)" in str(error):
                return x
            raise

    agrees(Of(forward, conv=CONV), X)


def test_the_text_of_an_exception_is_read_as_a_number() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            found = re.search(r"\((\d+)\)", str(error))
            assert found is not None
            return self.conv(F.pad(x, (0, 5 - int(found.group(1)))))

    agrees(Of(forward, conv=CONV), X)


def test_the_text_of_an_exception_of_the_users_own() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise ValueError(f"{x.shape[-1]}")
        except ValueError as error:
            need(str(error) == "5")
        return x

    agrees(Of(forward), X)


def test_an_exception_that_carries_a_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise ValueError("size", x.shape[-1])
        except ValueError as error:
            need(error.args[1] > 5)
        return x

    agrees(Of(forward), X)


def test_an_exception_class_that_depends_on_the_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise (ValueError if x.shape[-1] % 2 else KeyError)("size")
        except ValueError:
            return x

    agrees(Of(forward), X)


def test_an_exception_class_of_the_users_own() -> None:
    class TooShortError(Exception):
        def __init__(self, have: Any, want: int) -> None:
            super().__init__(f"{have} of {want}")
            self.have = have

    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 9:
            raise TooShortError(x.shape[-1], 9)
        return x

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except TooShortError as error:
            return F.conv1d(x, torch.ones(1, 4, error.have - 1))

    agrees(Of(forward, inner=Of(inner)), X)


def test_an_exception_group() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 4:
            raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])
        return x

    agrees(Of(forward), X)


def test_nested_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            try:
                return self.conv(x)
            except RuntimeError:
                return self.three(x)
        except RuntimeError:
            need(x.shape[-1] == 2)
            return x

    agrees(Of(forward, conv=CONV, three=nn.Conv1d(4, 4, 3)), X)


def test_retrying_in_a_loop() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            try:
                return self.conv(x)
            except RuntimeError:
                x = F.pad(x, (0, 1))
        raise ValueError("still too short")

    agrees(Of(forward, conv=CONV), X)


def test_assert() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] % 3 == 0, f"{x.shape[-1]} is no multiple of 3: {x.shape}"
        return x

    agrees(Of(forward), X)


def test_torch_assert() -> None:
    agrees(Of(lambda self, x: torch._assert(x.shape[-1] % 3 == 0, f"{x.shape}")), X)


def test_torch_check() -> None:
    agrees(Of(lambda self, x: torch._check(x.shape[-1] % 3 == 0, lambda: f"{x.shape}")), X)


def test_an_attribute_that_is_not_there() -> None:
    agrees(Of(lambda self, x: self.nothing if x.shape[-1] % 2 else x), X)


def test_hasattr_and_getattr() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, "conv" if x.shape[-1] > 8 else "nothing")(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_layer_chosen_by_a_formatted_name() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, f"layer_{x.shape[-1] % 2}")(x)

    agrees(Of(forward, layer_0=nn.Conv1d(4, 4, 7), layer_1=nn.Conv1d(4, 4, 2)), X)


def test_a_layer_of_a_module_dict() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.layers[str(x.shape[-1] % 2)](x)

    agrees(Of(forward, layers=nn.ModuleDict({"0": nn.Conv1d(4, 4, 7), "1": nn.Conv1d(4, 4, 2)})), X)


def test_a_layer_of_a_module_list() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.layers[x.shape[-1] % 3](x)

    agrees(Of(forward, layers=nn.ModuleList([nn.Conv1d(4, 4, k) for k in (2, 6, 9)])), X)


def test_as_many_layers_as_a_size_says() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[: x.shape[-1] // 4]:
            x = layer(x)
        return x

    agrees(Of(forward, layers=nn.ModuleList([nn.Conv1d(4, 4, k) for k in (2, 6, 9)])), X)


def test_a_generator_over_tensors() -> None:
    def halves(x: torch.Tensor) -> Iterator[torch.Tensor]:
        while x.shape[-1] > 1:
            yield x
            x = x[..., ::2]

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        parts = list(halves(x))
        return F.conv1d(parts[-1], torch.ones(1, 4, len(parts)))

    agrees(Of(forward), X)


def test_an_exception_in_a_generator() -> None:
    def parts(self: Any, x: torch.Tensor) -> Iterator[torch.Tensor]:
        try:
            yield self.conv(x)
        except RuntimeError:
            yield x

    agrees(Of(lambda self, x: need(next(parts(self, x)).shape[-1] > 3), conv=CONV), X)


def test_next_of_an_empty_iterator() -> None:
    agrees(Of(lambda self, x: next(iter(range(x.shape[-1] - 5)))), X)


def test_unpacking_chunks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        first, second, third = x.chunk(3, dim=-1)
        return first + second + third

    agrees(Of(forward), X)


def test_zip_over_chunks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return sum(a * b for a, b in zip(x.chunk(4, -1), x.split(4, -1), strict=True))

    agrees(Of(forward), X)


def test_iterating_a_tensor() -> None:
    agrees(Of(lambda self, x: need(len([row for row in x]) == 5)), "f32[T, 2]")


def test_iterating_a_scalar() -> None:
    agrees(Of(lambda self, x: list(x.sum())), X)


def test_iterating_a_scalar_is_a_type_error() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            list(x.sum())
        except TypeError:
            return x
        raise ValueError("no error")

    agrees(Of(forward), X)


def test_len_and_list_of_a_tensor() -> None:
    agrees(Of(lambda self, x: need(len(x) == len(list(x)) and len(x) > 4)), "f32[T, 2]")


def test_unpacking_a_tensor() -> None:
    agrees(Of(lambda self, x: (lambda a, b, c: None)(*x)), "f32[T, 2]")


def test_enumerate_and_reversed() -> None:
    agrees(Of(lambda self, x: [row[i] for i, row in enumerate(reversed(list(x)))]), "f32[T, 5]")


# ways to be called -------------------------------------------------------------------------------------------------


def test_keyword_specs() -> None:
    agrees(Of(lambda self, x, *, y: x + y), X, y="f32[1, 4, min(T, 9)]")


def test_args_and_kwargs() -> None:
    agrees(Of(lambda self, *args, **kwargs: args[0] + kwargs["y"]), X, y="f32[7]")


def test_another_method() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 4, 5)

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) if x.shape[-1] % 2 else x

    agrees(Encoder(), X, method="encode")


def test_plain_tensors_as_inputs() -> None:
    agrees(Of(lambda self, x, y: x + y), X, torch.ones(7))


def test_values_of_a_plain_tensor_are_known() -> None:
    agrees(Of(lambda self, x, n: need(x.shape[-1] == n.item())), X, torch.tensor(7))


def test_other_arguments_pass_through() -> None:
    agrees(Of(lambda self, x, a, b, c: need(a == 1 and b == "x" and c is None)), X, 1, "x", None)


def test_a_text_that_looks_like_no_spec() -> None:
    agrees(Of(lambda self, x, mode: F.interpolate(x, size=8, mode=mode)), X, "linear")


def test_containers_as_inputs() -> None:
    agrees(Of(lambda self, x, options: need(x.shape[-1] > options["min"][0])), X, {"min": [5]})


def test_a_default_dict_as_an_input() -> None:
    agrees(Of(lambda self, x, options: need(options["new"] == 0)), X, defaultdict(int, old=1))


def test_no_inputs() -> None:
    agrees(Of(lambda self: torch.ones(3)))


def test_no_swept_input_that_fails() -> None:
    agrees(Of(lambda self: torch.ones(3).view(2)))


def test_a_module_with_getattr() -> None:
    class Proxy(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.module(x)[..., : self.kernel_size[0]] if x.shape[-1] % 2 else self.module(x)

    agrees(Proxy(nn.Conv1d(4, 4, 5)), X)


def test_forward_as_a_property() -> None:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 4, 5)

        @property
        def forward(self) -> Any:
            return lambda x: self.conv(x)

    agrees(Chosen(), X)


def test_forward_as_a_partial() -> None:
    class Chosen(nn.Module):
        forward = functools.partialmethod(lambda self, k, x: x.view(1, k, -1), 3)

    agrees(Chosen(), X)


def test_forward_as_an_attribute() -> None:
    module = nn.Conv1d(4, 4, 5)
    module.forward = lambda x: F.pad(x, (1, 0)).view(1, 4, 2, -1)
    agrees(nn.Sequential(module), X)


def test_a_module_that_overrides_call() -> None:
    class Padding(nn.Conv1d):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return super().__call__(F.pad(x, (0, 2)))

    agrees(nn.Sequential(Padding(4, 4, 5)), X)


def test_a_subclass_of_sequential() -> None:
    class Residual(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + super().forward(x)

    agrees(Residual(nn.Conv1d(4, 4, 4, padding=2), nn.AvgPool1d(2, ceil_mode=True), nn.Upsample(scale_factor=2)), X)


def test_a_module_without_forward() -> None:
    agrees(nn.ModuleList([nn.ReLU()]), X)


def test_a_lambda_module() -> None:
    class Lambda(nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.forward = function

    agrees(nn.Sequential(Lambda(lambda x: x[..., 3:]), nn.Conv1d(4, 4, 2)), X)


def test_a_module_made_in_forward() -> None:
    agrees(Of(lambda self, x: nn.MaxPool1d(x.shape[-1] % 4 + 1)(x)), X)


def test_a_layer_made_for_the_size() -> None:
    agrees(Of(lambda self, x: nn.Linear(x.shape[-1] // 2 * 2, 3)(x)), X, lengths=(1, 20))


def test_forward_called_directly() -> None:
    agrees(Of(lambda self, x: self.conv.forward(x), conv=CONV), X)


def test_deep_nesting() -> None:
    module: nn.Module = nn.Conv1d(4, 4, 5)
    for _ in range(60):
        module = nn.Sequential(module)
    agrees(module, X)


def test_endless_recursion_is_left_open_or_invalid() -> None:
    class Endless(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self(x) if x.shape[-1] % 2 else x

    sound(Endless(), X, lengths=(1, 4))


def test_the_lengths_of_a_part_of_the_sweep() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.shape[-1] % 3 else self.conv(x[..., 2:])

    agrees(Of(forward, conv=CONV), X, lengths=(5, 9))


def test_one_length_only() -> None:
    agrees(nn.Conv1d(4, 4, 5), X, lengths=(4, 4))


def test_sizes_of_zero() -> None:
    agrees(nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU()), "f32[1, 4, T - 1]")


def test_sizes_of_zero_in_a_branch() -> None:
    agrees(Of(lambda self, x: x.mean() if x.numel() else x.view(-1, 0)), "f32[T - 1, 4]")


def test_squares() -> None:
    agrees(Of(lambda self, x: x.view(x.shape[-1] // 4, -1, 4)), "f32[T * T]")


def test_a_product_of_sizes_past_64_bits_is_open() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        n = x.shape[-1] ** 8
        need(n * n * n % 2)

    sound(Of(forward), X)


def test_huge_sizes() -> None:
    agrees(Of(lambda self, x: x.view(-1, 7)), "f32[1000 * T]")


def test_lists_are_local_to_each_path() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        parts = []
        for k in (2, 3, 5):
            if x.shape[-1] % k == 0:
                parts.append(x)
        need(len(parts) != 2)

    agrees(Of(forward), X)


def test_a_closure_counts_within_one_run() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1

        for k in (2, 3, 5):
            if x.shape[-1] % k == 0:
                tick()
        need(count != 2)

    agrees(Of(forward), X)


def test_many_paths() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            if n > 200:
                raise ValueError("Collatz climbs too high")
        return x

    agrees(Of(forward), X)


def test_more_paths_than_the_budget_are_open() -> None:
    found = compare(Of(lambda self, x: need({n: n % 2 for n in range(2000)}[x.shape[-1]])), X, lengths=(1, 1000))
    assert not found.wrong
    assert found.unknown


# einops ------------------------------------------------------------------------------------------------------------

EINOPS: dict[str, Callable[[torch.Tensor], Any]] = {
    "rearrange": lambda x: einops.rearrange(x, "b c (t k) -> b (c k) t", k=3),
    "rearrange back": lambda x: einops.rearrange(x, "b c (k t) -> b (c k) t", t=3),
    "flatten": lambda x: einops.rearrange(x, "b c t -> b (c t)").view(1, 8, -1),
    "repeat": lambda x: einops.repeat(x, "b c t -> b c (t k)", k=2).view(1, 8, -1),
    "repeat by a size": lambda x: einops.repeat(x[..., :1], "b c 1 -> b c t", t=x.shape[-1]) + x,
    "reduce": lambda x: einops.reduce(x, "b c (t k) -> b c t", "mean", k=4),
    "reduce to one": lambda x: einops.reduce(x, "b c t -> b 1 t", "max"),
    "einsum": lambda x: einops.einsum(x, x, "b c t, b d t -> b c d"),
    "pack": lambda x: einops.pack([x, x[..., 1:]], "b c *")[0].view(1, 4, -1),
    "unpack": lambda x: einops.unpack(x, [[3], [-1]], "b c *")[1],
    "asnumpy": lambda x: einops.rearrange([x, x], "n b c t -> n b c t"),
    "wrong rank": lambda x: einops.rearrange(x, "b c -> c b"),
}


@pytest.mark.parametrize("name", EINOPS)
def test_einops(name: str) -> None:
    agrees(Of(lambda self, x: EINOPS[name](x)), X)


def test_an_einops_error_is_caught() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return einops.rearrange(x, "b c (t k) -> b (c k) t", k=3)
        except einops.EinopsError:
            return einops.rearrange(x, "b c (t k) -> b (c k) t", k=2)

    agrees(Of(forward), X)
