"""A difference as a table, as Markdown and as a JSON document: whole outputs, and what must hold of each."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from shapecheck import ComponentReport, ModelReport, Skipped
from shapecheck.difference import Difference, compare
from shapecheck.render import difference as module
from shapecheck.render.difference import document, sentence, table
from shapecheck.render.document import limits
from shapecheck.render.markdown import LONGEST_LIST, markdown
from shapecheck.saved import SavedReport, from_values
from tests import handmade

SCHEMA = json.loads((Path(__file__).parent / "diff.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__version__", "0.1.0")


def saved(report: ModelReport, origin: str, **fields: Any) -> SavedReport:
    return from_values({**limits(report), "torch_version": "2.13", "shapecheck_version": "0.1.0", **fields}, origin)


def changed(entry: ComponentReport, **fields: Any) -> ComponentReport:
    return ComponentReport(entry.component, replace(entry.report, **fields))


def halves(kernel: int) -> ComponentReport:
    """The style encoder, with another kernel at its end."""
    entry = handmade.style_encoder()
    last, least = entry.report.layers[-1], 16 * (kernel - 1) + 1
    result = handmade.report(
        f"T >= {least}",
        [
            *entry.report.layers[:-1],
            replace(last, kernel_size=(kernel, kernel), needs=kernel, minimum=least, output_length="see lengths"),
        ],
        inputs=entry.report.inputs,
        failures=(replace(entry.report.failures[0], lengths=handmade.LengthSet.interval(1, least - 1), at=least - 1),),
    )
    return handmade.component("style_encoder", "StyleEncoder", "encoder", handmade.MEL, result)


def all_kinds() -> Difference:
    """One of each: worse, gone, less certain, newly skipped, better, added, changed, the same."""
    decided = changed(handmade.undecided(), unknown=handmade.NOTHING)
    uncertain = ComponentReport(replace(handmade.undecided().component, name="mpd.first"), handmade.undecided().report)
    certain = ComponentReport(uncertain.component, decided.report)
    norm, *convs = handmade.decoder(2).report.layers
    decoder = changed(
        handmade.decoder(2),
        layers=(
            norm,
            *(replace(conv, dilation=(7,), padding=(7,)) for conv in convs[:2]),
            *convs[3:],
            handmade.layer("conv_post"),
            handmade.layer("conv_post"),
        ),
    )
    short = handmade.component(
        "predictor", "Predictor", "prosody", handmade.TOKENS, handmade.report("L >= 1", [], inputs=(), variable="L")
    )
    before = handmade.model_report(
        handmade.style_encoder(), handmade.bert(), handmade.decoder(2), handmade.undecided(), certain, short
    )
    after = handmade.model_report(
        halves(9),
        decoder,
        decided,
        uncertain,
        ComponentReport(replace(short.component, name="pitch"), short.report),
        skipped=(Skipped("predictor", "needs the extra hf"),),
    )
    return compare(saved(before, "before.json"), saved(after, "config.yml", config="config.yml", torch_version="2.14"))


def nothing() -> Difference:
    report = saved(handmade.everything(), "a.json")
    return compare(report, report)


def text(difference: Difference, width: int = 100, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return table(difference, Console(file=file, width=width, highlight=False, markup=False, emoji=False))


@pytest.mark.parametrize("width", [60, 100])
def test_whole_table(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"diff_{width}.txt", text(all_kinds(), width))


def test_whole_markdown(golden: Callable[[str, str], None]) -> None:
    golden("diff.md", markdown(all_kinds()))


def test_whole_document(golden: Callable[[str, str], None]) -> None:
    golden("diff.json", document(all_kinds()))


def test_the_first_line_is_the_verdict() -> None:
    expected = (
        "1 component got worse, 1 disappeared, 1 less certain, 1 newly skipped, 1 better, 1 added, "
        "1 changed without getting worse"
    )
    assert sentence(all_kinds()) == expected
    assert text(all_kinds(), 200).splitlines()[0] == expected
    assert markdown(all_kinds()).splitlines()[0] == f"## {expected}"
    assert json.loads(document(all_kinds()))["summary"] == expected


def test_equal_reports_say_so_in_one_line() -> None:
    assert text(nothing()) == "No difference: 5 components, all the same\n"
    assert markdown(nothing()) == "## No difference: 5 components, all the same\n"


def test_a_note_stands_below_even_where_nothing_differs() -> None:
    report = saved(handmade.everything(), "a.json")
    difference = compare(report, replace(report, torch_version="2.14"))
    note = "note: A was made with PyTorch 2.13, and B with PyTorch 2.14"
    assert text(difference).splitlines() == ["No difference: 5 components, all the same", note]
    assert markdown(difference).splitlines()[2] == "> note: `A was made with PyTorch 2.13, and B with PyTorch 2.14`"


@pytest.mark.parametrize("make", [all_kinds, nothing])
def test_schema_holds(make: Callable[[], Difference]) -> None:
    values = json.loads(document(make()))
    jsonschema.validate(values, SCHEMA)
    assert document(make()) == document(make())


def test_schema_is_closed() -> None:
    values = json.loads(document(all_kinds()))
    values["components"][0]["extra"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    assert max(map(len, text(all_kinds(), width).splitlines())) <= width


def test_an_encoding_without_box_drawing() -> None:
    assert text(all_kinds(), encoding="ascii").isascii()


def test_there_is_one_heading() -> None:
    assert [line[:3] for line in markdown(all_kinds()).splitlines() if line.startswith("#")] == ["## "]


def test_rows_of_a_markdown_table_have_the_same_number_of_cells() -> None:
    for block in markdown(all_kinds()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_names_are_neither_marks_nor_tags() -> None:
    name = "a|b`<img src=x>`@somebody\n\n# c"
    report = saved(handmade.model_report(handmade.style_encoder()), "a.json")
    (component,) = report.components
    before = replace(report, config=name, components=(replace(component, name=name),))
    after = replace(before, components=(replace(component, name=name, class_name=name),))
    shown = markdown(compare(before, after))
    assert "| ``a\\|b`<img src=x>`@somebody # c`` |" in shown
    assert "<summary><code>a|b`&lt;img src=x&gt;`@somebody # c</code>: changed: class</summary>" in shown
    assert shown.count("\n#") == 0


def test_a_long_list_is_cut_in_markdown_and_not_in_the_table() -> None:
    count = LONGEST_LIST + 5
    one, other = ([handmade.layer(f"{name}.{index}") for index in range(count)] for name in ("old", "new"))
    before, after = (
        saved(handmade.model_report(changed(handmade.decoder(), layers=tuple(layers))), "a.json")
        for layers in (one, other)
    )
    difference = compare(before, after)
    assert f"`old.{LONGEST_LIST - 1}`, ... and 5 more" in markdown(difference)
    assert f"old.{count - 1}" in text(difference)


def test_layers_that_changed_alike_stand_together() -> None:
    convs = tuple(handmade.layer(f"convs.{index}") for index in range(3))
    before = saved(handmade.model_report(changed(handmade.decoder(), layers=convs)), "a.json")
    wide = tuple(replace(conv, stride=(2,), needs=2) for conv in convs)
    after = saved(handmade.model_report(changed(handmade.decoder(), layers=wide)), "a.json")
    lines = text(compare(before, after)).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["convs.0", "stride", "1", "2"],
        ["and", "2", "layers", "alike", "needs", "1", "2"],
    ]
