"""Width, colour and encoding of the output, and the progress line."""

from __future__ import annotations

import io
import sys

import pytest

from shapecheck.render.console import for_file, for_stream
from shapecheck.render.progress import progress_line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("__stdin__", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, io.StringIO())


def test_a_pipe_that_nobody_watches() -> None:
    console = for_stream(io.StringIO())
    assert (console.width, console.color_system, console.is_terminal) == (100, None, False)


@pytest.mark.parametrize(
    ("columns", "width"), [("80", 80), ("160", 160), ("20", 60), ("0", 60), ("wide", 100), ("", 100)]
)
def test_the_width_can_be_set(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert for_stream(io.StringIO()).width == width


def test_a_terminal_has_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    console = for_stream(Terminal())
    assert (console.width, console.color_system, console.is_terminal) == (90, "256", True)


def test_no_color_means_no_escape_sequence_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = for_stream(Terminal())
    with console.capture() as captured:
        console.print("bold", style="bold red")
    assert captured.get() == "bold\n"


def test_an_empty_no_color_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert for_stream(Terminal()).color_system == "256"


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", False), ("ascii", True), ("latin-1", True)])
def test_the_encoding_is_that_of_the_stream(encoding: str, plain: bool) -> None:
    assert for_stream(io.TextIOWrapper(io.BytesIO(), encoding=encoding)).options.ascii_only is plain


def test_nothing_is_written_to_the_stream() -> None:
    stream = Terminal()
    console = for_stream(stream)
    with console.capture():
        console.print("text")
    assert stream.getvalue() == ""


def test_a_file_always_looks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = for_file()
    assert (console.width, console.color_system, console.encoding) == (100, None, "utf-8")


def test_no_progress_line_where_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress_line() as show:
        show("working")


def test_no_progress_line_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb")
    with progress_line() as show:
        show("working")
    assert stream.getvalue() == ""


def test_no_progress_line_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_line() as show:
        show("working")
    assert stream.getvalue() == ""


def test_progress_line_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_line() as show:
        show("working on [1, 2]")
        assert "working on [1, 2]" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")
