"""Random draws that decide shapes or branches: every outcome is run, and a length is valid only if every one is.

Bounded integer draws from Python's, NumPy's and torch's global generators are explored, and a comparison of a uniform
number with a plain one. Everything else that is random stays unknown once something depends on it. So does every draw
after the analyzed code has seeded a generator: then not every outcome can come.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from typing import Any, Protocol, cast

import numpy as np
import torch

from shapecheck.lengths.swept import Undecidable
from shapecheck.trees import leaves

MAX_OUTCOMES = 256  # of one draw

_GLOBAL: Any = random.random.__self__  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
_STEPS = 2**53  # a uniform number is one of k / 2**53

Stand = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw: what was called, how many outcomes it has, and which they are (at one index of the sweep)."""

    name: str
    count: int
    outcome: Callable[[int, int], tuple[str, ...]] = field(compare=False)
    of_data: bool = False  # the values of a tensor decide, and perhaps never for one of the outcomes

    @classmethod
    def of(cls, name: str, outcomes: Sequence[Any]) -> Draw:
        if len(outcomes) > MAX_OUTCOMES:
            raise Undecidable(f"{name} has {len(outcomes):,} outcomes, more than the {MAX_OUTCOMES} that are explored")
        return cls(name, len(outcomes), lambda number, _index: (f"{name} gives {_shown(outcomes[number])}",))


class Drawing(Protocol):
    """What a draw needs of the analysis."""

    uniform: bool  # whether a `Chance` was made
    seeded: bool  # whether the analyzed code seeded a generator: then not every outcome can come

    def draw(self, draw: Draw) -> int: ...

    @property
    def frame(self) -> Any: ...  # of the module call in progress; the list of its events is another one on each path


def stand_ins(tracer: Drawing, is_analyzed: Callable[[], bool]) -> list[tuple[Any, str, Stand]]:
    """(owner, name, function) for each function that draws, in place of the original one."""

    def explored(name: str, outcomes: Sequence[Any]) -> Any:
        return outcomes[tracer.draw(Draw.of(name, outcomes))]

    def method(owner: Any, name: str, population: Callable[..., Any]) -> Stand:
        original = getattr(owner, name)

        def stand_in(self: Any, *args: Any, **kwargs: Any) -> Any:
            if is_analyzed() and self is _GLOBAL and not tracer.seeded:
                outcomes = _population(population, args, kwargs)
                if outcomes is None:
                    raise Undecidable(f"random.{name} draws from very many numbers")
                if len(outcomes):  # else the original raises
                    return explored(_call(f"random.{name}", args, kwargs), outcomes)
            elif is_analyzed() and name == "getrandbits":
                raise Undecidable(f"{type(self).__name__}.{name} draws a random number")
            return original(self, *args, **kwargs)

        return stand_in

    def uniform(owner: Any, name: str, text: str) -> Stand:
        original = getattr(owner, name)

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            if not is_analyzed():
                return original(*args, **kwargs)
            is_global = owner is not random.Random or args[0] is _GLOBAL
            given = args[1:] if owner is random.Random else args
            is_called = owner is not random or name != "uniform" or (len(args) == 2 and not kwargs)
            if not is_global or not is_called or not _is_unit(name, given, kwargs) or tracer.seeded:
                raise Undecidable(f"{text} draws a random number")
            return Chance(tracer, text)

        return stand_in

    def of_numpy(name: str, population: Callable[..., Any]) -> Stand:
        original = getattr(np.random, name)

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            if not is_analyzed():
                return original(*args, **kwargs)
            outcomes = _population(population, args, kwargs) if not tracer.seeded else None
            if outcomes is not None and len(outcomes):
                return explored(_call(f"np.random.{name}", args, kwargs), outcomes)
            if outcomes is not None:
                original(*args, **kwargs)  # raises, unless the arguments are of another kind than is explored
            raise Undecidable(f"numpy.random.{name} draws a random number")

        return stand_in

    found: list[tuple[Any, str, Stand]] = []
    for name, population in _PYTHON.items():
        stand_in = method(random.Random, name, population)
        found.append((random.Random, name, stand_in))
        if hasattr(random, name):
            found.append((random, name, stand_in.__get__(_GLOBAL)))
    found.append((random.Random, "random", uniform(random.Random, "random", "random.random()")))
    found.append((random, "random", uniform(random, "random", "random.random()")))
    found.append((random, "uniform", uniform(random, "uniform", "random.uniform(0, 1)")))
    found += [(np.random, name, of_numpy(name, population)) for name, population in _NUMPY.items()]
    found += [(np.random, name, uniform(np.random, name, f"np.random.{name}()")) for name in _UNIFORM]
    return found


