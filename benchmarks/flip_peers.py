"""The training step of the 31-parameter flip network, by everyone who can."""

from __future__ import annotations

from pathlib import Path

from benchmarks import pictures
from benchmarks.contest import COLUMNS, Race, race
from benchmarks.peers import LABELS
from benchmarks.report import Bar, Column, Result

__all__ = ["CLAIM", "measure", "plot"]

CLAIM = "Where numbers are few, what is measured is what a library does around them."
SAME = 1e-12
# Who is to take at most how many times as long as whom, at batch 1 and 16.
DEMANDS = {
    ("compiled", "by_hand"): (0.75, 0.75),
    ("compiled", "jax"): (1.0, 0.8),
    ("compiled_numba", "jax"): (0.33, 0.33),
    ("tinygrad_edu", "torch_tensors"): (0.45, 0.45),
}


def measure(quick: bool) -> Result:
    """One image, and all sixteen; everyone in turns, from the same weights."""
    races = {
        batch: race(list(LABELS), "flip", {"batch": batch}, *((2, 5) if quick else (25, 100))) for batch in (1, 16)
    }
    return Result(
        columns=[Column("batch", "batch"), *COLUMNS],
        rows=[{"batch": batch, **row} for batch, found in races.items() for row in found.rows()],
        bars=[bar for i, (batch, found) in enumerate(races.items()) for bar in _bars(i, batch, found)],
        notes=[
            f"Forward, loss, backward and SGD in float64; one thread, {races[1].clock} clock, quartiles in brackets.",
            *races[1].skipped,
        ],
    )


def _bars(column: int, batch: int, found: Race) -> list[Bar]:
    return [
        Bar(f"batch {batch}: {LABELS[one]}, times {LABELS[other]}", limits[column], times.median)
        for (one, other), limits in DEMANDS.items()
        if (times := found.times(one, other))
    ] + [Bar(f"batch {batch}: difference of the losses, relative", SAME, found.losses_differ())]


def plot(result: Result, directory: Path) -> Path:
    """A picture of the ratios, as flip_peers.png."""
    groups = {f"batch {batch}": [r for r in result.rows if r["batch"] == batch] for batch in (1, 16)}
    return pictures.ratios(groups, "A training step of 31 parameters", directory / "flip_peers.png")
