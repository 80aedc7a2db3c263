"""What the public training scripts do with a checkpoint: which tensors they load, which stay random, what raises.

Facts of yl4579/StyleTTS2 (`load_checkpoint`, `load_ASR_models` and `load_F0_models` of models.py, `load_plbert`, and
the scripts), as values. Nothing is loaded here: names and shapes are compared.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shapecheck import Model, Skipped
from shapecheck.preflight import Checkpoint, Coverage, StateDict, TensorInfo, compare, expected_tensors

from .config import StyleTTS2Config

TRAIN_FIRST, TRAIN_SECOND = "train_first", "train_second"
TRAIN_FINETUNE, TRAIN_FINETUNE_ACCELERATE = "train_finetune", "train_finetune_accelerate"
SCRIPTS = (TRAIN_FIRST, TRAIN_SECOND, TRAIN_FINETUNE, TRAIN_FINETUNE_ACCELERATE)

# the keys of the model in training, in the order in which they are loaded
COMPONENTS = (
    *("bert", "bert_encoder", "predictor", "decoder", "text_encoder", "predictor_encoder", "style_encoder"),
    *("diffusion", "text_aligner", "pitch_extractor", "mpd", "msd", "wd"),
)
NEVER_IN_DATA_PARALLEL = ("mpd", "msd", "wd")
NOT_OF_FIRST_STAGE = (
    *("bert", "bert_encoder", "predictor", "predictor_encoder", "msd", "mpd", "wd", "diffusion"),
)  # what the second stage ignores in a checkpoint of the first

RANDOM = "random"
_PRETRAINED = {"text_aligner": "ASR_path", "pitch_extractor": "F0_path", "bert": "PLBERT_dir"}
_DEFAULT_EPOCHS = 200

# fates of a component
LOADED = "loaded"  # every tensor of it
PARTLY = "partly"  # some tensors; the others keep what they had
NOTHING = "nothing"  # no tensor, although the checkpoint has the component
ABSENT = "absent"  # the checkpoint has no such component
IGNORED = "ignored"  # the script does not take it from this checkpoint
COPIED = "copied"  # from style_encoder, as that is after loading
RAISES = "raises"  # a shape differs


@dataclass(frozen=True, slots=True)
class Raised:
    """What a script ends with: the exception's class, and the key, file or component that is at fault."""

    error: str
    subject: str


@dataclass(frozen=True, slots=True)
class Loading:
    """What a script takes from its configuration before it opens the checkpoint."""

    script: str
    key: str  # "pretrained_model" or "first_stage_path"; "": it loads no checkpoint
    path: str  # relative to the working directory
    load_only_params: bool
    ignored: tuple[str, ...]
    wrapped: tuple[str, ...]  # whose tensors have `module.` before their names at that moment
    epochs: int
    raised: Raised | None = None  # before anything is opened


