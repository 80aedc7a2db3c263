"""What a training script is said to make of a checkpoint is what the published loaders do with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from models.styletts2 import checkpoint as loaders
from models.styletts2 import components, config, presets
from models.styletts2.checkpoint import Auxiliary, Expected, Loading, Outcome, Raised
from shapecheck import Skipped
from shapecheck.preflight import read_checkpoint

from .published import build_modules, build_published, published

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # load_plbert leaves its file open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter:UserWarning"),
    pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning"),
]

PRETRAINED = {"pretrained_model": "x.pth", "second_stage_load_pretrained": True, "load_only_params": True}

# a model that is built in no time
SMALL: dict[str, Any] = {
    "dim_in": 8, "hidden_dim": 16, "n_layer": 1, "n_token": 12, "max_dur": 5, "style_dim": 8,
    "decoder": {"upsample_initial_channel": 32}, "slm": {"hidden": 6, "nlayers": 2, "initial_channel": 4},
    "diffusion": {"transformer": {"num_layers": 1, "num_heads": 2, "head_features": 4}},
}  # fmt: skip
SMALL_PLBERT = {"vocab_size": 12, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8,
                "max_position_embeddings": 16, "num_hidden_layers": 1, "embedding_size": 8}  # fmt: skip
SMALL_ALIGNER = {"input_dim": 80, "hidden_dim": 16, "n_token": 12, "n_layers": 1, "token_embedding_dim": 8}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(values)
    for key, value in changes.items():
        result[key] = merged(result[key], value) if isinstance(value, Mapping) else value
    return result


def configured(top: Mapping[str, Any] | None = None, **params: Any) -> config.StyleTTS2Config:
    """The LibriTTS configuration with other values."""
    values = copy.deepcopy(presets.values("libritts"))
    return config.parse(merged(values, {**(top or {}), "model_params": params}), "libritts")


def expected_of(found: config.StyleTTS2Config) -> Expected:
    return loaders.expected(found, components.model(found))


def params_of(found: config.StyleTTS2Config) -> dict[str, Any]:
    return copy.deepcopy(found.values["model_params"])


def on_meta(found: config.StyleTTS2Config) -> dict[str, nn.Module]:
    with torch.device("meta"):
        return build_modules(params_of(found))


def tiny(module: nn.Module) -> Any:
    """A state dict of its names, shapes and versions, all of whose tensors are one zero each on the disk."""
    state = module.state_dict()
    for name, tensor in state.items():
        state[name] = torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
    return state


def wrapped(modules: Mapping[str, nn.Module], names: tuple[str, ...]) -> dict[str, nn.Module]:
    return {name: nn.DataParallel(module) if name in names else module for name, module in modules.items()}


def as_saved(found: config.StyleTTS2Config, script: str = "train_finetune", **more: Any) -> dict[str, Any]:
    """What a script saves: `module.` before the names of what it has wrapped."""
    modules = wrapped(on_meta(found), loaders.loading(found, script).wrapped)
    return {"net": {name: tiny(module) for name, module in modules.items()}, **more}


class Told:
    """What torch and the published `load_checkpoint` say while they load."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.modules = modules
        self.epoch = 0
        self.missing: dict[str, set[str]] = {}
        self.unexpected: dict[str, set[str]] = {}
        for name, module in modules.items():
            module.register_load_state_dict_post_hook(self._hook(name))

    def _hook(self, name: str) -> Any:
        def note(module: nn.Module, keys: Any) -> None:
            if module is self.modules[name]:
                self.missing[name] = set(keys.missing_keys) & set(module.state_dict())
                self.unexpected[name] = set(keys.unexpected_keys)

        return note

    def run(self, path: Path, plan: Loading) -> str:
        """The published function, as a script calls it; the error that it ends with."""
        optimizer = SimpleNamespace(load_state_dict=lambda state: None)
        try:
            _, _, self.epoch, _ = published().models.load_checkpoint(
                self.modules, optimizer, path, plan.load_only_params, ignore_modules=list(plan.ignored)
            )
        except (KeyError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"
        return ""


def check_against_torch(outcome: Outcome, told: Told, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Component by component, and the whole function: what it prints, what it ends with."""
    state = torch.load(path)["net"]
    entries = {entry.component: entry for entry in outcome.components}
    error = told.run(path, outcome.loading)
    printed = [line.removesuffix(" loaded") for line in capsys.readouterr().out.splitlines()]
    first = next((raised.subject for raised in outcome.raised), None)
    assert bool(error) == bool(outcome.raised)
    if first is not None:
        assert error.startswith(outcome.raised[0].error)
        assert printed[-1] == first
    assert printed == [each for each in printed if entries[each].prints_loaded]
    for name, module in told.modules.items():
        entry = entries[name]
        if not entry.prints_loaded:
            continue
        text = ""
        try:
            module.load_state_dict(state[name], strict=False)
        except RuntimeError as failure:
            text = str(failure)
        assert {each.name for each in entry.coverage.mismatched} == {
            each for each in module.state_dict() if f"size mismatch for {each}:" in text
        }
        for each in entry.coverage.mismatched:
            assert f"shape torch.Size({list(each.found.shape)}) from checkpoint" in text
            assert f"in current model is torch.Size({list(each.expected.shape)})." in text
        assert set(entry.coverage.missing) == told.missing[name]
        assert set(entry.coverage.unexpected) == told.unexpected[name]
        assert (entry.fate == "raises") == bool(text)


@pytest.fixture(scope="module")
def libritts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the names and shapes of the published LibriTTS model, as the training scripts save it."""
    path = tmp_path_factory.mktemp("checkpoints") / "epochs_2nd_00020.pth"
    torch.save(as_saved(configured(), epoch=20, iters=1000, optimizer=[], val_loss=0.3), path)
    return path


VARIANTS: dict[str, dict[str, Any]] = {
    "the same": {},
    "one speaker": {"multispeaker": False},
    "n_layer": {"n_layer": 4},
    "n_token": {"n_token": 180},
    "max_dur": {"max_dur": 60},
    "style_dim": {"style_dim": 64},
    "dim_in": {"dim_in": 32},
    "hidden_dim": {"hidden_dim": 256},
    "istftnet": {
        "decoder": {
            "type": "istftnet", "upsample_rates": [10, 6], "upsample_kernel_sizes": [20, 12],
            "gen_istft_n_fft": 20, "gen_istft_hop_size": 5,
        },
    },
    "rates": {"decoder": {"upsample_rates": [10, 6, 5], "upsample_kernel_sizes": [20, 12, 10]}},
}  # fmt: skip

RANDOM_TENSORS = {"one speaker": {"diffusion": 24}, "n_layer": {"predictor": 10, "text_encoder": 5}}
RAISES = {
    "n_token": ["text_encoder"],
    "max_dur": ["predictor"],
    "style_dim": ["predictor", "decoder", "predictor_encoder", "style_encoder", "diffusion"],
    "dim_in": ["predictor_encoder", "style_encoder"],
    "hidden_dim": ["bert_encoder", "predictor", "decoder", "text_encoder", "predictor_encoder", "style_encoder"],
    "istftnet": ["decoder"],
    "rates": ["decoder"],
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_configuration_against_the_libritts_checkpoint(libritts: Path, name: str, capsys: pytest.CaptureFixture[str]):
    found = configured(PRETRAINED, **VARIANTS[name])
    plan = loaders.loading(found, "train_finetune")
    outcome = loaders.outcome(plan, expected_of(found), read_checkpoint(libritts))
    told = Told(wrapped(on_meta(found), plan.wrapped))
    check_against_torch(outcome, told, libritts, capsys)
    assert [raised.subject for raised in outcome.raised] == RAISES.get(name, [])
    assert all(raised.error == "RuntimeError" for raised in outcome.raised)
    left = {entry.component: len(entry.coverage.missing) for entry in outcome.components if entry.coverage.missing}
    if name in RANDOM_TENSORS or name == "the same":
        assert left == RANDOM_TENSORS.get(name, {})
        assert all(entry.fate == ("partly" if entry.component in left else "loaded") for entry in outcome.components)
    if name == "one speaker":
        diffusion = next(entry for entry in outcome.components if entry.component == "diffusion")
        assert diffusion.coverage.expected == 92
        assert diffusion.prints_loaded


def test_without_the_prefix_three_components_are_loaded_and_all_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    found = configured(PRETRAINED)
    path = tmp_path / "x.pth"
    torch.save(as_saved(found, "train_first"), path)
    plan = loaders.loading(found, "train_finetune")
    outcome = loaders.outcome(plan, expected_of(found), read_checkpoint(path))
    check_against_torch(outcome, Told(wrapped(on_meta(found), plan.wrapped)), path, capsys)
    fates = {entry.component: entry.fate for entry in outcome.components}
    assert fates == {name: "loaded" if name in ("mpd", "msd", "wd") else "nothing" for name in loaders.COMPONENTS}
    assert all(entry.prints_loaded for entry in outcome.components)
    assert outcome.raised == ()
    for entry in outcome.components:
        if entry.fate == "nothing":
            assert entry.coverage.prefixed == 0
            assert entry.coverage.fits_with_prefix_changed == entry.coverage.expected


# small models with weights, so that what is loaded is seen in them


def small(folder: Path, top: Mapping[str, Any] | None = None, **params: Any) -> config.StyleTTS2Config:
    """A small configuration, with the files of a small text aligner and PLBERT."""
    (folder / "asr.yml").write_text(yaml.safe_dump({"model_params": SMALL_ALIGNER}))
    (folder / "config.yml").write_text(yaml.safe_dump({"model_params": SMALL_PLBERT}))
    files = {"ASR_config": "asr.yml", "PLBERT_dir": str(folder), "log_dir": "Models/small"}
    changes = {**files, **(top or {}), "model_params": merged(SMALL, params)}
    return config.parse(merged(presets.values("libritts"), changes), "small", folders=(folder,))


def ones(found: config.StyleTTS2Config) -> dict[str, nn.Module]:
    made = build_modules(params_of(found), SMALL_ALIGNER, SMALL_PLBERT)
    for module in made.values():
        for tensor in module.state_dict().values():
            tensor.fill_(1)
    return made


def zeros(modules: Mapping[str, nn.Module]) -> dict[str, Any]:
    return {name: tiny(module) for name, module in modules.items()}


FIRST_STAGE = {"first_stage_path": "first_stage.pth", "second_stage_load_pretrained": False}
RUNS = [
    # the script, its processes, its configuration; the script that saved, its processes; the components that are loaded
    ("train_first", 1, PRETRAINED, "train_first", 1, loaders.COMPONENTS),
    ("train_first", 2, PRETRAINED, "train_first", 2, loaders.COMPONENTS),
    ("train_first", 1, PRETRAINED, "train_first", 2, ()),
    ("train_first", 2, PRETRAINED, "train_second", 1, loaders.COMPONENTS[:-3]),
    ("train_first", 1, PRETRAINED, "train_second", 1, ("mpd", "msd", "wd")),
    ("train_second", 1, PRETRAINED, "train_second", 1, loaders.COMPONENTS),
    ("train_finetune", 1, PRETRAINED, "train_second", 1, loaders.COMPONENTS),
    ("train_finetune_accelerate", 2, PRETRAINED, "train_finetune", 1, loaders.COMPONENTS),
    (
        *("train_second", 1, FIRST_STAGE, "train_first", 2),
        ("decoder", "text_encoder", "predictor_encoder", "style_encoder", "text_aligner", "pitch_extractor"),
    ),
    ("train_second", 1, FIRST_STAGE, "train_first", 1, ()),  # one process: saved without `module.`
]


@pytest.mark.parametrize(("script", "processes", "top", "saver", "savers", "loaded"), RUNS)
def test_the_tensors_that_change_are_those_said_to_be_loaded(
    tmp_path: Path,
    script: str,
    processes: int,
    top: dict[str, Any],
    saver: str,
    savers: int,
    loaded: tuple[str, ...],
):
    found = small(tmp_path, top)
    path = tmp_path / "x.pth"
    modules = ones(found)
    torch.save({"net": zeros(wrapped(modules, loaders.loading(found, saver, processes=savers).wrapped))}, path)
    plan = loaders.loading(found, script, processes=processes)
    assert plan.path == ("Models/small/first_stage.pth" if top is FIRST_STAGE else "x.pth")
    outcome = loaders.outcome(plan, expected_of(found), read_checkpoint(path))
    assert outcome.raised == ()
    assert (outcome.start_epoch, outcome.epochs_to_train) == (0, plan.epochs)
    told = Told(wrapped(modules, plan.wrapped))
    assert told.run(path, plan) == ""
    if top is FIRST_STAGE:
        told.modules["predictor_encoder"] = copy.deepcopy(told.modules["style_encoder"])  # as the scripts do
    assert tuple(entry.component for entry in outcome.components) == tuple(told.modules)
    for entry in outcome.components:
        changed = {
            name for name, tensor in told.modules[entry.component].state_dict().items() if not bool(tensor.any())
        }
        assert set(entry.coverage.loaded) == changed, entry.component
        assert bool(changed) == (entry.component in loaded)
    if top is FIRST_STAGE:
        fates = {entry.component: entry.fate for entry in outcome.components}
        assert fates["predictor_encoder"] == "copied"
        assert {name for name, fate in fates.items() if fate == "ignored"} == {
            *("bert", "bert_encoder", "predictor", "mpd", "msd", "wd", "diffusion")
        }


def test_what_is_not_loaded_keeps_what_it_was_made_with(tmp_path: Path):
    found = small(tmp_path, PRETRAINED)
    torch.save({"net": {"decoder": {"x": torch.zeros(1)}, "spare": {"x": torch.zeros(1)}}}, tmp_path / "x.pth")
    outcome = loaders.outcome(
        loaders.loading(found, "train_finetune"), expected_of(found), read_checkpoint(tmp_path / "x.pth")
    )
    starts = {entry.component: entry.starts_as for entry in outcome.components if entry.starts_as != "random"}
    assert starts == {"text_aligner": "ASR_path", "pitch_extractor": "F0_path", "bert": "PLBERT_dir"}
    assert {entry.component for entry in outcome.components if entry.fate != "absent"} == {"decoder"}
    assert [entry.component for entry in outcome.components if entry.prints_loaded] == ["decoder"]
    assert outcome.unused == ("spare",)


EPOCHS = {**PRETRAINED, "load_only_params": False, "epochs": 10, "epochs_1st": 20, "epochs_2nd": 30}
WHOLE = {"epoch": 12, "iters": 5, "optimizer": []}


@pytest.mark.parametrize(
    ("script", "entries", "raised", "start", "left"),
    [
        ("train_finetune", WHOLE, "", 12, 0),
        ("train_finetune_accelerate", {**WHOLE, "epoch": 10}, "", 10, 0),
        ("train_finetune", {**WHOLE, "epoch": 9}, "", 9, 1),
        ("train_second", WHOLE, "", 12, 18),
        ("train_first", WHOLE, "", 12, 8),
        ("train_finetune", {"epoch": 12, "iters": 5}, "KeyError: 'optimizer'", None, None),
        ("train_finetune", {"epoch": 12, "optimizer": []}, "KeyError: 'iters'", None, None),
        ("train_finetune", {"iters": 5, "optimizer": []}, "KeyError: 'epoch'", None, None),
        ("train_finetune", {}, "KeyError: 'epoch'", None, None),
    ],
)
def test_where_a_script_goes_on(
    tmp_path: Path, script: str, entries: dict[str, Any], raised: str, start: int | None, left: int | None
):
    found = small(tmp_path, EPOCHS)
    path = tmp_path / "x.pth"
    torch.save({"net": {"decoder": {"module.x": torch.zeros(1)}}, **entries}, path)
    plan = loaders.loading(found, script)
    outcome = loaders.outcome(plan, expected_of(found), read_checkpoint(path))
    told = Told(wrapped(ones(found), plan.wrapped))
    assert told.run(path, plan) == raised
    assert (outcome.start_epoch, outcome.epochs_to_train) == (start, left)
    assert [f"{each.error}: {each.subject!r}" for each in outcome.raised[:1]] == ([raised] if raised else [])
    if not raised:
        assert told.epoch == start


def test_the_first_stage_does_not_survive_a_checkpoint_of_its_last_epoch(tmp_path: Path):
    found = small(tmp_path, EPOCHS)
    torch.save({"net": {"decoder": {"x": torch.zeros(1)}}, **WHOLE, "epoch": 20}, tmp_path / "x.pth")
    outcome = loaders.outcome(
        loaders.loading(found, "train_first"), expected_of(found), read_checkpoint(tmp_path / "x.pth")
    )
    assert outcome.epochs_to_train == 0
    assert outcome.raised == (Raised("UnboundLocalError", "loss_test"),)


def test_a_bare_state_dict_raises(tmp_path: Path):
    found = small(tmp_path, PRETRAINED)
    path = tmp_path / "x.pth"
    torch.save({"decoder": {"x": torch.zeros(1)}}, path)
    plan = loaders.loading(found, "train_finetune")
    assert Told(wrapped(ones(found), plan.wrapped)).run(path, plan) == "KeyError: 'net'"
    outcome = loaders.outcome(plan, expected_of(found), read_checkpoint(path))
    assert outcome.raised[0] == Raised("KeyError", "net")


@pytest.mark.parametrize(
    ("script", "top", "key", "path", "raised"),
    [
        ("train_first", {"pretrained_model": ""}, "", "", None),
        ("train_first", {"pretrained_model": "a.pth"}, "pretrained_model", "a.pth", None),
        (
            "train_first",
            {"pretrained_model": None},
            "pretrained_model",
            "",
            Raised("AttributeError", "pretrained_model"),
        ),
        ("train_second", {**PRETRAINED, **FIRST_STAGE}, "first_stage_path", "Models/x/first_stage.pth", None),
        ("train_second", {**FIRST_STAGE, **PRETRAINED}, "pretrained_model", "x.pth", None),
        ("train_finetune", {**FIRST_STAGE, "first_stage_path": "/a/b.pth"}, "first_stage_path", "/a/b.pth", None),
        (
            *("train_finetune", {**FIRST_STAGE, "first_stage_path": ""}),
            *("first_stage_path", "", Raised("ValueError", "first_stage_path")),
        ),
        (
            *("train_finetune", {**FIRST_STAGE, "first_stage_path": None}),
            *("first_stage_path", "", Raised("TypeError", "first_stage_path")),
        ),
    ],
)
def test_which_file_a_script_opens(script: str, top: dict[str, Any], key: str, path: str, raised: Raised | None):
    plan = loaders.loading(configured({"log_dir": "Models/x", **top}), script)
    assert (plan.key, plan.path, plan.raised) == (key, path, raised)
    assert plan.ignored == (loaders.NOT_OF_FIRST_STAGE if key == "first_stage_path" else ())


def test_epochs_are_those_of_the_script():
    found = configured({"epochs": None, "epochs_1st": 3, "epochs_2nd": 4} | {"epochs": 5})
    epochs = [loaders.loading(found, script).epochs for script in loaders.SCRIPTS]
    assert epochs == [3, 4, 5, 5]
    assert loaders.loading(configured(), "train_finetune").epochs == 200  # as the script has it where the file does not


# the trained parts


def check_part(found: Auxiliary, load: Callable[[], object]) -> None:
    if found.raised is None:
        load()
        return
    with pytest.raises((KeyError, RuntimeError)) as error:
        load()
    assert type(error.value).__name__ == found.raised.error
    if found.coverage is None:
        assert str(error.value) == repr(found.raised.subject)
        return
    for each in found.coverage.mismatched:
        assert f"size mismatch for {each.name}:" in str(error.value)
    for each in (*found.coverage.missing, *found.coverage.unexpected) if found.is_strict else ():
        assert f'"{each}"' in str(error.value)


CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "as published": lambda state: state,
    "one missing": lambda state: dict(list(state.items())[1:]),
    "one more": lambda state: {**state, "more": torch.zeros(1)},
    "another shape": lambda state: {**state, next(iter(state)): torch.zeros(9)},
    "wrapped": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "empty": lambda state: {},
}


@pytest.mark.parametrize("key", ["model", "net"])
@pytest.mark.parametrize("name", CHANGES)
def test_the_text_aligner(tmp_path: Path, name: str, key: str):
    found = small(tmp_path)
    state = CHANGES[name](tiny(published().asr.ASRCNN(**SMALL_ALIGNER)))
    path = tmp_path / "asr.pth"
    torch.save({key: state, "also": torch.zeros(1)}, path)
    outcome = loaders.aligner_outcome(expected_of(found), read_checkpoint(path))
    check_part(outcome, lambda: published().models.load_ASR_models(path, tmp_path / "asr.yml"))
    assert outcome.key == "ASR_path"
    assert (outcome.raised is None) == (name == "as published" and key == "model")


@pytest.mark.parametrize("key", ["model", "net"])
@pytest.mark.parametrize("name", CHANGES)
def test_the_pitch_extractor(tmp_path: Path, name: str, key: str):
    found = small(tmp_path)
    state = CHANGES[name](tiny(published().jdc.JDCNet(num_class=1, seq_len=192)))
    path = tmp_path / "bst.t7"
    torch.save({key: state, "also": torch.zeros(1)}, path)
    outcome = loaders.pitch_outcome(expected_of(found), read_checkpoint(path))
    check_part(outcome, lambda: published().models.load_F0_models(path))
    assert outcome.key == "F0_path"
    assert (outcome.raised is None) == (name == "as published" and key == "net")


POSITIONS = {"module.encoder.embeddings.position_ids": torch.zeros(1, 16)}


def in_encoder(state: dict[str, Any], prefix: str = "module.") -> dict[str, Any]:
    return {f"{prefix}encoder.{name}": tensor for name, tensor in state.items()}


PLBERTS: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], int | None]] = {
    # what is saved of its state dict, and how many of its 25 tensors are loaded; None: it raises
    "as published": (
        lambda state: {**in_encoder(state), **POSITIONS, "module.mask_predictor.bias": torch.zeros(1)},
        25,
    ),
    "one missing": (lambda state: {**in_encoder(dict(list(state.items())[1:])), **POSITIONS}, 24),
    "another prefix of seven": (lambda state: {**in_encoder(state, "module_"), **POSITIONS}, 25),
    "without positions": (in_encoder, None),
    "without a prefix": (lambda state: {**in_encoder(state, ""), **POSITIONS}, 0),
    "not in an encoder": (lambda state: {f"module.{name}": tensor for name, tensor in state.items()}, None),
    "another shape": (lambda state: {**in_encoder({**state, next(iter(state)): torch.zeros(9)}), **POSITIONS}, None),
}


