"""Is every slope the true one? Each entry against differences over many step sizes, and a complex step."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.finite_differences import LEVELS, Probe, complex_step, noise, slopes
from tinygrad_edu.gradcheck.report import Entry
from tinygrad_edu.gradcheck.structure import Subject

__all__ = ["Meter"]

Array = NDArray[Any]
Index = tuple[int, ...]
EPS = float(np.finfo(np.float64).eps)
RTOL = {np.dtype(np.float16): 1e-2, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-9}

# Lengths, as parts of |x|:
REACH = 0.05  # the widest step: far enough that rounding hides little, near enough for a power series to converge
NEAR_ZERO = 0.1  # what counts for |x| where x is smaller: there |x| says nothing of how fast f changes
# Sizes, as parts of a slope:
SAME = 0.01  # two numbers that differ by less say the same; an uncertainty of more says nothing
SHARP = 1e-3  # a difference so certain can confirm a complex step: agreement to three digits is no accident
SMOOTH = 1e-6  # left and right slope agree so certainly that what a wider sweep took for a kink was a bend
# Sizes, as parts of the slope that f could well have (see `natural`):
NEGLIGIBLE = 1e-9  # an uncertainty that matters to nobody, even if the slope itself is smaller still
ROUNDED = 1e-10  # as a part of f's size: what rounding can do to it
NOTHING = 1e-12  # jumps that rounding in a few operations can make


class Meter:
    """Measures slopes of the subject's function, its entries added up with weights, in float64."""

    def __init__(self, subject: Subject, weights: Array, rtol: float | None) -> None:
        self.subject = subject
        self.weights = weights
        self.rtol = [RTOL.get(tensor.dtype, 1e-9) if rtol is None else rtol for tensor in subject.tensors]
        self.probe = Probe(subject.f, subject.arguments, subject.tensors)
        self.here = self.probe()
        self.wrong = self.rounding()
        self.complex_probe = Probe(subject.f, subject.arguments, subject.tensors, np.complex128)
        self.can_be_complex = True

    def rounding(self) -> Array:
        """How far rounding alone moves f: what f does when all inputs move by their last bit."""
        rng = np.random.default_rng(3)
        own = [value.copy() for value in self.probe.values]
        moved = []
        for _ in range(5):
            for value, x in zip(self.probe.values, own):
                value[...] = x * (1 + EPS * rng.uniform(-1, 1, x.shape))
            moved.append(np.abs(self.probe() - self.here))
        for value, x in zip(self.probe.values, own):
            value[...] = x
        most: Array = np.max(moved, axis=0)
        return np.where(np.isfinite(most), most, 0)

    @property
    def forward_passes(self) -> int:
        return self.probe.forward_passes + self.complex_probe.forward_passes

    def entry(self, k: int, index: Index, analytic: float, noise: float) -> Entry:
        """Measure one entry and compare: |analytic − numeric| ≤ 10·error + rtol·max(|analytic|, |numeric|)."""
        natural = self.natural(k, index)
        entry = Entry(self.subject.names[k], index, analytic, *self.measure(k, index, natural))
        exact = None if entry.left != entry.right else self.exact(k, index)
        # A complex step can miss a part of f that takes the absolute value, so agreeing with it must mean something.
        if (
            exact is not None
            and 10 * entry.error <= SHARP * abs(exact[0])
            and abs(exact[0] - entry.numeric) <= 10 * entry.error + self.rtol[k] * abs(exact[0])
        ):
            entry.numeric, entry.error = exact
            entry.left = entry.right = exact[0]
        vague = _is_vague(entry, natural)
        entry.error += noise
        entry.tolerance = 10 * entry.error + self.rtol[k] * max(abs(analytic), abs(entry.numeric))
        if entry.left != entry.right:  # what lies between the two is right, see `kinks`; how far outside may it be?
            entry.tolerance = 10 * entry.error + self.rtol[k] * max(abs(entry.left), abs(entry.right))
        if entry.left != entry.right:
            entry.verdict = "kink"
        elif not math.isfinite(entry.error):
            entry.verdict = "inconclusive"
        elif not math.isfinite(analytic) or abs(analytic - entry.numeric) > entry.tolerance:
            entry.verdict = "mismatch"
        else:
            entry.verdict = "inconclusive" if vague else "agree"
        return entry

    def measure(self, k: int, index: Index, natural: float) -> tuple[float, float, float, float]:
        """(slope, its error, left slope, right slope); left and right are equal unless there is a kink."""
        x, line = self.line(k, index)
        step = REACH * max(abs(x), NEAR_ZERO)
        best = blurred = (math.nan, math.inf, math.nan, math.nan)
        kinks: list[tuple[float, float, float, float]] = []
        near, wide = noise(line, abs(x) or NEAR_ZERO), noise(line, 100 * step)
        # A tiny step may not move f at all, as with 1 − cos(x) at 1e-7, and then tells nothing of its rounding. A wider
        # one does; but what is more than a tiny part of f's size is not rounding, it is f itself.
        size = np.maximum(np.abs(line(step)), np.abs(line(-step)))
        wrong = np.maximum(self.wrong, np.where((near == 0) & (wide <= ROUNDED * size), wide, near))
        # Smaller and smaller sweeps: for functions that change on the scale of a small x, and to see whether what
        # looks like a kink from afar is smooth from near.
        weights, hidden = self.weights, 0.0
        narrower = {step / 2**LEVELS, step / 4**LEVELS}  # each begins where the one before has ended
        for base in sorted({step, REACH * abs(x) or step} | narrower, reverse=True):
            found = slopes(line, self.here, base, wrong)
            left, right, doubt = found.jump(weights)
            largest = max(abs(left), abs(right))
            if abs(left - right) > 10 * doubt + self.rtol[k] * largest + NOTHING * natural:
                middle, half = (left + right) / 2, abs(left - right) / 2
                kinks.append((middle, doubt, left, right))
                blurred = min(blurred, (middle, half, middle, middle), key=lambda guess: guess[1])
            else:
                value, error = found.best(weights)
                best = min(best, (value, error + hidden, value, value), key=lambda guess: guess[1])
                if 10 * doubt <= SMOOTH * largest:  # smooth, whatever it looked like from afar
                    kinks = [kink for kink in kinks if abs(kink[2] - kink[3]) <= 10 * doubt]  # too small to see now
                    if not kinks and best[1] <= 0.1 * self.rtol[k] * abs(best[0]):
                        break
            if base == step:
                # What did not move at all in the widest sweep will not in a narrower one: rounding hides no more.
                hidden = float(np.sum(np.abs(weights * self.here) * found.flat)) * EPS / base
                weights = np.where(found.flat, 0, weights)
        return _confirmed(kinks) or min(best, blurred, key=lambda guess: guess[1])

    def line(self, k: int, index: Index) -> tuple[float, Any]:
        """One entry's value, and f along it."""
        x = float(self.probe.values[k][index])
        return x, lambda t: self.probe.at(k, index, x + t)

    def exact(self, k: int, index: Index) -> tuple[float, float] | None:
        """(slope, its error) by a complex step, if f can do one at all."""
        if not self.can_be_complex:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = complex_step(self.complex_probe, k, index)
        self.can_be_complex = value is not None
        if value is None or not np.all(np.isfinite(value)) or not np.any(value):  # 0 may be an underflow
            return None
        # Backward works from numbers of f's own precision: what f's rounding hides in a difference, it may get wrong.
        step = REACH * max(abs(float(self.probe.values[k][index])), NEAR_ZERO)
        error = np.abs(self.weights * value) + np.abs(self.weights * self.here) * (value != 0) / step
        return float(np.sum(self.weights * value)), float(EPS * np.sum(error))

    def natural(self, k: int, index: Index) -> float:
        """A slope that f could well have here, judged by its size near x: what a small slope is small against."""
        x, line = self.line(k, index)
        scale = max(abs(x), NEAR_ZERO)
        values = np.abs([self.here, line(REACH * scale), line(-REACH * scale)])
        largest = np.max(np.where(np.isfinite(values), values, 0), axis=0)
        return float(np.sum(np.abs(self.weights) * largest)) / scale


def _is_vague(entry: Entry, natural: float) -> bool:
    """Whether the measured slope is so uncertain that agreeing with it means nothing."""
    doubt = 10 * entry.error
    return doubt > SAME * max(abs(entry.analytic), abs(entry.numeric)) and doubt > NEGLIGIBLE * natural


def _confirmed(kinks: list[tuple[float, float, float, float]]) -> tuple[float, float, float, float] | None:
    """The sharpest of the kinks seen, if two sweeps saw the same: rounding can look like a kink, but never twice."""
    kinks = sorted(kinks, key=lambda kink: kink[1])
    for one in kinks:
        near = SAME * abs(one[2] - one[3])
        if any(abs(one[2] - o[2]) <= near and abs(one[3] - o[3]) <= near for o in kinks if o is not one):
            return one
    return None
