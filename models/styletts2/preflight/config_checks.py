"""Checks of the configuration alone, each a function of the run that yields findings.

What can be found by analyzing a module is found that way; what only the scripts decide cites them.
Source: yl4579/StyleTTS2, train_*.py and Modules/slmadv.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from shapecheck.preflight import Affected, Finding, Moment, Severity

from .. import chain
from ..components import PUBLIC_MELS, PUBLIC_PREPROCESSING
from . import thresholds
from .run import Run, counted
from .symbols import SYMBOLS

_DATA_KEYS = ("train_data", "val_data", "root_path", "OOD_data", "min_length")
_LOSSES = ("mel", "gen", "slm", "mono", "s2s")
_PROSODY_LOSSES = ("F0", "norm", "dur", "ce", "sty", "diff")
_SLM_KEYS = ("min_len", "max_len", "batch_percentage", "iter", "sig", "thresh", "scale")


def config_findings(run: Run) -> Iterator[Finding]:
    for check in (
        _missing_keys,
        _texts_for_numbers,
        _unknown_keys,
        _first_stage,
        _epochs,
        _preprocessing,
        _vocabularies,
        _max_len,
        _joint_epoch,
        _slm_batch,
    ):
        yield from check(run)


def _missing_keys(run: Run) -> Iterator[Finding]:
    """Keys that the script reads without a default, and that decide no shape: the reader of the file lets them pass."""
    values = run.config.values
    prosody = run.stage.trains_prosody
    at_import = {
        "": ("log_dir", "preprocess_params", "data_params", "loss_params", "optimizer_params"),
        "data_params": _DATA_KEYS,
        "loss_params": ("diff_epoch", "joint_epoch") if prosody else ("TMA_epoch",),
        "optimizer_params": ("lr", "bert_lr", "ft_lr") if prosody else (),
        "slmadv_params": _SLM_KEYS[:5] if prosody else (),
    }
    losses = (*_LOSSES, *(_PROSODY_LOSSES if prosody else ()))
    if run.stage.name == "second":
        losses = tuple(name for name in losses if name not in ("mono", "s2s"))
    weights = {"loss_params": tuple(f"lambda_{name}" for name in losses)}
    first = run.config.training.tma_epoch if not prosody else 0  # the first stage weighs its losses from there on
    moments: list[tuple[Moment, Mapping[str, Sequence[str]]]] = [(Moment.IMPORT, at_import)]
    if first == 0 or run.is_reached(first):
        moments.append((Moment.FIRST_STEP if first == 0 else Moment.TMA_EPOCH, weights))
    for when, wanted in moments:
        lacking = [
            f"{section}.{key}".lstrip(".")
            for section, keys in wanted.items()
            if isinstance(mapping := values.get(section, {}) if section else values, dict)
            for key in keys
            if key not in mapping
        ]
        if lacking:
            yield Finding(
                "key-missing",
                Severity.FATAL,
                when,
                len(lacking),
                f"{run.stage.script} reads {', '.join(lacking)}, and {run.config.source} does not have"
                f" {'it' if len(lacking) == 1 else 'them'}: KeyError, or AttributeError.",
                "Take the values of the public configuration of this stage.",
            )


def _texts_for_numbers(run: Run) -> Iterator[Finding]:
    """YAML reads 1e-4 as a text: a number needs a point or a signed exponent, 1.0e-4."""
    values = run.config.values
    found = [
        f"{section}.{key}: {value!r}"
        for section in ("optimizer_params", "loss_params", "slmadv_params")
        if isinstance(mapping := values.get(section), dict)
        for key, value in mapping.items()
        if isinstance(value, str)
    ]
    if found:
        yield Finding(
            "number-is-text",
            Severity.FATAL,
            Moment.IMPORT,
            len(found),
            f"YAML reads {', '.join(found)} as text, and the script calculates with it: TypeError or ValueError.",
            "Write numbers with a point: 1.0e-4, or 0.0001.",
        )


def _unknown_keys(run: Run) -> Iterator[Finding]:
    keys = run.config.unknown_keys
    if keys:
        yield Finding(
            "key-unknown",
            Severity.DEGRADE if any(nearest for _, nearest in keys) else Severity.INFO,
            Moment.IMPORT,
            len(keys),
            "No script reads "
            + ", ".join(f"{key} (is {nearest} meant?)" if nearest else key for key, nearest in keys)
            + ": the value has no effect.",
            "Correct the name, or delete the key.",
        )


def _first_stage(run: Run) -> Iterator[Finding]:
    training, paths = run.config.training, run.config.paths
    if not run.stage.trains_prosody or (paths.pretrained_model and training.second_stage_load_pretrained):
        return
    if paths.first_stage_path:
        return
    yield Finding(
        "no-starting-point",
        Severity.FATAL,
        Moment.IMPORT,
        1,
        f"{run.stage.script} takes pretrained_model where second_stage_load_pretrained is true, else first_stage_path;"
        " here it has neither: ValueError: You need to specify the path to the first stage model.",
        "Give pretrained_model, with second_stage_load_pretrained: true.",
    )


def _epochs(run: Run) -> Iterator[Finding]:
    if run.stage.epochs_key not in run.config.values:
        yield Finding(
            "epochs-missing",
            Severity.DEGRADE,
            Moment.IMPORT,
            1,
            f"{run.stage.epochs_key} is not given: {run.stage.script} runs {run.epochs} epochs.",
            f"Give {run.stage.epochs_key}; the public configuration for fine-tuning has epochs: 50.",
        )
    for key, epoch, what in (
        ("diff_epoch", run.config.training.diff_epoch, "style diffusion is never trained"),
        ("joint_epoch", run.config.training.joint_epoch, "the SLM adversarial stage is never run"),
    ):
        if run.stage.trains_prosody and epoch is not None and not run.is_reached(epoch):
            yield Finding(
                f"{key.replace('_', '-')}-never-reached",
                Severity.INFO,
                Moment.IMPORT,
                1,
                f"loss_params.{key} is {epoch}, and the run has {counted(run.epochs, 'epoch')}: {what}.",
                f"If that is not meant: {key} below {run.stage.epochs_key}.",
            )


def _preprocessing(run: Run) -> Iterator[Finding]:
    own = asdict(run.config.preprocess)
    ignored = [f"{key} = {own[key]}" for key, public in PUBLIC_PREPROCESSING.items() if own[key] != public]
    if ignored:
        rate = run.config.preprocess.sr != PUBLIC_PREPROCESSING["sr"]
        yield Finding(
            "preprocessing-ignored",
            Severity.DEGRADE,
            Moment.FIRST_STEP,
            len(ignored),
            f"preprocess_params say {', '.join(ignored)}; the loader computes mels of 24,000 Hz with n_fft 2048,"
            " win_length 1200 and hop_length 300 all the same"
            + (
                ", and only the resampling for the SLM follows sr, which it then does from a wrong rate."
                if rate
                else "."
            ),
            "Put the public values back; another setting needs a change of meldataset.py, and of the decoder.",
        )
    mels = run.config.model_params.n_mels
    if mels != PUBLIC_MELS:
        yield Finding(
            "mels-ignored",
            Severity.DEGRADE,
            Moment.FIRST_STEP,
            1,
            f"model_params.n_mels is {mels}; the loader computes {PUBLIC_MELS} all the same, and no script reads it."
            f" The limits shown are for {mels}.",
            f"n_mels: {PUBLIC_MELS}.",
        )


def _vocabularies(run: Run) -> Iterator[Finding]:
    config = run.config
    sizes = {
        "model_params.n_token": config.model_params.n_token,
        f"n_token of the text aligner ({config.aligner.source})": config.aligner.n_token,
        f"vocab_size of PLBERT ({config.plbert.source})": config.plbert.vocab_size,
    }
    if not run.stage.trains_prosody:
        del sizes[f"vocab_size of PLBERT ({config.plbert.source})"]
    small = {name: size for name, size in sizes.items() if size < len(SYMBOLS)}
    large = {name: size for name, size in sizes.items() if size > len(SYMBOLS)}
    if small:
        least = min(small.values())
        lines = [
            Affected(line.path or line.raw, clips.listed.name, line.number)
            for clips in (run.train, run.val)
            if clips is not None
            for line in clips.listed.lines
            if max(line.numbers, default=0) >= least
        ]
        checked = run.train is not None
        names = " and ".join(f"{name} is {size}" for name, size in small.items())
        used = f"{counted(len(lines), 'line')} of the lists use one" if checked else "texts that use one"
        yield Finding(
            "vocabulary-too-small",
            Severity.FATAL if lines or not checked else Severity.INFO,
            Moment.EPOCH_1 if checked else Moment.FIRST_STEP,
            len(lines) or 1,
            f"{names}, and there are {len(SYMBOLS)} symbols: IndexError: index out of range in self, on a GPU a"
            f" device-side assert, with a symbol of number {least} or more; {used}.",
            f"All of them {len(SYMBOLS)}, with checkpoints that have as many.",
            tuple(lines),
        )
    if large:
        names = " and ".join(f"{name} is {size}" for name, size in large.items())
        yield Finding(
            "vocabulary-larger",
            Severity.INFO,
            Moment.IMPORT,
            len(large),
            f"{names}, and the scripts have {len(SYMBOLS)} symbols: the others are never used.",
            "Nothing to do where text_utils.py and meldataset.py were extended to match.",
        )


def _max_len(run: Run) -> Iterator[Finding]:
    found = thresholds.max_len(run)
    configured, smallest = found["configured"], found["smallest"]
    refusal = run.fates.crop_of(configured // 2) if 2 * (configured // 2) >= chain.GATE else None
    if refusal is not None:
        what = f"no batch can be longer than {configured} mel frames, where {refusal.text}: {refusal.error}"
    elif 2 * (configured // 2) < chain.GATE:
        what = (
            f"the scripts pass over every batch under {chain.GATE} mel frames, so over all of them, without a word: the"
            " run finishes normally and has trained nothing"
        )
    else:
        return
    yield Finding(
        "max-len-too-low",
        Severity.FATAL,
        Moment.FIRST_STEP,
        1,
        f"max_len is {configured}: {what}.",
        f"max_len: {smallest} at least, better {found['recommended']}." if smallest else "Another model.",
    )


def _joint_epoch(run: Run) -> Iterator[Finding]:
    training = run.config.training
    joint, diffusion = training.joint_epoch, training.diff_epoch
    if not run.reaches_joint_training or joint is None or diffusion is None or joint >= diffusion:
        return
    if run.config.model_params.multispeaker:
        yield Finding(
            "joint-before-diffusion",
            Severity.FATAL,
            Moment.JOINT_EPOCH,
            1,
            f"multispeaker is true, and joint_epoch {joint} comes before diff_epoch {diffusion}, from which on the"
            " reference style is there: UnboundLocalError: ref.",
            f"joint_epoch: {diffusion} or later.",
        )


def _slm_batch(run: Run) -> Iterator[Finding]:
    """The stage stops gathering clips at batch_percentage * batch_size, and returns nothing with one clip."""
    share = run.config.training.slm_batch_percentage
    if not run.reaches_joint_training or share is None or share * run.batch_size > 1:
        return
    yield Finding(
        "slm-stage-one-clip",
        Severity.DEGRADE,
        Moment.JOINT_EPOCH,
        1,
        f"slmadv_params.batch_percentage {share:g} x batch_size {run.batch_size} = {share * run.batch_size:g}: the SLM"
        " adversarial stage stops at one clip, and then returns nothing; its losses stay 0.",
        f"batch_percentage above {1 / run.batch_size:g}, or a larger batch.",
    )
