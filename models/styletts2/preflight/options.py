"""What a caller may say of a run beside its configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What to check, and where it is; "" where the configuration says it."""

    stage: str = ""  # "": inferred
    gpus: int = 1
    data: bool | None = None  # True: required; False: not looked at; None: where it is found
    train_list: str = ""
    val_list: str = ""
    ood: str = ""
    root: str = ""
    checkpoint: str = ""  # instead of pretrained_model
    manifest: str = ""  # durations instead of audio
    decode: bool = False
    cache: bool = True
    dask: str = ""
