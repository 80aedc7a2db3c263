"""Folding, wrapping, and which column gives way."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from shapecheck.render.columns import Column, Fit, fold_names, print_table


def draw(layouts: list[list[Column]], width: int) -> list[str]:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=width)
    with console.capture() as captured:
        print_table(console, layouts, [False] * len(layouts[0][0].cells))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_names_that_fit_stay_whole() -> None:
    assert fold_names(["a.b", "c"], 3) == ("a.b", "c")


def test_names_fold_in_the_middle() -> None:
    assert fold_names(["generator.resblocks.11.convs1.0"], 24) == ("generator.r….11.convs1.0",)


def test_names_that_would_look_the_same_break_after_dots() -> None:
    assert fold_names(["begin.one.of.them.end", "begin.two.of.them.end"], 11) == (
        "begin.one.\nof.them.end",
        "begin.two.\nof.them.end",
    )


def test_the_same_name_twice_is_no_reason_to_break() -> None:
    assert fold_names(["generator.resblocks.0"] * 2, 11) == ("gener…cks.0",) * 2


def test_ellipsis_of_plain_text() -> None:
    assert fold_names(["generator.resblocks.0"], 12, "..") == ("gener..cks.0",)


def test_the_widest_layout_that_fits_is_drawn() -> None:
    wide = [Column("name", ("x" * 10,)), Column("more", ("y" * 10,))]
    narrow = [Column("name", ("x" * 10,))]
    assert draw([wide, narrow], 22)[-1] == "x" * 10 + "  " + "y" * 10
    assert draw([wide, narrow], 21)[-1] == "x" * 10


def test_numbers_stay_whole_where_nothing_fits() -> None:
    assert draw([[Column("n", ("1234567890",)), Column("m", ("987654321",))]], 5)[-1] == "1234567890 987654321"


def test_an_arrow_stays_with_what_it_points_to() -> None:
    lines = draw([[Column("length", ("ceil(T/8) -> ceil(T/16)",), Fit.WORDS), Column("n", ("1",))]], 20)
    assert lines[-2:] == ["ceil(T/8)          1", "-> ceil(T/16)"]


def test_a_text_breaks_before_an_arrow_rather_than_within_a_formula() -> None:
    lines = draw([[Column("length", ("ceil(T/16) -> (T - 49)//16",), Fit.WORDS), Column("n", ("1",))]], 22)
    assert lines[-2:] == ["ceil(T/16)           1", "-> (T - 49)//16"]


def test_the_column_gives_way_that_touches_the_fewest_rows() -> None:
    often = Column("often", ("aaaa bbbb",) * 5, Fit.WORDS)
    once = Column("once", ("cccc dddd", *("c",) * 4), Fit.WORDS)
    assert draw([[often, once]], 17)[2:4] == ["aaaa bbbb  cccc", "           dddd"]


@pytest.mark.parametrize("right", [False, True])
def test_numbers_are_aligned(right: bool) -> None:
    lines = draw([[Column("number", ("1", "100"), right=right)]], 40)
    assert lines[-2:] == (["     1", "   100"] if right else ["1", "100"])
