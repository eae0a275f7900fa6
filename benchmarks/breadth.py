"""How many of NumPy's functions can be differentiated: every one is called on Tensors, and the answer is checked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.breadth_calls import WITHOUT_ARRAYS, exported
from benchmarks.breadth_judge import Verdict, verdict_of
from benchmarks.report import Bar, Column, Result, show
from tinygrad_edu.cli.terminal import console

__all__ = ["CLAIM", "FIRST", "SECOND", "main", "measure", "verdicts"]

CLAIM = "What numpy, numpy.linalg and numpy.fft export is differentiated, is constant by nature, or is refused."
FIRST, SECOND = 235, 200
PEERS = "jax.numpy 230, autograd 188, MyGrad 68"

# Every outcome, and under which heading it is listed.
HEADINGS: dict[str, Callable[[Verdict], bool]] = {
    "differentiated": lambda v: v.outcome == "differentiated" and not v.deprecated,
    "constant by nature": lambda v: v.outcome == "constant" and not v.deprecated,
    "refused": lambda v: v.outcome == "refused" and not v.deprecated,
    "deprecated by NumPy, not counted": lambda v: v.deprecated and v.outcome not in ("wrong", "raised"),
    "WRONG": lambda v: v.outcome in ("wrong", "raised", "not called"),
}


def verdicts() -> list[Verdict]:
    """What came of every function, in the order of their names."""
    return sorted((verdict_of(function, name) for function, name in exported().items()), key=lambda v: v.name)


def measure(quick: bool) -> Result:
    """Every function; there is no quicker way, and it takes seconds."""
    return result_of(verdicts())


def result_of(found: list[Verdict]) -> Result:
    """The lists, and the bars. A bar says "at most", so what is counted is how many functions are still missing."""
    lists = {heading: [v for v in found if belongs(v)] for heading, belongs in HEADINGS.items()}
    first, second = len(lists["differentiated"]), sum(v.twice for v in lists["differentiated"])
    rows = [
        {
            "list": heading,
            "functions": len(members),
            "twice": sum(v.twice for v in members) if heading == "differentiated" else None,
            "names": [v.name for v in members],
        }
        for heading, members in lists.items()
        if members or heading == "WRONG"
    ]
    return Result(
        columns=[
            Column("list", "list"),
            Column("functions", "functions"),
            Column("twice", "second derivatives right", lambda n: "" if n is None else str(n)),
        ],
        rows=rows,
        bars=[
            Bar(f"differentiated: {first}; missing of {FIRST}", 0, max(0, FIRST - first)),
            Bar(f"second derivatives right: {second}; missing of {SECOND}", 0, max(0, SECOND - second)),
            Bar("functions that give something wrong", 0, len(lists["WRONG"])),
        ],
        notes=_notes(lists),
    )


def _notes(lists: dict[str, list[Verdict]]) -> list[str]:
    once = [v.name for v in lists["differentiated"] if not v.twice]
    unasked = sum(len(names.split()) for names in WITHOUT_ARRAYS.values())
    return [
        *(f"{heading}: {', '.join(v.name for v in members)}\n" for heading, members in lists.items() if members),
        *([f"differentiated, but not twice: {', '.join(once)}\n"] if once else []),
        *(f"WRONG {v.name}: {remark}" for v in lists["WRONG"] for remark in v.remarks or ["no call is known"]),
        f"Distinct functions: one that is exported under several names counts once. Those without array arguments "
        f"({unasked} at most) are constant by nature and were not called. Right means: the result is NumPy's to the "
        "last bit; the gradient is the slope by extrapolated central differences, for all inputs at once and for each "
        "alone; so for the second derivatives. One wrong call of a function makes it WRONG.",
        f"Peers, by first derivatives: {PEERS}. This project's own earlier measurement, not repeated here: every "
        "function of the same three namespaces was called.",
    ]


def main() -> int:
    """Print the lists. The exit code is 1 if any function gives something wrong: this does not depend on the clock."""
    result: Any = measure(False)
    show(console(), result)
    return int(any(row["list"] == "WRONG" and row["functions"] for row in result.rows))


if __name__ == "__main__":
    sys.exit(main())
