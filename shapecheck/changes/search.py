"""The smallest sets of edits with which a component runs at every length from a target on.

Sets of one edit come first, then of two, and so on; a set that holds one that does is not looked at. Invariant: what is
proposed was analyzed, for every length from the target on, and run in eager PyTorch at the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shapecheck.analysis import FIRST_SWEEP
from shapecheck.changes.candidates import Group, groups_for
from shapecheck.changes.comparison import KeyChange, WhatIf, tensor_changes, what_if
from shapecheck.changes.editable import Editable
from shapecheck.changes.edits import Edit
from shapecheck.errors import UsageError
from shapecheck.model import report_of
from shapecheck.record import submodules

if TYPE_CHECKING:
    from shapecheck.report import Failure, Report

MOST_EDITS = 2
MOST_TRIES = 300  # analyses
MOST_PROPOSALS = 10  # verified and shown; what is found past them is counted

_FEW = 6  # values of one setting that are tried one after the other

Edits = tuple[Edit, ...]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What refuses lengths from the target on, and the edits that were found to try against it."""

    failure: Failure
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What was found for one target."""

    target: int
    start: Report  # of the component before the search, with the edits that were asked for
    is_met: bool  # it runs from the target on as it is
    proposals: tuple[WhatIf, ...]  # the cheapest first
    left_out: int  # sets of edits that do, too, and are not shown
    obstacles: tuple[Obstacle, ...]
    tried: int
    most_edits: int
    given: int  # edits that the search began with: the first ones of each proposal
    is_complete: bool  # it came to its end, and not to the most tries
    undecided: int  # sets with which not every length was decided

    @property
    def is_found(self) -> bool:
        return self.is_met or bool(self.proposals)


def search(
    original: Editable,
    target: int,
    *,
    changed: Editable | None = None,
    keys: Sequence[KeyChange] = (),
    edits: Sequence[Edit] = (),
    most_edits: int = MOST_EDITS,
    most_tries: int = MOST_TRIES,
    progress: Progress | None = None,
) -> Search:
    """The sets of at most `most_edits` edits with which every length >= target is valid, ranked by what they cost.

    `changed`, `keys` and `edits` as in `what_if`: what the search starts from. `progress` gets a line now and then.
    Raises UsageError as `what_if` does, and Contradiction where eager PyTorch refuses a proposal.
    """
    base, given = changed or original, tuple(edits)
    with base.component.surroundings():
        module, _ = base.module(given)
        start = report_of(base.edited(given), module, base.lengths, base.train)
    _check(target, start)
    tell = progress or _silent
    walk = _Walk(base, given, target, max(FIRST_SWEEP, target, start.swept[1]), most_tries, tell)
    with base.component.surroundings():
        if not holds_from(start, target):
            walk.run(most_edits)
        ranked = sorted(walk.found, key=walk.first_rank)
    proposals: list[WhatIf] = []
    place = {name: number for number, (name, _) in enumerate(submodules(base.unedited[0]))}
    for number, found in enumerate(ranked[:MOST_PROPOSALS]):
        found = sorted(found, key=lambda edit: place.get(edit.layer, 0))
        tell(f"verifying {' '.join(map(str, found))} ({number + 1} of {len(ranked)})")
        proposals.append(what_if(original, (*given, *found), changed=changed, keys=keys, target=target))
    return Search(
        target=target,
        start=start,
        is_met=holds_from(start, target),
        proposals=tuple(sorted(proposals, key=rank)),
        left_out=max(0, len(ranked) - MOST_PROPOSALS),
        obstacles=walk.obstacles,
        tried=walk.tried,
        most_edits=most_edits,
        given=len(given),
        is_complete=walk.is_complete,
        undecided=walk.undecided,
    )


def holds_from(report: Report, target: int) -> bool:
    """Whether every length >= target is valid, as far as the analysis says anything of them."""
    if report.proved:
        threshold = report.threshold
        return threshold is not None and threshold <= target
    last = report.swept[1]
    return target <= last and bool(report.valid.mask(target, last).all())


def rank(result: WhatIf) -> tuple[float, ...]:
    """What a set of edits costs, the heaviest first: tensors that do not load, those that nothing uses, the number of
    edits, how far the receptive field changes, multiply-adds."""
    before, after = result.before, result.after
    sizes = before.field.size, after.field.size
    moved = float("inf") if None in sizes else abs((sizes[1] or 0) - (sizes[0] or 0))
    if sizes == (None, None) and before.field.whole_by == after.field.whole_by:
        moved = 0.0
    adds = float("inf") if after.multiply_adds is None else after.multiply_adds
    lost = len(result.reshaped) + len(result.added)
    return (lost, len(result.unused), len(result.edits), moved, adds)


class _Walk:
    """Sets of edits one after the other: those of one edit, then those that add one to a set that does not do."""

    def __init__(
        self, base: Editable, given: tuple[Edit, ...], target: int, last: int, most_tries: int, tell: Progress
    ) -> None:
        self.found: list[Edits] = []
        self.obstacles: tuple[Obstacle, ...] = ()
        self.tried = 0
        self.undecided = 0
        self.is_complete = True
        self._base, self._given, self._target, self._last = base, given, target, last
        self._most_tries = most_tries
        self._tell = tell
        self._seen: set[frozenset[Edit]] = set()
        self._strengths: dict[Edit, int] = {}  # how large a change an edit is, among its like
        self._customary: set[Edit] = set()
        self._failed: list[tuple[int, Edits]] = []  # how many lengths each set still refuses

    def run(self, most_edits: int) -> None:
        frontier: list[Edits] = [()]
        for size in range(1, most_edits + 1):
            self._failed = []
            for edits in frontier:
                if self.tried >= self._most_tries:
                    self.is_complete = False
                    return
                self._extend(edits)
            frontier = [edits for _, edits in sorted(self._failed, key=lambda each: each[0])]
            if size == most_edits or not frontier:
                return

    def first_rank(self, edits: Edits) -> tuple[int, ...]:
        """The part of the cost that needs no analysis."""
        changed, _ = self._base.module((*self._given, *edits))
        changes = tensor_changes(self._base.unedited[0], changed)
        unused = sum(1 for change in changes if change.after is None)
        return (len(changes) - unused, unused, len(edits))

    def _extend(self, edits: Edits) -> None:
        """Try one edit more, of all that may help."""
        module, report, refused = self._base.refusals((*self._given, *edits), self._last)
        against = groups_for((*refused, *report.failures), report, module, self._target)
        if not edits:
            self.obstacles = tuple(
                Obstacle(failure, tuple(edit for group in groups for edit in group.edits))
                for failure, groups in against
            )
        taken = {edit.path for edit in (*self._given, *edits)}
        for group in dict.fromkeys(group for _, groups in against for group in groups):
            if group.edits and group.edits[0].path not in taken:
                self._strengths.update({edit: number for number, edit in enumerate(group.edits)})
                self._try_group(edits, group)

    def _try_group(self, edits: Edits, group: Group) -> None:
        """The gentlest edit that does, and the customary one. Of many, a larger change is taken to do what a smaller
        one does: the middle one is tried first."""
        values = group.edits
        if group.customary is not None and not edits:
            self._customary.add(group.customary)
        if len(values) <= _FEW:
            for edit in values:
                self._try((*edits, edit))
            return
        low, high = 0, len(values) - 1
        if not self._try((*edits, values[high])):
            return
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._try((*edits, values[middle])) else (middle + 1, high)

    def _try(self, edits: Edits) -> bool:
        """Whether the set does; it is then noted, and sets that it makes needless are forgotten."""
        key = frozenset(edits)
        if edits in self.found:
            return True
        if key in self._seen or (
            not self._is_kept(edits) and any(self._is_needless(edits, found) for found in self.found)
        ):
            return False
        if self.tried >= self._most_tries:
            self.is_complete = False
            return False
        self._seen.add(key)
        self.tried += 1
        self._tell(f"trying {' '.join(map(str, edits))} ({self.tried})")
        report = self._report(edits)
        if report is None:
            return False
        if holds_from(report, self._target):
            self.found = [each for each in self.found if self._is_kept(each) or not self._is_needless(each, edits)]
            self.found.append(edits)
            return True
        self.undecided += bool(report.unknown)
        if report.valid:  # else two parts no longer fit, and one more edit is no remedy
            last = max(self._target, report.swept[1])
            self._failed.append((int((~report.valid.mask(self._target, last)).sum()), edits))
        return False

    def _report(self, edits: Edits) -> Report | None:
        """None for edits that cannot be together."""
        everything = (*self._given, *edits)
        try:
            module, _ = self._base.module(everything)
        except UsageError:
            return None
        return report_of(self._base.edited(everything), module, self._base.lengths, self._base.train)

    def _is_kept(self, edits: Edits) -> bool:
        return len(edits) == 1 and edits[0] in self._customary

    def _is_needless(self, edits: Edits, than: Edits) -> bool:
        """Whether the others do with a part of these edits, or with smaller changes of the same settings."""
        by_path = {edit.path: edit for edit in edits}
        pairs = [(edit, by_path.get(edit.path)) for edit in than]
        return all(mine is not None and (mine == edit or self._is_stronger(mine, edit)) for edit, mine in pairs)

    def _is_stronger(self, edit: Edit, other: Edit) -> bool:
        return self._strengths.get(edit, 0) > self._strengths.get(other, 0)


def _silent(_line: str) -> None:
    """No progress is told."""


def _check(target: int, start: Report) -> None:
    last = start.swept[1]
    if not start.proved and target > last:
        raise UsageError(
            f"--target {target}: the lengths past {last:,} are not proved; give --lengths, such as"
            f" --lengths 1:{2 * target}"
        )


__all__ = ["MOST_EDITS", "MOST_TRIES", "Obstacle", "Search", "holds_from", "rank", "search"]
