"""One training step of a 784-512-512-10 network, by everyone."""

from __future__ import annotations

from pathlib import Path

from benchmarks import pictures
from benchmarks.contest import COLUMNS, Race, race
from benchmarks.report import Bar, Column, Result

__all__ = ["CLAIM", "measure", "plot"]

CLAIM = "Where matrix products dominate, a training step is as fast as by hand, and faster than PyTorch's."
NAMES = ("by_hand", "tinygrad_edu", "compiled", "torch", "jax", "autograd")
# batch, threads
CASES = {"batch 128, one thread": (128, 1), "batch 128, two threads": (128, 2), "batch 512, two threads": (512, 2)}
TIMES_BY_HAND, TIMES_TORCH, MEMORY_TORCH, COMPILED_BY_HAND = 1.15, 0.8, 1.2, 1.0
SAME = 1e-4  # relative; float32, and every contestant adds up in an order of its own


def measure(quick: bool) -> Result:
    """Each contestant in a process of its own, in turns."""
    rounds, steps = (2, 2) if quick else (15, 10)
    races = {
        case: race(NAMES, "classifier", {"batch": batch}, rounds, steps, threads)
        for case, (batch, threads) in CASES.items()
    }
    return Result(
        columns=[
            Column("batch", "batch"),
            Column("threads", "threads"),
            *COLUMNS[:-1],
            Column("bytes", "memory", lambda b: f"{b / 1e6:.1f} MB"),
            COLUMNS[-1],
        ],
        rows=[{"case": case, "batch": CASES[case][0], **row} for case, found in races.items() for row in found.rows()],
        bars=[bar for case, found in races.items() for bar in _bars(f"{case}: ", found)],
        notes=[
            "ReLU, cross-entropy, Adam, float32; every contestant in a process of its own. One thread: processor time; "
            "two: the clock on the wall, which is of use only where nobody else is at work.",
            "Memory: the largest resident set above that after importing.",
            *races["batch 128, two threads"].skipped,
        ],
    )


def _bars(case: str, found: Race) -> list[Bar]:
    demands = [
        ("tinygrad_edu", "by_hand", "times the step by hand", TIMES_BY_HAND),
        ("compiled", "by_hand", "compiled, times the step by hand", COMPILED_BY_HAND),
        ("tinygrad_edu", "torch", "times PyTorch's step", TIMES_TORCH),
    ]
    bars = [
        Bar(case + demand, limit, times.median)
        for one, other, demand, limit in demands
        if (times := found.times(one, other))
    ]
    if "torch" in found.turns:
        ours, theirs = (found.turns[name][-1]["bytes"] for name in ("tinygrad_edu", "torch"))
        bars.append(Bar(f"{case}times PyTorch's memory", MEMORY_TORCH, ours / theirs))
    return [*bars, Bar(f"{case}difference of the losses, relative", SAME, found.losses_differ())]


def plot(result: Result, directory: Path) -> Path:
    """A picture of the ratios, as mlp_step.png."""
    groups = {case: [row for row in result.rows if row["case"] == case] for case in CASES}
    return pictures.ratios(groups, "A training step, 784-512-512-10 with Adam", directory / "mlp_step.png")
