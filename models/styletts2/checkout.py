"""The modules of a checkout of StyleTTS2, or of the installed package, built by its own `build_model` from its source.

The source is executed as it stands; no weights are read, and nothing is written into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapecheck import Component, Model, Skipped, UsageError, UserCode

from . import components
from .config import StyleTTS2Config

if TYPE_CHECKING:
    from torch import nn

PACKAGE = "styletts2"

# only the text aligner takes something of it, one function, and its builds often do not fit the torch that is installed
DISPENSABLE = ("torchaudio",)


class Checkout:
    """A folder with `models.py`, `Modules/` and `Utils/`; or the package `styletts2`."""

    def __init__(self, path: str | Path) -> None:
        """Finds the source, and executes nothing. Raises UsageError where it is not there."""
        folder = Path(path)
        is_package = str(path) == PACKAGE and not folder.is_dir()
        if is_package:
            spec = find_spec(PACKAGE)
            if spec is None or not spec.submodule_search_locations:
                raise UsageError(
                    f"--source {path}: the package is not installed, and there is no such folder; give the folder of a"
                    f" StyleTTS2 checkout, or: pip install --no-deps {PACKAGE}"
                )
            folder = Path(spec.submodule_search_locations[0])
        elif not folder.is_dir():
            what = "is a file" if folder.exists() else "there is no such folder"
            raise UsageError(f"--source {path}: {what}; give the folder of a StyleTTS2 checkout, or {PACKAGE}")
        if not (folder / "models.py").is_file():
            raise UsageError(f"--source {path}: has no models.py; give the folder of a StyleTTS2 checkout")
        self.folder = folder.resolve()
        self.name = PACKAGE if is_package else self.folder.name
        self._prefix = f"{PACKAGE}." if is_package else ""
        self._code = (
            UserCode(package=PACKAGE, dispensable=DISPENSABLE)
            if is_package
            else UserCode(self.folder, dispensable=DISPENSABLE)
        )

    def model(self, config: StyleTTS2Config) -> Model:
        """The components of the built-in model, with the modules of this source, which runs to build them.

        Raises UsageError with what fails, and where. A module for which a broken package is needed is left out.
        """
        with self._code.visit():
            built, broken = self._built(config)
        builtin = components.model(config)
        found = [self._component(entry, built) for entry in builtin.components if entry.module_name not in broken]
        skipped = [
            Skipped(entry.name, broken[entry.module_name])
            for entry in builtin.components
            if entry.module_name in broken
        ]
        return replace(
            builtin,
            source=self.name,
            components=tuple(found),
            skipped=(*builtin.skipped, *skipped),
            notes=(f"the modules are those of {self.name}", *builtin.notes),
        )

    def _component(self, component: Component, built: Mapping[str, nn.Module]) -> Component:
        """The same entry point, of this source; that of the SLM, which is no part of it, as it is."""
        if component.role == "slm":
            return component
        if component.module_name not in built:
            made = ", ".join(built)
            raise UsageError(f"--source {self.name}: its build_model makes no {component.module_name}, but {made}")
        module = built[component.module_name]
        return replace(component, class_name=type(module).__name__, build=lambda: module, surroundings=self._code.visit)

    def _built(self, config: StyleTTS2Config) -> tuple[dict[str, nn.Module], dict[str, str]]:
        """The modules by name, and those that cannot be built with the reason."""
        models, plbert = self._code.load(f"{self._prefix}models", f"{self._prefix}Utils.PLBERT.util")
        import munch  # the source imports it, too
        import torch
        from torch import nn

        broken: dict[str, str] = {}

        def build() -> Mapping[str, nn.Module]:
            try:
                text_aligner = models.ASRCNN(**_without_source(config.aligner))
            except ImportError as error:
                broken["text_aligner"] = str(error)
                text_aligner = nn.Identity()
            pitch_extractor = models.JDCNet(num_class=1, seq_len=192)
            bert = plbert.CustomAlbert(plbert.AlbertConfig(**_without_source(config.plbert)))
            params = munch.munchify(config.values["model_params"])
            return models.build_model(params, text_aligner, pitch_extractor, bert)

        try:
            with torch.device("meta"):
                built = build()
        except Exception:  # noqa: BLE001  # code that reads values while it builds: they exist on the CPU
            built = self._on_cpu(build)
        return dict(built), broken

    def _on_cpu(self, build: Callable[[], Mapping[str, nn.Module]]) -> Mapping[str, nn.Module]:
        import torch

        try:
            with torch.device("cpu"):
                return build()
        except Exception as error:
            where, what = self._code.place(error), f"{type(error).__name__}: {error}"
            raise UsageError(f"--source {self.name}: {where}: building the modules failed: {what}") from error


def _without_source(config: Any) -> dict[str, Any]:
    values = asdict(config)
    del values["source"]
    return values
