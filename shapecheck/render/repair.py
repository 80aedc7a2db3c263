"""A repair plan as text, as CSV and as a JSON document of the schema `shapecheck.repair/1`. Nothing is decided here."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from shapecheck._version import __version__
from shapecheck.preflight import (
    MOST_STRETCH,
    PADDED_AT,
    Finding,
    LoaderChange,
    Mended,
    Policy,
    Repair,
    RepairPlan,
    Threshold,
    Totals,
)
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.render.document import json_text

SCHEMA = "shapecheck.repair/1"
EXAMPLES = 10  # clips shown, the shortest first; --list writes them all

_EXPANDED_LEVELS = 2  # document, its lists; a clip is one line

# what happens because of a clip: of one, and after a number of them
_EVENTS = {
    "crash": ("ends the run", "end the run"),
    "validation_batch_lost": ("loses its validation batch", "lose their validation batch"),
    "validation_crash": ("ends the run in validation", "end the run in validation"),
    "batch_dropped": ("drops its batch", "drop their batch"),
    "aligner_refuses": ("is refused by the text aligner", "are refused by the text aligner"),
    "slm_missed": ("misses the SLM stage", "miss the SLM stage"),
    "slm_eligible": ("misses the SLM stage", "miss the SLM stage"),
    "unreadable": ("cannot be read", "cannot be read"),
    "too_many_channels": ("has more than two channels", "have more than two channels"),
    "two_samples": ("is taken for two channels", "are taken for two channels"),
}


def plan_text(plan: RepairPlan, policies: Sequence[Policy], console: Console, mended: Mended | None = None) -> str:
    """The plan as text for a console, with these policies, and what was written where anything was."""
    with console.capture() as captured:
        _print(plan, policies, console)
        if mended is not None:
            console.print()
            _print_mended(mended, console)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def plan_csv(plan: RepairPlan) -> str:
    """All clips to repair, a line for each line of a list that names one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["list", "line", *_COLUMNS])
    for repair in plan.repairs:
        values = [" ".join(repair.events), *("" if each is None else each for each in _numbers(repair).values())]
        for place in repair.places:
            writer.writerow([place.listed, place.line, place.path, *values])
    return text.getvalue()


def document(plan: RepairPlan, policies: Sequence[Policy], mended: Mended | None = None) -> str:
    """The whole plan as a JSON document, ending with a newline."""
    values = {
        "schema": SCHEMA,
        "shapecheck_version": __version__,
        "stage": plan.stage,
        "stage_reason": plan.stage_reason,
        "goal": plan.goal,
        "lists": [
            {"list": each.name, "role": each.role, "lines": each.lines, "hours": _hours(each.seconds)}
            for each in plan.lists
        ],
        "root": plan.root,
        "needed": [
            {"event": each.name, "samples": each.samples, "seconds": each.seconds, "because": each.because}
            for each in plan.thresholds
        ],
        "policies": [_policy_values(plan, policy) for policy in policies],
        "loader": None if plan.loader is None else _loader_values(plan.loader),
        "late_stage": None
        if plan.late_stage is None
        else {
            "name": plan.late_stage.name,
            "lines": plan.late_stage.lines,
            "short": plan.late_stage.short,
            "samples": plan.late_stage.samples,
        },
        "notes": list(plan.notes),
        "hopeless": plan.hopeless,
        "not_checked": list(plan.not_checked),
        "repairs": [_repair_values(repair) for repair in plan.repairs],
        "written": None if mended is None else _mended_values(mended),
    }
    return json_text(values, _EXPANDED_LEVELS) + "\n"


_COLUMNS = (
    "file",
    "events",
    "samples",
    "sample_rate",
    "channels",
    "needed",
    "padding",
    "repetitions",
    "stretch",
    "only_drop_because",
    "no_repetition_because",
)


def _numbers(repair: Repair) -> dict[str, Any]:
    return {
        "samples": repair.samples,
        "sample_rate": repair.audio.sample_rate,
        "channels": repair.audio.channels,
        "needed": repair.needed,
        "padding": repair.padding,
        "repetitions": repair.repetitions,
        "stretch": None if repair.stretch is None else str(repair.stretch),
        "only_drop_because": repair.reason or None,
        "no_repetition_because": repair.no_repetition or None,
    }


