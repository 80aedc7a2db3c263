"""Several configurations of one model side by side, as Markdown: each figure with whether it is proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shapecheck.model import ComponentReport, ModelReport
from shapecheck.render import cells, units
from shapecheck.render.markdown import code, table
from shapecheck.render.page.slider import Slider, slider
from shapecheck.render.report_files import MARKDOWN_MARK
from shapecheck.render.report_markdown import plain

_SAME = "the same"


def comparison(reports: Mapping[str, ModelReport], *, versions: str) -> str:
    """An index of the reports in folders of these names, ending with a newline."""
    names = list(reports)
    models = " and ".join(dict.fromkeys(plain(report.model.name) for report in reports.values()))
    standing = (
        "What each figure rests on stands beside it. *Proved*: it holds for every length. *Swept*: for the lengths that"
        " were gone through. *Counted*: read off the modules. The messages in the reports are PyTorch's own."
    )
    blocks = [
        f"# Reports of the public configurations of {models}",
        MARKDOWN_MARK,
        standing,
        _aligned(("configuration", "Markdown", "page", "document"), map(_links, names)),
    ]
    advice = _advice(reports)
    if advice:
        blocks += ["## Clips and max_len", "\n".join(advice)]
    turning = _turns(reports)
    if turning:
        blocks += ["Where something changes for the shortest clip of a batch:", _aligned(("what", *names), turning)]
    blocks += ["## The smallest length of each component", _aligned(("component", *names), _components(reports))]
    blocks += ["## Layers", _aligned(("what is counted", *names), _counts(reports)), "---", plain(versions)]
    return "\n\n".join(blocks) + "\n"


def _links(name: str) -> list[str]:
    files = (("report.md", "Markdown"), ("report.html", "HTML"), ("report.json", "JSON"))
    return [code(name), *(f"[{what}]({name}/{file})" for file, what in files)]


def _advice(reports: Mapping[str, ModelReport]) -> list[str]:
    """Each sentence once, with the configurations that it is for."""
    found: dict[str, list[str]] = {}
    for name, report in reports.items():
        for sentence in report.advice:
            found.setdefault(f"{plain(sentence)} ({_standing(report.components)})", []).append(name)
    return [
        f"- {', '.join(code(name, in_table=False) for name in names)}: {sentence}" for sentence, names in found.items()
    ]


def _standing(entries: Iterable[ComponentReport]) -> str:
    return "proved" if all(entry.report.proved for entry in entries) else "swept"


def _turns(reports: Mapping[str, ModelReport]) -> list[list[str]]:
    """By what changes, the shortest clip from which on it does in each configuration."""
    made: dict[str, Slider | None] = {name: slider(report) for name, report in reports.items()}
    rows: dict[str, dict[str, str]] = {}
    for name, each in made.items():
        if each is None or not each.is_clip:
            continue
        named = {component for occasion in each.way.occasions for component in occasion.lengths}
        standing = _standing(entry for entry in reports[name].components if entry.component.name in named)
        for turn in each.turns:
            at = f"{turn.value:,} samples, {turn.value / each.way.sample_rate:.4f} s, {standing}"
            rows.setdefault(turn.words, {})[name] = at
    return [[plain(words), *(found.get(name, "-") for name in reports)] for words, found in rows.items()]


def _components(reports: Mapping[str, ModelReport]) -> list[list[str]]:
    found = {name: {entry.name: entry for entry in report.components} for name, report in reports.items()}
    components = dict.fromkeys(name for entries in found.values() for name in entries)
    return [
        [code(component), *(_least(entries.get(component)) for entries in found.values())] for component in components
    ]


def _least(entry: ComponentReport | None) -> str:
    if entry is None:
        return "-"
    report, unit = entry.report, entry.component.unit
    least = "none" if report.minimum is None else units.equivalents(unit, report.minimum)
    standing = "proved" if report.proved else f"swept {report.swept[0]:,} to {report.swept[1]:,}"
    return f"{code(cells.valid_or_unknown(report))}: {plain(least)}, {standing}"


def _counts(reports: Mapping[str, ModelReport]) -> list[list[str]]:
    entries = [report.components for report in reports.values()]
    rows = {
        "conv layers": [sum(int(cells.conv_layers(entry.report)) for entry in each) for each in entries],
        "calls of layers listed": [sum(len(entry.report.layers) for entry in each) for each in entries],
        "components that refuse lengths": [sum(bool(entry.report.invalid) for entry in each) for each in entries],
        "components with lengths left unknown": [sum(bool(entry.report.unknown) for entry in each) for each in entries],
    }
    return [[what, *(f"{number:,}, counted" for number in numbers)] for what, numbers in rows.items()]


def _aligned(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A cell that says what the first configuration's says is not repeated."""
    return table(titles, ([*row[:2], *(_SAME if cell == row[1] else cell for cell in row[2:])] for row in rows))
