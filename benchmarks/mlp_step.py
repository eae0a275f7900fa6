"""One training step of a 784-512-512-10 network, beside the same step by hand in NumPy and in PyTorch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from benchmarks.report import Bar, Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, spread

__all__ = ["CLAIM", "measure"]

CLAIM = "Where matrix products dominate, a training step is as fast as by hand, and faster than PyTorch's."
TIMES_BY_HAND, TIMES_TORCH, MEMORY_TORCH = 1.15, 0.8, 1.2
THREADS = "2"
SAME = 1e-4  # relative; float32, and every contestant adds up in an order of its own
PAUSE = 0.1  # seconds; the threads of the process before still spin for a while, waiting for work


def measure(quick: bool) -> Result:
    """Each contestant in a process of its own, rounds in turns, wall clock, every one on two threads."""
    names = ["by_hand", "tinygrad_edu"] + ["torch"] * (importlib.util.find_spec("torch") is not None)
    rows = [row for batch in (128, 512) for row in _rows(names, batch, *((3, 3) if quick else (25, 20)))]
    return Result(
        columns=[
            Column("batch", "batch"),
            Column("name", "contestant"),
            Column("seconds", "step", lambda s: duration(s.median)),
            Column("ratio", "tinygrad_edu's ratio to it", around),
            Column("bytes", "memory", lambda b: f"{b / 1e6:.1f} MB"),
            Column("loss", "loss", "{:.5f}".format),
        ],
        rows=rows,
        bars=[bar for batch in (128, 512) for bar in _bars({r["name"]: r for r in rows if r["batch"] == batch})],
        notes=[
            "ReLU, cross-entropy, Adam, float32; every contestant in a process of its own, with two threads.",
            "Wall clock. Memory: the largest resident set above that after importing.",
        ]
        + ["PyTorch is not installed here, so it was not measured."] * ("torch" not in names),
    )


def _rows(names: list[str], batch: int, rounds: int, steps: int) -> list[dict[str, Any]]:
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with ExitStack() as processes:
        contestants = [_contestant(processes, name, batch, steps, turns[name]) for name in names]
        seconds = dict(zip(names, interleaved(rounds, contestants), strict=True))
    return [
        {
            "batch": batch,
            "name": name,
            "seconds": spread(seconds[name]),
            "ratio": ratio(seconds["tinygrad_edu"], seconds[name]),
            "bytes": turns[name][0]["bytes"],
            "loss": turns[name][-1]["loss"],
        }
        for name in names
    ]


def _contestant(
    processes: ExitStack, name: str, batch: int, steps: int, turns: list[dict[str, Any]]
) -> Callable[[], float]:
    """Start a contestant's process; what is returned lets it take a turn and tells its seconds for a step."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), THREADS)
    process = processes.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mlp_contestants", name, str(batch)],
            env=os.environ | limits,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert process.stdin
    assert process.stdout
    processes.callback(process.stdin.close)  # which ends it
    ask, answers = process.stdin, process.stdout

    def turn() -> float:
        time.sleep(PAUSE)
        print(steps, file=ask, flush=True)
        turns.append(json.loads(answers.readline()))
        return float(turns[-1]["seconds"])

    return turn


def _bars(rows: dict[str, dict[str, Any]]) -> list[Bar]:
    """What is demanded at one batch size."""
    batch = f"batch {rows['by_hand']['batch']}: "
    ours = rows["tinygrad_edu"]
    bars = [Bar(f"{batch}times the step by hand", TIMES_BY_HAND, rows["by_hand"]["ratio"].median)]
    if "torch" in rows:
        theirs = rows["torch"]
        bars += [
            Bar(f"{batch}times PyTorch's step", TIMES_TORCH, theirs["ratio"].median),
            Bar(f"{batch}times PyTorch's memory", MEMORY_TORCH, ours["bytes"] / theirs["bytes"]),
        ]
    furthest = max(abs(row["loss"] / ours["loss"] - 1) for row in rows.values())
    return [*bars, Bar(f"{batch}difference of the losses, relative", SAME, furthest)]
