"""A folder of mended clips and their lists: what will be in it, what of it is there already, and writing the rest.

    DIR/repair.json    what the folder is: written first, so that an interrupted run is known by it
    DIR/wavs/...       the new audio files, each in one step
    DIR/LIST           the new lists, last: where they are, everything is

Invariant: nothing that exists is written over, and nothing outside of DIR is written. A folder without this very record
that is not empty is refused.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shapecheck.errors import UsageError
from shapecheck.preflight.filtering import changed_lines
from shapecheck.preflight.mending import (
    TEMPORARY,
    AudioFormat,
    check_stretching,
    format_for,
    is_finished,
    mend,
    place,
    remove_unfinished,
)
from shapecheck.preflight.repairing import Policy, Repair, RepairPlan
from shapecheck.saved import printable

RECORD = "repair.json"
AUDIO = "wavs"

_SCHEMA = "shapecheck.repaired/1"
_OPTION = "--output"

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class NewFile:
    """One audio file to write; `path` is below the folder."""

    repair: Repair
    path: Path
    samples: int
    form: AudioFormat


@dataclass(frozen=True, slots=True)
class Output:
    """A folder that may be written, and what shall be in it."""

    folder: Path
    policy: Policy
    files: tuple[NewFile, ...]
    lists: Mapping[str, Path]  # of each list, by its name, the new one
    texts: Mapping[Path, str]
    record: str

    def write(self, progress: Progress | None = None) -> int:
        """Write what is not there yet, and give back how many audio files were; `progress(done, total)` counts them.

        Raises UsageError where something else is in the way, or cannot be read or written; what is finished by then
        stays, and is not written again by the next run.
        """
        try:
            return self._write(progress)
        except FileExistsError as error:
            where = printable(str(error.filename2 or error.filename))
            raise UsageError(f"{_OPTION}: {where}: was made meanwhile by another run") from error
        except OSError as error:
            where = printable(str(error.filename or self.folder))
            raise UsageError(f"{_OPTION}: {where}: cannot be written: {error.strerror or error}") from error

    def _write(self, progress: Progress | None) -> int:
        if self.policy is Policy.STRETCH and self.files:
            check_stretching()
        finished = [is_finished(file.path, file.repair.audio, file.samples) for file in self.files]
        for path, text in self.texts.items():
            _check_same(path, text)
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_text(self.folder / RECORD, self.record)
        written = 0
        for done, (file, is_there) in enumerate(zip(self.files, finished, strict=True)):
            if progress:
                progress(done, len(self.files))
            if is_there:
                continue
            file.path.parent.mkdir(parents=True, exist_ok=True)
            mend(file.repair.audio, file.path, self.policy, file.samples)
            written += 1
        remove_unfinished(self.folder)
        for path, text in self.texts.items():
            _write_text(path, text)
        return written


def check_folder(text: str, root: str) -> Path:
    """The folder of `--output`; UsageError where nothing may be written there. Nothing is made yet."""
    folder = Path(text)
    shown = f"{_OPTION} {printable(text)}"
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{shown}: is a file; give a folder")
        real, data = Path(os.path.realpath(folder)), Path(os.path.realpath(root))
        if real == data or (data in real.parents and data != Path(data.anchor)):
            raise UsageError(f"{shown}: is in the folder of the clips; give one outside of it")
        held = [file for file in folder.iterdir() if not file.name.startswith(TEMPORARY)] if folder.is_dir() else []
        if held and not (folder / RECORD).is_file():
            raise UsageError(f"{shown}: is not empty, and no run of this command made it; give another folder")
        above = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise UsageError(f"{shown}: cannot be made: {printable(str(above))} is not a folder that can be written")
    except OSError as error:
        raise UsageError(f"{shown}: cannot be written: {error.strerror or error}") from error
    return folder


def output_of(
    plan: RepairPlan,
    policy: Policy,
    folder: Path,
    lists: Mapping[str, Path],
    change: Callable[[str, int, Repair, str | None], str | None],
) -> Output:
    """What the folder shall hold. `lists`: the files by the names that the plan has for them.

    `change(list, line, repair, path)` gives the new text of a line, None to leave it out; `path` is the new file as the
    lists name it, below the plan's root, None where the clip has none. Raises UsageError where the folder holds, or
    would hold, something else.
    """
    check_folder(str(folder), plan.root)
    try:
        return _output(plan, policy, folder, lists, change)
    except OSError as error:
        where = printable(str(error.filename or folder))
        raise UsageError(f"{_OPTION} {printable(str(folder))}: {where}: {error.strerror or error}") from error


def _output(
    plan: RepairPlan,
    policy: Policy,
    folder: Path,
    lists: Mapping[str, Path],
    change: Callable[[str, int, Repair, str | None], str | None],
) -> Output:
    files = _files(plan, policy, folder)
    paths = {file.repair: _listed_path(file.path, plan.root) for file in files}
    targets = {name: folder / file.name for name, file in lists.items()}
    _check_names(targets, folder)
    changes: dict[str, dict[int, str | None]] = {name: {} for name in lists}
    for repair in plan.repairs:
        for at in repair.places:
            changes[at.listed][at.line] = change(at.listed, at.line, repair, paths.get(repair))
    texts = {targets[name]: changed_lines(file, changes[name]) for name, file in lists.items()}
    record = _record(plan, policy, folder, files, texts)
    _check_same(folder / RECORD, record)
    return Output(folder, policy, files, targets, texts, record)


def _files(plan: RepairPlan, policy: Policy, folder: Path) -> tuple[NewFile, ...]:
    """With names that no two share, not even where capital letters do not count."""
    taken: set[str] = set()
    found: list[NewFile] = []
    for repair in plan.repairs:
        samples = repair.samples_after(policy)
        if samples is None:
            continue
        stem = _below(repair.places[0].path)
        form = format_for(repair.audio, samples)
        suffix = form.suffix(repair.audio)
        name, number = stem.with_name(stem.name + suffix), 1
        while str(name).casefold() in taken:
            number += 1
            name = stem.with_name(f"{stem.name}-{number}{suffix}")
        taken.add(str(name).casefold())
        found.append(NewFile(repair, folder / AUDIO / name, samples, form))
    return tuple(found)


def _below(path: str) -> Path:
    """A clip's path in its list, without its suffix, as one that leads nowhere else: no root, no `..`."""
    given = Path(path)
    parts = [part for part in given.parts if part not in ("..", given.anchor)]
    kept = Path(*parts) if parts else Path("clip")
    return kept.with_suffix("") if kept.suffix else kept


