"""A training step of a recurrent network: backpropagation through time."""

from __future__ import annotations

from pathlib import Path

from benchmarks import pictures
from benchmarks.contest import COLUMNS, race
from benchmarks.peers import LABELS
from benchmarks.report import Bar, Column, Result

__all__ = ["CLAIM", "measure", "plot"]

CLAIM = "A recurrent network is a loop in Python, and is paid for as one."
SAME = 1e-12
# Number by number, it would take seconds a step; PyTorch has nn.RNN; numba cannot compile it, and NumPy would run.
LEFT_OUT = ("micrograd", "torch_tensors", "compiled_numba")


def measure(quick: bool) -> Result:
    """Sequences of 32 steps; everyone in turns, from the same weights."""
    names = [name for name in LABELS if name not in LEFT_OUT]
    time, rounds, steps = (4, 2, 3) if quick else (32, 15, 8)
    found = race(names, "rnn", {"time": time}, rounds, steps)
    return Result(
        columns=[Column("time", "time steps"), *COLUMNS],
        rows=[{"time": time, **row} for row in found.rows()],
        bars=[Bar("difference of the losses, relative", SAME, found.losses_differ())],
        notes=[
            "8 inputs, 32 hidden units with tanh, batch 16, the mean squared error of all steps' answers, SGD, "
            f"float64; one thread, {found.clock} clock. PyTorch has its loop in C++, JAX compiles it; numba cannot.",
            *found.skipped,
        ],
    )


def plot(result: Result, directory: Path) -> Path:
    """A picture of the ratios, as rnn.png."""
    title = "A training step of a recurrent network"
    return pictures.ratios({f"{result.rows[0]['time']} time steps": result.rows}, title, directory / "rnn.png")
