"""Graphs of a hundred to a million nodes: the time for one node must not depend on how many there are."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.report import Bar, Column, Result, duration
from benchmarks.timing import clock, interleaved, ratio, spread
from tinygrad_edu import Tensor

__all__ = ["CLAIM", "GRAPHS", "measure"]

CLAIM = "A node costs the same in a graph of a hundred and in one of a million, and nothing recurses."
BAR = 1.5
MOST_FRAMES = 60  # on top of those in use; a graph walked by recursion would need one for every node


def chain(x: Tensor, nodes: int) -> Tensor:
    """One operation upon the other: as deep as it can be."""
    for _ in range(nodes):
        x = x + 0.0
    return x


def tree(x: Tensor, nodes: int) -> Tensor:
    """Half of the nodes beside one another, added up in pairs: as wide as it can be."""
    leaves = nodes // 2
    row = [x * (1 / leaves) for _ in range(leaves)]
    while len(row) > 1:
        rest = row[len(row) // 2 * 2 :]
        row = [a + b for a, b in zip(row[::2], row[1::2], strict=False)] + rest
    return row[0]


def tangle(x: Tensor, nodes: int) -> Tensor:
    """Each three nodes average the newest tensor and any earlier one: as disorderly as it can be."""
    choose = random.Random(0).randrange
    made = [x]
    for _ in range(nodes // 3):
        made.append(made[-1] * 0.5 + made[choose(len(made))] * 0.5)
    return made[-1]


# In each of them the result is x itself, so that its slope is 1 however large the graph.
GRAPHS: dict[str, Callable[[Tensor, int], Tensor]] = {"chain": chain, "tree": tree, "tangle": tangle}


def measure(quick: bool) -> Result:
    """Forward and backward for each kind of graph and size, with Python's cyclic garbage collector on and off."""
    sizes = (100, 1000, 10_000) if quick else (100, 1000, 10_000, 100_000, 1_000_000)
    rows: list[dict[str, Any]] = []
    bars: list[Bar] = []
    for kind, build in GRAPHS.items():
        contestants = [_turn(build, nodes, collecting) for nodes in sizes for collecting in (True, False)]
        with _few_frames():
            seconds = interleaved(2, contestants, warm_up=0)
        on, off = seconds[::2], seconds[1::2]
        for nodes, with_collector, without in zip(sizes, on, off, strict=True):
            rows.append(
                {
                    "graph": kind,
                    "nodes": nodes,
                    "per_node_s": spread(with_collector),
                    "per_node_collector_off_s": spread(without),
                    "bytes_per_node": _memory(build, nodes) if nodes <= 100_000 else None,
                }
            )
        bars += [
            Bar(f"{kind}: slowest over fastest, collector {state}", BAR, _unevenness(times))
            for state, times in (("on", on), ("off", off))
        ]
    return Result(
        columns=[
            Column("graph", "graph"),
            Column("nodes", "nodes", "{:,}".format),
            Column("per_node_s", "time per node", lambda s: duration(s.median)),
            Column("per_node_collector_off_s", "collector off", lambda s: duration(s.median)),
            Column("bytes_per_node", "peak memory per node", lambda n: f"{n:,.0f} bytes" if n else "not measured"),
        ],
        rows=rows,
        bars=bars,
        notes=[
            f"Forward and backward on single numbers, with no more than {MOST_FRAMES} frames of stack to use. "
            "Python's cyclic garbage collector looks through all living objects again and again while a graph grows; "
            "“collector off” is the same work without it. A tangle reaches anywhere into memory, past every cache."
        ],
    )


def _turn(build: Callable[[Tensor, int], Tensor], nodes: int, collecting: bool) -> Callable[[], float]:
    """One contestant: seconds per node, small graphs several times over."""
    repeats = max(1, 20_000 // nodes)

    def turn() -> float:
        before = gc.isenabled()
        gc.collect()
        (gc.enable if collecting else gc.disable)()
        try:
            start = clock()
            for _ in range(repeats):
                _forward_and_backward(build, nodes)
            return (clock() - start) / (nodes * repeats)
        finally:
            (gc.enable if before else gc.disable)()

    return turn


def _forward_and_backward(build: Callable[[Tensor, int], Tensor], nodes: int) -> None:
    x = Tensor(1.0, requires_grad=True)
    build(x, nodes).backward()
    if abs(x.grad - 1) > 1e-6:
        raise ArithmeticError(f"the slope came out as {x.grad} instead of 1")


def _memory(build: Callable[[Tensor, int], Tensor], nodes: int) -> float:
    """Bytes per node at the peak, in a run of its own because watching makes it slow."""
    tracemalloc.start()
    try:
        _forward_and_backward(build, nodes)
        return tracemalloc.get_traced_memory()[1] / nodes
    finally:
        tracemalloc.stop()


def _unevenness(seconds: list[list[float]]) -> float:
    """How many times longer a node takes in the slowest size than in the fastest."""
    by_median = sorted(seconds, key=lambda one: spread(one).median)
    return ratio(by_median[-1], by_median[0]).median


@contextlib.contextmanager
def _few_frames() -> Iterator[None]:
    """Let only a few more frames on the stack, so that recursion over nodes would fail."""
    used = 0
    frame = sys._getframe()
    while frame is not None:
        used, frame = used + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(used + MOST_FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
