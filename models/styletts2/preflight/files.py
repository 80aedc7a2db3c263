"""Where the files of a run are: looked up from the working directory, as the scripts do, then beside the config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config import StyleTTS2Config
from .options import Options


@dataclass(frozen=True, slots=True)
class Files:
    """None: not there, or not to be looked at; `missing` says what, and where it was looked for."""

    train: Path | None = None
    val: Path | None = None
    ood: Path | None = None
    root: str = ""  # the folder of the clips
    has_root: bool = False  # it is there
    missing: tuple[str, ...] = ()


def locate(config: StyleTTS2Config, options: Options, folder: Path | None, problems: list[str]) -> Files:
    """What an option names must be there, and with `--data` everything; what is wrong goes to `problems`."""
    if options.data is False:
        return Files(missing=("the data: --no-data",))
    places = tuple(dict.fromkeys((Path.cwd(), *((folder.resolve(),) if folder is not None else ()))))
    missing: list[str] = []

    def located(option: str, given: str, key: str, value: str) -> Path | None:
        if given:
            if not _exists(Path(given)):
                problems.append(f"{option} {given}: there is no such file or folder")
            return Path(given)
        if not value:
            missing.append(f"data_params.{key}: is not given")
            return None
        found = next((place for place in places if _exists(place / value)), None)
        if found is None:
            missing.append(f"data_params.{key} {value}: not found in {' nor in '.join(map(_shown, places))}")
            return None
        return Path(value) if found == Path.cwd() else found / value

    paths = config.paths
    train = located("--train-list", options.train_list, "train_data", paths.train_data)
    val = located("--val-list", options.val_list, "val_data", paths.val_data)
    ood = located("--ood", options.ood, "OOD_data", paths.ood_data)
    root = None
    if options.manifest:
        if not _exists(Path(options.manifest)):
            problems.append(f"--manifest {options.manifest}: there is no such file")
    elif train is not None or val is not None or options.root:
        root = located("--root", options.root, "root_path", paths.root_path)
    if options.data:
        problems += [f"--data: {what}" for what in missing]
    return Files(
        train,
        val,
        ood,
        str(root) if root is not None else options.root or paths.root_path,
        root is not None,
        tuple(missing),
    )


def _shown(place: Path) -> str:
    return "the working directory" if place == Path.cwd() else str(place)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
