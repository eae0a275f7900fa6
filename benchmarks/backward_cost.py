"""What backward costs beside forward, as networks grow deeper and wider."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.report import Bar, Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, seconds_of, spread
from tinygrad_edu import nn

__all__ = ["CLAIM", "measure"]

CLAIM = "Going backward costs about twice what going forward did: for each matrix product two."
BAR = 3
BATCH = 128
MATMUL_BOUND = 256  # from this width on, at this batch, the matrix products take nearly all of the time


def measure(quick: bool) -> Result:
    """Depths and widths, each with a forward pass that is recorded and the backward pass over that record."""
    depths, widths, rounds = ((2, 8), (16, 256), 3) if quick else ((2, 4, 8, 16), (16, 64, 256, 512), 15)
    rows = [_row(depth, width, rounds) for width in widths for depth in depths]
    return Result(
        columns=[
            Column("width", "width"),
            Column("depth", "layers"),
            Column("forward_s", "forward", lambda s: duration(s.median)),
            Column("backward_s", "backward", lambda s: duration(s.median)),
            Column("ratio", "ratio (quartiles)", around),
            Column("matmul_bound", "matmul-bound", lambda bound: "yes" if bound else "no"),
        ],
        rows=rows,
        bars=[
            Bar(
                "largest ratio among the matmul-bound rows",
                BAR,
                max(row["ratio"].median for row in rows if row["matmul_bound"]),
            )
        ],
        notes=[
            f"Linear and ReLU layers, batch {BATCH}, float64; forward is recorded for backward. "
            f"Matmul-bound: width {MATMUL_BOUND} or more."
        ],
    )


def _row(depth: int, width: int, rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width, rng=rng), nn.ReLU()]
    net = nn.Sequential(*layers)
    x, y = rng.standard_normal((2, BATCH, width))
    parameters = net.parameters()
    loss: list[Any] = []

    def forward() -> float:
        for parameter in parameters:
            parameter.grad = None
        loss.clear()
        return seconds_of(lambda: loss.append(nn.mse_loss(net(x), y)))

    def backward() -> float:
        return seconds_of(loss[0].backward)

    ahead, back = interleaved(rounds, [forward, backward])
    return {
        "width": width,
        "depth": depth,
        "batch": BATCH,
        "forward_s": spread(ahead),
        "backward_s": spread(back),
        "ratio": ratio(back, ahead),
        "matmul_bound": width >= MATMUL_BOUND,
    }