@dataclass(frozen=True, slots=True)
class ComponentOutcome:
    fate: str
    prints_loaded: bool  # the script prints "<component> loaded"
    starts_as: str  # what a tensor that is not loaded keeps: RANDOM, or the key of the file that it was loaded from
    coverage: Coverage

    @property
    def component(self) -> str:
        return self.coverage.component


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script makes of a checkpoint."""

    loading: Loading
    components: tuple[ComponentOutcome, ...]  # in the order of COMPONENTS
    unchecked: tuple[Skipped, ...]  # components that could not be built here
    unused: tuple[str, ...]  # components of the checkpoint that the model has not
    raised: tuple[Raised, ...]  # in the order in which the script gets to them: the first ends it
    start_epoch: int | None  # None: the script does not get so far, or the checkpoint's epoch is no plain number
    needs_unpickling: tuple[str, ...]  # torch >= 2.6 refuses the file for these names: the scripts do not say otherwise

    @property
    def epochs_to_train(self) -> int | None:
        """0: train_first raises UnboundLocalError where it saves, the others end as if all were well."""
        return None if self.start_epoch is None else max(0, self.loading.epochs - self.start_epoch)


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """What a loader of a trained part makes of its file; the part must fit, or the script ends."""

    component: str
    key: str  # of the configuration: "ASR_path"
    is_strict: bool
    coverage: Coverage | None  # None where it raises before, or the component could not be built here
    raised: Raised | None
    needs_unpickling: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """The tensors of the configured model by component, and what could not be built to know them."""

    components: Mapping[str, Mapping[str, TensorInfo]]
    unchecked: tuple[Skipped, ...]


def expected(config: StyleTTS2Config, model: Model) -> Expected:
    """The state dicts of the model in training. `model`: as `components.model` or a `Checkout` gives it."""
    found: dict[str, Mapping[str, TensorInfo]] = {}
    left_out = {entry.name: entry for entry in model.skipped if entry.name in COMPONENTS}
    for component in model.components:
        name = component.module_name
        if name not in COMPONENTS or name in found or name in left_out:
            continue
        try:
            with component.surroundings():
                found[name] = expected_tensors(component.build)
        except ImportError as error:
            left_out[name] = Skipped(name, str(error))
    width, hidden = config.model_params.hidden_dim, config.plbert.hidden_size
    found["bert_encoder"] = {
        "weight": TensorInfo((width, hidden), "float32"),
        "bias": TensorInfo((width,), "float32"),
    }
    return Expected({name: found[name] for name in COMPONENTS if name in found}, tuple(left_out.values()))


def loading(config: StyleTTS2Config, script: str, *, processes: int = 1) -> Loading:
    """What a script would open. `processes`: of accelerate, which wraps modules in train_first from two on."""
    is_first = script == TRAIN_FIRST
    training = config.training
    epochs = {TRAIN_FIRST: training.epochs_1st, TRAIN_SECOND: training.epochs_2nd}.get(script, training.epochs)
    wrapped = () if is_first else tuple(name for name in COMPONENTS if name not in NEVER_IN_DATA_PARALLEL)
    if is_first and processes > 1:
        wrapped = COMPONENTS
    values = {key: config.values.get(key, "") for key in ("pretrained_model", "first_stage_path")}
    key, path, ignored, raised = "", "", (), None
    if values["pretrained_model"] != "" and (is_first or training.second_stage_load_pretrained):
        key, path = "pretrained_model", config.paths.pretrained_model
        if not path:  # null or false in the file: not "", and no path either
            raised = Raised("AttributeError", key)
    elif not is_first:
        key, ignored = "first_stage_path", NOT_OF_FIRST_STAGE
        if values[key] == "":
            raised = Raised("ValueError", key)
        elif not config.paths.first_stage_path:
            raised = Raised("TypeError", key)
        else:
            path = os.path.join(config.paths.log_dir, config.paths.first_stage_path)  # noqa: PTH118  # as the scripts do
    return Loading(
        script=script,
        key=key,
        path=path,
        load_only_params=training.load_only_params or key != "pretrained_model",
        ignored=ignored,
        wrapped=wrapped,
        epochs=_DEFAULT_EPOCHS if epochs is None else epochs,
        raised=raised,
    )


def outcome(loading: Loading, model: Expected, checkpoint: Checkpoint) -> Outcome:
    """What `load_checkpoint` does, and where the script goes on from."""
    found = checkpoint.components("net")
    components = [_component(loading, name, tensors, found) for name, tensors in model.components.items()]
    if loading.key == "first_stage_path":
        components = _with_copy(components)
    raised = [Raised("RuntimeError", entry.component) for entry in components if entry.fate == RAISES]
    if "net" not in checkpoint.keys:
        raised = [Raised("KeyError", "net")]
    start_epoch: int | None = 0
    if not loading.load_only_params:
        raised += [Raised("KeyError", key) for key in ("epoch", "iters", "optimizer") if key not in checkpoint.keys]
        epoch = checkpoint.scalars.get("epoch")
        start_epoch = epoch if isinstance(epoch, int) else None
        if "epoch" in checkpoint.scalars and start_epoch is None:
            raised.append(Raised("TypeError", "epoch"))
    if raised:
        start_epoch = None
    elif start_epoch is not None and start_epoch >= loading.epochs and loading.script == TRAIN_FIRST:
        raised = [Raised("UnboundLocalError", "loss_test")]
    return Outcome(
        loading=loading,
        components=tuple(components),
        unchecked=model.unchecked,
        unused=tuple(name for name in found if name not in COMPONENTS),
        raised=tuple(raised),
        start_epoch=start_epoch,
        needs_unpickling=checkpoint.foreign,
    )


def aligner_outcome(model: Expected, checkpoint: Checkpoint) -> Auxiliary:
    """`load_ASR_models` with the file at ASR_path."""
    return _strictly("text_aligner", "model", model, checkpoint)


def pitch_outcome(model: Expected, checkpoint: Checkpoint) -> Auxiliary:
    """`load_F0_models` with the file at F0_path."""
    return _strictly("pitch_extractor", "net", model, checkpoint)


def plbert_outcome(model: Expected, checkpoint: Checkpoint) -> Auxiliary:
    """`load_plbert` with the file that `plbert_file` names."""
    name, key = "bert", _PRETRAINED["bert"]
    raised: Raised | None = None
    coverage: Coverage | None = None
    if "net" not in checkpoint.keys:
        raised = Raised("KeyError", "net")
    else:
        found = checkpoint.state_dicts.get(("net",), StateDict({}))
        # seven characters are cut off each name, whatever they are, and what then has no `encoder.` is passed over
        tensors = {
            each[7:].removeprefix("encoder."): info
            for each, info in found.tensors.items()
            if each[7:].startswith("encoder.")
        }
        positions = "embeddings.position_ids"
        if positions not in tensors:
            raised = Raised("KeyError", positions)
        elif name in model.components:
            del tensors[positions]
            coverage = compare(name, _without(model.components[name], positions), StateDict(tensors))
            raised = Raised("RuntimeError", name) if coverage.raises else None
    return Auxiliary(name, key, False, coverage, raised, checkpoint.foreign)


def plbert_file(folder: str, names: Sequence[str]) -> Path | Raised:
    """Which of the files in PLBERT_dir `load_plbert` opens. `names`: of the files in it, without its folders."""
    steps: list[int] = []
    for name in names:
        if name.startswith("step_"):
            number = name.split("_")[-1].split(".")[0]
            try:
                steps.append(int(number))
            except ValueError:
                return Raised("ValueError", name)
    if not steps:
        return Raised("IndexError", folder)
    wanted = f"step_{max(steps)}.t7"
    return Path(folder, wanted) if wanted in names else Raised("FileNotFoundError", wanted)


def _component(
    loading: Loading, name: str, tensors: Mapping[str, TensorInfo], found: Mapping[str, StateDict]
) -> ComponentOutcome:
    is_taken = name in found and name not in loading.ignored
    coverage = compare(name, tensors, found[name] if is_taken else StateDict({}), is_wrapped=name in loading.wrapped)
    if name in loading.ignored:
        fate = IGNORED
    elif not is_taken:
        fate = ABSENT
    elif coverage.raises:
        fate = RAISES
    elif not coverage.loaded:
        fate = NOTHING
    else:
        fate = PARTLY if coverage.missing else LOADED
    return ComponentOutcome(fate, is_taken, _PRETRAINED.get(name, RANDOM), coverage)


def _with_copy(components: Sequence[ComponentOutcome]) -> list[ComponentOutcome]:
    source = next((entry.coverage for entry in components if entry.component == "style_encoder"), None)
    return [
        replace(entry, fate=COPIED, coverage=replace(source, component=entry.component))
        if source is not None and entry.component == "predictor_encoder"
        else entry
        for entry in components
    ]


def _strictly(name: str, place: str, model: Expected, checkpoint: Checkpoint) -> Auxiliary:
    raised: Raised | None = None
    coverage: Coverage | None = None
    if place not in checkpoint.keys:
        raised = Raised("KeyError", place)
    elif name in model.components:
        coverage = compare(name, model.components[name], checkpoint.state_dicts.get((place,), StateDict({})))
        raised = Raised("RuntimeError", name) if coverage.raises_if_strict else None
    return Auxiliary(name, _PRETRAINED[name], True, coverage, raised, checkpoint.foreign)


def _without(tensors: Mapping[str, TensorInfo], name: str) -> dict[str, TensorInfo]:
    return {each: info for each, info in tensors.items() if each != name}  # older transformers have it: 0, 1, 2, ...
