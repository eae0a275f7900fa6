"""Kinks: where a function has a left and a right slope but no derivative.

A subgradient there is a mixture of the gradients found next to the kink. One entry alone must lie between its two
slopes; several that kink together (the tied entries of a maximum) must be right together, so that their shares add
up to one. The test is therefore made for groups: is what backward chose in the convex hull of the gradients nearby?
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.finite_differences import slopes
from tinygrad_edu.gradcheck.entries import NEAR_ZERO, Meter
from tinygrad_edu.gradcheck.structure import Subject

__all__ = ["decide", "distance_to_hull", "groups", "nudges"]

Array = NDArray[np.float64]
Index = tuple[int, ...]
SIGNS = (1.0, -1.0)
FEW = 48  # above this many kinks, those that have nothing to do with any other are looked for first
BESIDE = 1e-4  # how near beside a kink is, as a part of |x|
CURVED = 1e-3  # slopes beside a kink are a little different from those on it, for f may be curved
INTERACTS = 1e-2  # of the jump of a slope: more than that is not due to f being curved
NEAREST, FURTHEST = 0.3, 1.0  # how far to go beside a kink, in units of its scale


def decide(subject: Subject, meter: Meter, seed: Array) -> None:
    """On a kink backward is right if what it chose, for the whole group, is a mixture of the gradients nearby."""
    kinked = [entry for entry in subject.report.entries if entry.verdict == "kink"]
    places = [(subject.names.index(entry.name), entry.index) for entry in kinked]
    scale = np.array([BESIDE * max(abs(float(meter.probe.values[k][index])), NEAR_ZERO) for k, index in places])
    left, right, chosen = (np.array([getattr(e, side) for e in kinked]) for side in ("left", "right", "analytic"))
    rng = np.random.default_rng(0)

    def at(offset: Array) -> Array:
        with _moved(subject, meter, places, scale * offset):
            result: Array = meter.weights * meter.probe()
        return result

    for group in groups(at, np.abs(right - left) * scale) if kinked else ():
        outside = [j for j in group if not kinked[j].excess <= 1]
        if outside:
            for j in outside:
                kinked[j].verdict = "mismatch"
            continue
        # The neighbours in a tie are moved apart: all measuring must be done well within the distance between them.
        beside = [(*places[j], 0.1 * scale[j] / len(group)) for j in group]
        corners = []
        verdict = "kink"
        for direction in nudges(left[group], right[group], chosen[group], rng):
            offset = np.zeros(len(kinked))
            offset[group] = direction
            with _moved(subject, meter, places, scale * offset):
                corners.append([_slope(meter, *place) for place in beside])
                if len(corners) == 1 and not _agrees(subject, meter, seed, beside):
                    verdict = "mismatch"
        size = np.max(np.abs(corners)) or 1.0
        if not np.isfinite(size):
            verdict = "inconclusive"
        elif len(group) > 1 and not distance_to_hull(chosen[group] / size, np.array(corners) / size) <= CURVED:
            verdict = "mismatch"
        for j in group:
            kinked[j].verdict = verdict


@contextlib.contextmanager
def _moved(subject: Subject, meter: Meter, places: list[tuple[int, Index]], offset: Array) -> Iterator[None]:
    """A point a little away, for backward and for the measuring alike."""
    own = [tensor._data for tensor in subject.tensors]
    values = [value.copy() for value in meter.probe.values]
    try:
        for tensor in subject.tensors:
            tensor._data = tensor._data.copy()
        for (k, index), d in zip(places, offset):
            subject.tensors[k]._data[index] += d
        for value, tensor in zip(meter.probe.values, subject.tensors):
            value[...] = tensor._data
        yield
    finally:
        for tensor, data, value, before in zip(subject.tensors, own, meter.probe.values, values):
            tensor._data = data
            value[...] = before


def _slope(meter: Meter, k: int, index: Index, step: float) -> float:
    _, line = meter.line(k, index)
    h = 0.1 * step
    return float(np.sum(meter.weights * (line(h) - line(-h)))) / (2 * h)


def _agrees(subject: Subject, meter: Meter, seed: Array, beside: list[tuple[int, Index, float]]) -> bool:
    """Whether backward is right at the point where we are now."""
    gradients, here = subject.gradients(seed), meter.probe()
    for k, index, step in beside:
        slope, error = slopes(meter.line(k, index)[1], here, step).best(meter.weights)
        analytic = float(gradients[k][index])
        if not abs(analytic - slope) <= 10 * error + max(meter.rtol[k], 1e-7) * max(abs(slope), abs(analytic)):
            return False
    return True


def groups(at: Callable[[Array], Array], jumps: Array) -> list[list[int]]:
    """Which kinks belong together: those whose effects do not simply add up.

    Args:
        at: f's result, any shape, moved along the kinked entries by an offset of shape (n,).
        jumps: (n,) how much the slope of each entry jumps.

    Returns:
        Lists of the numbers 0 … n−1, each number in one of them.

    Example:
        >>> pairs = lambda d: np.array([np.maximum(d[0], d[1]), np.abs(d[2])])
        >>> groups(pairs, np.ones(3))
        [[0, 1], [2]]
    """
    n = len(jumps)
    group = list(range(n))
    unit, here = np.eye(n), at(np.zeros(n))
    alone = {(i, sign): at(sign * unit[i]) for i in range(n) for sign in SIGNS}

    def interact(i: int, offset: Array, there: Array, limit: float) -> bool:
        """Whether entry i moves f differently when others have been moved."""
        for sign in SIGNS:
            effect = at(offset + sign * unit[i]) - there
            if np.sum(np.abs(effect - alone[i, sign] + here)) > INTERACTS * limit:
                return True
        return False

    social = list(range(n))
    if n > FEW:
        crowds = np.random.default_rng(0).choice(SIGNS, (4, n))
        others = {i: [crowd * (1 - unit[i]) for crowd in crowds] for i in social}
        social = [i for i in social if any(interact(i, o, at(o), np.min(jumps)) for o in others[i])]
    for i, j in itertools.combinations(social, 2):
        limit = min(jumps[i], jumps[j])
        if group[i] != group[j] and any(interact(i, s * unit[j], alone[j, s], limit) for s in SIGNS):
            group = [group[i] if g == group[j] else g for g in group]
    return [[i for i in range(n) if group[i] == g] for g in dict.fromkeys(group)]


def nudges(left: Array, right: Array, chosen: Array, rng: np.random.Generator) -> list[Array]:
    """Directions in which to look beside a kink.

    Towards the side that backward seems to have taken, each entry up or down alone, some at random; always with the
    opposite direction, and never the same distance for two entries, for that could keep a tie: the distances are
    evenly spaced, in random order.

    Args:
        left: (m,) slopes to the left.
        right: (m,) slopes to the right.
        chosen: (m,) what backward chose.
        rng: for the order of the distances.
    """
    m = len(chosen)
    towards = np.where(np.abs(chosen - right) < np.abs(chosen - left), 1.0, -1.0)
    alone = 2 * np.eye(m) - 1
    signs = [towards, *alone, *rng.choice([-1.0, 1.0], (6, m))]
    sized = [sign * rng.permutation(np.linspace(NEAREST, FURTHEST, m)) for sign in signs]
    return [direction for one in sized for direction in (one, -one)]


def distance_to_hull(point: Array, corners: Array) -> float:
    """How far a point is from all mixtures of the corners.

    The nearest mixture is looked for among few corners at a time: of these the best mixture without regard to signs,
    then those out whose share would be negative, then the corner in that lies furthest towards the point. It ends
    after finitely many steps. Source: P. Wolfe, "Finding the nearest point in a polytope", Mathematical Programming
    11 (1976).

    Args:
        point: (m,).
        corners: (n, m).

    Example:
        >>> corners = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> round(distance_to_hull(np.array([0.5, 0.5]), corners), 12)
        0.0
        >>> round(distance_to_hull(np.array([1.0, 1.0]), corners), 6)
        0.707107
    """
    tiny = 1e-14
    shifted = corners - point
    size = float(np.max(np.abs(shifted)))
    used = [int(np.argmin(np.sum(shifted**2, axis=1)))]
    shares = np.ones(1)
    for _ in range(10 * len(shifted)):
        nearest = shares @ shifted[used]
        new = int(np.argmin(shifted @ nearest))
        if new in used or nearest @ (nearest - shifted[new]) <= tiny * size**2:
            break
        used, shares = [*used, new], np.append(shares, 0.0)
        while True:
            some = shifted[used]
            rest = np.linalg.lstsq((some[1:] - some[0]).T, -some[0])[0]
            best = np.array([1 - np.sum(rest), *rest])
            negative = best <= tiny
            if not np.any(negative):
                break
            part = np.min(shares[negative] / np.maximum(shares[negative] - best[negative], tiny))
            shares = shares + part * (best - shares)
            kept = shares > tiny
            used, shares = [i for i, keep in zip(used, kept) if keep], shares[kept]
        shares = best
    return float(np.linalg.norm(shares @ shifted[used]))
