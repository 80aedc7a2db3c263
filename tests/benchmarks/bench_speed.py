"""How fast, as ratios within one run on one machine: the bars of the README.

`make bench` prints them. The time on the clock is what is asserted; the processor's stands beside it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn

from shapecheck import Component, analyze
from shapecheck.lengths.notation import InputSpec
from shapecheck.models import styletts2

from .measuring import Cost, Table, cost_of_call, cost_of_command, interleaved, ratio, typical

REPEATS = 7
SEED = 2

COMMAND = ("styletts2", "--preset", "ft", "--format", "json")
COMMAND_AT_MOST = 2.0  # times `import torch`
MEMORY_AT_MOST = 250  # MB above `import torch`
META_AT_LEAST = 500  # times as long
LONG_AT_MOST = 3.0  # times the short sweep

TORCH = "import torch"
# What the command has to import where the extra hf is installed: that alone takes more than twice as long as torch.
HUGGING_FACE = f"""{TORCH}
from transformers.models.albert.modeling_albert import AlbertModel
from transformers.models.wavlm.modeling_wavlm import WavLMModel
"""
# The command as it is without the extra hf: None in sys.modules is Python's own way to say that there is no such
# module, which `import` and `importlib.util.find_spec` understand.
WITHOUT_HUGGING_FACE = f"""
import sys
sys.modules["transformers"] = None
sys.argv[1:] = {list(COMMAND)!r}
from shapecheck.cli import main
sys.exit(main())
"""

# Components that read data on their way, which meta tensors do not have: they cannot be run on meta at all.
NOT_ON_META = {
    "text_encoder": "packs its sequences",
    "predictor": "packs its sequences",
}
# Slow on meta for a reason of PyTorch's own: without them the ratio is the smaller one, and it is shown, too.
UNROLLED_ON_META = (
    "predictor.F0Ntrain",
    "pitch_extractor",
)  # LSTMs, whose meta kernel goes through the steps one by one

_DTYPES = {"f32": torch.float32, "i64": torch.int64, "b8": torch.bool}


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Cost]]:
    """The costs of the command, and of what it is measured by, all interleaved."""
    folder = tmp_path_factory.mktemp("empty")

    def measured(*arguments: str) -> Callable[[], Cost]:
        return lambda: cost_of_command([sys.executable, *arguments], folder)

    measures = {"torch": measured("-c", TORCH), "core": measured("-c", WITHOUT_HUGGING_FACE)}
    if find_spec("transformers") is not None:
        measures |= {"hf import": measured("-c", HUGGING_FACE), "hf": measured("-m", "shapecheck", *COMMAND)}
    return interleaved(measures, REPEATS)


def test_the_command_beside_import_torch(commands: dict[str, list[Cost]]) -> None:
    table = Table(f"shapecheck {' '.join(COMMAND)}")
    table.cost("import torch", commands["torch"])
    table.cost("the command, without the extra hf", commands["core"])
    found = [ratio(commands["core"], commands["torch"])]
    table.ratio("  / import torch", found[0], f"<= {COMMAND_AT_MOST} x")
    if "hf" in commands:
        table.cost("import torch and transformers' two models", commands["hf import"])
        table.cost("the command, with the extra hf", commands["hf"])
        found.append(ratio(commands["hf"], commands["hf import"]))
        table.ratio("  / import torch and transformers' two models", found[1], f"<= {COMMAND_AT_MOST} x")
        table.ratio("  / import torch", ratio(commands["hf"], commands["torch"]), "(no bar)")
    table.show()
    assert all(entry.wall <= COMMAND_AT_MOST for entry in found)


def test_the_memory_of_the_command(commands: dict[str, list[Cost]]) -> None:
    table = Table("peak memory above import torch")
    base = typical(commands["torch"]).memory
    found: list[float] = []
    for name in ("core", "hf"):
        if name in commands:
            found.append(typical(commands[name]).memory - base)
            extra = "with" if name == "hf" else "without"
            table.line(f"the command, {extra} the extra hf", f"{found[-1]:.0f} MB", bar=f"<= {MEMORY_AT_MOST} MB")
    table.show()
    assert max(found) <= MEMORY_AT_MOST


def test_all_lengths_at_once_beside_one_by_one_on_meta() -> None:
    """1..1024 at once, beside a run on meta at each length: estimated from one random length in each of eight parts."""
    built = _built()
    whole = range(1, 1025)
    parts = 8
    draw = random.Random(SEED)
    width = len(whole) // parts
    sample = [draw.choice(whole[start : start + width]) for start in range(0, len(whole), width)]
    for name in NOT_ON_META:
        with pytest.raises(NotImplementedError):
            _run_on_meta(*built[name], sample[0])
    entries = {name: entry for name, entry in built.items() if name not in NOT_ON_META}
    for entry in entries.values():  # warm both up
        _analyze(*entry, (1, 1024))
        _run_on_meta(*entry, 64)
    at_once: dict[str, list[Cost]] = {name: [] for name in entries}
    one_by_one: dict[str, list[Cost]] = {name: [] for name in entries}
    for length in sample:
        for name, entry in entries.items():
            at_once[name].append(cost_of_call(lambda entry=entry: _analyze(*entry, (1, 1024))))
            one_by_one[name].append(cost_of_call(lambda entry=entry, length=length: _run_on_meta(*entry, length)))

    table = Table(f"lengths 1..1024: at once / on meta at {', '.join(map(str, sample))}, scaled to 1024")
    found: dict[str, float] = {}
    for title, names in (
        ("all components but " + ", ".join(NOT_ON_META), list(entries)),
        ("of these, without LSTMs", [name for name in entries if name not in UNROLLED_ON_META]),
    ):
        analysis = [typical(at_once[name]) for name in names]
        scale = len(whole) / len(sample)
        runs = [cost for name in names for cost in one_by_one[name]]
        wall, cpu = sum(cost.wall for cost in analysis), sum(cost.cpu for cost in analysis)
        meta_wall, meta_cpu = scale * sum(cost.wall for cost in runs), scale * sum(cost.cpu for cost in runs)
        found[title] = meta_wall / wall
        table.line(title + ": analysis", f"{wall:.3f} s", f"{cpu:.3f} s")
        table.line("  one run on meta for each length", f"{meta_wall:.0f} s", f"{meta_cpu:.0f} s")
        table.line("  / analysis", f"{meta_wall / wall:,.0f} x", f"{meta_cpu / cpu:,.0f} x", f">= {META_AT_LEAST} x")
    table.show()
    assert min(found.values()) >= META_AT_LEAST


def test_a_long_sweep_beside_a_short_one() -> None:
    built = _built()

    def all_components(last: int) -> Callable[[], Cost]:
        return lambda: cost_of_call(lambda: [_analyze(*entry, (1, last)) for entry in built.values()])

    found = interleaved({"short": all_components(256), "long": all_components(16_384)}, REPEATS)
    table = Table("the analysis of all components")
    table.cost("lengths 1..256", found["short"])
    table.cost("lengths 1..16384", found["long"])
    times = ratio(found["long"], found["short"])
    table.ratio("  / lengths 1..256", times, f"<= {LONG_AT_MOST} x")
    table.show()
    assert times.wall <= LONG_AT_MOST


# helpers


def _built() -> dict[str, tuple[Component, nn.Module]]:
    """The components of the configuration ft that are StyleTTS2's own, built on meta."""
    found: dict[str, tuple[Component, nn.Module]] = {}
    for component in styletts2.preset("ft").components:
        if component.name not in ("bert", "slm"):  # the models of transformers, which are not always there
            with torch.device("meta"):
                found[component.name] = (component, component.build().eval())
    return found


