"""A list of clips with their lengths, which stands for the audio where that is on other machines.

JSON lines (one object a line) or Parquet, told apart by the file itself, with these columns; others are passed over:

    path         text, as the data list has it; each path once
    samples      whole number, of each channel at the file's own rate
    sample_rate  whole number, in Hz
    channels     whole number; 1 where it is left out
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shapecheck.errors import UsageError
from shapecheck.preflight.audio import NO_SAMPLES, AudioFile
from shapecheck.saved import printable

if TYPE_CHECKING:
    import os

_LARGEST = 1 << 53  # what every reader of JSON has exactly
_SMALLEST = {"samples": 0, "sample_rate": 1, "channels": 1}
_SHOWN = 20
_PARQUET = b"PAR1"  # how such a file begins
_ROWS = 1 << 14  # of a Parquet file at once


class _WrongLine(Exception):
    pass


def read_manifest(path: str | os.PathLike[str]) -> Mapping[str, AudioFile]:
    """The clips by their path, in the order of the manifest; their format is "", since nobody looked at the files.

    The manifest is read once, from its beginning to its end. UsageError: it cannot be read, or lists every line that is
    wrong, the first 20 of them in full.
    """
    file = Path(path)
    where = printable(str(file))
    clips: dict[str, AudioFile] = {}
    wrong: list[str] = []
    count = 0
    try:
        for place, row in _rows(file, where):
            try:
                clip = _clip(_parsed(row) if isinstance(row, bytes) else row, clips)
                clips[clip.path] = clip
            except _WrongLine as problem:
                count += 1
                if count <= _SHOWN:
                    wrong.append(f"  {place}: {problem}")
    except OSError as failure:
        raise UsageError(f"{where}: the manifest cannot be read: {failure.strerror or failure}") from None
    if count > _SHOWN:
        wrong.append(f"  ... and {count - _SHOWN:,} more")
    if count:
        raise UsageError("\n".join([f"{where}: {count:,} {'lines are' if count > 1 else 'line is'} wrong:", *wrong]))
    if not clips:
        raise UsageError(f"{where}: the manifest is empty; give one line for each clip: path, samples, sample_rate")
    return clips


def _rows(file: Path, where: str) -> Iterable[tuple[str, Any]]:
    """(its place, what stands there), one after the other: bytes, or a value for each column."""
    with file.open("rb") as opened:
        if opened.read(len(_PARQUET)) == _PARQUET:
            yield from _rows_of_parquet(file, where)
            return
        opened.seek(0)
        for number, line in enumerate(opened, start=1):
            content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if content.strip():
                yield f"line {number:,}", content


def _rows_of_parquet(file: Path, where: str) -> Iterator[tuple[str, Any]]:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            f"{where}: a Parquet manifest needs the extra parquet: pip install 'torch-shapecheck[parquet]'; "
            "a manifest of JSON lines does without"
        ) from None
    try:
        with parquet.ParquetFile(file) as table:
            names: list[str] = table.schema_arrow.names
            missing = [name for name in ("path", "samples", "sample_rate") if name not in names]
            if missing:
                raise UsageError(
                    f"{where}: it has no column {', '.join(missing)}; it has {printable(', '.join(names))}"
                )
            columns = [name for name in ("path", *_SMALLEST) if name in names]
            number = 0
            for batch in table.iter_batches(batch_size=_ROWS, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number:,}", row
    except cast("type[Exception]", arrow.ArrowException) as failure:
        raise UsageError(f"{where}: no Parquet file that can be read: {printable(str(failure))}") from None


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as failure:
        raise _WrongLine(f"byte {failure.start + 1:,} is no UTF-8; a line is UTF-8 text") from None
    except (ValueError, RecursionError) as failure:
        raise _WrongLine(f"no JSON ({failure}); a line is one JSON object") from None


def _clip(row: object, before: Mapping[str, AudioFile]) -> AudioFile:
    if not isinstance(row, dict):
        example = '{"path": "a.wav", "samples": 24000, "sample_rate": 24000}'
        raise _WrongLine(f"found {_shown(row)}; a line is one JSON object, such as {example}")
    values = cast("dict[str, Any]", row)
    problems: list[str] = []
    path = values.get("path")
    if not isinstance(path, str) or not path:
        problems.append(f"path: found {_found(values, 'path')}; allowed is a text that is not empty")
    elif path in before:
        problems.append(f"path: found {_shown(path)}, which stands there already; allowed is each path once")
    for name, smallest in _SMALLEST.items():
        value = values.get(name)
        if name == "channels" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= _LARGEST:
            problems.append(f"{name}: found {_found(values, name)}; allowed is a whole number from {smallest} to 2^53")
    if problems:
        raise _WrongLine("; ".join(problems))
    samples, channels = values["samples"], values.get("channels") or 1
    error = "" if samples else NO_SAMPLES
    return AudioFile(cast("str", path), samples, values["sample_rate"], channels, "", "", error)


def _found(values: Mapping[str, Any], name: str) -> str:
    return _shown(values[name]) if values.get(name) is not None else "nothing"


def _shown(value: object) -> str:
    text = printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:57] + "..."
