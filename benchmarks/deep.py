"""A training step of deep and narrow networks: many layers, each with hardly anything to do."""

from __future__ import annotations

from pathlib import Path

from benchmarks import pictures
from benchmarks.contest import COLUMNS, race
from benchmarks.peers import LABELS
from benchmarks.report import Bar, Column, Result

__all__ = ["CLAIM", "measure", "plot"]

CLAIM = "However deep a narrow network is, a layer costs the same."
SAME = 1e-12
# Number by number, 64 layers of 16 would take seconds a step, and numba compiles them for minutes; of PyTorch, once is
# enough.
LEFT_OUT = ("micrograd", "torch_tensors", "compiled_numba")


def measure(quick: bool) -> Result:
    """Several depths; everyone in turns, from the same weights."""
    names = [name for name in LABELS if name not in LEFT_OUT]
    depths, rounds, steps = ((2, 4), 2, 3) if quick else ((4, 16, 64), 12, 15)
    races = {depth: race(names, "deep", {"depth": depth}, rounds, steps) for depth in depths}
    return Result(
        columns=[Column("depth", "layers"), *COLUMNS],
        rows=[{"depth": depth, **row} for depth, found in races.items() for row in found.rows()],
        bars=[
            Bar(f"{depth} layers: difference of the losses, relative", SAME, found.losses_differ())
            for depth, found in races.items()
        ],
        notes=[
            "16 → 16 with ReLU, batch 16, mean squared error, SGD, float64; one thread, "
            f"{races[depths[0]].clock} clock. numba takes over four minutes to compile 64 layers: left out.",
            *races[depths[0]].skipped,
        ],
    )


def plot(result: Result, directory: Path) -> Path:
    """Time against depth, both logarithmic, as deep.png."""
    return pictures.growth(result.rows, "depth", "layers", "A training step, 16 → 16 a layer", directory / "deep.png")
