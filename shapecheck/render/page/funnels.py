"""What a length becomes on its way through a component: at the edge, the last one that is refused beside the next."""

from __future__ import annotations

from dataclasses import dataclass

from shapecheck.explanation import Outcome, traced
from shapecheck.model import ComponentReport
from shapecheck.render.explanation import sentence, stages
from shapecheck.render.page.axis import percent


@dataclass(frozen=True, slots=True)
class Stage:
    """One bar: the size after a layer, or what the layer that refuses the length gets and needs."""

    layer: str
    operation: str
    formula: str
    size: str
    share: str  # of the widest bar, in percent; "" where there is no size
    needed: str = ""  # likewise
    is_refusing: bool = False


@dataclass(frozen=True, slots=True)
class Funnel:
    sentence: str
    is_refused: bool
    stages: tuple[Stage, ...]


def funnels(entry: ComponentReport) -> tuple[Funnel, ...]:
    """Of the length beside the edge that is refused, and of the one that runs; () for what changes no length."""
    report = entry.report
    edges: list[int] = []
    least, most = report.minimum, report.maximum
    if least is not None:
        edges = [least - 1, least]
        if least - 1 not in report.invalid and most is not None and most + 1 in report.invalid:
            edges = [most, most + 1]
    else:
        edges = [failure.at for failure in report.failures[:1]]
    first, last = report.swept
    found = [_funnel(entry, edge) for edge in edges if first <= edge <= last]
    return tuple(funnel for funnel in found if len(funnel.stages) > 1)


def _funnel(entry: ComponentReport, length: int) -> Funnel:
    found = traced(entry.report, length)
    rows = stages(found)
    needs = None if found.limit is None else found.limit.needs
    sizes = [int(size.replace(",", "")) if size else None for *_, size, _ in rows]
    widest = max((size for size in (*sizes, needs) if size is not None), default=0) or 1
    drawn = [
        Stage(
            layer,
            operation,
            formula,
            size,
            "" if number is None else percent(number / widest),
            percent(needs / widest) if is_refusing and needs is not None else "",
            is_refusing,
        )
        for (layer, operation, formula, size, is_refusing), number in zip(rows, sizes, strict=True)
    ]
    component = entry.component
    return Funnel(sentence(component, found), found.outcome is Outcome.INVALID, tuple(drawn))