def _print(plan: RepairPlan, policies: Sequence[Policy], console: Console) -> None:
    reason = f" ({plan.stage_reason})" if plan.stage_reason else ""
    console.print(Text(f"Repair: stage {plan.stage}{reason}, goal {plan.goal}", style="bold"))
    for each in plan.lists:
        lines = sum(place.listed == each.name for repair in plan.repairs for place in repair.places)
        text = f"{each.name}: {_count(each.lines, 'line')}, {each.seconds / 3600:.4g} h, {lines:,} to repair"
        print_hanging(console, f"  {each.role:<7}  ", text)
    for threshold in plan.thresholds:
        print_hanging(console, "  needed   ", _needed(threshold))
    if plan.late_stage is not None:
        late = plan.late_stage
        lines = _count(late.lines, "training clip")
        text = f"{late.name} stage: {late.short:,} of {lines} under {late.samples:,} samples"
        hint = "; --goal slm plans for them, too" if late.short and plan.goal != "slm" else ""
        print_hanging(console, "  long     ", text + hint)
    for note in plan.notes:
        print_hanging(console, "  note: ", note)
    for what in plan.not_checked:
        print_hanging(console, "  not checked: ", what)
    console.print()
    if plan.hopeless:
        print_hanging(console, "", f"No clip can be repaired: {plan.hopeless}.", style="bold")
        return
    if not plan.repairs:
        console.print(Text("Nothing to repair.", style="bold"))
        return
    print_hanging(console, "", f"{_count(len(plan.repairs), 'clip')} to repair: {_events(plan)}.", style="bold")
    console.print()
    _print_policies(plan, policies, console)
    if plan.loader is not None:
        console.print()
        _print_loader(plan.loader, console)
    console.print()
    _print_clips(plan, console)


def _needed(threshold: Threshold) -> str:
    event, _ = _EVENTS.get(threshold.name, (threshold.name, threshold.name))
    if threshold.samples is None:
        return f"no length from which on no clip {event}: {threshold.because}"
    return f"{threshold.samples:,} samples ({threshold.seconds:.4g} s), or it {event}: {threshold.because}"


def _events(plan: RepairPlan) -> str:
    counts = Counter(event for repair in plan.repairs for event in repair.events)
    known = sorted(counts.items(), key=lambda each: list(_EVENTS).index(each[0]))
    return ", ".join(f"{count:,} {_EVENTS[name][count != 1]}" for name, count in known)


def _print_policies(plan: RepairPlan, policies: Sequence[Policy], console: Console) -> None:
    totals = [plan.totals(policy) for policy in policies]

    def cells(value: Callable[[Totals], float], form: str) -> tuple[str, ...]:
        return tuple(format(value(each), form) for each in totals)

    columns = (
        Column("policy", tuple(each.policy.value for each in totals)),
        Column("lines mended", cells(lambda each: each.mended, ","), right=True),
        Column("left out", cells(lambda each: each.left_out, ","), right=True),
        Column("new files", cells(lambda each: each.files, ","), right=True),
        Column("hours kept", cells(lambda each: each.hours_kept, ".4f"), right=True),
        Column("synthetic", cells(lambda each: each.hours_synthetic, ".4f"), right=True),
        Column("lost", cells(lambda each: each.hours_lost, ".4f"), right=True),
    )
    print_table(console, [columns], [False] * len(totals))
    leaving: dict[tuple[str, int], list[str]] = {}
    for policy in policies:
        for reason in plan.left_out(policy).items():
            leaving.setdefault(reason, []).append(policy.value)
    for (why, count), names in leaving.items():
        *others, last = names
        who = f"{', '.join(others)} and {last} leave" if others else f"{last} leaves"
        print_hanging(console, "  ", f"{who} out {_count(count, 'clip')}: {why}")
    if Policy.PAD in policies and plan.totals(Policy.PAD).files:
        print_hanging(console, "  ", f"pad puts the zeros at the {PADDED_AT} of the clip")
    if Policy.REPEAT in policies and plan.totals(Policy.REPEAT).files:
        print_hanging(console, "  ", "repeat writes the text of a clip as often as the clip")


def _print_loader(loader: LoaderChange, console: Console) -> None:
    text = f"one line more in the data loader pads every clip up to {loader.samples:,} samples, and mends"
    print_hanging(console, "  loader   ", f"{text} {_count(loader.mends, 'clip')} without a new file:")
    print_hanging(console, "             ", loader.code)
    print_hanging(console, "           ", f"in {loader.where}")
    for why, count in loader.leaves.items():
        print_hanging(console, "           ", f"it does not mend {_count(count, 'clip')}: {why}")