@pytest.mark.parametrize("name", PLBERTS)
def test_plbert(tmp_path: Path, name: str):
    found = small(tmp_path)
    change, count = PLBERTS[name]
    package = published().plbert
    state = change(tiny(package.CustomAlbert(package.AlbertConfig(**SMALL_PLBERT))))
    torch.save({"net": state}, tmp_path / "step_1000000.t7")
    chosen = loaders.plbert_file(str(tmp_path), [each.name for each in tmp_path.iterdir()])
    assert isinstance(chosen, Path)
    assert chosen == tmp_path / "step_1000000.t7"
    outcome = loaders.plbert_outcome(expected_of(found), read_checkpoint(chosen))
    made: list[nn.Module] = []
    check_part(outcome, lambda: made.append(package.load_plbert(tmp_path)))
    assert (outcome.raised is None) == (count is not None)
    if count is not None:
        assert outcome.coverage is not None
        assert len(outcome.coverage.loaded) == count
        parameters = {each for each, tensor in made[0].state_dict().items() if not bool(tensor.any())}
        assert set(outcome.coverage.loaded) <= parameters


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["config.yml", "step_9.t7", "step_10.t7"], "step_10.t7"),
        (["config.yml"], Raised("IndexError", "P")),
        (["step_last.t7"], Raised("ValueError", "step_last.t7")),
        (["step_9.pth"], Raised("FileNotFoundError", "step_9.t7")),
        (["step_0009.t7"], Raised("FileNotFoundError", "step_9.t7")),
        (["step_1000000.t7", "step_1.x_2000000.bak"], Raised("FileNotFoundError", "step_2000000.t7")),
    ],
)
def test_the_file_of_plbert(tmp_path: Path, names: list[str], chosen: str | Raised):
    found = loaders.plbert_file("P", names)
    assert found == (Path("P", chosen) if isinstance(chosen, str) else chosen)
    (tmp_path / "config.yml").write_text(yaml.safe_dump({"model_params": SMALL_PLBERT}))
    for name in names:
        if name != "config.yml":
            torch.save({}, tmp_path / name)  # has no 'net': what comes after the choice of a file
    with pytest.raises((KeyError, IndexError, ValueError, FileNotFoundError)) as error:
        published().plbert.load_plbert(tmp_path)
    assert type(error.value).__name__ == (chosen.error if isinstance(chosen, Raised) else "KeyError")


# what the model is built of


def test_components_that_cannot_be_built_are_named():
    found = configured()
    model = components.model(found)

    def fail() -> nn.Module:
        raise ImportError("needs a package")

    broken = [replace(each, build=fail) if each.name == "decoder" else each for each in model.components]
    expected = loaders.expected(found, replace(model, components=tuple(broken), skipped=(Skipped("bert", "no extra"),)))
    assert set(expected.unchecked) == {Skipped("bert", "no extra"), Skipped("decoder", "needs a package")}
    assert set(expected.components) == set(loaders.COMPONENTS) - {"bert", "decoder"}


@pytest.mark.parametrize("preset", ["ft", "ljspeech"])
def test_the_tensors_are_those_of_the_published_model(preset: str):
    found = config.preset(preset)
    expected = expected_of(found)
    theirs = build_published(preset, "meta")
    assert tuple(expected.components) == tuple(theirs) == loaders.COMPONENTS
    for name, tensors in expected.components.items():
        assert {each: (info.shape, f"torch.{info.dtype}") for each, info in tensors.items()} == {
            each: (tuple(tensor.shape), str(tensor.dtype)) for each, tensor in theirs[name].state_dict().items()
        }