def _analyze(component: Component, module: nn.Module, lengths: tuple[int, int]) -> None:
    analyze(module, *component.inputs, lengths=lengths, method=component.method, **component.keyword_inputs)


def _run_on_meta(component: Component, module: nn.Module, length: int) -> None:
    """One run at one length, as eager does it; a length that is refused costs what it costs to refuse it."""
    args = [_tensor(spec, component.variable, length) for spec in component.inputs]
    kwargs = {name: _tensor(spec, component.variable, length) for name, spec in component.keyword_inputs.items()}
    method = module if component.method == "forward" else getattr(module, component.method)
    with torch.no_grad():
        try:
            method(*args, **kwargs)
        except NotImplementedError:  # a RuntimeError, too
            raise
        except (RuntimeError, ValueError, AssertionError):
            pass


def _tensor(spec: Any, variable: str, length: int) -> torch.Tensor:
    """On meta; a tensor with values, such as the lengths of a batch, on the CPU."""
    parsed = InputSpec.parse(spec)
    values = {variable: length}
    size = [dim.evaluate(values, min, max) for dim in parsed.dims]
    if parsed.values is None:
        return torch.empty(size, dtype=_DTYPES[parsed.dtype], device="meta")
    assert not isinstance(parsed.values, tuple)
    return torch.full(size, parsed.values.evaluate(values, min, max), dtype=_DTYPES[parsed.dtype])
