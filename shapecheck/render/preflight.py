"""A pre-flight as text: how lengths go, what the data come to, the verdict with its timeline, and each finding.

Everything is said in words and marks, never by colour alone. Nothing is decided here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shapecheck.preflight import Finding, Moment, Preflight, Severity, Threshold, Verdict
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.render.units import number

EXAMPLES = 3  # files shown for a finding; --list writes them all

_STYLES = {Verdict.GO: "bold green", Verdict.WILL_DEGRADE: "bold yellow", Verdict.WILL_FAIL: "bold red"}
_SEVERITY_STYLES = {Severity.FATAL: "bold red", Severity.DROP: "bold yellow", Severity.DEGRADE: "yellow"}
_EPOCHS = (Moment.TMA_EPOCH, Moment.DIFF_EPOCH, Moment.JOINT_EPOCH)
_EVENTS = {
    "crash": "ends the run",
    "validation_batch_lost": "loses its validation batch",
    "validation_crash": "ends the run in validation",
    "batch_dropped": "drops its batch",
    "slm_eligible": "SLM stage, at its shortest crop",
    "slm_eligible_surely": "SLM stage, at its longest crop",
}


def preflight_text(preflight: Preflight, console: Console) -> str:
    """The whole pre-flight as text for a console, as wide and as colourful as the console is."""
    with console.capture() as captured:
        _print(preflight, console)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def affected_csv(preflight: Preflight) -> str:
    """All affected files of all findings, one a line, with their numbers in columns of their own."""
    names = dict.fromkeys(name for found in preflight.findings for file in found.files for name in file.numbers)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["finding", "severity", "when", "list", "line", "file", *names])
    for found in preflight.findings:
        for file in found.files:
            line = "" if file.line is None else file.line
            numbers = [file.numbers.get(name, "") for name in names]
            writer.writerow(
                [found.identity, found.severity.value, found.when.value, file.listed, line, file.file, *numbers]
            )
    return text.getvalue()


def facts(preflight: Preflight) -> list[tuple[str, str]]:
    """What max_len, the data, the batches and the weights come to: a label and a sentence each."""
    found = [("max_len", _max_len(preflight.max_len))]
    found += [(name, _listed(values)) for name, values in (preflight.data or {}).items()]
    if preflight.batches is not None:
        found.append(("batches", _batches(preflight.batches)))
    if preflight.checkpoint is not None:
        found.append(("weights", _checkpoint(preflight.checkpoint)))
    return found


def verdict(preflight: Preflight) -> str:
    """`"GO, as far as was checked"`; or, where no length of a clip is known, that."""
    measured = sum(values.get("clips_measured", 0) for values in (preflight.data or {}).values())
    if not measured:
        return f"{preflight.verdict.value}; no clip was looked at"
    return f"{preflight.verdict.value}, as far as was checked" if preflight.not_checked else preflight.verdict.value


def event(threshold: Threshold) -> str:
    """What a clip that is shorter than the threshold does: `"ends the run"`."""
    return _EVENTS.get(threshold.name, threshold.name)


def timeline(preflight: Preflight) -> list[tuple[str, tuple[Finding, ...]]]:
    """The moments of the run that it comes to, in words, and what is found at each."""
    moments: list[tuple[str, tuple[Finding, ...]]] = []
    for when in Moment:
        here = tuple(found for found in preflight.findings if found.when is when)
        epoch = preflight.epochs.get(when.value)
        if when.value not in preflight.epochs and when in _EPOCHS and not here:
            continue
        label = when.value if epoch is None else f"{when.value} {epoch}"
        if epoch is not None and epoch >= preflight.epochs["epochs"]:
            label += f", never reached ({preflight.epochs['epochs']} epochs)"
        moments.append((label, here))
    return moments


def _print(preflight: Preflight, console: Console) -> None:
    console.print(Text(f"Pre-flight: stage {preflight.stage} ({preflight.stage_reason})", style="bold"))
    for line in preflight.chain:
        print_hanging(console, "  ", line)
    console.print()
    _print_thresholds(console, preflight)
    console.print()
    for label, text in facts(preflight):
        print_hanging(console, f"  {label:<7}  ", text)
    for line in preflight.not_checked:
        print_hanging(console, "  not checked: ", line)
    console.print()
    console.print(_panel(preflight))
    for found in preflight.findings:
        console.print()
        _print_finding(console, found)


def _print_thresholds(console: Console, preflight: Preflight) -> None:
    found = preflight.thresholds

    def cells(value: Callable[[Threshold], str]) -> tuple[str, ...]:
        return tuple("-" if threshold.samples is None else value(threshold) for threshold in found)

    def seconds(threshold: Threshold) -> str:
        assert threshold.seconds is not None
        return f"{threshold.seconds:.4f}"

    events = Column("a shorter clip", tuple(map(event, found)))
    samples = Column("samples", cells(lambda threshold: f"{threshold.samples:,}"), right=True)
    duration = Column("seconds", cells(seconds), right=True)
    frames = Column("mel frames", cells(lambda threshold: f"{threshold.mel_frames:,}"), right=True)
    because = Column("because", tuple(threshold.because for threshold in found), Fit.WORDS)
    print_table(
        console,
        layouts=((events, samples, duration, frames, because), (events, samples, duration, because)),
        emphasized=[False] * len(found),
    )


def _max_len(values: Mapping[str, Any]) -> str:
    smallest = values["smallest"]
    least = f"{smallest:,} is the smallest that trains" if smallest is not None else "none would train"
    return (
        f"{values['configured']:,} configured; {least}; {values['recommended']:,} recommended ({values['because']}):"
        f" the configured one takes {values['memory']:g} times the memory of that, in the decoder, the"
        " discriminators and the SLM"
    )


def _listed(values: Mapping[str, Any]) -> str:
    if "texts_drawn_from" in values:
        return f"{values['list']}: {values['lines']:,} lines, {values['texts_drawn_from']:,} long enough to be drawn"
    lengths = ""
    if values["clips_measured"]:
        lengths = (
            f", {values['hours']:g} h, {number(values['shortest_seconds'])} to {number(values['longest_seconds'])} s"
        )
    return f"{values['list']}: {values['lines']:,} lines, {values['clips_measured']:,} clips measured{lengths}"


def _batches(values: Mapping[str, Any]) -> str:
    parts = [
        f"{values['steps_per_epoch']:,} an epoch of {values['batch_size']:,} clips, {values['left_over']:,} left over",
        f"{_percent(values['crash'])} end the run, {_percent(values['dropped'])} are passed over",
    ]
    short = values["without_short"]
    if values["dropped"]:
        clips = "shortest clip" if short["clips"] == 1 else f"{short['clips']:,} shortest clips"
        parts.append(
            f"with batches of like length {_percent(values['bucketed_dropped'])} would be; without the"
            f" {clips} ({short['hours']:g} h) none"
        )
    crops = values["crop_mel_frames"]
    if crops:
        levels = ", ".join(f"{length:,} in {_percent(float(level))}" for level, length in crops.items())
        parts.append(f"crops of at most so many mel frames in so many of the batches: {levels}")
    if values["slm_stage"] is not None:
        parts.append(f"the SLM stage runs for {_percent(values['slm_stage'])} at most")
    if "validation" in values:
        parts.append(f"validation: {values['validation']['lost']:,} of {values['validation']['batches']:,} lost")
    return "; ".join(parts)


def _checkpoint(values: Mapping[str, Any]) -> str:
    components = values["components"]
    parts = [
        f"{name} {entry['outcome']} ({entry['loaded']:,} of {entry['tensors']:,} tensors)"
        for name, entry in components.items()
        if entry["outcome"] != "loaded"
    ]
    whole = len(components) - len(parts)
    return f"{values['file']}: {whole} of {len(components)} components loaded whole" + "".join(f"; {p}" for p in parts)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _panel(preflight: Preflight) -> Panel:
    grid = Table.grid(padding=(0, 2))
    for label, here in timeline(preflight):
        events = Text("\n").join(
            Text.assemble(
                (found.severity.value, _SEVERITY_STYLES.get(found.severity, "")),
                f" {found.identity} ({found.count:,})",
            )
            for found in here
        )
        grid.add_row(Text(label), events if here else Text("-", style="dim"))
    title = Text(verdict(preflight), style=_STYLES[preflight.verdict])
    return Panel(grid, title=title, title_align="left", highlight=False)


def _print_finding(console: Console, found: Finding) -> None:
    heading = Text.assemble(
        (found.severity.value, _SEVERITY_STYLES.get(found.severity, "")),
        (f"  {found.identity}", "bold"),
        f"  {found.when.value}",
    )
    console.print(heading)
    print_hanging(console, "  ", found.message)
    print_hanging(console, "  remedy: ", found.remedy)
    for file in found.files[:EXAMPLES]:
        numbers = ", ".join(f"{name} {value}" for name, value in file.numbers.items())
        print_hanging(console, "    ", f"{file.place}" + (f" ({numbers})" if numbers else ""))
    if len(found.files) > EXAMPLES:
        print_hanging(console, "    ", f"... and {len(found.files) - EXAMPLES:,} more; --list FILE writes them all")
