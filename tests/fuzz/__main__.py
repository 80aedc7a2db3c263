"""`python -m tests.fuzz --count 20000 --seed 7`: generated programs, analyzed and run; what differs is printed, shrunk.

Everything follows from (seed, number): `--only 1234` repeats one program.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field

import torch

from tests.fuzz.compare import LENGTHS, Found
from tests.fuzz.generate import write
from tests.fuzz.search import examine, shrunk

_BLOCK = 20  # programs that one process does at a time


@dataclass(slots=True)
class Summary:
    """The counts of one run."""

    programs: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    reasons: dict[str, list[int]] = field(default_factory=dict[str, list[int]])  # of what is open: in which programs
    unknown: int = 0  # programs with an open length
    mixed: int = 0
    always: int = 0
    never: int = 0
    asked: int = 0  # for a proof
    proved: int = 0

    def add(self, number: int, found: Found) -> None:
        self.programs += 1
        self.kinds[found.kind] += 1
        self.unknown += found.unknown > 0
        self.mixed += found.is_mixed
        self.never += found.runs == 0
        self.always += found.runs == LENGTHS[1] - LENGTHS[0] + 1
        self.asked += found.proved is not None
        self.proved += found.proved is True
        for reason in {re.sub(r"\d+", "N", reason.partition(": ")[2]) for reason in found.reasons}:
            self.reasons.setdefault(reason, []).append(number)

    @property
    def differences(self) -> int:
        return self.programs - self.kinds[""]

    def text(self, seconds: float) -> str:
        def share(count: int, of: int) -> str:
            return f"{count} ({100 * count / max(of, 1):.1f} %)"

        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common() if kind) or "none"
        reasons = sorted(self.reasons.items(), key=lambda item: -len(item[1]))
        lines = [
            f"{self.programs} programs in {seconds:.0f} s; differences: {kinds}",
            f"valid for some lengths and invalid for others: {share(self.mixed, self.programs)}",
            f"valid for all lengths: {self.always}; for none: {self.never}",
            f"proved for every length: {share(self.proved, self.asked)} of {self.asked} that were asked",
            f"unknown somewhere: {share(self.unknown, self.programs)}",
            *(f"  {len(where):5} {reason} (program {where[0]})" for reason, where in reasons),
        ]
        return "\n".join(lines)


def main() -> int:
    options = _options()
    numbers = range(options.count) if options.only is None else range(options.only, options.only + 1)
    if options.only is not None:
        print(write(options.seed, options.only).paste())
    began = time.monotonic()
    summary = Summary()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # the counts so far are printed
        _watch(options, numbers, summary, began)
    print(file=sys.stderr)
    print(summary.text(time.monotonic() - began))
    return 1 if summary.differences else 0


def _watch(options: argparse.Namespace, numbers: range, summary: Summary, began: float) -> None:
    """Everything that differs, as it is found."""
    for number, found in _all(options.seed, numbers, options.jobs):
        summary.add(number, found)
        rate = summary.programs / (time.monotonic() - began)
        print(
            f"\r{summary.programs}/{len(numbers)}, {rate:.1f}/s, {summary.differences} differ", end="", file=sys.stderr
        )
        if found.kind:
            print(f"\n# seed {options.seed}, program {number}: {found.kind}: {found.text}", flush=True)
            if options.shrink and found.kind in options.shrink.split(","):
                print(shrunk(options.seed, number, found), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of the one program to repeat")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--shrink", default="verdict,convolution,proof,crash,hang,error", help="the kinds of differences to shrink"
    )
    return parser.parse_args()


def _all(seed: int, numbers: range, jobs: int) -> Iterator[tuple[int, Found]]:
    if jobs < 2 or len(numbers) <= _BLOCK:
        _prepare()
        yield from ((number, examine(seed, number)) for number in numbers)
        return
    with ProcessPoolExecutor(jobs, initializer=_prepare) as pool:
        blocks = [numbers[first : first + _BLOCK] for first in range(0, len(numbers), _BLOCK)]
        futures = {pool.submit(_block, seed, block): block for block in blocks}
        left = set(blocks)
        try:
            for future in as_completed(futures):
                left.discard(futures[future])
                yield from future.result()
        except BrokenProcessPool:
            print(f"\na process died in one of the programs {sorted(block.start for block in left)[:jobs]} + {_BLOCK}")
            raise


def _block(seed: int, numbers: range) -> list[tuple[int, Found]]:
    return [(number, examine(seed, number)) for number in numbers]


def _prepare() -> None:
    torch.set_num_threads(1)


if __name__ == "__main__":
    sys.exit(main())
