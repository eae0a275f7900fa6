"""How time is taken: contestants take turns within one run, and what counts is the ratio, round by round.

A noisy machine slows down both contestants of a round alike; their ratio hardly moves. Medians and quartiles, because
one interrupted round must not spoil a mean. The clock counts what this process spends on a processor, so that waiting
for other processes is nobody's time; with one thread, on an idle machine, it is the clock on the wall.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["CLOCK", "Spread", "clock", "interleaved", "ratio", "seconds_of", "spread"]


# Where a system counts processor time in ticks of milliseconds, it is too coarse for single steps.
CLOCK = "process_time" if time.get_clock_info("process_time").resolution < 1e-6 else "perf_counter"
clock: Callable[[], float] = getattr(time, CLOCK)


@dataclass(frozen=True)
class Spread:
    """The median of repeated measurements, between their quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return Spread(median, low, high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """How many times longer ours took than theirs, compared within each round."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def seconds_of(function: Callable[[], object]) -> float:
    """What one call takes."""
    start = clock()
    function()
    return clock() - start


def interleaved(rounds: int, contestants: Sequence[Callable[[], float]], warm_up: int = 1) -> list[list[float]]:
    """Let contestants take turns: A, B, A, B, ...

    Args:
        rounds: how many turns each of them gets.
        contestants: each does its work and returns the seconds that count, so that it can prepare itself untimed.
        warm_up: rounds at the beginning that do not count: caches fill, the interpreter specialises its bytecode.

    Returns:
        For each contestant, its seconds round by round. The garbage collector stays as it is, for all alike.
    """
    gc.collect()
    seconds = [[contestant() for contestant in contestants] for _ in range(warm_up + rounds)][warm_up:]
    return [list(one) for one in zip(*seconds, strict=True)]
