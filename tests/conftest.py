"""What all tests share.

Golden files: whole outputs that tests compare, rewritten only on request (`pytest --overwrite-golden`). Property tests
draw the same examples in every run; `pytest --hypothesis-profile=wide` draws others.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)  # test processes share the cores; the sizes are small
settings.register_profile("default", derandomize=True)
settings.register_profile("wide", derandomize=False)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite-golden", action="store_true", help="write the outputs to the golden files, and pass")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file of the test's own folder: `golden("table_80.txt", text)`."""

    def compare(name: str, text: str) -> None:
        path = Path(request.path).parent / "golden" / name
        if request.config.getoption("--overwrite-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path} differs; if meant: pytest --overwrite-golden"

    return compare


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test of a file, let go of the modules that it built: a process runs many files, and 190 million
    parameters for each configuration add up."""
    here = getattr(item, "module", None)
    if nextitem is not None and getattr(nextitem, "module", None) is here:
        return
    files = [module for name, module in list(sys.modules.items()) if name.startswith("tests.")]
    for function in {id(value): value for module in files for value in vars(module).values()}.values():
        made_in = str(getattr(function, "__module__", ""))
        if made_in.startswith("tests.") and hasattr(function, "cache_clear") and function.__name__ != "published":
            function.cache_clear()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # glibc keeps what was freed otherwise
