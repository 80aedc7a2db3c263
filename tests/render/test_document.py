"""The JSON document: its schema, its order, its form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shapecheck import LengthSet, ModelReport
from shapecheck.options import Layers
from shapecheck.render import document as module
from shapecheck.render.document import document
from tests import handmade

SCHEMA = json.loads((Path(__file__).parent / "limits.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version", lambda name: f"version of {name}")
    monkeypatch.setattr(module, "__version__", "version of shapecheck")


def check(report: ModelReport, layers: Layers = Layers.ALL) -> dict:
    text = document(report, layers)
    values = json.loads(text)
    jsonschema.validate(values, SCHEMA)
    assert text.endswith("}\n")
    return values


def test_whole_document(golden: Callable[[str, str], None]) -> None:
    report = handmade.everything()
    check(report)
    golden("limits.json", document(report))


@pytest.mark.parametrize("layers", list(Layers))
def test_schema_holds_whatever_layers_are_listed(layers: Layers) -> None:
    check(handmade.everything(), layers)


def test_schema_holds_without_components() -> None:
    assert check(handmade.model_report())["components"] == []


def test_schema_is_closed() -> None:
    values = json.loads(document(handmade.everything()))
    values["components"][0]["layers"][0]["extra"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA)


def test_twice_the_same() -> None:
    assert document(handmade.everything()) == document(handmade.everything())


def test_one_line_for_a_layer() -> None:
    report = handmade.everything()
    rows = [json.loads(line.rstrip(",")) for line in document(report).splitlines() if '"kernel_size"' in line]
    assert [row["name"] for row in rows] == [layer.name for each in report.components for layer in each.report.layers]


def test_layers_binding_and_none() -> None:
    report = handmade.model_report(handmade.style_encoder())
    assert [layer["name"] for layer in check(report, Layers.BINDING)["components"][0]["layers"]] == ["shared.6"]
    assert check(report, Layers.NONE)["components"][0]["layers"] == []
    assert len(check(report, Layers.NONE)["components"][0]["failures"]) == 1


def test_a_set_goes_on_for_ever_with_null() -> None:
    style, bert, _, mpd = check(handmade.everything())["components"]
    assert style["valid"] == {"text": "T >= 65", "ranges": [[65, None, 1]]}
    assert bert["valid"] == {"text": "1 <= L <= 512", "ranges": [[1, 512, 1]]}
    assert mpd["valid"]["ranges"] == [[6, 64, 2]]
    assert style["unknown"] == {"text": "none", "ranges": []}


def test_tokens_have_no_duration() -> None:
    style, bert, *_ = check(handmade.everything())["components"]
    assert style["seconds_per_step"] == 0.0125
    assert bert["seconds_per_step"] is None


def test_ranges_say_what_the_text_says() -> None:
    for component in check(handmade.everything())["components"]:
        stated = LengthSet.parse(component["valid"]["text"], component["variable"])
        listed = LengthSet()
        for first, last, step in component["valid"]["ranges"]:
            end = 2000 if last is None else last
            listed |= LengthSet.of(range(first, end + 1, step))
        assert all((length in stated) == (length in listed) for length in range(2001))


def test_text_is_ascii_so_that_every_locale_can_carry_it() -> None:
    report = handmade.model_report(handmade.style_encoder())
    assert document(report).isascii()
