"""Swept integers: one value for each candidate length, and how it goes on past the last candidate.

Invariant: `values[i]` is exact for the length `sweep.first + i`, and where a certificate is present, it holds for every
length from `certificate.start` on, swept or not. The soundness argument, operation by operation:

A *certificate* (start, period, rise) of f says f(T + period) = f(T) + rise for all T >= start. It stays true for a larger
start and for every multiple of the period (with the rise multiplied), so two certificates can be brought to one common
start and period. Then, with f and g so aligned:
- f + g, f - g: add, subtract the rises. k * f: multiply it. f * g: only if both rises are 0.
- f // k, f % k for a constant k: stretch the period until k divides the rise r; then (f + r) // k = f // k + r / k, and
  f % k = f - k * (f // k).
- f < g and the like: the sign of d = f - g. If the rises agree, d is periodic and so is its sign. If not, d(T + n * period) =
  d(T) + n * rise, so the sign settles in each residue class; it has settled in all of them from the first start + n * period
  on for which the smallest (largest) d of one whole period has it. One period of d must have been swept to know that.
- min, max, where: the sides swap for the last time where the comparison settles, or for ever with its period; a choice
  between two sides whose slopes differ, made again and again, leaves the class and has no certificate.
- booleans: a pattern (start, period) says b(T + period) = b(T) for all T >= start; connectives align both.
A decision about "all live lengths" that was seen on the sweep holds for all lengths if the sweep holds one whole period of
the aligned patterns past their start: `Sweep.rest_on` remembers the largest length that any decision needs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

_LARGEST = 2**61  # twice it still fits an int64 with room to spare


class Certificate(NamedTuple):
    """f(T + period) = f(T) + rise for all T >= start."""

    start: int
    period: int
    rise: int


class Pattern(NamedTuple):
    """b(T + period) = b(T) for all T >= start."""

    start: int
    period: int


class Undecidable(BaseException):
    """The analyzer cannot decide here; `reason` says why. Ends in the verdict unknown, never in a guess.

    Not an `Exception`, so that the analyzed code does not catch it.
    """

    notice: ClassVar[Callable[[Undecidable], None] | None] = None  # told of every doubt, even one that code swallows

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        if Undecidable.notice is not None:
            Undecidable.notice(self)


class Unhashable(TypeError):
    """A size was used as a key. A cache that outlives the analysis would keep it, so it cannot be one.

    An ordinary exception: code that knows of symbolic sizes (einops) then goes without its cache. Never a finding.
    """


class Sweep:
    """The candidate lengths first..last of one analysis, and what its verdicts rest on.

    `decide` and `decide_value` are set by the tracer: they answer for a swept boolean or integer where Python needs one
    plain value.
    """

    def __init__(self, first: int, last: int) -> None:
        if not 0 <= first <= last:
            raise ValueError(f"a sweep needs 0 <= first <= last, got {first}..{last}")
        self.first = first
        self.last = last
        self.horizon = first  # the largest length that a decision so far rests on
        self.wanted = first  # a sweep up to here would yield a certificate that was missed
        self.gaps: list[str] = []  # decisions without a certificate
        self.executed = False  # PyTorch was asked at varying sizes: a longer sweep would not bring a proof either
        self.lengths: NDArray[np.int64] = np.arange(first, last + 1, dtype=np.int64)
        self.poked = False  # torch read a swept size as a plain one; what it raised then is not eager's error
        self.inside = 1  # > 0 while the analyzer's own code runs: there a comparison is a vector, in analyzed code one bool
        self.decide: Callable[[SweptBool], bool] = _undecided
        self.decide_value: Callable[[SweptInt | SweptFloat], Any] = _undecided
        self.text: Callable[[SweptInt | SweptFloat, str], str | None] = _no_text
        self._interned: dict[tuple[int, int, int], list[SweptInt]] = {}
        self._memo: dict[tuple[Any, ...], Any] = {}
        self.always = SweptBool(self, np.ones(len(self.lengths), dtype=np.bool_), Pattern(first, 1))

    def variable(self) -> Int:
        """T itself."""
        return self.integer(self.lengths, Certificate(self.first, 1, 1), self.last)

    def integer(self, values: NDArray[np.int64], certificate: Certificate | None, bound: int | None = None) -> Int:
        """The swept integer with these values; a plain int where it is proved constant.

        Equal integers are the same object, so that identity decides equality fast.
        """
        if bound is None:
            bound = _magnitude(values)
        elif bound > _LARGEST:
            bound = _magnitude(values)  # values are still exact here: no operation runs past a bound of 2 * _LARGEST
        if bound > _LARGEST:
            raise Undecidable("an integer of the shape arithmetic exceeds 2**61")
        covered = certificate is not None and certificate.start + certificate.period - 1 <= self.last
        low, high = int(values[0]), int(values[-1])
        if covered and certificate is not None and certificate.rise == 0 and low == high and bool((values == low).all()):
            return low
        candidate = SweptInt(self, values, certificate, bound)
        key = (low, int(values[len(values) // 2]), high)
        bucket = self._interned.setdefault(key, [])
        for known in bucket:
            if known.certificate == certificate or _same_for_ever(known.certificate, certificate, self.last):
                if known.values is values or np.array_equal(known.values, values):
                    return known
        bucket.append(candidate)
        return candidate

    def boolean(self, values: NDArray[np.bool_], pattern: Pattern | None) -> SweptBool:
        """The swept boolean with these values, its pattern tightened where one period was swept."""
        if pattern is not None:
            pattern = _settled(values, self.first, self.last, pattern)
        return SweptBool(self, values, pattern)

    def never(self) -> SweptBool:
        return ~self.always

    def rest_on(self, condition: SweptBool, live: SweptBool, what: str) -> None:
        """Remember that a verdict rests on `condition`, as seen on the live lengths of the sweep, being so for ever."""
        joint = align(condition.pattern, live.pattern)
        if joint is None:
            self.gap(what)
        else:
            self.horizon = max(self.horizon, joint.start + joint.period - 1)

    def gap(self, what: str) -> None:
        """Something that the verdict rests on holds for the lengths swept only."""
        if len(self.gaps) < 20:  # a few are enough to tell why
            self.gaps.append(what)

    @property
    def proved(self) -> bool:
        """Every decision so far holds for every length >= first."""
        return not self.gaps and self.horizon <= self.last

    def memo(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """`compute()`, once for each key. Keys may hold `id`s of swept integers: those live as long as their sweep."""
        try:
            return self._memo[key]
        except KeyError:
            result = self._memo[key] = compute()
            return result


class SweptBool:
    """A boolean for each length of a sweep. `bool()` of it splits the execution."""

    __slots__ = ("pattern", "sweep", "values")
    __array_ufunc__ = None  # NumPy scalars must fall back to the reflected operators

    def __init__(self, sweep: Sweep, values: NDArray[np.bool_], pattern: Pattern | None) -> None:
        self.sweep = sweep
        self.values = values
        self.pattern = pattern

    def __bool__(self) -> bool:
        return self.sweep.decide(self)

    def __index__(self) -> int:
        return int(bool(self))

    __int__ = __index__

    def __invert__(self) -> SweptBool:
        return SweptBool(self.sweep, ~self.values, self.pattern)

    def __and__(self, other: Bool) -> SweptBool:
        if not isinstance(other, SweptBool):
            return self if other else self.sweep.never()
        if self is other:
            return self
        return self.sweep.boolean(self.values & other.values, align(self.pattern, other.pattern))

    def __or__(self, other: Bool) -> SweptBool:
        if not isinstance(other, SweptBool):
            return self.sweep.always if other else self
        if self is other:
            return self
        return self.sweep.boolean(self.values | other.values, align(self.pattern, other.pattern))

    def __xor__(self, other: Bool) -> SweptBool:
        if not isinstance(other, SweptBool):
            return ~self if other else self
        return self.sweep.boolean(self.values ^ other.values, align(self.pattern, other.pattern))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def as_int(self) -> Int:
        return where(self, 1, 0)

    def __add__(self, other: Any) -> Any:
        return self.as_int() + other

    def __mul__(self, other: Any) -> Any:
        return self.as_int() * other

    def __sub__(self, other: Any) -> Any:
        return self.as_int() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.as_int()

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> Any:
        if isinstance(other, (SweptBool, bool, np.bool_)):
            return ~(self ^ (other if isinstance(other, SweptBool) else bool(other)))
        return self.as_int() == other

    def __ne__(self, other: object) -> Any:
        if isinstance(other, (SweptBool, bool, np.bool_)):
            return self ^ (other if isinstance(other, SweptBool) else bool(other))
        return self.as_int() != other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<swept bool, true for {int(self.values.sum())} of {len(self.values)} lengths>"


class SweptInt:
    """An integer for each length of a sweep, closed under the arithmetic of shapes.

    `int()`, `range()` and indexing with it split the execution by value.
    """

    __slots__ = ("bound", "certificate", "sweep", "values")
    __array_ufunc__ = None

    def __init__(
        self, sweep: Sweep, values: NDArray[np.int64], certificate: Certificate | None, bound: int
    ) -> None:
        self.sweep = sweep
        self.values = values
        self.certificate = certificate
        self.bound = bound  # an upper bound of |values|

    # arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented or isinstance(other, SweptFloat):
            return other if other is NotImplemented else other + self
        if is_plain(other):
            return self if other == 0 else self._memo("+", other, lambda: self._shift(other))
        return self._memo("+", other, lambda: self._linear(other, 1))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented or isinstance(other, SweptFloat):
            return other if other is NotImplemented else -other + self
        if is_plain(other):
            return self + -other
        return 0 if other is self else self._memo("-", other, lambda: self._linear(other, -1))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> SweptInt:
        return self

    def __abs__(self) -> Any:
        return maximum(self, -self)

    def __mul__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented or isinstance(other, SweptFloat):
            return other if other is NotImplemented else other * self
        if is_plain(other):
            return 0 if other == 0 else self if other == 1 else self._memo("*", other, lambda: self._scale(other))
        return self._memo("*", other, lambda: self._product(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented or isinstance(other, SweptFloat):
            return other if other is NotImplemented else SweptFloat.of(self) // other
        if is_plain(other):
            return self if other == 1 else self._memo("//", other, lambda: self._divide(other))
        return _divide_swept(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else _divide_swept(other, self)

    def __mod__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented or isinstance(other, SweptFloat):
            return other if other is NotImplemented else SweptFloat.of(self) % other
        return self - other * (self // other)

    def __rmod__(self, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else other - self * (other // self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __truediv__(self, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else SweptFloat.of(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else SweptFloat.constant(self.sweep, other) / self

    def __pow__(self, other: Any) -> Any:
        if is_plain(other) and 0 <= other <= 8:
            result: Any = 1
            for _ in range(other):
                result = result * self
            return result
        return SweptFloat.of(self) ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    def __floor__(self) -> SweptInt:
        return self

    __ceil__ = __trunc__ = __floor__

    def __round__(self, digits: int | None = None) -> SweptInt:
        return self

    # comparison -------------------------------------------------------------------------------------------------

    def __lt__(self, other: Any) -> Any:
        return _answer(_compare(self, other, "<"))

    def __le__(self, other: Any) -> Any:
        return _answer(_compare(self, other, "<="))

    def __gt__(self, other: Any) -> Any:
        return _answer(_compare(self, other, ">"))

    def __ge__(self, other: Any) -> Any:
        return _answer(_compare(self, other, ">="))

    def __eq__(self, other: object) -> Any:
        return _answer(_compare(self, other, "=="))

    def __ne__(self, other: object) -> Any:
        return _answer(_compare(self, other, "!="))

    def __hash__(self) -> int:
        raise Unhashable("unhashable type: a size is not one number here")

    # where Python wants a plain value ---------------------------------------------------------------------------

    # `isinstance(x.shape[-1], int)` holds in eager, so it does here; tensor.py widens it to what torch's parsers ask for
    python_class: type = int

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return SweptInt.python_class

    def __bool__(self) -> bool:
        return self.sweep.decide(_compare(self, 0, "!="))

    def __index__(self) -> int:
        return int(self.sweep.decide_value(self))

    __int__ = __index__

    def __float__(self) -> float:
        return float(int(self))

    # rarer needs of Python code: one run for each value

    def __getattr__(self, name: str) -> Any:
        if name == "node":  # torch.SymInt's: a parser that does not dispatch is about to read it
            self.sweep.poked = True
            raise Undecidable("a size is passed to a function of torch that cannot be followed")
        if name.startswith("__") or not hasattr(int, name):
            raise AttributeError(f"'int' object has no attribute {name!r}")
        return getattr(int(self), name)

    def __and__(self, other: Any) -> Any:
        return int(self) & other

    def __or__(self, other: Any) -> Any:
        return int(self) | other

    def __xor__(self, other: Any) -> Any:
        return int(self) ^ other

    def __lshift__(self, other: Any) -> Any:
        return self * 2**other if is_plain(other) and 0 <= other < 40 else int(self) << other

    def __rshift__(self, other: Any) -> Any:
        return self // 2**other if is_plain(other) and 0 <= other < 40 else int(self) >> other

    def __rlshift__(self, other: Any) -> Any:
        return other << int(self)

    def __rrshift__(self, other: Any) -> Any:
        return other >> int(self)

    def __invert__(self) -> Any:
        return -self - 1

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __format__(self, spec: str) -> str:
        text = self.sweep.text(self, spec)
        return repr(self) if text is None else text

    def __str__(self) -> str:
        return self.__format__("")

    def __repr__(self) -> str:
        if not self.sweep.inside:
            text = self.sweep.text(self, "")
            if text is not None:
                return text
        from shapecheck.lengths.formula import fit  # the only use of formulas here, and a rare one

        return fit(self.values, self.sweep.lengths, None) or f"<{int(self.values[0])}..{int(self.values[-1])}>"

    # private ----------------------------------------------------------------------------------------------------

    def _memo(self, operation: str, other: Any, compute: Callable[[], Any]) -> Any:
        key = (operation, id(self), other if is_plain(other) else (id(other),))
        return self.sweep.memo(key, compute)

    def _shift(self, constant: int) -> Int:
        bound = _within(self.bound + abs(constant))
        return self.sweep.integer(self.values + constant, self.certificate, bound)

    def _scale(self, constant: int) -> Int:
        bound = _within(self.bound * abs(constant))
        certificate = self.certificate
        if certificate is not None:
            certificate = certificate._replace(rise=certificate.rise * constant)
        return self.sweep.integer(self.values * constant, certificate, bound)

    def _linear(self, other: SweptInt, sign: int) -> Int:
        bound = _within(self.bound + other.bound)
        values = self.values + other.values if sign > 0 else self.values - other.values
        pair = _aligned(self.certificate, other.certificate)
        certificate = None
        if pair is not None:
            start, period, left, right = pair
            certificate = Certificate(start, period, left + sign * right)
        return self.sweep.integer(values, certificate, bound)

    def _product(self, other: SweptInt) -> Int:
        bound = _within(self.bound * other.bound)
        pair = _aligned(self.certificate, other.certificate)
        certificate = None
        if pair is not None and pair[2] == 0 and pair[3] == 0:
            certificate = Certificate(pair[0], pair[1], 0)
        return self.sweep.integer(self.values * other.values, certificate, bound)

    def _divide(self, constant: int) -> Int:
        if constant == 0:
            raise ZeroDivisionError("integer division or modulo by zero")
        certificate = self.certificate
        if certificate is not None:
            stretch = abs(constant) // math.gcd(certificate.rise, constant)
            certificate = Certificate(
                certificate.start, certificate.period * stretch, certificate.rise * stretch // constant
            )
        return self.sweep.integer(self.values // constant, certificate, self.bound + 1)


class SweptFloat:
    """A float for each length: what `T / 2` gives on the way to `math.ceil`. `ratio` = (n, k) keeps n / k exact."""

    __slots__ = ("ratio", "sweep", "values")
    __array_ufunc__ = None

    def __init__(self, sweep: Sweep, values: NDArray[np.float64], ratio: tuple[Int, int] | None = None) -> None:
        self.sweep = sweep
        self.values = values
        self.ratio = ratio

    @staticmethod
    def of(number: SweptInt) -> SweptFloat:
        return SweptFloat(number.sweep, number.values.astype(np.float64), (number, 1))

    @staticmethod
    def constant(sweep: Sweep, number: float) -> SweptFloat:
        return SweptFloat(sweep, np.full(len(sweep.lengths), float(number)))

    def _with(self, other: Any, operation: Callable[[Any, Any], Any], swap: bool = False) -> Any:
        other = _operand(other, floats=True)
        if other is NotImplemented:
            return other
        right: Any = other.values if isinstance(other, (SweptInt, SweptFloat)) else float(other)
        with np.errstate(all="ignore"):
            values = operation(right, self.values) if swap else operation(self.values, right)
        if values.dtype == np.bool_:
            return _answer(SweptBool(self.sweep, values, None))
        return SweptFloat(self.sweep, values)

    def __add__(self, other: Any) -> Any:
        return self._with(other, np.add)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, np.subtract)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, np.subtract, swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, np.multiply)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, (SweptInt, SweptFloat)):
            if other == 0:  # splits, as eager raises for those lengths
                raise ZeroDivisionError("division by zero")
        elif other == 0:
            raise ZeroDivisionError("division by zero")
        result = self._with(other, np.divide)
        if self.ratio is not None and is_plain(other) and not isinstance(result, SweptBool):
            # floor(float(n / k)) = n // k for |n| < 2**53: n / k is at least 1 / k away from the next integer
            numerator, divisor = self.ratio
            if isinstance(numerator, SweptInt) and numerator.bound < 2**53 and 0 < other * divisor < 2**53:
                result.ratio = (numerator, divisor * other) if divisor == 1 else None
        return result

    def __rtruediv__(self, other: Any) -> Any:
        if self == 0:
            raise ZeroDivisionError("division by zero")
        return self._with(other, np.divide, swap=True)

    def __floordiv__(self, other: Any) -> Any:
        if other == 0:
            raise ZeroDivisionError("float floor division by zero")
        return self._with(other, np.floor_divide)

    def __mod__(self, other: Any) -> Any:
        if other == 0:
            raise ZeroDivisionError("float modulo")
        return self._with(other, np.mod)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, np.power)

    def __neg__(self) -> SweptFloat:
        return SweptFloat(self.sweep, -self.values)

    def __abs__(self) -> SweptFloat:
        return SweptFloat(self.sweep, np.abs(self.values))

    def __lt__(self, other: Any) -> Any:
        return self._with(other, np.less)

    def __le__(self, other: Any) -> Any:
        return self._with(other, np.less_equal)

    def __gt__(self, other: Any) -> Any:
        return self._with(other, np.greater)

    def __ge__(self, other: Any) -> Any:
        return self._with(other, np.greater_equal)

    def __eq__(self, other: object) -> Any:
        return self._with(other, np.equal)

    def __ne__(self, other: object) -> Any:
        return self._with(other, np.not_equal)

    __hash__ = object.__hash__

    def _integer(self, rounded: Callable[[Any], Any]) -> Int:
        values = rounded(self.values)
        if not bool(np.isfinite(values).all()) or _float_magnitude(values) > 2**53:
            raise Undecidable("a float of the shape arithmetic has no exact integer")
        return self.sweep.integer(values.astype(np.int64), None)

    def __floor__(self) -> Int:
        return self.ratio[0] // self.ratio[1] if self.ratio is not None else self._integer(np.floor)

    def __ceil__(self) -> Int:
        return -(-self.ratio[0] // self.ratio[1]) if self.ratio is not None else self._integer(np.ceil)

    def __trunc__(self) -> Int:
        return self._integer(np.trunc)

    def __round__(self, digits: int | None = None) -> Any:
        if digits:
            return SweptFloat(self.sweep, np.round(self.values, digits))
        return self._integer(np.rint)

    def __bool__(self) -> bool:
        return bool(SweptBool(self.sweep, self.values != 0.0, None))

    def __float__(self) -> float:
        return float(self.sweep.decide_value(self))

    def __int__(self) -> int:
        return int(self.__trunc__())

    def __format__(self, spec: str) -> str:
        text = self.sweep.text(self, spec)
        return repr(self) if text is None else text

    def __str__(self) -> str:
        return self.__format__("")

    def __repr__(self) -> str:
        return f"<swept float {self.values[0]:g}..{self.values[-1]:g}>"


Int: TypeAlias = "int | SweptInt"
Bool: TypeAlias = "bool | SweptBool"


def where(condition: Bool, left: Int, right: Int) -> Int:
    """`left` where the condition holds, else `right`."""
    if not isinstance(condition, SweptBool):
        return left if condition else right
    if left is right or (is_plain(left) and is_plain(right) and left == right):
        return left
    sweep = condition.sweep

    def compute() -> Int:
        first, second = _certificate(left, sweep), _certificate(right, sweep)
        values = np.where(condition.values, _vector(left), _vector(right))
        certificate = None
        pattern = condition.pattern
        if pattern is not None:
            if pattern.period == 1 and pattern.start <= sweep.last:  # in the end it is always one of the two
                chosen = first if bool(condition.values[max(pattern.start, sweep.first) - sweep.first]) else second
                if chosen is not None:
                    certificate = chosen._replace(start=max(chosen.start, pattern.start))
            else:
                certificate = _alternating(first, second, pattern)
        return sweep.integer(values.astype(np.int64, copy=False), certificate)

    key = ("where", condition.values.tobytes(), condition.pattern, _identity(left), _identity(right))
    return sweep.memo(key, compute)


def minimum(left: Int, right: Int) -> Int:
    """The smaller one, for each length."""
    return where(compare(left, "<=", right), left, right)


def maximum(left: Int, right: Int) -> Int:
    """The larger one, for each length."""
    return where(compare(left, ">=", right), left, right)


def compare(left: Int, symbol: str, right: Int) -> Bool:
    """`left symbol right` as a vector, in analyzed code too."""
    if is_plain(left):
        if is_plain(right):
            return _PLAIN[symbol](left, right)
        left, right, symbol = right, left, _MIRRORED[symbol]
    assert not is_plain(left)
    return _compare(left, right, symbol)


def align(left: Pattern | None, right: Pattern | None) -> Pattern | None:
    """The joint pattern of two booleans."""
    if left is None or right is None:
        return None
    return Pattern(max(left.start, right.start), math.lcm(left.period, right.period))


def at(number: Any, index: int) -> Any:
    """The plain value of a swept number at one index of the sweep; anything else as it is."""
    if isinstance(number, (SweptInt, SweptFloat, SweptBool)):
        return number.values[index].item()
    return number


def is_plain(number: object) -> TypeIs[int]:
    """A plain int, which `isinstance(number, int)` does not tell: a swept integer answers True to it, as eager would."""
    return issubclass(type(number), int)


def _operand(other: Any, floats: bool = False) -> Any:
    if isinstance(other, (SweptInt, SweptFloat)):
        return other
    if isinstance(other, SweptBool):
        return other.as_int()
    if isinstance(other, (bool, np.bool_)):
        return int(other)
    if is_plain(other):
        return other
    if isinstance(other, np.integer):
        return int(other)
    if isinstance(other, (float, np.floating)):
        return float(other)
    return NotImplemented


def _compare(left: SweptInt, other: object, symbol: str) -> Any:
    right = _operand(other)
    if right is NotImplemented:
        return right
    if isinstance(right, float):
        if right.is_integer() and abs(right) < 2**53:
            right = int(right)
        else:
            right = SweptFloat.constant(left.sweep, right)
    if isinstance(right, SweptFloat):
        values = _UFUNCS[symbol](left.values, right.values)
        return SweptBool(left.sweep, values, None)
    if right is left:
        return symbol in ("<=", ">=", "==")
    key = (symbol, id(left), right if is_plain(right) else (id(right),))
    return left.sweep.memo(key, lambda: _compute_comparison(left, right, symbol))


def _answer(condition: Any) -> Any:
    """What a comparison gives: analyzed code gets a real bool, as in eager, and is split here if need be."""
    if type(condition) is SweptBool and not condition.sweep.inside:
        return condition.sweep.decide(condition)
    return condition


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_PLAIN: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_UFUNCS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def _compute_comparison(left: SweptInt, right: Int, symbol: str) -> SweptBool:
    sweep = left.sweep
    values = _UFUNCS[symbol](left.values, right if is_plain(right) else right.values)
    pair = _aligned(left.certificate, _certificate(right, sweep))
    if pair is None:
        return SweptBool(sweep, values, None)
    start, period, first, second = pair
    rise = first - second
    if rise == 0:
        return sweep.boolean(values, Pattern(start, period))
    low = max(start, sweep.first)
    if low + period - 1 > sweep.last:  # one whole period must be seen to know when the sign settles
        sweep.wanted = max(sweep.wanted, low + period - 1)
        return SweptBool(sweep, values, None)
    window = slice(low - sweep.first, low - sweep.first + period)
    difference = left.values[window] - (right if is_plain(right) else right.values[window])
    worst = int(difference.min()) if rise > 0 else -int(difference.max())
    periods = 0 if worst > 0 else -(-(1 - worst) // abs(rise))
    return sweep.boolean(values, Pattern(low + periods * period, 1))


def _settled(values: NDArray[np.bool_], first: int, last: int, pattern: Pattern) -> Pattern:
    """The same pattern with the smallest start and, where it does not vary any more, period 1, read off the values."""
    start, period = max(pattern.start, first), pattern.period
    if start + period - 1 > last:
        return Pattern(start, period)
    if period == 1:
        tail = values[: start - first + 1]
        different = np.flatnonzero(tail != tail[-1])
        return Pattern(first + int(different[-1]) + 1 if different.size else first, 1)
    window = values[start - first : start - first + period]
    if bool(window.all()) or not bool(window.any()):
        return _settled(values, first, last, Pattern(start, 1))
    return Pattern(start, period)


def _aligned(left: Certificate | None, right: Certificate | None) -> tuple[int, int, int, int] | None:
    """(start, period, rise of left, rise of right) at the common period."""
    if left is None or right is None:
        return None
    period = math.lcm(left.period, right.period)
    start = max(left.start, right.start)
    return start, period, left.rise * (period // left.period), right.rise * (period // right.period)


def _alternating(left: Certificate | None, right: Certificate | None, pattern: Pattern) -> Certificate | None:
    pair = _aligned(left, right)
    if pair is None:
        return None
    start, period, first, second = pair
    if first != second:  # two slopes for ever: not in the class
        return None
    joint = math.lcm(period, pattern.period)
    return Certificate(max(start, pattern.start), joint, first * (joint // period))


def _same_for_ever(left: Certificate | None, right: Certificate | None, last: int) -> bool:
    """Whether two functions that agree on the sweep agree everywhere: equal slopes, and one common period swept."""
    pair = _aligned(left, right)
    return pair is not None and pair[2] == pair[3] and pair[0] + pair[1] - 1 <= last


def _certificate(number: Int, sweep: Sweep) -> Certificate | None:
    return Certificate(sweep.first, 1, 0) if is_plain(number) else number.certificate


def _vector(number: Int) -> Any:
    return number if is_plain(number) else number.values


def _identity(number: Int) -> Any:
    return number if is_plain(number) else (id(number),)


def _divide_swept(left: Int, right: SweptInt) -> Int:
    if bool(_compare(right, 0, "==")):  # splits: eager raises for these lengths only
        raise ZeroDivisionError("integer division or modulo by zero")
    divisor = np.where(right.values == 0, 1, right.values)  # lengths that are not live any more
    return right.sweep.integer(_vector(left) // divisor, None)


def _within(bound: int) -> int:
    if bound > 2 * _LARGEST:
        raise Undecidable("an integer of the shape arithmetic exceeds 2**61")
    return bound


def _magnitude(values: NDArray[np.int64]) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _float_magnitude(values: NDArray[np.float64]) -> float:
    return float(np.abs(values).max())


def _no_text(number: SweptInt | SweptFloat, form: str) -> str | None:
    return None


def _undecided(number: object) -> Any:
    raise RuntimeError("a swept value was asked for a plain one outside of an analysis")
