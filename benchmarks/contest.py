"""Contestants in processes of their own, taking turns: no thread pool disturbs another's, memory is everyone's own.

`race` is the referee; `python -m benchmarks.contest NAME PROBLEM OPTIONS` is one contestant. A line that comes in is a
number of steps, a line that goes out is that turn as JSON. Nobody begins anew: after the same turns everyone has made
the same steps from the same weights, so everyone's loss must be the same.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.peers import LABELS, problems
from benchmarks.report import Column, around, duration

__all__ = ["COLUMNS", "Race", "main", "peak", "race", "serve", "start", "threads"]

PAUSE = 0.1  # seconds; the threads of the process before still spin for a while, waiting for work
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")
Turn = dict[str, Any]  # "processor" and "wall" seconds a step, the loss after the last, "bytes" at the peak

COLUMNS = [
    Column("label", "contestant"),
    Column("seconds", "step", lambda s: duration(s.median)),
    Column("ratio", "times by hand", around),
    Column("loss", "loss", "{:.6f}".format),
]


@dataclass(frozen=True)
class Race:
    """What came of it: every contestant's turns in order, and a line for each that could not take part."""

    clock: str
    threads: int
    turns: dict[str, list[Turn]]
    skipped: list[str]

    def seconds(self, name: str) -> list[float]:
        """A contestant's seconds for a step, turn by turn."""
        return [turn[self.clock] for turn in self.turns[name]]

    def times(self, one: str, other: str) -> timing.Spread | None:
        """How many times longer `one` takes than `other`; None if either is not here."""
        here = one in self.turns and other in self.turns
        return timing.ratio(self.seconds(one), self.seconds(other)) if here else None

    def rows(self, base: str = "by_hand") -> list[dict[str, Any]]:
        """A row for each contestant, compared with `base`."""
        return [
            {
                "name": name,
                "label": LABELS[name],
                "threads": self.threads,
                "seconds": timing.spread(self.seconds(name)),
                "wall": timing.spread([turn["wall"] for turn in turns]),
                "ratio": self.times(name, base),
                "loss": turns[-1]["loss"],
                "bytes": turns[-1]["bytes"],
            }
            for name, turns in self.turns.items()
        ]

    def losses_differ(self) -> float:
        """The largest relative difference between any two losses after the same number of steps, over all turns."""
        losses = np.array([[turn["loss"] for turn in turns] for turns in self.turns.values()])
        return float(np.max(np.ptp(losses, axis=0) / np.min(np.abs(losses), axis=0)))


# ---- the referee's side ----------------------------------------------------------------------------------------------
def race(
    names: Sequence[str], problem: str, options: dict[str, Any], rounds: int, steps: int, threads: int = 1
) -> Race:
    """Let contestants work on a problem in turns.

    Args:
        names: files of `benchmarks.peers`. What is not installed is skipped.
        problem: a function of `benchmarks.peers.problems`, called with `options`.
        options: what `json.dumps` takes.
        rounds: turns of each contestant that count; one more warms up.
        steps: of each turn.
        threads: how many each may use. With one, the clock counts processor time, which is nobody else's; with more,
            it is the clock on the wall.
    """
    skipped: list[str] = []
    turns: dict[str, list[Turn]] = {}
    clock = "processor" if threads == 1 and timing.CLOCK == "process_time" else "wall"
    with ExitStack() as processes:
        contestants = []
        for name in names:
            hello, turn = start(processes, ["benchmarks.contest", name, problem, json.dumps(options)], threads)
            if "absent" in hello:
                skipped.append(f"{LABELS[name]} was skipped: {hello['absent']}")
                continue
            turns[name] = []
            contestants.append(_seconds_of(turn, steps, turns[name], clock, PAUSE * (threads > 1)))
        timing.interleaved(rounds, contestants)
    return Race(clock, threads, {name: all[1:] for name, all in turns.items()}, skipped)


def _seconds_of(
    turn: Callable[[int], Turn], steps: int, turns: list[Turn], clock: str, pause: float
) -> Callable[[], float]:
    def seconds() -> float:
        time.sleep(pause)
        turns.append(turn(steps))
        return float(turns[-1][clock])

    return seconds


def start(processes: ExitStack, command: list[str], threads: int) -> tuple[Turn, Callable[[int], Turn]]:
    """Start `python -m command`; it ends with `processes`. Returns its first line, and how to ask for a turn."""
    limits = dict.fromkeys(POOLS, str(threads))
    if threads == 1:  # XLA, which is JAX's, knows no number, only one or all
        limits["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    process = processes.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | limits,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert process.stdin
    assert process.stdout
    processes.callback(process.stdin.close)  # which ends it
    ask, answers = process.stdin, process.stdout

    def answer() -> Turn:
        line = answers.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)} ended without an answer; what it says is above")
        return dict(json.loads(line))

    def turn(steps: int) -> Turn:
        print(steps, file=ask, flush=True)
        return answer()

    return answer(), turn


# ---- a contestant's side ---------------------------------------------------------------------------------------------
def main(name: str, problem: str, options: str) -> None:
    """Build the step, or say what is missing; then take a turn for every line on standard input."""
    try:
        peer = importlib.import_module(f"benchmarks.peers.{name}")
        after_import = peak()
        kind, given = getattr(problems, problem)(**json.loads(options))
        step = getattr(peer, kind)(*given)
    except ImportError as missing:
        if (missing.name or "").startswith(("benchmarks", "tinygrad_edu")):
            raise  # what is our own has to be there
        print(json.dumps({"absent": str(missing)}), flush=True)
        return
    serve(step, after_import)


def serve(step: Callable[[], Any], after_import: int = 0) -> None:
    """Say that all is ready; then, for every line, a few steps untimed and the others timed."""
    print(json.dumps({"threads": threads()}), flush=True)
    for line in sys.stdin:
        steps = int(line)
        untimed = max(1, steps // 10)  # while the others had their turns, the caches forgot
        for _ in range(untimed):
            loss = step()
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = step()
        value = float(loss)  # those who only promised it have to keep their word now
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        turn = {"processor": processor / steps, "wall": wall / steps, "loss": value, "bytes": peak() - after_import}
        print(json.dumps(turn), flush=True)


def threads() -> int:
    """How many threads each contestant may use, as the referee has set it."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def peak() -> int:
    """The most memory that this process has held since it became this program, in bytes."""
    try:  # Linux counts in ru_maxrss what the process that started this one held
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
