"""The modules of a checkout of StyleTTS2, or of the installed package, built by its own `build_model` from its source.

The source is executed as it stands; no weights are read, and nothing is written into it.
"""

from __future__ import annotations

from collections.abc import Callable
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

_NEEDED = ("models.py", "Utils/PLBERT/util.py")


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
        lacking = [name for name in _NEEDED if not (folder / name).is_file()]
        if lacking:
            raise UsageError(
                f"--source {path}: has no {', no '.join(lacking)};"
                f" give the folder of a StyleTTS2 checkout, or {PACKAGE}"
            )
        self.folder = folder.resolve()
        self.name = PACKAGE if is_package else self.folder.name
        self._option = f"--source {path}"
        self._prefix = f"{PACKAGE}." if is_package else ""
        roots = () if is_package else (self.folder,)
        self._code = UserCode(
            *roots, package=PACKAGE if is_package else None, dispensable=DISPENSABLE, label=self._option
        )

    def model(self, config: StyleTTS2Config, batch: int | str = 1) -> Model:
        """The components of the built-in model, with the modules of this source, which runs to build them.

        Raises UsageError with what fails, and where. A module for which a broken package is needed is left out.
        """
        with self._code.visit():
            modules = _Modules(self._builder(config))
        broken = modules.broken
        builtin = components.model(config, batch)
        wanted = dict.fromkeys(entry.module_name for entry in builtin.components if entry.role != "slm")
        unmade = [name for name in wanted if name not in modules.on_any_device]
        if unmade:
            made = ", ".join(modules.on_any_device)
            raise UsageError(f"{self._option}: its build_model makes no {', no '.join(unmade)}, but {made}")
        found = [self._component(entry, modules) for entry in builtin.components if entry.module_name not in broken]
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

    def _component(self, component: Component, modules: _Modules) -> Component:
        """The same entry point, of this source; that of the SLM, which is no part of it, as it is."""
        if component.role == "slm":
            return component
        name = component.module_name
        return replace(
            component,
            class_name=type(modules.on_any_device[name]).__name__,
            build=lambda: modules.on_default_device()[name],
            surroundings=self._code.visit,
        )

    def _builder(self, config: StyleTTS2Config) -> Callable[[], tuple[dict[str, nn.Module], dict[str, str]]]:
        """What makes the modules by name, on torch's default device, and says which of them cannot be made, and why."""
        models, plbert, munch = self._code.load(f"{self._prefix}models", f"{self._prefix}Utils.PLBERT.util", "munch")
        needed = [(models, name) for name in ("build_model", "ASRCNN", "JDCNet")]
        needed += [(plbert, name) for name in ("CustomAlbert", "AlbertConfig")]
        lacking = [f"{module.__name__}.{name}" for module, name in needed if not hasattr(module, name)]
        if lacking:
            raise UsageError(f"{self._option}: has no {', no '.join(lacking)}: is it a StyleTTS2 checkout?")
        from torch import nn

        def build() -> tuple[dict[str, nn.Module], dict[str, str]]:
            broken: dict[str, str] = {}
            try:
                text_aligner = models.ASRCNN(**_without_source(config.aligner))
            except ModuleNotFoundError:
                raise
            except ImportError as error:
                broken["text_aligner"] = str(error)
                text_aligner = nn.Identity()
            pitch_extractor = models.JDCNet(num_class=1, seq_len=192)
            bert = plbert.CustomAlbert(plbert.AlbertConfig(**_without_source(config.plbert)))
            params = munch.munchify(config.values["model_params"])
            return dict(models.build_model(params, text_aligner, pitch_extractor, bert)), broken

        def build_or_explain() -> tuple[dict[str, nn.Module], dict[str, str]]:
            import torch

            try:
                return build()
            except Exception as error:
                if torch.get_default_device().type == "meta" and not isinstance(error, ImportError):
                    raise  # code that reads values while it builds: they exist on the CPU
                raise self._code.failure(error, doing="building the modules") from error

        return build_or_explain


class _Modules:
    """The modules of a source: made on meta where that works, and on the CPU only where they are asked for there."""

    def __init__(self, build: Callable[[], tuple[dict[str, nn.Module], dict[str, str]]]) -> None:
        import torch

        self._build = build
        self._made: dict[str, dict[str, nn.Module]] = {}
        self.broken: dict[str, str] = {}
        try:
            with torch.device("meta"):
                self._made["meta"], self.broken = build()
        except UsageError:
            raise
        except Exception:  # noqa: BLE001  # what the constructors raise on the CPU is what counts
            with torch.device("cpu"):
                self._made["cpu"], self.broken = build()

    @property
    def on_any_device(self) -> dict[str, nn.Module]:
        return next(iter(self._made.values()))

    def on_default_device(self) -> dict[str, nn.Module]:
        """During a visit: they may be made now."""
        import torch

        if torch.get_default_device().type == "meta":
            return self.on_any_device
        if "cpu" not in self._made:
            self._made["cpu"] = self._build()[0]
        return self._made["cpu"]


def _without_source(config: Any) -> dict[str, Any]:
    values = asdict(config)
    del values["source"]
    return values