def _listed_path(file: Path, root: str) -> str:
    """As a loader finds it with os.path.join(root, path). Raises UsageError where a list cannot hold it."""
    absolute = os.path.realpath(file)
    try:
        path = os.path.relpath(absolute, os.path.realpath(root))
    except ValueError:  # another drive
        path = absolute
    path = path.replace(os.sep, "/")
    if "|" in path or len(path.splitlines()) != 1 or path != path.strip() or not path.isprintable():
        raise UsageError(
            f"{_OPTION}: {printable(path)}: a list cannot hold this path, because of a |, a space at one end or a"
            " character that cannot be printed; give another folder"
        )
    return path


def _check_names(targets: Mapping[str, Path], folder: Path) -> None:
    names = [target.name.casefold() for target in targets.values()]
    if len(set(names)) < len(names):
        raise UsageError(f"{_OPTION} {printable(str(folder))}: the lists have the same file name; rename one of them")
    reserved = [name for name in names if name in (RECORD, AUDIO)]
    if reserved:
        raise UsageError(f"{_OPTION} {printable(str(folder))}: a list is named {reserved[0]}; rename it")


def _record(
    plan: RepairPlan, policy: Policy, folder: Path, files: tuple[NewFile, ...], texts: Mapping[Path, str]
) -> str:
    """What the folder is; that of another plan, or of clips that were changed, is another text."""
    values = {
        "schema": _SCHEMA,
        "stage": plan.stage,
        "goal": plan.goal,
        "policy": policy.value,
        "lists": {path.name: len(text.splitlines()) for path, text in texts.items()},
        "files": [
            {
                "file": file.path.relative_to(folder).as_posix(),
                "from": file.repair.audio.path,
                "stamp": _stamp(file.repair.audio.path),
                "samples": file.repair.samples,
                "new_samples": file.samples,
            }
            for file in files
        ],
    }
    return json.dumps(values, indent=1) + "\n"


def _stamp(path: str) -> list[int]:
    found = Path(path).stat()
    return [found.st_size, found.st_mtime_ns]


def _check_same(path: Path, text: str) -> None:
    """UsageError for a file of that name with another text."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        is_same = path.read_bytes() == text.encode("utf-8", errors="surrogateescape")
    except OSError:
        is_same = False
    if not is_same:
        raise UsageError(
            f"{_OPTION}: {printable(str(path))} is there already, of other lists, clips or options; give another folder"
        )


def _write_text(path: Path, text: str) -> None:
    """In one step; nothing where the same text is there already."""
    if path.exists():
        _check_same(path, text)
        return
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as file:
            file.write(text.encode("utf-8", errors="surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
