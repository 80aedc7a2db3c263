"""What a command or a call costs, in medians of interleaved repeats, for the machine may be busy; and a table of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_LAUNCHER = Path(__file__).parent / "launcher.py"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: seconds on the clock, seconds of the processor (user and system), and peak memory in MB."""

    wall: float
    cpu: float
    memory: float = 0.0


def cost_of_command(command: Sequence[str], folder: Path, accept: Sequence[int] = (0,)) -> Cost:
    """Run a command in an empty folder as a user would; its output is thrown away."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # bytecode is cached, as it is for everybody
    # through a small process of its own: Linux counts the memory of the process that starts a child as the child's
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_LAUNCHER), *command],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["code"] in accept, f"{command} ended with {found['code']}"
    return Cost(found["wall"], found["cpu"], found["memory"])


def cost_of_call(call: Callable[[], object]) -> Cost:
    """Of a call in this process; without memory."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def interleaved(measures: Mapping[str, Callable[[], Cost]], repeats: int, warm_up: int = 1) -> dict[str, list[Cost]]:
    """Each measure in turn, again and again, so that whatever else the machine does meets all of them alike."""
    found: dict[str, list[Cost]] = {name: [] for name in measures}
    for repeat in range(warm_up + repeats):
        for name, measure in measures.items():
            cost = measure()
            if repeat >= warm_up:
                found[name].append(cost)
    return found


def typical(costs: Sequence[Cost]) -> Cost:
    return Cost(
        median(cost.wall for cost in costs), median(cost.cpu for cost in costs), median(cost.memory for cost in costs)
    )


def ratio(costs: Sequence[Cost], base: Sequence[Cost]) -> Cost:
    """The median of the ratios of the repeats, one by one."""
    pairs = list(zip(costs, base, strict=True))
    return Cost(median(a.wall / b.wall for a, b in pairs), median(a.cpu / b.cpu for a, b in pairs))


@dataclass
class Table:
    """Rows of text, printed under each other."""

    title: str
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def cost(self, name: str, costs: Sequence[Cost]) -> None:
        cost = typical(costs)
        self.rows.append(
            (name, f"{cost.wall:.3f} s", f"{cost.cpu:.3f} s", f"{cost.memory:.0f} MB" if cost.memory else "")
        )

    def ratio(self, name: str, found: Cost, bar: str) -> None:
        self.rows.append((name, f"{found.wall:.2f} x", f"{found.cpu:.2f} x", bar))

    def line(self, name: str, wall: str, cpu: str = "", bar: str = "") -> None:
        self.rows.append((name, wall, cpu, bar))

    def show(self) -> None:
        rows = [(self.title, "wall", "cpu", "bar"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        print()
        for row in rows:
            name, *values = (
                text.ljust(width) if i == 0 else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            print("  ".join((name, *values)).rstrip())
