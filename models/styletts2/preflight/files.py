"""Where the files of a run are: looked up from the working directory, as the scripts do, then beside the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    checkpoint: Path | None = None
    parts: Mapping[str, Path] = field(default_factory=dict[str, Path])  # trained before: ASR_path, F0_path, PLBERT_dir
    missing: tuple[str, ...] = ()


def locate(
    config: StyleTTS2Config, options: Options, checkpoint: tuple[str, str], folder: Path | None, problems: list[str]
) -> Files:
    """What an option names must be there, and with `--data` all data; what is wrong goes to `problems`.

    `checkpoint`: the key and the path of the one that the stage's script would load, "" for none.
    """
    checkpoint_key, checkpoint_path = checkpoint
    places = tuple(dict.fromkeys((Path.cwd(), *((folder.resolve(),) if folder is not None else ()))))
    missing: list[str] = []

    def located(option: str, given: str, key: str, value: str) -> Path | None:
        if given:
            if not _exists(Path(given)):
                problems.append(f"{option} {given}: there is no such file or folder")
            elif Path(given).is_dir() is not (option == "--root"):
                other = "a file; give the folder of the clips" if option == "--root" else "a folder; give a file"
                problems.append(f"{option} {given}: is {other}")
            return Path(given)
        if not value:
            missing.append(f"{key}: is not given")
            return None
        found = next((place for place in places if _exists(place / value)), None)
        if found is None:
            missing.append(f"{key} {value}: not found in {' nor in '.join(map(_shown, places))}")
            return None
        return Path(value) if found == Path.cwd() else found / value

    paths = config.paths
    train, val, ood, root = None, None, None, None
    if options.data is not False:
        train = located("--train-list", options.train_list, "data_params.train_data", paths.train_data)
        val = located("--val-list", options.val_list, "data_params.val_data", paths.val_data)
        ood = located("--ood", options.ood, "data_params.OOD_data", paths.ood_data)
        if options.manifest:
            if not Path(options.manifest).is_file():
                problems.append(f"--manifest {options.manifest}: there is no such file")
        elif train is not None or val is not None or options.root:
            root = located("--root", options.root, "data_params.root_path", paths.root_path)
    if options.data:
        problems += [f"--data: {what}" for what in missing]
    weights = None
    if options.checkpoint or checkpoint_path:
        weights = located("--checkpoint", options.checkpoint, checkpoint_key, checkpoint_path)
    wanted = {"ASR_path": paths.asr_path, "F0_path": paths.f0_path, "PLBERT_dir": paths.plbert_dir}
    parts = {key: located("", "", key, value) for key, value in wanted.items()}
    return Files(
        train=train,
        val=val,
        ood=ood,
        root=str(root) if root is not None else options.root or paths.root_path,
        has_root=root is not None,
        checkpoint=weights,
        parts={key: part for key, part in parts.items() if part is not None},
        missing=("the data: --no-data", *missing) if options.data is False else tuple(missing),
    )


def _shown(place: Path) -> str:
    return "the working directory" if place == Path.cwd() else str(place)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
