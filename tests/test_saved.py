"""Documents read back: what was written comes out, and what is wrong is named, all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck import LengthSet, UsageError
from shapecheck.render.document import document, limits
from shapecheck.saved import SCHEMA, SavedReport, from_values, is_document, parse, read_bytes
from tests import handmade


def values() -> dict[str, Any]:
    return limits(handmade.everything())


def refused(content: bytes | dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        parse(content if isinstance(content, bytes) else json.dumps(content).encode(), "a.json")
    return str(caught.value)


def everything() -> SavedReport:
    return parse(document(handmade.everything()).encode(), "a.json")


def test_what_was_written_comes_out() -> None:
    report = handmade.everything()
    saved = everything()
    assert (saved.origin, saved.model, saved.config, saved.mode) == ("a.json", "StyleTTS2", "preset ft", "eval")
    assert [each.name for each in saved.components] == ["style_encoder", "bert", "decoder", "mpd"]
    assert [each.name for each in saved.skipped] == ["slm"]
    for one, other in zip(saved.components, report.components, strict=True):
        assert (one.valid, one.unknown, one.proved) == (other.report.valid, other.report.unknown, other.report.proved)
        assert (one.minimum, one.maximum, one.swept) == (
            other.report.minimum,
            other.report.maximum,
            other.report.swept,
        )
        assert [layer.name for layer in one.layers] == [layer.name for layer in other.report.layers]
        assert [layer.rejects for layer in one.layers] == [layer.rejects for layer in other.report.layers]
        assert [failure.error for failure in one.failures] == [failure.error for failure in other.report.failures]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbf" + document(handmade.everything()).encode(), "a.json") == everything()


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert from_values({**values(), "later": 1}, "a.json") == everything()


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("a.txt", b"{", True),
        ("a.txt", b" \n{", True),
        ("a.txt", b"\xef\xbb\xbf{", True),
        ("a.JSON", b"x", True),
        ("a.yml", b"model_params:", False),
        ("a.txt", b"", False),
    ],
)
def test_a_document_is_known_by_its_first_character_or_its_name(path: str, content: bytes, expected: bool) -> None:
    assert is_document(path, content) is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "a.json: is empty; give what a shapecheck command wrote with --format json"),
        (b"{", "a.json: is not JSON: line 1, column 2: Expecting property name"),
        (b"[1]", "a.json: is a list, not an object"),
        (b"5", "a.json: is 5, not an object"),
        (b"\xff", "a.json: is not UTF-8 text (at byte 0)"),
        (b"[" * 100_000, "a.json: is not JSON that can be read: it is nested too deeply"),
        (b'{"schema": NaN}', "a.json: is not JSON that can be read: NaN is no JSON number"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "a.json: is not JSON that can be read: Exceeds the limit"),
        (b"{}", f"a.json: schema: is missing; this version of shapecheck reads {SCHEMA} only"),
        (b'{"schema": "shapecheck.limits/2"}', 'a.json: schema: found "shapecheck.limits/2"; this version'),
        (b'{"schema": {"a": 1}}', "a.json: schema: found an object; this version"),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_document(content: bytes, expected: str) -> None:
    assert refused(content).startswith(expected)


def test_every_field_that_is_missing_is_named() -> None:
    message = refused({"schema": SCHEMA})
    assert message.startswith("a.json: 8 fields are wrong:\n  shapecheck_version: is missing; needs a text\n")
    assert message.endswith("\n  skipped: is missing; needs a list of objects")


Path = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("mode",), "fast", 'mode: found "fast"; needs one of eval, train'),
        (("components",), {}, "components: found an object; needs a list of objects"),
        (("components",), [1], "components: found a list; needs a list of objects"),
        (("components", 1, "name"), 5, "components[1].name: found 5; needs a text"),
        (("components", 1, "name"), "mpd", "the component mpd is there 2 times"),
        (("components", 1, "name"), "slm", "the component slm is there 2 times"),
        (("components", 1, "swept"), [5], "components[1].swept: found a list; needs the first and the last length"),
        (("components", 1, "swept"), [5, 4], "components[1].swept: found a list; needs the first and the last length"),
        (("components", 1, "minimum"), True, "components[1].minimum: found true; needs a whole number, or null"),
        (("components", 1, "minimum"), 1.0, "components[1].minimum: found 1.0; needs a whole number, or null"),
        (("components", 1, "minimum"), -1, "components[1].minimum: found -1; needs a whole number, or null"),
        (("components", 1, "minimum"), 10**30, "components[1].minimum: found 1000000000000000000000000000000; needs"),
        (
            ("components", 1, "minimum"),
            2,
            "components[1].minimum: found 2; needs 1, which is that of the ranges",
        ),
        (("components", 1, "threshold"), 2, "components[1].threshold: found 2; needs null, which is that of the"),
        (("components", 1, "proved"), 1, "components[1].proved: found 1; needs true or false"),
        (("components", 0, "proved"), False, "components[0].valid: goes on for ever, though proved is false"),
        (("components", 1, "seconds_per_step"), 0, "components[1].seconds_per_step: found 0; needs a number above 0"),
        (("components", 1, "inputs"), "f32", 'components[1].inputs: found "f32"; needs a list of texts'),
        (("components", 1, "valid"), [], "components[1].valid: found a list; needs an object"),
        (
            ("components", 1, "valid", "ranges"),
            [[1, 2]],
            "components[1].valid.ranges: found a list; needs a list of",
        ),
        (("components", 1, "valid", "ranges"), [[5, 2, 1]], "components[1].valid.ranges: (5, 2, 1) is no progression"),
        (("components", 1, "unknown", "ranges"), [[5, 6, 1]], "components[1].unknown: has lengths that valid has"),
        (
            ("components", 0, "layers", 3, "needs"),
            "5",
            'components[0].layers[3].needs: found "5"; needs a whole number',
        ),
        (
            ("components", 0, "layers", 3, "stride"),
            [True],
            "components[0].layers[3].stride: found a list; needs",
        ),
        (
            ("components", 0, "failures", 0, "at"),
            None,
            "components[0].failures[0].at: found null; needs",
        ),
    ],
)
def test_a_wrong_field_is_named(path: Path, value: object, expected: str) -> None:
    found = values()
    inner: Any = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert refused(found).startswith(f"a.json: {expected}")


def test_many_problems_are_counted() -> None:
    assert refused({**values(), "components": [{}] * 3}).endswith("\n  ... and 28 more")


def test_no_text_disturbs_a_terminal() -> None:
    assert from_values({**values(), "config": "a\x1b[31m\nb"}, "a\x1b.json").config == "a\\x1b[31m\\nb"
    assert "\x1b" not in refused({**values(), "mode": "\x1b[31m"})
    with pytest.raises(UsageError, match=r"^a\\x1b.json: is a list"):
        from_values([], "a\x1b.json")


def test_files(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"none.json: there is no such file or folder$"):
        read_bytes(str(tmp_path / "none.json"))
    with pytest.raises(UsageError, match=r"cannot be read: File name too long$"):
        read_bytes("x" * 5000)
    with pytest.raises(UsageError, match=r"cannot be read: embedded null byte$"):
        read_bytes("a\0b")


def mangled(change: Callable[[Any], Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A whole document with one value somewhere in it replaced."""

    @st.composite
    def draw_document(draw: st.DrawFn) -> dict[str, Any]:
        found = json.loads(json.dumps(limits(handmade.model_report(handmade.style_encoder(), handmade.undecided()))))
        inner: Any = found
        while True:
            key = draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
            if isinstance(inner[key], (dict, list)) and inner[key] and draw(st.integers(0, 5)):
                inner = inner[key]
                continue
            inner[key] = change(draw)
            return found

    return draw_document()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(mangled(lambda draw: draw(ANYTHING)))
@settings(deadline=None, max_examples=200)
def test_whatever_is_wrong_is_misuse_and_no_defect(found: dict[str, Any]) -> None:
    with suppress(UsageError):
        report = from_values(found, "a.json")
        assert all(isinstance(each.valid, LengthSet) for each in report.components)
