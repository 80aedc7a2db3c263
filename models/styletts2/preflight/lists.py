"""The lists of clips and of texts, read as the public loader reads them, with what it will raise on each line.

A line is `path|text|speaker`; the loader takes a line of two fields as speaker 0, and draws for each clip another one
of the same speaker, whose field must be written as Python writes the number.
Source: yl4579/StyleTTS2, utils.py (get_data_path_list) and meldataset.py (FilePathDataset).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shapecheck import UsageError

from . import symbols

_MARK = "\ufeff"  # what some editors put at the beginning of a UTF-8 file


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list of clips. `refusal`: what the loader raises on it, "" where it takes it."""

    number: int  # counted from 1
    raw: str  # without its end
    path: str
    text: str
    speaker: int | None  # None where the field is not a number
    kind: str = ""  # of the refusal: "blank", "fields", "speaker", "mark", "path", "reference"
    refusal: str = ""
    is_lossy: bool = False  # it has bytes that are no UTF-8, which the loader leaves out

    @property
    def tokens(self) -> int:
        """Tokens that the text encoders get: the known symbols and one at each end."""
        return len(self.numbers) + symbols.ENDS

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the known symbols of the text."""
        return symbols.tokens(self.text)


@dataclass(frozen=True, slots=True)
class ClipList:
    name: str  # as it was given
    file: Path
    lines: tuple[Line, ...]

    @property
    def clips(self) -> tuple[Line, ...]:
        """The lines that name a clip."""
        return tuple(line for line in self.lines if line.path)


@dataclass(frozen=True, slots=True)
class TextList:
    """The texts out of distribution: those that can be drawn, by the number of their line."""

    name: str
    file: Path
    lines: int
    texts: tuple[tuple[int, str], ...]  # that are long enough, and not the last one, which is never drawn
    refusal: str = ""  # what reading the file raises
    shortage: str = ""  # what drawing a text from it raises, or that it never ends


def read_clips(name: str, file: Path) -> ClipList:
    """Raises UsageError if the file cannot be read."""
    content = _bytes(name, file)
    raw = [line.removesuffix("\n") for line in _lines(content, errors="ignore")]
    whole = [line.removesuffix("\n") for line in _lines(content, errors="surrogateescape")]
    split = [tuple(line.strip().split("|")) for line in raw]
    third = {fields[2] for fields in split if len(fields) > 2}
    lines = (_line(number, raw[number - 1], fields, third) for number, fields in enumerate(split, 1))
    marked = (replace(line, is_lossy=line.raw != other) for line, other in zip(lines, whole, strict=False))
    return ClipList(name, file, tuple(marked))


def read_texts(name: str, file: Path, min_length: int) -> TextList:
    """Raises UsageError if the file cannot be opened."""
    try:
        lines = _lines(_bytes(name, file))
    except UnicodeDecodeError as error:
        return TextList(name, file, 0, (), refusal=f"UnicodeDecodeError: {error}")
    if not lines:
        return TextList(name, file, 0, (), refusal="IndexError: list index out of range, since the file is empty")
    field = 1 if ".wav" in lines[0].split("|")[0] else 0
    short = [number for number, line in enumerate(lines, 1) if len(line.split("|")) <= field]
    if short:
        why = f"IndexError: list index out of range, since line {short[0]} has no second field, as the first line has"
        return TextList(name, file, len(lines), (), refusal=why)
    texts = [(number, line.split("|")[field]) for number, line in enumerate(lines, 1)]
    drawn = tuple((number, text) for number, text in texts[:-1] if len(text) >= min_length)
    shortage = ""
    if min_length <= 0:
        shortage = "UnboundLocalError: ref_text, since no text is drawn at all where min_length is 0"
    elif len(lines) == 1:
        shortage = "ValueError: low >= high, since the last line is never drawn, and there is no other one"
    elif not drawn:
        shortage = (
            f"never comes back: no line but perhaps the last, which is never drawn, has {min_length} characters or more"
        )
    return TextList(name, file, len(lines), drawn, shortage=shortage)


def _line(number: int, raw: str, fields: Sequence[str], third: set[str]) -> Line:
    def refused(kind: str, why: str, speaker: int | None = None) -> Line:
        path, text = (fields[0], fields[1]) if len(fields) > 1 else ("", "")
        return Line(number, raw, path, text, speaker, kind, why)

    if len(fields) == 1:
        kind = "blank" if not fields[0] else "fields"
        return refused(kind, "ValueError: not enough values to unpack (expected 3, got 2)")
    if len(fields) > 3:
        return refused("fields", "ValueError: too many values to unpack (expected 3)")
    try:
        speaker = int(fields[2]) if len(fields) == 3 else 0
    except ValueError as error:
        return refused("speaker", f"ValueError: {error}")
    if fields[0].startswith(_MARK):
        return refused("mark", "LibsndfileError, since the loader takes the mark for the path's first letter", speaker)
    if not fields[0]:
        return refused("path", "LibsndfileError, since root_path itself is then opened, a folder", speaker)
    if str(speaker) not in third:
        why = "ValueError: a must be greater than 0 unless no samples are taken"
        return refused("reference", why, speaker)
    return Line(number, raw, fields[0], fields[1], speaker)


def _bytes(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror or error}") from error


def _lines(content: bytes, errors: str = "strict") -> list[str]:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors=errors).readlines()
