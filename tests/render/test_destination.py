"""Where the text goes: checked first, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shapecheck.errors import UsageError
from shapecheck.render.destination import Destination


@pytest.mark.parametrize("text", [None, "-"])
def test_standard_output(text: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    Destination.checked(text).write("all of it\n")
    assert capsys.readouterr().out == "all of it\n"


def test_a_new_file(tmp_path: Path) -> None:
    destination = Destination.checked(str(tmp_path / "out.json"))
    assert list(tmp_path.iterdir()) == []  # the check leaves nothing
    destination.write("ceil(T/2) …\n")
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == "ceil(T/2) …\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    Destination.checked(str(tmp_path / "out")).write("")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_an_existing_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o640)
    destination = Destination.checked(str(path))
    assert path.read_text() == "old"
    destination.write("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    Destination.checked(str(tmp_path / "link")).write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_long_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250)
    Destination.checked(str(path)).write("text")
    assert path.read_text() == "text"


def test_a_device_is_written_to_and_not_replaced() -> None:
    Destination.checked(os.devnull).write("text")
    assert not Path(os.devnull).is_file()


def test_an_existing_file_survives_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    destination = Destination.checked(str(path))

    def full_disk(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        destination.write("new")
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"^--output: the name is empty; give a file name, or - for standard output$"),
        ("folder", r"is a directory; give a file name$"),
        ("new/", r"is a directory; give a file name$"),
        ("missing/out", r"there is no directory .*missing; create it first$"),
        ("file/out", r"cannot be written: Not a directory$"),
        ("config.yml", r"is a file that this command reads; give another name$"),
        ("link.yml", r"is a file that this command reads; give another name$"),
        ("x" * 300, r"cannot be written: File name too long$"),
    ],
)
def test_what_cannot_be_written(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    config = tmp_path / "config.yml"
    config.touch()
    (tmp_path / "link.yml").symlink_to(config)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=message):
        Destination.checked(f"{tmp_path}/{name}" if name else "", sources=(None, str(config)))
    assert sorted(tmp_path.iterdir()) == before


def test_a_protected_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # root may write everywhere, and the tests may run as root
    with pytest.raises(UsageError, match=r"out: cannot be written: Permission denied$"):
        Destination.checked(str(tmp_path / "out"))


def test_a_protected_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match=r"out: cannot be written: the file is write-protected$"):
        Destination.checked(str(tmp_path / "out"))
