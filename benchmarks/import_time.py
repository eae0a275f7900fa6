"""How long `import` takes, each time in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.machine import PEERS
from benchmarks.report import Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, spread

__all__ = ["CLAIM", "measure"]

CLAIM = "What is small is imported quickly."
BASE = "numpy"
MODULES = {"micrograd": "micrograd.nn"}  # micrograd itself is empty
CODE = """
import json, time
start = time.perf_counter()
import {0}
seconds = time.perf_counter() - start
from benchmarks.contest import peak
print(json.dumps([seconds, peak()]))
"""


def measure(quick: bool) -> Result:
    """Everyone in turns; wall clock, since much of it is reading files."""
    names = [MODULES.get(name, name) for name in (BASE, "tinygrad_edu", *PEERS) if importlib.util.find_spec(name)]
    held: dict[str, int] = {}

    def contestant(name: str) -> Callable[[], float]:
        def turn() -> float:
            found = subprocess.run(
                [sys.executable, "-c", CODE.format(name)], check=True, stdout=subprocess.PIPE, text=True
            )
            seconds, held[name] = json.loads(found.stdout)
            return float(seconds)

        return turn

    seconds = dict(zip(names, interleaved(1 if quick else 5, [contestant(name) for name in names]), strict=True))
    return Result(
        columns=[
            Column("name", "import"),
            Column("seconds", "time", lambda s: duration(s.median)),
            Column("ratio", "times import numpy", around),
        ],
        rows=[
            {"name": name, "seconds": spread(taken), "ratio": ratio(taken, seconds[BASE])}
            for name, taken in seconds.items()
        ],
        notes=["A fresh Python process each time, its files in the system's cache, compiled to bytecode; wall clock."],
    )
