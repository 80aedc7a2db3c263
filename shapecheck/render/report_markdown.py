"""A report as Markdown that GitHub shows well: the summary, then a section for each component.

What a model or a file names is put in code spans, and messages in fenced blocks, so that nothing in them is Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from shapecheck.model import ComponentReport, ModelReport
from shapecheck.preflight import Finding, Preflight
from shapecheck.render.markdown import code, table
from shapecheck.render.page.funnels import Funnel, funnels
from shapecheck.render.page.slider import Slider, slider
from shapecheck.render.page.values import component_facts, events, layer_cells, summary_cells
from shapecheck.render.preflight import EXAMPLES, event, facts, timeline, verdict
from shapecheck.render.report_files import MARKDOWN_MARK

word = partial(code, in_table=False)

_SUMMARY = {
    "component": "component", "valid": "valid", "unit": "unit", "mel_frames": "mel frames", "samples": "samples",
    "seconds": "seconds", "convs": "convs", "decided_by": "decided by", "proved": "holds",
}  # fmt: skip
_LAYERS = (
    "layer", "kind", "kernel", "stride", "padding", "dilation", "input", "output", "needs", "minimum", "rejects",
)  # fmt: skip
_NUMBERS = {"mel frames", "samples", "seconds", "convs", "needs", "minimum", "mel_frames", "size"}


def report_markdown(report: ModelReport, preflight: Preflight | None = None, *, versions: str) -> str:
    """The whole report, ending with a newline; `versions` is its last line."""
    config = f" ({plain(report.model.config)})" if report.model.config else ""
    mode = "training" if report.train else "evaluation"
    about = (
        "For which input lengths the model runs, for which PyTorch raises, which layer decides, and why."
        f" In {mode} mode. A length is valid if eager PyTorch runs, invalid if it raises, and else unknown; proved: for"
        " every length, past those that were gone through, too."
    )
    blocks = [f"# {plain(report.model.name)}{config}: input lengths", MARKDOWN_MARK, about]
    blocks.append("## Summary")
    if report.advice:
        blocks.append("\n".join(f"- {plain(sentence)}" for sentence in report.advice))
    blocks.append(summary_table(report))
    if report.skipped:
        blocks.append("\n".join(f"- skipped: {word(each.name)}: {plain(each.reason)}" for each in report.skipped))
    if report.model.notes:
        blocks.append("\n".join(f"- note: {plain(note)}" for note in report.model.notes))
    made = slider(report)
    if made is not None and made.is_clip:
        blocks += _clip(made)
    if preflight is not None:
        blocks += _preflight(preflight)
    for entry in report.components:
        blocks += _component(entry)
    return "\n\n".join([*blocks, "---", plain(versions)]) + "\n"


def summary_table(report: ModelReport) -> str:
    rows = [summary_cells(entry) for entry in report.components]
    shown = {key: title for key, title in _SUMMARY.items() if not rows or {row[key] for row in rows} != {"-"}}
    lines = [
        [code(row[key]) if key in ("component", "valid", "decided_by") else row[key] for key in shown] for row in rows
    ]
    return _aligned(list(shown.values()), lines)


def plain(text: str) -> str:
    """A sentence in which nothing is Markdown."""
    line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>#|~&!])", r"\\\1", line)


def _aligned(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return table(titles, rows, ["---:" if title in _NUMBERS else "---" for title in titles])


def _clip(made: Slider) -> list[str]:
    way = made.way
    steps = [f"1. {word(way.symbol)}: samples of the clip at {way.sample_rate:,} Hz"]
    steps += [f"1. {word(f'{each.symbol} = {each.formula}')}: {each.meaning}" for each in way.quantities]
    blocks = [
        "## From the clip to the components",
        f"What {word(way.source)} makes of a clip, the shortest one of its batch:",
        "\n".join(steps),
    ]
    rows = [
        (each.name, ", ".join(f"{code(name)} {code(formula)}" for name, formula in each.lengths.items()), each.refusal)
        for each in way.occasions
    ]
    blocks.append(_aligned(("occasion", "what the components receive", "if one refuses it"), rows))
    blocks += [
        f"{each.name}: if {word(each.gate.formula)} {each.gate.meaning} are fewer than {each.gate.least},"
        f" {each.gate.otherwise}."
        for each in way.occasions
        if each.gate is not None
    ]
    turns = [(f"{turn.value / way.sample_rate:.4f}", f"{turn.value:,}", plain(turn.words)) for turn in made.turns]
    if turns:
        blocks += ["Where it changes:", _aligned(("seconds", "samples", "from there on"), turns)]
    return blocks


def _component(entry: ComponentReport) -> Iterable[str]:
    component, report = entry.component, entry.report
    yield f"## {plain(entry.name)}"
    named = ", ".join(filter(None, (component.class_name, component.role)))
    lines = [f"- class: {plain(named)}"] if named else []
    lines += [f"- {label}: {word(text) if label == 'input' else plain(text)}" for label, text in component_facts(entry)]
    yield "\n".join(lines)
    for each in events(entry):
        verb = "Refuses" if each.kind == "refused" else "Unknown:"
        condition = f"; {plain(each.condition)}" if each.condition else ""
        yield f"{verb} {word(each.lengths)} at {word(each.place)} ({each.extent}{condition}):"
        yield _fenced(each.message)
    for way in funnels(entry):
        yield f"On the way: {plain(way.sentence)}."
        yield _funnel(way)
    rows = [layer_cells(layer, report.variable) for layer in report.layers]
    if rows:
        marked = [
            [("**decides** " if key == "layer" and layer.is_binding else "") + code(row[key]) for key in _LAYERS]
            for layer, row in zip(report.layers, rows, strict=True)
        ]
        many = f"{len(rows):,} calls of layers" if len(rows) > 1 else "1 call of a layer"
        yield f"<details><summary>{many}</summary>"
        yield _aligned(_LAYERS, marked)
        yield "</details>"


def _funnel(way: Funnel) -> str:
    rows = [
        (code(stage.layer), code(stage.operation), code(stage.formula), stage.size + " (refused)" * stage.is_refusing)
        for stage in way.stages
    ]
    return _aligned(("layer", "operation", "length", "size"), rows)


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _preflight(preflight: Preflight) -> Iterable[str]:
    yield "## Pre-flight"
    yield f"**{verdict(preflight)}**: stage {plain(preflight.stage)} ({plain(preflight.stage_reason)})."
    yield "\n".join(f"- {plain(line)}" for line in preflight.chain)
    moments = [
        (
            plain(moment),
            ", ".join(f"{found.severity.value} {code(found.identity)} ({found.count:,})" for found in here) or "-",
        )
        for moment, here in timeline(preflight)
    ]
    yield _aligned(("when", "what"), moments)
    yield _aligned(
        ("a shorter clip", "samples", "seconds", "mel frames", "because"),
        (
            (
                event(each),
                "-" if each.samples is None else f"{each.samples:,}",
                "-" if each.seconds is None else f"{each.seconds:.4f}",
                "-" if each.mel_frames is None else f"{each.mel_frames:,}",
                plain(each.because),
            )
            for each in preflight.thresholds
        ),
    )
    lines = [f"- {label}: {plain(text)}" for label, text in facts(preflight)]
    yield "\n".join([*lines, *(f"- not checked: {plain(text)}" for text in preflight.not_checked)])
    for found in preflight.findings:
        yield from _finding(found)


def _finding(found: Finding) -> Iterable[str]:
    yield f"### {found.identity}"
    yield f"{found.severity.value}, {found.when.value}, {found.count:,}: {plain(found.message)}"
    yield f"Remedy: {plain(found.remedy)}"
    files = [
        f"- {word(file.place)}" + "".join(f", {plain(name)} {value}" for name, value in file.numbers.items())
        for file in found.files[:EXAMPLES]
    ]
    more = len(found.files) - EXAMPLES
    if files:
        yield "\n".join([*files, *([f"- and {more:,} more, in the JSON document"] if more > 0 else [])])


__all__ = ["plain", "report_markdown", "summary_table"]
