"""The training step of the flip network, compiled to NumPy source, beside the same step written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.flip_step import LR, SAME, by_hand, images, network
from benchmarks.report import Bar, Column, Result, around, duration
from benchmarks.timing import interleaved, ratio, seconds_of, spread
from tinygrad_edu import compile, nn, optim

__all__ = ["CLAIM", "measure"]

CLAIM = "A compiled training step is faster than the same step written by hand."
BAR = 0.75
STEPS = 200


def measure(quick: bool) -> Result:
    """Both contestants go on from turn to turn, from the same weights, and must have the same loss in the end."""
    rows = [_row(batch, rounds=5 if quick else 150) for batch in (1, 16)]
    return Result(
        columns=[
            Column("batch", "batch"),
            Column("by_hand_s", "by hand", lambda s: duration(s.median)),
            Column("compiled_s", "compiled", lambda s: duration(s.median)),
            Column("bare_s", "without the look", lambda s: duration(s.median)),
            Column("ratio", "ratio (quartiles)", around),
            Column("losses_differ", "losses differ by", "{:.0e}".format),
        ],
        rows=rows,
        bars=[Bar(f"batch {row['batch']}: times the step by hand", BAR, row["ratio"].median) for row in rows]
        + [Bar("difference of the losses, relative", SAME, max(row["losses_differ"] for row in rows))],
        notes=[
            f"Forward, loss, backward and SGD in float64; {STEPS} steps a round.",
            "Before each step, compiled code looks whether everything is as it was when it was traced; the generated "
            "function alone is 'without the look'.",
        ],
    )


def _row(batch: int, rounds: int) -> dict[str, Any]:
    x, y = images(batch)
    net, hand = network(), network()
    optimizer = optim.SGD(net.parameters(), lr=LR)

    @compile
    def step(x: Any, y: Any) -> Any:
        loss = nn.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    written = by_hand([parameter.data for parameter in hand.parameters()], x, y)
    mine, theirs = step(x, y).item(), written()
    for _ in range(STEPS - 1):
        mine, theirs = step(x, y).item(), written()
    bare = step.generated
    contestants = {"by_hand": written, "compiled": lambda: step(x, y), "bare": lambda: bare(x, y)}
    seconds = interleaved(rounds, [_turn(contestant) for contestant in contestants.values()])
    return {
        "batch": batch,
        **{f"{name}_s": spread(taken) for name, taken in zip(contestants, seconds, strict=True)},
        "ratio": ratio(seconds[1], seconds[0]),
        "loss": mine,
        "losses_differ": abs(mine - theirs) / abs(theirs),
    }


def _turn(step: Any) -> Any:
    def block() -> None:
        for _ in range(STEPS):
            step()

    return lambda: seconds_of(block) / STEPS
