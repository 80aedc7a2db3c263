"""Option texts: what is read, and what the message says where it cannot be."""

from __future__ import annotations

import re

import pytest

from shapecheck import Skipped, UsageError
from shapecheck.options import Format, Layers, Problems, parse_choice, parse_lengths, select_components, suggestion
from tests import handmade

EXAMPLE = "give the first and the last length, such as --lengths 1:1024"


@pytest.mark.parametrize(("text", "expected"), [("1:1024", (1, 1024)), ("5:5", (5, 5)), ("007:8", (7, 8))])
def test_lengths(text: str, expected: tuple[int, int]) -> None:
    assert parse_lengths(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5:1", "--lengths 5:1: the first length is larger than the last; did you mean 1:5?"),
        ("0:10", f"--lengths 0:10: lengths start at 1; {EXAMPLE}"),
        *(
            (
                text,
                f"--lengths {text}: not of the form LO:HI; {EXAMPLE}",
            )
            for text in (
                "a:b",
                "",
                ":",
                "5",
                "5:",
                ":5",
                "1:2:3",
                "-1:5",
                "1.5:2",
                " 1:2",
                "1:2\n",
                "1_0:20",
                "\u0661:\u0662",
                "1:" + "9" * 30,
            )
        ),
        (
            "1:2000000",
            f"--lengths 1:2000000: more than 1,000,000 lengths; {EXAMPLE}",
        ),
    ],
)
def test_bad_lengths(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_lengths(text)


def test_choices() -> None:
    assert parse_choice("--layers", "binding", Layers) is Layers.BINDING
    with pytest.raises(UsageError, match=r"^--format yaml: unknown; one of: table, json$"):
        parse_choice("--format", "yaml", Format)


def test_components() -> None:
    model = handmade.everything().model
    problems = Problems()
    assert select_components(model, [], problems) is None
    assert select_components(model, ["mpd", "bert", "mpd"], problems) == ("mpd", "bert")
    problems.check()


def test_bad_components() -> None:
    model = handmade.model_report(handmade.style_encoder(), skipped=(Skipped("slm", "needs the extra hf"),)).model
    problems = Problems()
    select_components(model, ["style", "slm", "", "style_encoder"], problems)
    expected = """3 problems:
  --component style: unknown; one of: style_encoder
  --component slm: cannot be analysed: needs the extra hf
  --component '': unknown; one of: style_encoder"""
    with pytest.raises(UsageError, match=f"^{re.escape(expected)}$"):
        problems.check()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stile_encoder", "did you mean style_encoder?"),
        ("MPD", "did you mean mpd?"),
        ("encoder_style", "one of: style_encoder, mpd, msd"),
        ("mxd", "did you mean msd or mpd?"),
    ],
)
def test_suggestions(name: str, expected: str) -> None:
    assert suggestion(name, ["style_encoder", "mpd", "msd"]) == expected


def test_one_problem_stands_alone() -> None:
    problems = Problems()
    problems.add("only this")
    with pytest.raises(UsageError, match=r"^only this$"):
        problems.check()


def test_a_message_of_several_lines_is_set_in() -> None:
    problems = Problems()
    problems.add("2 fields are wrong:\n  a\n  b")
    problems.add("another")
    with pytest.raises(UsageError, match=r"^2 problems:\n  2 fields are wrong:\n      a\n      b\n  another$"):
        problems.check()


def test_attempts() -> None:
    problems = Problems()
    assert problems.attempt(lambda: 5) == 5
    problems.check()
    assert problems.attempt(lambda: parse_lengths("x")) is None
    with pytest.raises(UsageError, match="--lengths x"):
        problems.check()
