"""Where a sequence of operations repeats itself: found by comparing it with itself, shifted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Fold", "folds"]

LONGEST = 500  # operations of a round, at most


@dataclass(frozen=True)
class Fold:
    """The operations `start` to `stop`, that one excluded: `times` rounds of `period` operations each.

    `period` is 0 where nothing repeats and the graph is only too large.
    """

    start: int
    stop: int
    period: int = 0

    @property
    def times(self) -> int:
        """How many rounds are folded."""
        return (self.stop - self.start) // self.period if self.period else 1


def folds(signatures: Sequence[Hashable], enough: Callable[[list[Fold]], bool]) -> list[Fold]:
    """What to fold, in order, so that `enough` is content or nothing is left that repeats.

    Of every stretch that repeats the first and the last round stay, so there must be at least three. The stretch that
    hides the most goes first.

    Args:
        signatures: equal for operations that do the same to the same, in the order in which they ran.
        enough: looks at what is folded so far.

    Example:
        >>> folds("xabababab", lambda found: bool(found))
        [Fold(start=3, stop=7, period=2)]
    """
    known: dict[Hashable, int] = {}
    kinds = np.array([known.setdefault(s, len(known)) for s in signatures])
    found: list[Fold] = []
    stretches = [(0, len(kinds))]
    while stretches and not enough(found):
        best = max((_most(kinds[a:b], a) for a, b in stretches), key=lambda fold: fold.stop - fold.start)
        if best.start == best.stop:
            break
        found.append(best)
        cut = next(s for s in stretches if s[0] <= best.start < s[1])
        stretches.remove(cut)
        stretches += [(cut[0], best.start), (best.stop, cut[1])]
    return sorted(found, key=lambda fold: fold.start)


def _most(kinds: np.ndarray, offset: int) -> Fold:
    """The fold that hides the most of one stretch; of equals the one with the shorter round."""
    best = Fold(offset, offset)
    for period in range(1, min(len(kinds) // 3, LONGEST) + 1):
        same = np.concatenate([[False], kinds[:-period] == kinds[period:], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for first, last in zip(edges[::2], edges[1::2]):  # operations first..last equal those one period later
            hidden = (int(last - first) // period - 1) * period
            if hidden > best.stop - best.start:
                start = offset + int(first) + period
                best = Fold(start, start + hidden, period)
    return best
