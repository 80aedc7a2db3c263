"""What becomes of an audio clip on its way to a model's components, as formulas: values only.

The clip's samples are the first quantity, and each other one is a formula of the one before it, in the notation of
specs; so a report can show the arithmetic, and a page can do it, without knowing the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """One count on the way: `Quantity("E", "T - T % 2", "mel frames, made even")`."""

    symbol: str
    formula: str  # of the symbol of the quantity before it
    meaning: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What a clip must pass, or else nothing of the occasion happens: `Gate("2*c", 80, "mel frames", "...")`."""

    formula: str  # of one quantity
    least: int
    meaning: str  # what the formula counts
    otherwise: str  # "the scripts pass over the batch"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something for which components get lengths that follow from the clip."""

    name: str  # "the whole clip", "the crops of a batch"
    lengths: Mapping[str, str]  # of a component a formula of one quantity, in the component's own variable
    refusal: str  # what follows where a component refuses its length: "the run ends"
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class ClipWay:
    """From the samples of a clip to the lengths that components receive, on each occasion."""

    source: str  # whose arithmetic it is: "train_finetune.py"
    sample_rate: int  # of the samples that are counted
    symbol: str  # of their count
    quantities: tuple[Quantity, ...]
    occasions: tuple[Occasion, ...]

    def values(self, samples: int) -> dict[str, int]:
        """Every quantity of a clip of so many samples, by its symbol.

        >>> way = ClipWay("", 24_000, "S", (Quantity("N", "S + 10000", ""), Quantity("T", "N//300 + 1", "")), ())
        >>> way.values(9_500)
        {'S': 9500, 'N': 19500, 'T': 66}
        """
        found = {self.symbol: samples}
        for quantity in self.quantities:
            found[quantity.symbol] = value_of(quantity.formula, found)
        return found


def value_of(formula: str, values: Mapping[str, int]) -> int:
    """A formula's value, where `values` has its symbols."""
    from shapecheck.lengths.expression import Expression  # brings NumPy along

    return int(Expression.parse(formula).evaluate(values))


__all__ = ["ClipWay", "Gate", "Occasion", "Quantity", "value_of"]
