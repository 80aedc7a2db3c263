"""What a command hands to `main`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shapecheck.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Job:
    """What a command is to do, once its options are parsed."""

    run: Callable[[], ExitCode]
    debug: bool = False
