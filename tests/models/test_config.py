"""A configuration is read whole, or refused with everything that is wrong with it, and with where."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shapecheck import UsageError
from shapecheck.models.styletts2 import config, presets
from shapecheck.models.styletts2.config import ConfigError
from shapecheck.models.styletts2.fields import describe

GONE = object()


def changed(name: str = "ft", /, **changes: Any) -> dict[Any, Any]:
    """A preset's values with others in place: `model_params__n_layer=0`; GONE removes the key."""
    values = copy.deepcopy(presets.values(name))
    for path, value in changes.items():
        *sections, key = path.split("__")
        section = values
        for step in sections:
            section = section[step]
        if value is GONE:
            del section[key]
        else:
            section[key] = value
    return values


def refusal(values: object) -> list[str]:
    """The lines of the ConfigError, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        config.parse(values, "c.yml")
    return [str(problem).removeprefix("c.yml: ") for problem in caught.value.problems]


# ---- what is read


def test_values_are_typed() -> None:
    read = config.preset("ljspeech")
    assert read.source == "preset ljspeech"
    assert read.model_params.decoder.upsample_rates == (10, 6)
    assert read.model_params.decoder.gen_istft_hop_size == 5
    assert read.model_params.decoder.samples_per_frame == 300
    assert config.preset("ft").model_params.decoder.samples_per_frame == 300
    assert read.model_params.diffusion.mean == -3.0
    assert read.training.tma_epoch == 50
    assert read.training.epochs is None


def test_integers_serve_as_numbers() -> None:
    assert config.parse(changed(model_params__dropout=0), "c.yml").model_params.dropout == 0.0


def test_null_false_and_empty_paths_are_paths_not_given() -> None:
    read = config.parse(changed(ASR_config=False, PLBERT_dir=None, pretrained_model=""), "c.yml")
    assert (read.paths.asr_config, read.paths.plbert_dir, read.paths.pretrained_model) == ("", "", "")


def test_defaults_of_the_public_scripts() -> None:
    read = config.parse(changed(batch_size=GONE, max_len=GONE, preprocess_params=GONE, load_only_params=GONE), "c.yml")
    assert (read.training.batch_size, read.training.max_len) == (10, 200)
    assert (read.preprocess.sr, read.preprocess.hop_length) == (24000, 300)
    assert read.training.load_only_params
    assert "c.yml: batch_size is not given: 10, as in the public scripts" in read.notes
    assert "c.yml: max_len is not given: 200, as in the public scripts" in read.notes


def test_a_hifigan_needs_no_stft_keys_and_may_have_them() -> None:
    values = changed(model_params__decoder__gen_istft_n_fft=20)
    assert config.parse(values, "c.yml").model_params.decoder.gen_istft_n_fft is None


def test_only_the_model_is_required() -> None:
    assert config.parse({"model_params": presets.values("ft")["model_params"]}, "c.yml").training.diff_epoch is None


# ---- what is refused


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"model_params__n_layer": "3"},
            'model_params.n_layer: found the text "3"; needs an integer from 1 to 256; write 3 without quotes',
        ),
        (
            {"model_params__n_layer": True},
            "model_params.n_layer: found true; needs an integer from 1 to 256 (published: 3)",
        ),
        (
            {"model_params__n_layer": 3.0},
            "model_params.n_layer: found 3.0; needs an integer from 1 to 256 (published: 3)",
        ),
        ({"model_params__n_layer": 0}, "model_params.n_layer: found 0; needs an integer from 1 to 256 (published: 3)"),
        (
            {"model_params__n_layer": GONE},
            "model_params.n_layer: is missing; needs an integer from 1 to 256 (published: 3)",
        ),
        (
            {"model_params__n_layer": None},
            "model_params.n_layer: found nothing (null); needs an integer from 1 to 256 (published: 3)",
        ),
        (
            {"model_params__style_dim": -128},
            "model_params.style_dim: found -128; needs an integer from 1 to 65,536 (published: 128)",
        ),
        (
            {"model_params__hidden_dim": 511},
            "model_params.hidden_dim: found 511; needs an integer from 2 to 65,536, a multiple of 2 (published: 512)",
        ),
        (
            {"model_params__n_token": 10**30},
            (
                "model_params.n_token: found an integer of 100 bits; needs an integer from 1 to 10,000,000"
                " (published: 178)"
            ),
        ),
        (
            {"model_params__multispeaker": 1},
            "model_params.multispeaker: found 1; needs true or false (published: true)",
        ),
        (
            {"model_params__dropout": "2e-1"},
            (
                'model_params.dropout: found the text "2e-1"; needs a number from 0 to 1; write 0.2, without quotes and'
                " with a dot, for YAML to read a number"
            ),
        ),
        (
            {"model_params__dropout": float("nan")},
            "model_params.dropout: found nan; needs a number from 0 to 1 (published: 0.2)",
        ),
        (
            {"model_params__diffusion__dist__std": float("inf")},
            "model_params.diffusion.dist.std: found inf; needs a number, 0 or more (published: 1.0)",
        ),
        ({"model_params": GONE}, "model_params: is missing; needs a mapping of keys to values"),
        ({"model_params": []}, "model_params: found []; needs a mapping of keys to values"),
        (
            {"model_params__slm": None},
            "model_params.slm: found nothing (null); needs a mapping of keys to values",
        ),
        (
            {"model_params__decoder__type": "HifiGAN"},
            (
                "model_params.decoder.type: found the text \"HifiGAN\"; needs 'hifigan' or 'istftnet'"
                ' (published: "hifigan")'
            ),
        ),
        (
            {"model_params__decoder__upsample_rates": 10},
            (
                "model_params.decoder.upsample_rates: found 10; needs a list of 1 to 16 integers from 1 to 65,536"
                " (published: [10, 5, 3, 2])"
            ),
        ),
        (
            {"model_params__decoder__upsample_rates": [10, True, 3, 2]},
            (
                "model_params.decoder.upsample_rates: found [10, true, 3, 2]; needs a list of 1 to 16 integers from 1"
                " to 65,536 (published: [10, 5, 3, 2])"
            ),
        ),
        (
            {"model_params__decoder__upsample_rates": [10, 5, 3]},
            "model_params.decoder.upsample_kernel_sizes: found 4 entries; needs 3, one for each of upsample_rates",
        ),
        (
            {"model_params__decoder__resblock_kernel_sizes": [3, 7]},
            (
                "model_params.decoder.resblock_dilation_sizes: found 3 entries; needs 2, one for each of"
                " resblock_kernel_sizes"
            ),
        ),
        (
            {"model_params__decoder__resblock_dilation_sizes": [[1, 3, 5], [1, 3], [1, 3, 5]]},
            (
                "model_params.decoder.resblock_dilation_sizes[1]: found [1, 3]; needs a list of lists, each of at least"
                " 3 integers from 1 to 65,536"
            ),
        ),
        (
            {"model_params__decoder__resblock_dilation_sizes": [1, 3, 5]},
            (
                "model_params.decoder.resblock_dilation_sizes[0]: found 1; needs a list of lists, each of at least"
                " 3 integers from 1 to 65,536"
            ),
        ),
        (
            {"model_params__decoder__upsample_initial_channel": 15},
            (
                "model_params.decoder.upsample_initial_channel: found 15; needs 16 or more, since each of the 4"
                " upsample_rates halves it"
            ),
        ),
        (
            {"model_params__decoder__upsample_rates": [1000, 1000, 10, 10]},
            (
                "model_params.decoder.upsample_rates: found [1000, 1000, 10, 10], 100,000,000 samples for one frame;"
                " needs at most 65,536 (published: 300)"
            ),
        ),
        ({"max_len": 0}, "max_len: found 0; needs an integer from 1 to 10,000,000 (published: 400)"),
        ({"slmadv_params__min_len": "400"}, None),
        ({"data_params": "Data"}, 'data_params: found the text "Data"; needs a mapping of keys to values'),
        ({"ASR_config": 5}, 'ASR_config: found 5; needs text (published: "Utils/ASR/config.yml")'),
        (
            {"load_only_params": "true"},
            'load_only_params: found the text "true"; needs true or false (published: true)',
        ),
    ],
)
def test_one_wrong_field(changes: dict[str, Any], line: str | None) -> None:
    lines = refusal(changed(**changes))
    assert len(lines) == 1
    assert line is None or lines == [line]


def test_istftnet_needs_its_stft_keys() -> None:
    assert refusal(changed(model_params__decoder__type="istftnet")) == [
        "model_params.decoder.gen_istft_n_fft: is missing; needs an integer from 1 to 65,536",
        "model_params.decoder.gen_istft_hop_size: is missing; needs an integer from 1 to 65,536",
    ]


def test_all_wrong_fields_are_in_one_error() -> None:
    values = changed(
        batch_size="8",
        model_params__n_layer=0,
        model_params__decoder__type="vocos",
        model_params__diffusion__transformer__num_heads=GONE,
        model_params__slm__sr=-1,
    )
    with pytest.raises(UsageError) as caught:
        config.parse(values, "c.yml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 fields are wrong:"
    assert [line.split(": ")[:2] for line in lines[1:]] == [
        ["  c.yml", "model_params.n_layer"],
        ["  c.yml", "model_params.decoder.type"],
        ["  c.yml", "model_params.slm.sr"],
        ["  c.yml", "batch_size"],
        ["  c.yml", "model_params.diffusion.transformer.num_heads"],
    ]


def _shape_keys(values: dict[str, Any], path: str = "model_params") -> list[str]:
    keys = []
    for key, value in values.items():
        place = f"{path}__{key}"
        keys += _shape_keys(value, place) if isinstance(value, dict) else [place]
    return keys


@pytest.mark.parametrize("name", ["ft", "ljspeech"])
def test_every_key_of_the_model_is_required_and_typed(name: str) -> None:
    keys = [key for key in _shape_keys(presets.values(name)["model_params"]) if not key.endswith("max_conv_dim")]
    assert len(keys) >= 28
    for key in keys:
        path = key.replace("__", ".")
        for wrong in (GONE, None, {}, [], "", -1):
            if wrong == -1 and key.endswith("mean"):
                continue  # any number will do
            lines = refusal(changed(name, **{key: wrong}))
            assert [line for line in lines if line.startswith(f"{path}: ")], (path, wrong, lines)


@pytest.mark.parametrize("name", ["ft", "ljspeech"])
def test_everything_wrong_at_once_is_said_of_every_key(name: str) -> None:
    keys = [key for key in _shape_keys(presets.values(name)["model_params"]) if not key.endswith("max_conv_dim")]
    lines = refusal(changed(name, **dict.fromkeys(keys)))
    stft = 2 * (name == "ljspeech")  # with no decoder type, it is not known whether these are needed
    assert len(lines) == len(keys) - stft


def test_preset_names_are_checked() -> None:
    with pytest.raises(ConfigError, match="preset 'fine': is unknown; there are ft, ljspeech, libritts"):
        config.preset("fine")


# ---- unknown keys


def test_unknown_keys_are_noted_with_the_nearest() -> None:
    values = changed(model_params__hiden_dim=3, n_layer=4, max_length=3, zzz=1)
    values[7] = 8
    notes = [note for note in config.parse(values, "c.yml").notes if "unknown" in note]
    assert notes == [
        "c.yml: unknown key n_layer is ignored; the nearest known key is model_params.n_layer",
        "c.yml: unknown key max_length is ignored; the nearest known key is max_len",
        "c.yml: unknown key zzz is ignored",
        "c.yml: unknown key 7 is ignored",
        "c.yml: unknown key model_params.hiden_dim is ignored; the nearest known key is model_params.hidden_dim",
    ]


def test_a_missing_key_names_the_unknown_one_like_it() -> None:
    values = changed(model_params__hidden_dim=GONE, model_params__hiden_dim=512, model_params__n_layer=GONE, n_layer=3)
    assert [line.split("; ")[-1] for line in refusal(values)] == [
        "is 'hiden_dim' meant for it?",
        "it stands at the top level (n_layer)",
    ]


def test_many_unknown_keys_do_not_drown_the_rest() -> None:
    notes = config.parse(changed(**{f"key{number}": 1 for number in range(5000)}), "c.yml").notes
    assert len(notes) == 22
    assert notes[-1] == "4980 more unknown keys are ignored"


def test_control_characters_do_not_reach_the_terminal() -> None:
    notes = config.parse(changed(**{"a\x1b[2J": 1}), "c.yml").notes
    assert all(note.isprintable() for note in notes)
    assert refusal(changed(model_params__n_layer="\x1b[2J"))[0].isprintable()


# ---- values in words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing (null)"),
        (False, "false"),
        (1 << 20_000, "an integer of 20,001 bits"),
        ("x" * 50, f'the text "{"x" * 37}..."'),
        ([1, "a", None], '[1, "a", null]'),
        ([[1]], "a list of 1 entries"),
        ({"a": 1}, "a mapping of 1 key"),
        (b"", "a bytes"),
    ],
    ids=range(8),
)
def test_values_are_described_in_a_few_words(value: object, text: str) -> None:
    assert describe(value) == text