def _print_clips(plan: RepairPlan, console: Console) -> None:
    shown = sorted(plan.repairs, key=lambda repair: (repair.needed is None, repair.audio.seconds))[:EXAMPLES]

    def cells(value: Callable[[Repair], str]) -> tuple[str, ...]:
        return tuple(map(value, shown))

    def count(value: int | None) -> str:
        return "-" if value is None else f"{value:,}"

    name = Column("clip", cells(_place), Fit.NAME)
    samples = Column("samples", cells(lambda repair: count(repair.samples)), right=True)
    needed = Column("needs", cells(lambda repair: count(repair.needed)), right=True)
    zeros = Column("zeros", cells(lambda repair: count(repair.padding)), right=True)
    times = Column("times", cells(lambda repair: count(repair.repetitions)), right=True)
    stretch = Column("stretch", cells(_stretch), right=True)
    events = Column("because it", cells(_why), Fit.WORDS)
    layouts = ((name, samples, needed, zeros, times, stretch, events), (name, samples, needed, zeros, events))
    print_table(console, layouts, [False] * len(shown))
    more = len(plan.repairs) - len(shown)
    if more:
        print_hanging(console, "  ", f"... and {more:,} more; --list FILE writes them all")


def _place(repair: Repair) -> str:
    first = repair.places[0]
    return f"{first.listed}:{first.line} {first.path}"


def _stretch(repair: Repair) -> str:
    if repair.needed is None:
        return "-"
    return f"{float(repair.stretch):.3f}" if repair.stretch is not None else f"over {MOST_STRETCH}"


def _why(repair: Repair) -> str:
    text = ", ".join(_EVENTS.get(event, (event, event))[0] for event in repair.events)
    if len(repair.places) > 1:
        text += f", in {len(repair.places):,} lines"
    return f"{text}; only left out" if repair.reason else text


def _print_mended(mended: Mended, console: Console) -> None:
    console.print(Text(f"Written to {mended.folder} with --policy {mended.policy.value}", style="bold"))
    there = mended.files - mended.written
    if mended.files:
        again = f", {there:,} of which an earlier run had finished" if there else ""
        print_hanging(console, "  audio    ", f"{_count(mended.files, 'new file')}{again}")
    if mended.encoded_anew:
        text = "in a format that loses something: their recordings were encoded anew"
        print_hanging(console, "           ", f"{mended.encoded_anew:,} {text}")
    if mended.as_wav:
        text = "as WAV, since their own format does not keep the number of samples"
        print_hanging(console, "           ", f"{mended.as_wav:,} {text}")
    for path in mended.lists:
        print_hanging(console, "  list     ", path)
    if not mended.remaining:
        print_hanging(console, "  pre-flight of the new lists: ", "no such finding is left")
    for label, findings in (("is left", mended.remaining), ("not of this", mended.others)):
        for found in findings:
            print_hanging(console, f"  {label}: ", f"{found.severity.value} {found.identity}: {found.message}")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 6)


def _policy_values(plan: RepairPlan, policy: Policy) -> dict[str, Any]:
    totals = plan.totals(policy)
    return {
        "policy": policy.value,
        "lines_mended": totals.mended,
        "lines_left_out": totals.left_out,
        "new_files": totals.files,
        "hours_kept": _hours(totals.seconds_kept),
        "hours_synthetic": _hours(totals.seconds_synthetic),
        "hours_lost": _hours(totals.seconds_lost),
        "leaves_out": plan.left_out(policy),
    }


def _loader_values(loader: LoaderChange) -> dict[str, Any]:
    return {
        "samples": loader.samples,
        "code": loader.code,
        "where": loader.where,
        "mends": loader.mends,
        "leaves": dict(loader.leaves),
    }


def _repair_values(repair: Repair) -> dict[str, Any]:
    places = [{"list": place.listed, "line": place.line, "file": place.path} for place in repair.places]
    return {"places": places, "events": list(repair.events), **_numbers(repair), "padded_at": PADDED_AT}


def _mended_values(mended: Mended) -> dict[str, Any]:
    return {
        "policy": mended.policy.value,
        "folder": mended.folder,
        "lists": list(mended.lists),
        "files": mended.files,
        "written": mended.written,
        "encoded_anew": mended.encoded_anew,
        "as_wav": mended.as_wav,
        "remaining": [_finding_values(found) for found in mended.remaining],
        "others": [_finding_values(found) for found in mended.others],
    }


def _finding_values(found: Finding) -> dict[str, Any]:
    return {
        "id": found.identity,
        "severity": found.severity.value,
        "when": found.when.value,
        "count": found.count,
        "message": found.message,
        "remedy": found.remedy,
    }
