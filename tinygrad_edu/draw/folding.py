"""Where a sequence of operations repeats itself: found by comparing it with itself, shifted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fold", "Signature", "folds"]

Signature = Sequence[Sequence[Hashable]]

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


def folds(signatures: Sequence[Signature], enough: Callable[[list[Fold]], bool]) -> list[Fold]:
    """What to fold, in order, so that `enough` is content or nothing is left that repeats.

    Of every stretch that repeats the first and the last round stay, so there must be at least three. The stretch that
    hides the most goes first.

    Args:
        signatures: of the operations, in the order in which they ran. Each has features, and each of these one way or
            several to say what it is; two operations do the same to the same where all features agree, in one of the
            ways at least.
        enough: looks at what is folded so far.

    Example:
        >>> folds("xabababab", lambda found: bool(found))  # a letter is one feature, and says in one way what it is
        [Fold(start=3, stop=7, period=2)]
    """
    codes = _codes(signatures)
    found: list[Fold] = []
    best_of = {(0, len(codes)): _most(codes, 0)}
    while best_of and not enough(found):
        (a, b), best = max(best_of.items(), key=lambda item: item[1].stop - item[1].start)
        if best.start == best.stop:
            break
        found.append(best)
        del best_of[a, b]
        for part in ((a, best.start), (best.stop, b)):
            best_of[part] = _most(codes[slice(*part)], part[0])
    return sorted(found, key=lambda fold: fold.start)


def _codes(signatures: Sequence[Signature]) -> NDArray[np.int64]:
    """A number for everything that is said: (operations, features, ways); -1 where there are no more features."""
    most = max(map(len, signatures), default=0)
    ways = max((len(feature) for signature in signatures for feature in signature), default=0)
    codes = np.full((len(signatures), most, ways), -1)
    known: dict[Hashable, int] = {}
    for i, signature in enumerate(signatures):
        for j, feature in enumerate(signature):
            codes[i, j] = known.setdefault(feature[-1], len(known))  # who says less repeats the last word
            codes[i, j, : len(feature)] = [known.setdefault(way, len(known)) for way in feature]
    return codes


def _most(codes: NDArray[np.int64], offset: int) -> Fold:
    """The fold that hides the most of one stretch; of equals the one with the shorter round."""
    best = Fold(offset, offset)
    for period in range(1, min(len(codes) // 3, LONGEST) + 1):
        agree = (codes[:-period] == codes[period:]).any(axis=2).all(axis=1)
        same = np.concatenate([[False], agree, [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for first, last in zip(edges[::2], edges[1::2]):  # operations first..last equal those one period later
            hidden = (int(last - first) // period - 1) * period
            if hidden > best.stop - best.start:
                start = offset + int(first) + period
                best = Fold(start, start + hidden, period)
    return best
