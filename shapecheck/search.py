"""The smallest sets of edits with which a component runs at every length from a target on.

Sets of one edit come first, then of two, and so on; a set that holds one that does is not looked at. Invariant: what is
proposed was analyzed, for every length from the target on, and run in eager PyTorch at the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shapecheck.candidates import Group, groups_for
from shapecheck.editable import Editable
from shapecheck.edits import Edit
from shapecheck.errors import UsageError
from shapecheck.model import report_of
from shapecheck.record import submodules
from shapecheck.whatif import KeyChange, WhatIf, tensor_changes, what_if

if TYPE_CHECKING:
    from shapecheck.report import Failure, Report

MOST_EDITS = 2
MOST_TRIES = 300  # analyses
MOST_PROPOSALS = 10  # verified and shown; what is found past them is counted

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


@dataclass(slots=True)
class _State:
    """What was tried so far."""

    found: list[tuple[Edit, ...]] = field(default_factory=list[tuple[Edit, ...]])
    strengths: dict[Edit, int] = field(default_factory=dict[Edit, int])  # how large a change it is, among its like
    seen: set[frozenset[Edit]] = field(default_factory=set[frozenset[Edit]])
    tried: int = 0
    undecided: int = 0
    is_complete: bool = True

    def is_needless(self, edits: Sequence[Edit], than: Sequence[Edit]) -> bool:
        """Whether the others do with a part of these edits, or with smaller changes of the same settings."""
        by_path = {edit.path: edit for edit in edits}
        pairs = [(edit, by_path.get(edit.path)) for edit in than]
        return all(mine is not None and (mine == edit or self._is_stronger(mine, edit)) for edit, mine in pairs)

    def _is_stronger(self, edit: Edit, other: Edit) -> bool:
        return self.strengths.get(edit, 0) > self.strengths.get(other, 0)


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
    state = _State()
    obstacles: tuple[Obstacle, ...] = ()
    with base.component.surroundings():
        if not holds_from(start, target):
            obstacles = _search(base, given, target, most_edits, most_tries, state, tell)
        ranked = sorted(state.found, key=lambda found: _first_rank(base, given, found))
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
        obstacles=obstacles,
        tried=state.tried,
        most_edits=most_edits,
        given=len(given),
        is_complete=state.is_complete,
        undecided=state.undecided,
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


def _search(
    base: Editable,
    given: tuple[Edit, ...],
    target: int,
    most_edits: int,
    most_tries: int,
    state: _State,
    tell: Progress,
) -> tuple[Obstacle, ...]:
    """Fills `state`; what is in the way at the beginning."""
    frontier: list[tuple[Edit, ...]] = [()]
    obstacles: tuple[Obstacle, ...] = ()
    for size in range(1, most_edits + 1):
        failed: list[tuple[int, tuple[Edit, ...]]] = []
        for edits in frontier:
            if state.tried >= most_tries:
                state.is_complete = False
                return obstacles
            module, report, refused = base.refusals((*given, *edits))
            against = groups_for((*refused, *report.failures), report, module, target)
            if not edits:
                obstacles = tuple(
                    Obstacle(failure, tuple(edit for group in groups for edit in group.edits))
                    for failure, groups in against
                )
            for group in _distinct(groups for _, groups in against):
                failed += _try_group(base, given, edits, group, target, most_tries, state, tell)
        frontier = [edits for _, edits in sorted(failed, key=lambda each: each[0])]
        if size == most_edits or not frontier:
            break
    return obstacles


def _try_group(
    base: Editable,
    given: tuple[Edit, ...],
    edits: tuple[Edit, ...],
    group: Group,
    target: int,
    most_tries: int,
    state: _State,
    tell: Progress,
) -> list[tuple[int, tuple[Edit, ...]]]:
    """The sets that do not do, each with how many lengths it still refuses; those that do are noted."""
    failed: list[tuple[int, tuple[Edit, ...]]] = []
    taken = {edit.path for edit in (*given, *edits)}
    state.strengths.update({edit: number for number, edit in enumerate(group.edits)})
    for edit in group.edits:
        new = (*edits, edit)
        key = frozenset(new)
        if edit.path in taken or key in state.seen:
            continue
        is_customary = not edits and edit == group.customary
        if not is_customary and any(state.is_needless(new, found) for found in state.found):
            continue
        if state.tried >= most_tries:
            state.is_complete = False
            break
        state.seen.add(key)
        state.tried += 1
        tell(f"trying {' '.join(map(str, new))} ({state.tried})")
        report = _tried(base, (*given, *new))
        if report is None:
            continue
        if holds_from(report, target):
            state.found = [each for each in state.found if len(each) == 1 or not state.is_needless(each, new)]
            state.found.append(new)
            continue
        state.undecided += bool(report.unknown)
        left = int((~report.valid.mask(target, max(target, report.swept[1]))).sum())
        if report.valid:  # else two parts no longer fit, and one more edit is no remedy
            failed.append((left, new))
    return failed


def _tried(base: Editable, edits: tuple[Edit, ...]) -> Report | None:
    """None for edits that cannot be together."""
    try:
        module, _ = base.module(edits)
    except UsageError:
        return None
    return report_of(base.edited(edits), module, base.lengths, base.train)


def _first_rank(base: Editable, given: tuple[Edit, ...], edits: tuple[Edit, ...]) -> tuple[int, ...]:
    """The part of the cost that needs no analysis."""
    changes = tensor_changes(base.unedited[0], base.module((*given, *edits))[0])
    unused = sum(1 for change in changes if change.after is None)
    return (len(changes) - unused, unused, len(edits))


def _distinct(groups: Iterator[list[Group]]) -> list[Group]:
    """Each group once, in order."""
    return list(dict.fromkeys(group for several in groups for group in several if group.edits))


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
