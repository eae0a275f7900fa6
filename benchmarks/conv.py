"""Conv2d forward and backward, beside PyTorch and beside the three matrix products that it cannot do without.

`python -m benchmarks.conv NAME FILE` is one contestant, in a process of its own: it writes its results into FILE and
then takes its turns.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import PAUSE, serve, start
from benchmarks.report import Bar, Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, spread

__all__ = ["CLAIM", "CONTESTANTS", "measure"]

CLAIM = "A convolution in NumPy stays within a small multiple of PyTorch's time."
BAR = 4
N, CHANNELS, OUTPUTS, SIDE, KERNEL = 64, 16, 32, 28, 3
THREADS = 2
SAME = 1e-5  # of the largest entry; float32, and everyone adds up in an order of its own
Arrays = dict[str, np.ndarray]


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, weight, bias, and the gradient that arrives from above: the same for all."""
    rng = np.random.default_rng(0)
    shapes = (N, CHANNELS, SIDE, SIDE), (OUTPUTS, CHANNELS, KERNEL, KERNEL), (OUTPUTS,), (N, OUTPUTS, SIDE, SIDE)
    x, weight, bias, g = (rng.standard_normal(shape, np.float32) for shape in shapes)
    return x, weight / 10, bias, g


def tinygrad_edu() -> Callable[[], Arrays]:
    """As a user of the library writes it."""
    from tinygrad_edu import Tensor, nn

    x, weight, bias, g = problem()
    layer = nn.Conv2d(CHANNELS, OUTPUTS, KERNEL, padding=1).astype(np.float32)
    layer.weight.data, layer.bias.data = weight, bias
    x = Tensor(x, requires_grad=True)

    def step() -> Arrays:
        layer.zero_grad()
        x.grad = None
        out = layer(x)
        out.backward(g)
        return {"out": out.data, "x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}

    return step


def torch() -> Callable[[], Arrays]:
    """PyTorch, eager, on as many threads as the others."""
    import torch

    torch.set_num_threads(THREADS)
    x, weight, bias, g = map(torch.from_numpy, problem())
    layer = torch.nn.Conv2d(CHANNELS, OUTPUTS, KERNEL, padding=1)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    x.requires_grad_()

    def step() -> Arrays:
        layer.zero_grad()
        x.grad = None
        out = layer(x)
        out.backward(g)
        found = {"out": out.detach(), "x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
        return {name: tensor.numpy() for name, tensor in found.items()}

    return step


def jax() -> Callable[[], Arrays]:
    """JAX, forward and backward in one jit."""
    import jax

    x, weight, bias, g = map(jax.numpy.array, problem())

    def convolution(x: Any, weight: Any, bias: Any) -> Any:
        return jax.lax.conv(x, weight, (1, 1), "SAME") + bias[:, None, None]

    @jax.jit
    def both(x: Any, weight: Any, bias: Any, g: Any) -> Any:
        out, back = jax.vjp(convolution, x, weight, bias)
        return out, *back(g)

    def step() -> Arrays:
        found = jax.block_until_ready(both(x, weight, bias, g))
        return dict(zip(("out", "x", "weight", "bias"), found, strict=True))

    return step


def matmuls() -> Callable[[], Arrays]:
    """The bare products, for a few examples at a time so that all they need stays in the cache: the limit."""
    few = 8
    _, weight, _, g = problem()
    columns = np.ones((CHANNELS * KERNEL**2, few * SIDE**2), np.float32)
    matrix, g = weight.reshape(OUTPUTS, -1), g[:few].reshape(OUTPUTS, -1)
    out, back, total = np.empty_like(g), np.empty_like(columns), np.empty_like(matrix)

    def step() -> Arrays:
        for _ in range(N // few):
            np.matmul(matrix, columns, out=out)
            np.matmul(matrix.T, g, out=back)
            np.matmul(g, columns.T, out=total)
        return {}

    return step


CONTESTANTS = {"tinygrad_edu": tinygrad_edu, "matmuls": matmuls, "torch": torch, "jax": jax}
PEERS = ("torch", "jax")


def measure(quick: bool) -> Result:
    """Each contestant in a process of its own, rounds in turns, wall clock, every one on two threads."""
    absent = [name for name in PEERS if importlib.util.find_spec(name) is None]
    names = [name for name in CONTESTANTS if name not in absent]
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / f"{name}.npz" for name in names]
        with ExitStack() as processes:
            contestants = [_contestant(processes, name, file) for name, file in zip(names, files, strict=True)]
            seconds = dict(zip(names, interleaved(3 if quick else 40, contestants), strict=True))
        found = {name: dict(np.load(file)) for name, file in zip(names, files, strict=True)}
    rows = [
        {"name": name, "seconds": spread(seconds[name]), "ratio": ratio(seconds["tinygrad_edu"], seconds[name])}
        for name in names
    ]
    bars = []
    if "torch" in names:
        bars.append(Bar("times PyTorch", BAR, ratio(seconds["tinygrad_edu"], seconds["torch"]).median))
    for peer in (name for name in PEERS if name in names):
        differ = max(_differ(found["tinygrad_edu"][name], right) for name, right in found[peer].items())
        bars.append(Bar(f"difference of results and gradients from {peer}'s, relative", SAME, differ))
    return Result(
        columns=[
            Column("name", "contestant"),
            Column("seconds", "forward and backward", lambda s: duration(s.median)),
            Column("ratio", "tinygrad_edu's ratio to it", around),
        ],
        rows=rows,
        bars=bars,
        notes=[
            f"Batch {N}, {CHANNELS} → {OUTPUTS} channels, {SIDE}×{SIDE}, {KERNEL}×{KERNEL}, padding 1, float32. "
            "Wall clock; a process with two threads each.",
            "matmuls: only the three matrix products, what they multiply lying ready in the cache.",
        ]
        + [f"{name} was skipped: it is not installed" for name in absent],
    )


def _differ(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.dtype == theirs.dtype == np.float32
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))


def _contestant(processes: ExitStack, name: str, file: Path) -> Callable[[], float]:
    _, turn = start(processes, ["benchmarks.conv", name, str(file)], THREADS)

    def seconds() -> float:
        time.sleep(PAUSE)
        return float(turn(1)["wall"])

    return seconds


def main(name: str, file: str) -> None:
    """Write the results, then take turns."""
    step: Callable[[], Any] = CONTESTANTS[name]()
    np.savez(file, **step())
    serve(lambda: len(step()))


if __name__ == "__main__":
    main(*sys.argv[1:])
