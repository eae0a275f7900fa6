"""What a gradient check found, entry by entry, and how it is printed."""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass, field

__all__ = ["VERDICTS", "Entry", "Report"]

VERDICTS = ("agree", "kink", "mismatch", "inconclusive")


@dataclass
class Entry:
    """One entry of one input: what backward said and what the function does."""

    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float  # what `numeric` may be wrong by
    left: float
    right: float
    verdict: str = "inconclusive"
    tolerance: float = 0.0

    @property
    def excess(self) -> float:
        """|analytic − numeric| in units of the tolerance; at a kink, how far outside the two slopes it lies."""
        low, high = sorted((self.left, self.right)) if self.verdict == "kink" else (self.numeric, self.numeric)
        distance = max(low - self.analytic, self.analytic - high, 0.0) if low <= high else math.inf
        if not math.isfinite(distance):
            return math.inf
        return distance / self.tolerance if self.tolerance else (math.inf if distance else 0.0)

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name


@dataclass
class Report:
    """What `gradcheck` found. True when all is well; print it for a table."""

    entries: list[Entry] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # what backward did that no derivative does
    forward_passes: int = 0
    backward_passes: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many entries got each verdict: agree, kink, mismatch, inconclusive."""
        found = collections.Counter(entry.verdict for entry in self.entries)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def worst(self) -> Entry | None:
        """The entry that is furthest off, measured against its tolerance; failing ones first."""
        return max(
            self.entries, key=lambda e: (VERDICTS.index(e.verdict) > 1, e.verdict == "mismatch", e.excess), default=None
        )

    def __bool__(self) -> bool:
        return not self.failures and all(entry.verdict in ("agree", "kink") for entry in self.entries)

    def __str__(self) -> str:
        summary = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        lines = [f"gradcheck {'passed' if self else 'FAILED'}: {summary}"]
        lines += [f"  backward: {failure}" for failure in self.failures]
        if not self and self.worst and self.worst.verdict != "agree":
            lines.append(f"  worst: {self.worst}, backward {self.worst.analytic:.10g}, true {self.worst.numeric:.10g}")
        shown = sorted(self.entries, key=lambda e: (-VERDICTS.index(e.verdict), -e.excess))[:40]
        width = max((len(str(entry)) for entry in shown), default=0)
        for e in shown:
            truth = (
                f"between {e.left:.10g} and {e.right:.10g}"
                if e.verdict == "kink"
                else f"{e.numeric:.10g} ± {e.error:.1e}"
            )
            lines.append(f"  {e.verdict:<12} {e!s:<{width}}  backward {e.analytic:>16.10g}  measured {truth}")
        if len(shown) < len(self.entries):
            lines.append(f"  … and {len(self.entries) - len(shown)} more that agree at least as well")
        return "\n".join(lines)
