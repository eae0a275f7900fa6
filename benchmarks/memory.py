"""What is kept for the way back: a large array through many operations."""

from __future__ import annotations

from benchmarks.contest import race
from benchmarks.report import Bar, Column, Result, duration

__all__ = ["CLAIM", "measure"]

CLAIM = "An addition keeps nothing for the way back, tanh its result."
NAMES = ("by_hand", "tinygrad_edu", "torch", "jax", "autograd", "mygrad")
SAME = 1e-12
LENGTH, SIZE = 40, 1_000_000
# How many arrays the way back needs, and those in work: one before, one after, gradients, what a rule makes.
MOST = {"additions": 6, "tanhs": LENGTH + 6}


def measure(quick: bool) -> Result:
    """Forty operations on eight megabytes. Quick: on a tenth."""
    size = SIZE // 10 if quick else SIZE
    options = {"length": LENGTH, "size": size}
    races = {kind: race(NAMES, "memory", {"kind": kind, **options}, 2, 1) for kind in MOST}
    bars = []
    for kind, found in races.items():
        held = found.turns["tinygrad_edu"][-1]["bytes"] / (8 * size)
        bars.append(Bar(f"{kind}: arrays that tinygrad_edu holds", MOST[kind], held))
        bars.append(Bar(f"{kind}: difference of the results, relative", SAME, found.losses_differ()))
    return Result(
        columns=[
            Column("kind", "operation"),
            Column("label", "contestant"),
            Column("bytes", "memory", lambda b: f"{b / 1e6:.0f} MB"),
            Column("arrays", "in arrays", "{:.1f}".format),
            Column("seconds", "time", lambda s: duration(s.median)),
        ],
        rows=[
            {"kind": kind, "arrays": row["bytes"] / (8 * size), **row} for kind in races for row in races[kind].rows()
        ],
        bars=bars,
        notes=[
            f"{LENGTH} operations on {8 * size / 1e6:g} MB of float64, their mean, and the gradient; one thread. "
            "Memory: the largest resident set above that after importing, the input included. PyTorch and JAX load "
            "parts of themselves only when they are first used: some 70 MB of theirs are program. JAX's compiler may "
            "make one operation of forty additions, and does.",
            *races["tanhs"].skipped,
        ],
    )
