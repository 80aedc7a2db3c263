"""From the graph to which layer refuses which lengths, how the length came to it, and what could not be decided.

Plain passes over the recorded graph: nothing here decides a length, it only reads what the trace found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch.fx

from shapecheck.lengths.swept import Int, SweptBool, is_plain
from shapecheck.limits import ToSet, formula, kind_of_node, name_of, varying
from shapecheck.report import THE_MODULE, Failure, Step, Undecided
from shapecheck.tensor import SweptTensor
from shapecheck.trees import leaves

if TYPE_CHECKING:
    from shapecheck.record import Doubt, Refusal
    from shapecheck.tracer import Tracer


def failures_of(
    tracer: Tracer,
    ran: SweptBool,
    doubtful: SweptBool,
    variable: str,
    proved: bool,
    to_set: ToSet,
    *,
    accepted: bool = False,
) -> tuple[Failure, ...]:
    """One entry for each binding layer and operation, in the order of execution.

    `ran`: the lengths that run to the end, with some outcome of the random draws at the least. `doubtful`: those that
    fail with some values of tensors only, which is no finding. `accepted`: of the refusals with which the lengths went
    on nevertheless, instead of the others.
    """
    groups: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in tracer.record.refusals:
        if refusal.is_accepted != accepted or not (refusal.lengths & ~doubtful).somewhere:
            continue
        groups.setdefault((_place(refusal), refusal.operation), []).append(refusal)
    found: list[Failure] = []
    for (layer, operation), refusals in groups.items():
        lengths = refusals[0].lengths
        for refusal in refusals[1:]:
            lengths = lengths | refusal.lengths
        last = max(refusals, key=lambda refusal: int(np.flatnonzero(refusal.lengths.values)[-1]))
        index = int(np.flatnonzero(last.lengths.values)[-1])
        found.append(
            Failure(
                layer=layer,
                operation=operation,
                lengths=to_set(lengths & ~doubtful),
                at=tracer.sweep.first + index,
                error=last.text,
                chain=chain_of(last.node, index, variable, proved),
                draws=last.draws if ran.values[index] or _is_one_of_several(last, tracer, index) else (),
            )
        )
    return tuple(found)


def _is_one_of_several(refusal: Refusal, tracer: Tracer, index: int) -> bool:
    """Whether it depends on the values of tensors with what this length fails."""
    others = [other for other in tracer.record.refusals if other.lengths.values[index]]
    return bool(tracer.by_data.values[index]) and any(other.text != refusal.text for other in others)


def _place(refusal: Refusal) -> str:
    if refusal.node is not None:
        return name_of(refusal.node)
    return refusal.layer or THE_MODULE


def undecided_of(tracer: Tracer, to_set: ToSet) -> tuple[Undecided, ...]:
    """One entry for each place that could not decide some lengths."""
    groups: dict[tuple[str, str, str], list[Doubt]] = {}
    for doubt in tracer.record.doubts:
        groups.setdefault((doubt.layer, doubt.operation, doubt.reason), []).append(doubt)
    found: list[Undecided] = []
    for (layer, operation, reason), doubts in groups.items():
        lengths = doubts[0].lengths
        for doubt in doubts[1:]:
            lengths = lengths | doubt.lengths
        found.append(Undecided(layer or THE_MODULE, operation, to_set(lengths), reason))
    return tuple(found)


def chain_of(
    node: torch.fx.Node | None, index: int, variable: str, proved: bool, *, through: bool = False
) -> tuple[Step, ...]:
    """The steps that changed the length on the way to a node, from the input on, at one index of the sweep.

    `through`: the node's own step, too, which one that refuses the length does not take.
    """
    steps: list[Step] = []
    current = node
    while current is not None:
        source = _source(current, index)
        if source is None:
            break
        if current.meta["operation"] == "join":
            current, step = _joined_step(current, index, variable, proved)
            if step is not None:
                steps.append(step)
            continue
        if current is not node or through:
            step = _step(current, source, current, index, variable, proved)
            if step is not None:
                steps.append(step)
        current = source
    return tuple(reversed(steps))


def end_at(graph: torch.fx.Graph, index: int) -> tuple[torch.fx.Node | None, bool]:
    """Where the length at one index of the sweep ends, and whether it is refused there: at the last node that it
    reaches, or, of those that refuse it, the last, for code may catch what others raise."""
    last, refusing = None, None
    for node in graph.nodes:
        live: SweptBool | None = node.meta.get("live")
        if live is None or not live.values[index] or _source(node, index) is None:
            continue
        last = node
        fails: SweptBool | None = node.meta.get("fails")
        if fails is not None and fails.values[index]:
            refusing = node
    return (last, False) if refusing is None else (refusing, True)


def _source(node: torch.fx.Node, index: int) -> torch.fx.Node | None:
    """The input of a node that carries the length; of a joined one, the path that this length took."""
    for candidate in node.all_input_nodes:
        result = candidate.meta.get("swept")
        live: SweptBool | None = candidate.meta.get("live")
        if candidate.op == "get_attr" or live is None or not live.values[index]:
            continue
        if any(type(leaf) is SweptTensor and varying(leaf._dims) is not None for leaf in leaves(result)):
            return candidate
    return None


def _joined_step(
    join: torch.fx.Node, index: int, variable: str, proved: bool
) -> tuple[torch.fx.Node | None, Step | None]:
    """All that happened inside the module call whose paths are joined here, as one step."""
    layer = join.meta["layer"]
    current = _source(join, index)
    last_change: torch.fx.Node | None = None
    while current is not None and current.meta.get("layer") == layer and current.op != "placeholder":
        before = _source(current, index)
        if before is None:
            break
        if last_change is None and _length_of(before) is not _length_of(current):
            last_change = current
        current = before
    if current is None:
        return None, None
    step = _step(last_change or join, current, join, index, variable, proved)
    return current, step


def _step(
    what: torch.fx.Node, source: torch.fx.Node, result: torch.fx.Node, index: int, variable: str, proved: bool
) -> Step | None:
    before, after = _length_of(source), _length_of(result)
    if before is after or before is None or after is None:
        return None
    value = after if is_plain(after) else int(after.values[index])
    live: SweptBool = result.meta["live"]
    return Step(
        layer=str(what.target) if what.op == "call_module" else what.meta["layer"] or THE_MODULE,
        operation=kind_of_node(what),
        before=formula(before, live, variable, proved),
        after=formula(after, live, variable, proved),
        value=value,
    )


def _length_of(node: torch.fx.Node) -> Int | None:
    for leaf in leaves(node.meta.get("swept")):
        if type(leaf) is SweptTensor:
            size = varying(leaf._dims)
            if size is not None:
                return size
    return None


__all__ = ["chain_of", "end_at", "failures_of", "undecided_of"]
