"""Runs a command and prints what it cost as JSON: wall seconds, processor seconds, peak memory in MB, exit code.

A process of its own, small on purpose: see `measuring.cost_of_command`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    begun = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begun
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere
    print(
        json.dumps(
            {
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "memory": usage.ru_maxrss / unit,
                "code": os.waitstatus_to_exitcode(status),
            }
        )
    )
