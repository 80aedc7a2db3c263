"""Manifests of JSON lines and of Parquet, good ones and wrong ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from shapecheck import UsageError
from shapecheck.preflight import AudioFile, read_manifest

Row = dict[str, Any]
GOOD: list[Row] = [
    {"path": "clips/a.wav", "samples": 24_000, "sample_rate": 24_000},
    {"path": "clips/\u00e9 \U0001f600.wav", "samples": 44_100, "sample_rate": 22_050, "channels": 2},
    {"path": "b.flac", "samples": 0, "sample_rate": 8_000, "channels": None},
]
READ = {
    "clips/a.wav": AudioFile("clips/a.wav", 24_000, 24_000, 1, "", ""),
    "clips/\u00e9 \U0001f600.wav": AudioFile("clips/\u00e9 \U0001f600.wav", 44_100, 22_050, 2, "", ""),
    "b.flac": AudioFile("b.flac", 0, 8_000, 1, "", "", "no samples"),
}


def lines(path: Path, *content: str | bytes | Row) -> Path:
    with path.open("wb") as file:
        for line in content:
            text = line if isinstance(line, str | bytes) else json.dumps(line)
            file.write((text if isinstance(text, bytes) else text.encode()) + b"\n")
    return path


def parquet(path: Path, columns: dict[str, list[Any]], **options: Any) -> Path:
    arrow: Any = pytest.importorskip("pyarrow")
    import_parquet: Any = pytest.importorskip("pyarrow.parquet")
    import_parquet.write_table(arrow.table(columns), path, **options)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(UsageError) as raised:
        read_manifest(path)
    return str(raised.value).splitlines()


def test_json_lines(tmp_path: Path) -> None:
    found = read_manifest(lines(tmp_path / "a.jsonl", *GOOD))
    assert found == READ
    assert list(found) == list(READ)  # in its order
    assert found["clips/a.wav"].seconds == 1.0
    assert read_manifest(str(tmp_path / "a.jsonl")) == READ


def test_json_lines_as_programs_write_them(tmp_path: Path) -> None:
    """With a byte order mark, line ends of Windows, empty lines, other columns, no line end at the end."""
    content = [json.dumps({**row, "text": "x", "duration": 1.5}, ensure_ascii=False).encode() for row in GOOD]
    path = tmp_path / "manifest"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(content))
    assert read_manifest(path) == READ


def test_an_empty_manifest(tmp_path: Path) -> None:
    for file in (lines(tmp_path / "a.jsonl"), lines(tmp_path / "b.jsonl", "", "  ")):
        with pytest.raises(UsageError, match="the manifest is empty"):
            read_manifest(file)


def test_parquet(tmp_path: Path) -> None:
    columns = {name: [row.get(name) for row in GOOD] for name in ("path", "samples", "sample_rate", "channels")}
    assert read_manifest(parquet(tmp_path / "a.parquet", columns)) == READ
    assert read_manifest(parquet(tmp_path / "b", {**columns, "text": ["x", "y", "z"]}, row_group_size=1)) == READ
    del columns["channels"]
    found = read_manifest(parquet(tmp_path / "c.parquet", columns))
    assert [clip.channels for clip in found.values()] == [1, 1, 1]
    assert list(found) == list(READ)


def test_a_long_one(tmp_path: Path) -> None:
    count = 40_000  # more than are taken from a Parquet file at once
    columns = {
        "path": [f"{number}.wav" for number in range(count)],
        "samples": list(range(count)),
        "sample_rate": [24_000] * count,
    }
    by_parquet = read_manifest(parquet(tmp_path / "a.parquet", columns))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert read_manifest(lines(tmp_path / "a.jsonl", *rows)) == by_parquet
    assert [clip.samples for clip in by_parquet.values()] == columns["samples"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"samples": 1, "sample_rate": 1}, "path: found nothing; allowed is a text that is not empty"),
        ({**GOOD[0], "path": ""}, 'path: found ""; allowed is a text that is not empty'),
        ({**GOOD[0], "path": 3}, "path: found 3; allowed is a text that is not empty"),
        ({**GOOD[0], "path": "x.wav"}, 'path: found "x.wav", which stands there already; allowed is each path once'),
        ({**GOOD[0], "samples": "24000"}, 'samples: found "24000"; allowed is a whole number from 0'),
        ({**GOOD[0], "samples": 1.5}, "samples: found 1.5; allowed is a whole number from 0"),
        ({**GOOD[0], "samples": -1}, "samples: found -1; allowed is a whole number from 0"),
        ({**GOOD[0], "samples": None}, "samples: found nothing; allowed is a whole number from 0"),
        ({**GOOD[0], "samples": True}, "samples: found true; allowed is a whole number from 0"),
        ({**GOOD[0], "samples": 2**60}, "samples: found 1152921504606846976; allowed is a whole number from 0 to 2^53"),
        ({**GOOD[0], "samples": float("nan")}, "samples: found NaN; allowed is a whole number from 0"),
        ({**GOOD[0], "sample_rate": 0}, "sample_rate: found 0; allowed is a whole number from 1"),
        ({**GOOD[0], "channels": 0}, "channels: found 0; allowed is a whole number from 1"),
        ({**GOOD[0], "channels": [1]}, "channels: found [1]; allowed is a whole number from 1"),
        (
            {"path": "y.wav", "samples": -1},
            "samples: found -1; allowed is a whole number from 0 to 2^53; sample_rate: ",
        ),
        ("[1, 2]", 'found [1, 2]; a line is one JSON object, such as {"path": "a.wav", "samples": 24000, '),
        ("a.wav|24000", "no JSON (Expecting value: line 1 column 1 (char 0)); a line is one JSON object"),
        ("{" * 40, "no JSON ("),
        ("[" * 200_000, "no JSON ("),
        ('{"samples": ' + "9" * 5000 + "}", "no JSON ("),
        (b'{"path": "\xff.wav"}', "byte 11 is no UTF-8; a line is UTF-8 text"),
    ],
)
def test_a_wrong_line(tmp_path: Path, line: str | bytes | Row, problem: str) -> None:
    path = lines(tmp_path / "a.jsonl", {**GOOD[0], "path": "x.wav"}, "", line, GOOD[1])
    title, found = problems(path)
    assert title == f"{path}: 1 line is wrong:"
    assert found.startswith(f"  line 3: {problem}")


def test_no_text_of_a_manifest_disturbs_a_terminal(tmp_path: Path) -> None:
    for line in ('{"path": ["\\u001b[31m"]}', '"\\u202e"', '{"path": "a", "samples": "\\u0007", "sample_rate": 1}'):
        assert all(text.isprintable() for text in problems(lines(tmp_path / "a.jsonl", line)))


def test_many_wrong_lines(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *[GOOD[0]] * 1500)
    found = problems(path)
    assert found[0] == f"{path}: 1,499 lines are wrong:"
    assert found[1].startswith("  line 2: path: ")
    assert found[20].startswith("  line 21: path: ")
    assert found[21:] == ["  ... and 1,479 more"]


def test_wrong_parquet_files(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"path": ["a", None], "samples": [1.0, 2.0], "sample_rate": [1, 1]})
    title, first, second = problems(path)
    assert title == f"{path}: 2 lines are wrong:"
    assert first == "  row 1: samples: found 1.0; allowed is a whole number from 0 to 2^53"
    assert second.startswith("  row 2: path: found nothing; allowed is a text that is not empty; samples: found 2.0; ")
    path = parquet(tmp_path / "b.parquet", {"file": ["a"], "samples": [1]})
    (only,) = problems(path)
    assert only == f"{path}: it has no column path, sample_rate; it has file, samples"
    cut = tmp_path / "c.parquet"
    cut.write_bytes(path.read_bytes()[:-20])
    (only,) = problems(cut)
    assert only.startswith(f"{cut}: no Parquet file that can be read: ")


def test_without_the_extra_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and so on")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    needs = "a Parquet manifest needs the extra parquet: pip install 'torch-shapecheck[parquet]'"
    assert problems(path) == [f"{path}: {needs}; a manifest of JSON lines does without"]


def test_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.jsonl"
    assert problems(path) == [f"{path}: the manifest cannot be read: No such file or directory"]
    assert problems(tmp_path) == [f"{tmp_path}: the manifest cannot be read: Is a directory"]