def _is_unit(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether one number from [0, 1) is drawn."""
    if name != "uniform":
        return not args and not kwargs
    limits = {**dict(zip(("low", "high"), args, strict=False)), **kwargs}
    return (
        len(args) <= 2
        and not limits.keys() - {"low", "high"}
        and (limits.get("low", 0), limits.get("high", 1)) == (0, 1)
    )


def _between(a: Any, b: Any) -> range:
    return range(operator.index(a), operator.index(b) + 1)


def _range(*limits: Any) -> range:
    return range(*map(operator.index, limits))


def _bits(k: Any) -> range:
    return range(1 << min(operator.index(k), 62))


def _sequence(seq: Any) -> Any:
    return seq


def _integers(low: Any, high: Any = None, size: Any = None) -> range | None:
    if size is not None:
        return None
    return range(operator.index(low)) if high is None else range(operator.index(low), operator.index(high))


def _elements(a: Any, size: Any = None) -> Any:
    if size is not None:
        return None
    if isinstance(a, (list, tuple, np.ndarray)):
        items: Any = np.asarray(cast("Any", a))
        return items if items.ndim == 1 else None
    return range(operator.index(a))


# name: what is drawn from, of the arguments; a TypeError or ValueError here leaves the answer to the original
_PYTHON: dict[str, Callable[..., Any]] = {
    "randint": _between,
    "randrange": _range,
    "choice": _sequence,
    "getrandbits": _bits,
    "_randbelow": _range,  # below sample, shuffle, and what was imported by name
}
_NUMPY: dict[str, Callable[..., Any]] = {"randint": _integers, "choice": _elements}
_UNIFORM = ("rand", "random", "random_sample", "ranf", "sample", "uniform")


def _population(population: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What is drawn from; empty where the original function is to say what is wrong, None where it is not explored."""
    try:
        outcomes = population(*args, **kwargs)
        return outcomes if outcomes is None or len(outcomes) else ()
    except (TypeError, ValueError):
        return ()
    except OverflowError:
        return None


def _call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    given = [*map(_shown, args), *(f"{key}={_shown(value)}" for key, value in kwargs.items())]
    return f"{name.replace('_randbelow', 'randrange')}({', '.join(given)})"


def _shown(value: Any) -> str:
    """A number or a text, or few of them, as written; anything else is told by its class."""
    if isinstance(value, (bool, str, float)):
        return repr(value)
    if isinstance(value, int):
        return str(int(value))
    if type(value) in (list, tuple) and len(value) <= 8:
        items = ", ".join(map(_shown, value))
        return f"[{items}]" if type(value) is list else f"({items})"
    return f"<{type(value).__name__}>"


class DrawnTensors:
    """Tensors of one element that `torch.randint` made: their value is drawn when it is asked for, and not before."""

    def __init__(self, tracer: Drawing) -> None:
        self._tracer = tracer
        self._known: dict[int, tuple[torch.Tensor, Draw, int]] = {}
        self._read: dict[int, tuple[Any, object, int]] = {}  # in which call, on which of its paths, and what it gave

    def made(self, tensor: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember what `torch.randint(*args, **kwargs)` gave, if one bounded integer was drawn."""
        rest = list(args)
        size: Any = kwargs["size"] if "size" in kwargs else rest.pop()
        limits = [*rest, *(kwargs[name] for name in ("low", "high") if name in kwargs)]
        low, high = limits if len(limits) == 2 else (0, *limits)
        plain = type(low) is int and type(high) is int and type(size) in (tuple, list)
        if not plain or any(type(n) is not int or n != 1 for n in size) or kwargs.keys() & {"generator", "out"}:
            return
        if high - low <= MAX_OUTCOMES:
            draw = Draw.of(f"torch.randint({low}, {high}, ...)", range(low, high))
            self._known[id(tensor)] = (tensor, draw, low)

    def value(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
        """The value if `function` reads that of such a tensor. Whatever else is done with one ends this knowledge."""
        if not self._known:
            return None
        name = getattr(function, "__name__", "")
        known = self._known.get(id(args[0])) if args and name in _READS else None
        if known is None:
            for value in leaves((args, kwargs)):
                self._known.pop(id(value), None)
            return None
        if self._tracer.seeded:
            raise Undecidable(f"{known[1].name} draws from a generator that was seeded")
        frame = self._tracer.frame
        reader, path, number = self._read.get(id(args[0]), (frame, None, 0))
        if reader is not frame:
            raise Undecidable(f"{known[1].name} is read in more than one module call")
        if path is not frame.events:
            number = self._tracer.draw(known[1])
            self._read[id(args[0])] = (frame, frame.events, number)
        return known[2] + number


_READS = frozenset({"item", "__int__", "__index__"})


class Chance:  # noqa: PLW1641  # its hash is in doubt, as all that is set below
    """A number drawn uniformly from [0, 1), of which only comparisons with plain numbers are decided.

    It is k / 2**53 for an integer k; which k are still possible is kept on each path of the call that drew it.
    """

    __slots__ = ("_first", "_last", "_name", "_path", "_tracer")

    def __init__(self, tracer: Drawing, name: str) -> None:
        self._tracer = tracer
        self._name = name
        self._path = tracer.frame.events
        self._first, self._last = 0, _STEPS - 1
        tracer.uniform = True

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return float

    def __lt__(self, other: Any) -> bool:
        return self._at_most(other, "<", lambda limit: math.ceil(limit) - 1)

    def __le__(self, other: Any) -> bool:
        return self._at_most(other, "<=", math.floor)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __eq__(self, other: object) -> bool:
        return self <= other and not self < other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def _at_most(self, other: Any, sign: str, largest: Callable[[Fraction], int]) -> bool:
        """Whether k is at most `largest(2**53 * other)`: for sure, or on this path."""
        if self._tracer.frame.events is not self._path:
            raise Undecidable(f"the outcome of {self._name} is compared outside of the call that drew it")
        if not isinstance(other, Real) or other != other:
            raise Undecidable(f"{self._name} {sign} {type(other).__name__}")
        limit = largest(Fraction(min(max(float(other), -1.0), 2.0)) * _STEPS)
        if not self._first <= limit < self._last:
            return limit >= self._last
        outcome = (True, False)[self._tracer.draw(Draw.of(f"{self._name} {sign} {float(other):g}", (True, False)))]
        if outcome:
            self._last = limit
        else:
            self._first = limit + 1
        return outcome


_UNANSWERED = """
add sub mul truediv floordiv mod divmod pow matmul radd rsub rmul rtruediv rfloordiv rmod rdivmod rpow neg pos abs round
trunc floor ceil int float complex bool hash str repr format array copy deepcopy reduce_ex getattr
"""


def _in_doubt(name: str) -> Callable[..., Any]:
    def doubt(self: Chance, *_args: Any) -> Any:
        raise Undecidable(f"{self._name} draws a random number")

    doubt.__name__ = name
    return doubt


for _name in _UNANSWERED.split():
    setattr(Chance, f"__{_name}__", _in_doubt(_name))


SEEDING: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (random, ("seed", "setstate")),
    (np.random, ("seed", "set_state")),
    (torch, ("manual_seed", "set_rng_state")),
    (torch.random, ("manual_seed", "set_rng_state")),
)
