"""One training step of the 31-parameter flip network, beside the same step written by hand in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.report import Bar, Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, seconds_of, spread
from tinygrad_edu import nn, optim

__all__ = ["CLAIM", "by_hand", "eager", "images", "measure", "network"]

CLAIM = "One training step of the flip network costs little more than the same step written by hand."
BAR = 2.5
LR = 0.01  # slow enough that after 200 steps the losses still have all their digits to be compared in
STEPS = 200
SAME = 1e-12


def images(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """2×2 images, and each flipped across its diagonal: the lesson's one image, or all sixteen."""
    x = np.array([[1.0, 0, 1, 1]]) if batch == 1 else np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    return x, x[:, [0, 2, 1, 3]]


def network() -> nn.Sequential:
    """4 → 3 → 4, always with the same 31 numbers."""
    return nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 4, rng=1))


def eager(net: nn.Sequential, x: np.ndarray, y: np.ndarray, lr: float = LR) -> Callable[[], Any]:
    """The step as a user of the library writes it."""
    optimizer = optim.SGD(net.parameters(), lr=lr)

    def step() -> Any:
        loss = nn.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.data

    return step


def by_hand(parameters: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float = LR) -> Callable[[], Any]:
    """The step as a person writes it who has worked out the gradients on paper."""

    def step() -> Any:
        W1, b1, W2, b2 = parameters
        z = x @ W1 + b1
        h = np.maximum(z, 0)
        p = h @ W2 + b2
        d = p - y
        loss = np.mean(d * d)
        gp = d * (2 / d.size)
        gW2 = h.T @ gp
        gb2 = gp.sum(axis=0)
        gz = (gp @ W2.T) * (z > 0)
        gW1 = x.T @ gz
        gb1 = gz.sum(axis=0)
        W1 -= lr * gW1
        b1 -= lr * gb1
        W2 -= lr * gW2
        b2 -= lr * gb2
        return loss

    return step


def measure(quick: bool) -> Result:
    """Both contestants make 200 steps a round, from the same weights, and must arrive at the same loss."""
    rows = [_row(batch, rounds=5 if quick else 150) for batch in (1, 16)]
    return Result(
        columns=[
            Column("batch", "batch"),
            Column("by_hand_s", "by hand", lambda s: duration(s.median)),
            Column("tinygrad_edu_s", "tinygrad_edu", lambda s: duration(s.median)),
            Column("ratio", "ratio (quartiles)", around),
            Column("losses_differ", "losses differ by", "{:.0e}".format),
        ],
        rows=rows,
        bars=[Bar(f"batch {row['batch']}: times the step by hand", BAR, row["ratio"].median) for row in rows]
        + [Bar("difference of the losses, relative", SAME, max(row["losses_differ"] for row in rows))],
        notes=[f"Forward, loss, backward and SGD in float64; {STEPS} steps a round, from the same weights."],
    )


def _row(batch: int, rounds: int) -> dict[str, Any]:
    x, y = images(batch)
    net = network()
    ours = [parameter.data for parameter in net.parameters()]
    start = [weights.copy() for weights in ours]
    theirs = [weights.copy() for weights in ours]
    last: list[float] = [0.0, 0.0]
    furthest = 0.0

    def contestant(which: int, parameters: Sequence[np.ndarray], step: Callable[[], Any]) -> Callable[[], float]:
        def block() -> None:
            for _ in range(STEPS - 1):
                step()
            last[which] = float(step())

        def turn() -> float:
            nonlocal furthest
            for weights, first in zip(parameters, start, strict=True):
                weights[...] = first
            taken = seconds_of(block) / STEPS
            if which == 1:
                furthest = max(furthest, abs(last[1] - last[0]) / abs(last[0]))
            return taken

        return turn

    hand, engine = interleaved(
        rounds, [contestant(0, theirs, by_hand(theirs, x, y)), contestant(1, ours, eager(net, x, y))]
    )
    return {
        "batch": batch,
        "by_hand_s": spread(hand),
        "tinygrad_edu_s": spread(engine),
        "ratio": ratio(engine, hand),
        "loss": last[1],
        "losses_differ": furthest,
    }
