"""The gradient of P parameters by one backward pass, and by wiggling each of them: 2·P forward passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.report import Column, Result, duration
from benchmarks.timing import interleaved, ratio, seconds_of, spread
from tinygrad_edu import nn

__all__ = ["CLAIM", "Problem", "central_differences", "measure", "plot"]

CLAIM = "Wiggling takes two forward passes for every parameter; one pass back gives them all."
BATCH = 16
STEP = 1e-5
# inputs, hidden units, outputs: 31 to a million parameters
SHAPES = ((4, 3, 4), (7, 7, 7), (22, 22, 22), (70, 70, 70), (223, 223, 223), (500, 999, 500))


class Problem:
    """A network of two layers, some data, and its loss. It counts forward passes.

    Tanh instead of ReLU: with no kinks, every wiggled entry has to agree with the gradient.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        rng = np.random.default_rng(0)
        self.net = nn.Sequential(nn.Linear(inputs, hidden, rng=rng), nn.Tanh(), nn.Linear(hidden, outputs, rng=rng))
        self.x, self.y = rng.standard_normal((BATCH, inputs)), rng.standard_normal((BATCH, outputs))
        self.parameters = self.net.parameters()
        self.vector: np.ndarray = self.parameters[0].data.base  # all parameters are one vector
        self.forward_passes = 0

    def loss(self) -> Any:
        """One forward pass."""
        self.forward_passes += 1
        return nn.mse_loss(self.net(self.x), self.y)

    def backpropagation(self) -> None:
        """One forward and one backward pass: the gradient with respect to all parameters is then in `gradient`."""
        for parameter in self.parameters:
            parameter.grad = None
        self.loss().backward()

    @property
    def gradient(self) -> np.ndarray:
        """What backpropagation found, in the order of `vector`."""
        return np.concatenate([parameter.grad.ravel() for parameter in self.parameters])


def central_differences(loss: Callable[[], Any], vector: np.ndarray, entries: Sequence[int]) -> np.ndarray:
    """The slopes of some entries, each from one forward pass ahead and one behind."""
    slopes = np.empty(len(entries))
    with tg.no_grad():
        for k, i in enumerate(entries):
            here = vector[i]
            vector[i] = here + STEP
            ahead = float(loss().data)
            vector[i] = here - STEP
            behind = float(loss().data)
            vector[i] = here
            slopes[k] = (ahead - behind) / (2 * STEP)
    return slopes


def measure(quick: bool) -> Result:
    """Every size, the large ones by a sample of their entries."""
    rounds, most = (2, 31) if quick else (9, 1100)
    return Result(
        columns=[
            Column("parameters", "parameters", "{:,}".format),
            Column("backpropagation_s", "one backward", lambda s: duration(s.median)),
            Column("central_differences_s", "2·P forward", lambda s: duration(s.median)),
            Column("ratio", "ratio", lambda s: f"{s.median:,.3g}" if s.median < 1000 else f"{s.median:,.0f}"),
            Column("entries", "estimated from", lambda n: f"{n:,} entries" if n else "all measured"),
            Column("differ_by", "differ by", "{:.0e}".format),
        ],
        rows=[_row(shape, rounds, most) for shape in (SHAPES[:4] if quick else SHAPES)],
        notes=[
            f"Two layers with tanh, batch {BATCH}, float64; the backward time includes its forward pass. "
            "Estimated times are those of the sample's entries, times P over their number. "
            "“differ by”: largest difference between the two gradients, relative to the largest slope."
        ],
    )


def _row(shape: tuple[int, int, int], rounds: int, most: int) -> dict[str, Any]:
    problem = Problem(*shape)
    size = problem.vector.size
    problem.backpropagation()
    gradient = problem.gradient
    # Large networks take milliseconds a pass: fewer entries are as telling, and nobody waits.
    sample = size if size <= most else max(20, min(most, 4_000_000 // size))
    repeats = max(1, min(20, 100_000 // size))
    choose = np.random.default_rng(1)
    furthest = 0.0

    def backward() -> float:
        return seconds_of(lambda: [problem.backpropagation() for _ in range(repeats)]) / repeats

    def wiggle() -> float:
        nonlocal furthest
        entries = range(size) if sample == size else choose.choice(size, sample, replace=False).tolist()
        slopes: list[np.ndarray] = []
        taken = seconds_of(lambda: slopes.append(central_differences(problem.loss, problem.vector, entries)))
        difference = np.abs(slopes[0] - gradient[list(entries)]).max()
        furthest = max(furthest, float(difference / np.abs(gradient).max()))
        return taken * size / sample

    backpropagation, wiggling = interleaved(rounds, [backward, wiggle])
    return {
        "parameters": size,
        "shape": "-".join(map(str, shape)),
        "backpropagation_s": spread(backpropagation),
        "central_differences_s": spread(wiggling),
        "ratio": ratio(wiggling, backpropagation),
        "entries": None if sample == size else sample,
        "differ_by": furthest,
    }


def plot(result: Result, directory: Path) -> Path:
    """Draw time against parameters, both logarithmic, as scaling.png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    size = [row["parameters"] for row in result.rows]
    wiggling, backpropagation = (
        [row[key].median for row in result.rows] for key in ("central_differences_s", "backpropagation_s")
    )
    axes.plot(size, wiggling, color="0.45", linestyle="--", linewidth=1.6)
    axes.plot(size, backpropagation, color="black", linewidth=1.6, marker="o")
    for n, time, row in zip(size, wiggling, result.rows, strict=True):
        axes.plot(n, time, marker="s", color="0.45", markerfacecolor="white" if row["entries"] else "0.45")

    def label(text: str, at: tuple[float, float], offset: tuple[float, float], colour: str, to_the: str) -> None:
        axes.annotate(text, at, offset, textcoords="offset points", color=colour, ha=to_the)

    last = result.rows[-1]
    middle = len(size) // 2
    sampled = "2·P forward passes\n(hollow: estimated from a sample)"
    label(sampled, (size[middle], wiggling[middle]), (-12, 12), "0.3", "right")
    label("one forward and one backward pass", (size[middle], backpropagation[middle]), (-12, 10), "black", "right")
    axes.set(
        title=f"Gradient of {last['parameters']:,} parameters: {duration(backpropagation[-1])} "
        f"instead of {duration(wiggling[-1])}{' (estimated)' if last['entries'] else ''}",
        xlabel="parameters P",
        ylabel="time for the gradient (seconds)",
        xscale="log",
        yscale="log",
    )
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    path = directory / "scaling.png"
    figure.savefig(path, dpi=150)
    return path
