"""Rows drawn at random: a test draws the text of an expression and its specs, so that what it finds is a row to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rules.oracle import ALL, DENSE, Fact, differences_on_meta

EXAMPLES = 50
LENGTHS = (1, 8)  # beside the CPU
FAR = 23  # beside the meta kernels
SIZES = ("T", "T", "T", "T - 1", "T + 1", "2*T", "T // 2", "1", "2", "3", "4", "0")
REAL = ("f32", "f32", "f32", "f64")
ANY = (*REAL, "f16", "bf16", "i64", "i32", "u8", "b8", "c64")


class Drawer:
    """What a row is drawn with."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def one(self, values: Sequence[Any]) -> Any:
        """One of several values, all alike likely; it shrinks to the first."""
        return self._draw(st.sampled_from(values))

    def whole(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def seldom(self, odds: int = 8) -> bool:
        """One time out of so many."""
        return self.whole(0, odds - 1) == odds - 1

    def some(self, low: int, high: int, values: Sequence[Any]) -> list[Any]:
        """A list of so many values."""
        return [self.one(values) for _ in range(self.whole(low, high))]

    def order(self, values: Sequence[Any]) -> list[Any]:
        return self._draw(st.permutations(values))

    def spec(self, low: int, high: int, dtypes: Sequence[str] = REAL, sizes: Sequence[str] = SIZES) -> str:
        """A tensor of low..high axes."""
        return f"{self.one(dtypes)}[{', '.join(self.some(low, high, sizes))}]"

    def axis(self, rank: int) -> int:
        """An axis, counted from either end, seldom out of range."""
        return self.whole(-rank - 1, rank) if self.seldom() else self.whole(-rank, max(rank - 1, 0))

    def each(self, rank: int, values: Sequence[Any]) -> Any:
        """One value, or a tuple of one for each axis."""
        return self.one(values) if self.whole(0, 2) else tuple(self.one(values) for _ in range(rank))

    def arguments(self, **choices: Sequence[Any]) -> str:
        """Keyword arguments, each left out about half of the time: `, a=1, b='c'`."""
        given = {name: self.one(values) for name, values in choices.items() if self.whole(0, 1)}
        return "".join(f", {name}={value}" for name, value in given.items())


Maker = Callable[[Drawer], tuple[str, ...]]


def drawn(unknown: str = "PyTorch's ") -> Callable[[Maker], Callable[[], None]]:
    """The test that rows made by a function, each a text and its specs, say what eager says.

    `unknown`: a reason for which lengths may be left open; PyTorch's kernels on meta and on the CPU disagree now and then.
    """
    return lambda make: _test(make, unknown)


def _test(make: Maker, unknown: str) -> Callable[[], None]:
    @st.composite
    def rows(draw: Any) -> Fact:
        drawer = Drawer(draw)
        text, *specs = make(drawer)
        return Fact(text, tuple(specs), (drawer.one(ALL),), LENGTHS, unknown, {}, singles=False)

    @settings(
        max_examples=DENSE or EXAMPLES,
        derandomize=not DENSE,
        deadline=None,
        database=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
    )
    @given(rows())
    def test(fact: Fact) -> None:
        fact.check()
        problems = differences_on_meta(fact, FAR)
        assert not problems or unknown in problems[0], problems

    test.__name__ = test.__qualname__ = make.__name__
    test.__doc__ = make.__doc__
    test.__module__ = make.__module__
    vars(test)["rows"] = rows
    return test
