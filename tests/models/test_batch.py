"""What the training scripts hand from module to module, at batch sizes 1 to 4, beside the published modules in eager.

The oracle makes the scripts' calls itself; of nn.DataParallel, which needs two GPUs, it is what it does with shapes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from torch import Tensor, nn

from shapecheck import Model, ModelReport, Report, check
from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode
from shapecheck.models import styletts2

from .execution import Case, executed
from .published import build_published

# weight_norm's and spectral_norm's deprecation, LSTM dropout with one layer: the command does not show them either
pytestmark = pytest.mark.filterwarnings("ignore")

CALLS = ("predictor", "diffusion", "slmadv", "decoder", "slm")
NAMES = [f"{where}.{call}" for where in ("training", "replica") for call in CALLS]
SLOW = ("diffusion", "decoder")  # on the CPU; for more than one sample they run on meta
SCHEMA = Path(__file__).parents[1] / "render" / "limits.schema.json"

# at each change of a verdict, and around
LENGTHS = {
    "predictor": (1, 2, 16, 63, 64, 65, 66),
    "diffusion": (1, 2, 255, 256, 257, 511, 512, 513, 600),
    "slmadv": (1, 2, 3, 40),
    "decoder": (1, 2, 31, 32, 33, 34, 50),
    "slm": (1, 2, 9, 10, 14, 15, 19, 20, 399, 400, 401),
}
MESSAGES = {
    "predictor": (1, 64, 65),
    "diffusion": (2, 256, 257, 513),
    "slmadv": (1, 3),
    "decoder": (1, 32, 50),
    "slm": (1, 9, 10, 399, 401),
}

Module = Callable[..., Any]


@cache
def modules(config: str, device: str) -> dict[str, nn.Module]:
    return {**build_published(config, device), "slm": executed(Case("ft", "slm"), "cpu")}


def on_two_devices(module: Module) -> Module:
    """The inputs in two chunks, the outputs one after the other."""

    def call(*inputs: Tensor, **named: Tensor) -> Any:
        halves = [value.chunk(2, dim=0) for value in (*inputs, *named.values())]
        outputs = [
            module(*half[: len(inputs)], **dict(zip(named, half[len(inputs) :], strict=True)))
            for half in zip(*halves, strict=True)
        ]
        if len(outputs) == 1:
            return outputs[0]
        if isinstance(outputs[0], tuple):
            return tuple(torch.cat(parts, dim=0) for parts in zip(*outputs, strict=True))
        return torch.cat([output.reshape(1) if output.dim() == 0 else output for output in outputs], dim=0)

    return call


def styles(m: Any, mels: Tensor) -> tuple[Tensor, Tensor]:
    ss, gs = [], []
    for bib in range(len(mels)):
        mel = mels[bib, :, :]
        ss.append(m("predictor_encoder")(mel.unsqueeze(0).unsqueeze(1)))
        gs.append(m("style_encoder")(mel.unsqueeze(0).unsqueeze(1)))
    return torch.stack(ss).squeeze(), torch.stack(gs).squeeze()


def predictor(m: Any, batch: int, length: int) -> None:
    s_dur, gs = styles(m, torch.randn(batch, 80, length))
    torch.cat([gs, s_dur], dim=-1).detach()
    lengths = torch.full((batch,), 5)
    m("predictor")(
        torch.randn(batch, 512, 5),
        s_dur,
        lengths,
        torch.randn(batch, 5, length // 2),
        torch.zeros(batch, 5, dtype=torch.bool),
    )


def diffusion(m: Any, batch: int, length: int) -> None:
    s_dur, gs = styles(m, torch.randn(batch, 80, 100))
    s_trg = torch.cat([gs, s_dur], dim=-1).detach()
    bert_dur = torch.randn(batch, length, 768)
    if not m.multispeaker:
        m.whole("diffusion").diffusion(s_trg.unsqueeze(1), embedding=bert_dur).mean()
        return
    ref_mels = torch.randn(batch, 80, 192)
    ref_ss = m("style_encoder")(ref_mels.unsqueeze(1))
    ref_sp = m("predictor_encoder")(ref_mels.unsqueeze(1))
    ref = torch.cat([ref_ss, ref_sp], dim=1)
    m("diffusion")(s_trg.unsqueeze(1), embedding=bert_dur, features=ref).mean()


def slmadv(m: Any, batch: int, length: int) -> None:
    s_dur, gs = styles(m, torch.randn(batch, 80, 100))
    s_preds = torch.cat([gs, s_dur], dim=-1).detach()
    ref_lengths = torch.full((batch,), length)
    s_dur = s_preds[:, 128:]
    m("predictor")(
        torch.randn(batch, 512, length),
        s_dur,
        ref_lengths,
        torch.randn(ref_lengths.shape[0], ref_lengths.max(), 2),  # type: ignore[arg-type]
        torch.zeros(batch, length, dtype=torch.bool),
    )


def decoder(m: Any, batch: int, length: int) -> None:
    gt, en = torch.randn(batch, 80, 2 * length), torch.randn(batch, 512, length)
    s = m("style_encoder")(gt.unsqueeze(1))
    f0_real, _, f0 = m("pitch_extractor")(gt.unsqueeze(1))
    f0.reshape(f0.shape[0], f0.shape[1] * 2, f0.shape[2], 1).squeeze()
    n_real = torch.log(torch.exp(gt.unsqueeze(1) * 4 + -4).norm(dim=2)).squeeze(1)
    m("decoder")(en, f0_real, n_real, s)


def slm(m: Any, batch: int, length: int) -> None:
    wavlm = m.whole("slm")

    def loss(wav: Tensor, y_rec: Tensor) -> Tensor:
        first = wavlm(input_values=wav, output_hidden_states=True).hidden_states
        second = wavlm(input_values=y_rec.squeeze(), output_hidden_states=True).hidden_states
        return torch.stack([(er - eg).abs().mean() for er, eg in zip(first, second, strict=True)]).mean()

    wav, y_rec = torch.randn(batch, 1, length), torch.randn(batch, 1, length)
    m.wrap(loss)(wav.detach().squeeze(), y_rec.squeeze())


CALL = {"predictor": predictor, "diffusion": diffusion, "slmadv": slmadv, "decoder": decoder, "slm": slm}


class Scripts:
    """The published modules, as the scripts have them: on one device, or on two with half of the batch on each."""

    def __init__(self, config: str, where: str, device: str) -> None:
        self.multispeaker = config != "ljspeech"
        self.wrap: Callable[[Module], Module] = on_two_devices if where == "replica" else lambda module: module
        self._modules = modules(config, device)

    def whole(self, name: str) -> Any:
        return self._modules[name]

    def __call__(self, name: str) -> Module:
        return self.wrap(self._modules[name])


@cache
def eager(name: str, batch: int, length: int, config: str = "ft", device: str = "") -> str:
    """The error with its type; "" where there is none."""
    where, call = name.split(".")
    device = device or ("meta" if (batch > 1 and call in SLOW) or name == "replica.diffusion" else "cpu")
    samples = 2 * batch if where == "replica" else batch
    with torch.no_grad(), torch.device(device), torch.random.fork_rng(devices=[]):
        torch.manual_seed(length)
        try:
            CALL[call](Scripts(config, where, device), samples, length)
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
    return ""


def reports(found: ModelReport) -> dict[tuple[str, int], Report]:
    return {(entry.component.name, entry.sizes["B"]): entry.report for entry in found.components}


def batches(name: str) -> range:
    return range(1, 5) if name.startswith("training") else range(1, 3)


@cache
def model(config: str = "ft") -> Model:
    return styletts2.preset(config, batch=(1, 4))


@cache
def analyzed(name: str, config: str) -> dict[tuple[str, int], Report]:
    return reports(check(model(config), components=[name]))


@pytest.mark.parametrize("name", NAMES)
def test_every_verdict_is_that_of_eager(name: str) -> None:
    for batch in batches(name):
        report = analyzed(name, "ft")[name, batch]
        assert not report.unknown
        for length in LENGTHS[name.split(".")[1]]:
            error = eager(name, batch, length)
            assert (length in report.valid, length in report.invalid) == (not error, bool(error)), (batch, length)


@pytest.mark.parametrize("name", NAMES)
def test_every_message_is_that_of_eager(name: str) -> None:
    for length in MESSAGES[name.split(".")[1]]:  # alone, since a report has the message of a failure's largest length
        alone = reports(check(model(), components=[name], lengths=(length, length)))
        for batch in batches(name):
            error = eager(name, batch, length)
            assert [failure.error for failure in alone[name, batch].failures] == [error] * bool(error), (batch, length)


def test_what_runs_on_meta_runs_on_the_cpu() -> None:
    assert [eager("training.decoder", 2, frames, device="cpu") for frames in (32, 33)] == [
        eager("training.decoder", 2, frames) for frames in (32, 33)
    ]


# which calls refuse one sample, and what of it was reported in public


@pytest.mark.parametrize(
    ("name", "alone", "more"),
    [
        ("training.predictor", "none", "T >= 65"),
        ("training.diffusion", "none", "1 <= L <= 512"),
        ("training.slmadv", "none", "L >= 1"),
        ("training.decoder", "none", "c >= 33"),
        ("training.slm", "none", "N >= 400"),
        ("replica.predictor", "T >= 65", "T >= 65"),
        ("replica.diffusion", "1 <= L <= 512", "1 <= L <= 512"),
        ("replica.slmadv", "L >= 1", "L >= 1"),
        ("replica.decoder", "none", "c >= 33"),
        ("replica.slm", "none", "N >= 400"),
    ],
)
def test_one_sample_alone_is_what_fails(name: str, alone: str, more: str) -> None:
    for config in ("ft", "ljspeech") if name.endswith(("diffusion", "decoder")) else ("ft",):
        found = analyzed(name, config)
        assert [report.valid.text(report.variable) for report in found.values()] == [alone, more, more, more]


@pytest.mark.parametrize("length", [1, 300])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_denoiser_for_one_speaker(batch: int, length: int) -> None:
    report = analyzed("training.diffusion", "ljspeech")["training.diffusion", batch]
    error = eager("training.diffusion", batch, length, "ljspeech", "cpu")
    assert (length in report.valid, length in report.invalid) == (not error, bool(error))


def failures(name: str, batch: int, length: int) -> list[tuple[str, str]]:
    found = reports(check(model(), components=[name], lengths=(length, length)))[name, batch]
    return [(failure.layer, failure.error) for failure in found.failures]


DIMENSION = "IndexError: Dimension out of range (expected to be in range of [-1, 0], but got 1)"
CHANNELS = (
    "RuntimeError: Given groups=1, weight of size [1, 1, 3], expected input[1, 100, 1] to have 1 channels,"
    " but got 100 channels instead"
)


def test_the_errors_that_users_report() -> None:
    assert failures("training.predictor", 1, 200) == [("predictor.text_encoder.lstms.1", DIMENSION)]
    assert failures("training.decoder", 1, 50) == [("decoder.F0_conv", CHANNELS)]  # train_first.py
    assert failures("replica.decoder", 1, 50) == [("decoder.module.F0_conv", CHANNELS)]
    assert failures("replica.predictor", 1, 200) == []


# as a whole


def found(source: str | None, config: str, names: list[str]) -> dict[tuple[str, int], Any]:
    whole = check(styletts2.preset(config, source=source, batch=(1, 2)), components=names, lengths=(1, 600))
    return {
        key: (report.valid, report.invalid, report.unknown, report.proved, report.failures)
        for key, report in reports(whole).items()
    }


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ("ft", [*NAMES[:5], "replica.decoder", "pitch_extractor"]),
        ("ljspeech", ["training.diffusion", "training.decoder"]),
    ],
)
def test_the_published_package_has_the_limits_of_the_built_in_modules(
    config: str, names: list[str], libraries: Path
) -> None:
    assert found("styletts2", config, names) == found(None, config, names)


def test_without_a_batch_nothing_is_added() -> None:
    plain = styletts2.preset("ft")
    assert [entry.name for entry in model().components] == [*(entry.name for entry in plain.components), *NAMES]
    assert {str(dict(entry.sizes)) for entry in plain.components} == {"{}"}
    first = check(styletts2.preset("ft", batch=(1, 1)), components=["decoder"])
    assert first.components[0].report.inputs == check(plain, components=["decoder"]).components[0].report.inputs


def test_training_mode_and_the_batch_sizes() -> None:
    trained = styletts2.preset("ft", batch=(1, 2))
    for name in ("training.decoder", "training.predictor"):
        every = reports(check(trained, components=[name], lengths=(66, 67), train=True))
        assert [report.valid.text() for report in every.values()] == ["none", "T in {66, 67}"], name


def test_what_cannot_be_built_is_left_out_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecheck.models.styletts2.components.find_spec", lambda name: None)
    without = styletts2.preset("ft", batch=(1, 2))
    reason = "slm: needs the extra hf: pip install 'torch-shapecheck[hf]'"
    assert [(skipped.name, skipped.reason) for skipped in without.skipped if "." in skipped.name] == [
        ("training.slm", reason),
        ("replica.slm", reason),
    ]
    assert "training.decoder" in [component.name for component in without.components]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    names = [part for name in ("training.decoder", "replica.predictor") for part in ("--component", name)]
    options = ["styletts2", "--preset", "ft", "--batch", "1:2", "--layers", "none", *names]
    assert main(options) == ExitCode.OK
    out = " ".join(capsys.readouterr().out.split())
    assert "training.decoder, B = 1 PitchToDecoder, decoder input f32[1, 80, 2c], f32[1, 512, c]" in out
    assert "Together, for each B: training.decoder: B = 1: none; B = 2: c >= 33 B = 1: decoder.F0_conv (conv1d)" in out
    assert out.endswith("the same lengths for all of them: replica.predictor")
    assert main([*options, "--format", "json"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert [(entry["name"], entry["minimum"]) for entry in document["components"]] == [
        ("training.decoder, B = 1", None),
        ("training.decoder, B = 2", 33),
        ("replica.predictor, B = 1", 65),
        ("replica.predictor, B = 2", 65),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("4", "not of the form FIRST:LAST"),
        ("0:4", "expected 1 <= FIRST <= LAST"),
        ("4:1", "expected 1 <= FIRST <= LAST"),
        ("1:65", "more than 64 batch sizes"),
    ],
)
def test_batch_sizes_that_are_none(text: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styletts2", "--batch", text]) == ExitCode.USAGE
    example = "give the first and the last batch size, such as --batch 1:4"
    assert capsys.readouterr().err == f"shapecheck: --batch {text}: {problem}; {example}\n"
