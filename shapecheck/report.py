"""The result of one analysis, as values.

A report says for every swept length valid, invalid or unknown; nothing here prints, and nothing here decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch.fx

    from shapecheck.lengths.lengthset import LengthSet

NOT_CALLED = "not called"  # the input length of a layer that the module has and the analyzed method does not use
DRAWN = "drawn"  # stands for a size that a random draw decides, or data
NOT_FOLLOWED = "not followed"  # that of a layer inside of a module that PyTorch executed as a whole
SEE_LENGTHS = "see lengths"  # stands for a size for which no closed form fits
THE_MODULE = "(the module itself)"  # the layer of what happens outside of any submodule


@dataclass(frozen=True, slots=True)
class LayerLimit:
    """What one call of one layer asks of the lengths.

    Sizes are counted along the layer's time axis: the one whose size varies with the variable. A layer that is called
    twice has two entries.
    """

    name: str  # qualified name, as in named_modules(); for a function: the calling module and it, "encoder.stft"
    kind: str  # "Conv2d", "InstanceNorm1d", "pad reflect", "stft", ...
    kernel_size: tuple[int, ...]  # empty for layers without one; likewise the next three
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    input_length: str  # a formula of the variable, "ceil(T/16)"; SEE_LENGTHS, NOT_CALLED, NOT_FOLLOWED, or "-": no size
    output_length: str
    needs: int | None  # smallest size of its own input along the time axis that the layer accepts; None: not decided
    minimum: int | None  # smallest length of the analysis with which this call runs; None: there is none
    rejects: LengthSet  # lengths that this call itself refuses
    is_conv: bool
    is_binding: bool  # it refuses a length that everything before it accepted


@dataclass(frozen=True, slots=True)
class Step:
    """One layer on the way to a failure that changed the length: where, and from what to what."""

    layer: str
    operation: str
    before: str  # formula of the input length
    after: str
    value: int | None  # size after this step at the length reported (Failure.at); None where it has none

    def __str__(self) -> str:
        return f"{self.layer} ({self.operation}): {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Lengths that one layer refuses, with PyTorch's own words."""

    layer: str
    operation: str
    lengths: LengthSet
    at: int  # the largest length that fails here (the largest swept one, if the set goes on for ever)
    error: str  # "RuntimeError: ..." as PyTorch prints it at that length
    chain: tuple[Step, ...]
    draws: tuple[str, ...] = ()  # the outcomes of random draws, or ways on which data decide, with which it fails so


@dataclass(frozen=True, slots=True)
class Undecided:
    """Lengths on which the analyzer could not decide, and where and why."""

    layer: str
    operation: str
    lengths: LengthSet
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """For which lengths a module runs, for which it raises, which layer decides, and why.

    `valid`, `invalid` and `unknown` are disjoint and cover the sweep; `proved`: and hold for every length past it.

    A notebook shows the last value of a cell: a report is there the map of its lengths, the failures with PyTorch's own
    messages, and the table of its layers.

    >>> import shapecheck
    >>> from torch import nn
    >>> report = shapecheck.analyze(nn.Sequential(nn.Conv1d(80, 64, 5), nn.Conv1d(64, 64, 3)), "f32[1, 80, T]")
    >>> report.valid.text("T"), report._repr_html_().startswith('<div class="shapecheck')  # what the notebook asks for
    ('T >= 7', True)
    """

    variable: str
    inputs: tuple[str, ...]
    swept: tuple[int, int]
    valid: LengthSet
    invalid: LengthSet
    unknown: LengthSet
    proved: bool
    layers: tuple[LayerLimit, ...]
    failures: tuple[Failure, ...]
    undecided: tuple[Undecided, ...]
    graph: torch.fx.Graph = field(repr=False, compare=False)
    arguments: tuple[tuple[int | str, str], ...] = ()  # the position or the name of each input that is a spec
    method: str = "forward"
    executed: tuple[str, ...] = ()  # submodules that PyTorch executed as a whole at each length: run, not proved

    @property
    def minimum(self) -> int | None:
        """The smallest valid length; None where no swept length is valid."""
        return self.valid.minimum

    @property
    def threshold(self) -> int | None:
        """The smallest m such that every length >= m is valid, as far as was swept or proved; None if there is none."""
        return self.valid.threshold

    @property
    def maximum(self) -> int | None:
        """The largest valid length; None where the valid set goes on for ever, or is empty."""
        return self.valid.maximum

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from shapecheck.render.page import notebook  # the one import upwards: a notebook asks the value itself

        return notebook(self)
