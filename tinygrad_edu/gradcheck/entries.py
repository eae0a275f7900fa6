"""Is every slope the true one? Each entry against differences over many step sizes, and a complex step."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.finite_differences import Probe, complex_step, noise, slopes
from tinygrad_edu.gradcheck.report import Entry
from tinygrad_edu.gradcheck.structure import Subject

__all__ = ["Meter"]

Array = NDArray[Any]
Index = tuple[int, ...]
EPS = float(np.finfo(np.float64).eps)
RTOL = {np.dtype(np.float16): 1e-2, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-9}


class Meter:
    """Measures slopes of the subject's function, its entries added up with weights, in float64."""

    def __init__(self, subject: Subject, weights: Array, rtol: float | None) -> None:
        self.subject = subject
        self.weights = weights
        self.rtol = [rtol or RTOL.get(tensor.dtype, 1e-9) for tensor in subject.tensors]
        self.probe = Probe(subject.f, subject.arguments, subject.tensors)
        self.here = self.probe()
        self.complex_probe = Probe(subject.f, subject.arguments, subject.tensors, np.complex128)
        self.can_be_complex = True

    @property
    def forward_passes(self) -> int:
        return self.probe.forward_passes + self.complex_probe.forward_passes

    def entry(self, k: int, index: Index, analytic: float, noise: float) -> Entry:
        """Measure one entry and compare: |analytic − numeric| ≤ 10·error + rtol·max(|analytic|, |numeric|)."""
        entry = Entry(self.subject.names[k], index, analytic, *self.measure(k, index))
        exact = None if entry.left != entry.right else self.exact(k, index)
        if exact is not None and abs(exact[0] - entry.numeric) <= 10 * entry.error + self.rtol[k] * abs(exact[0]):
            entry.numeric, entry.error = exact
            entry.left = entry.right = exact[0]
        entry.error += noise
        entry.tolerance = 10 * entry.error + self.rtol[k] * max(abs(analytic), abs(entry.numeric))
        if entry.left != entry.right:
            entry.verdict = "kink"
        elif not math.isfinite(entry.error):
            entry.verdict = "inconclusive"
        elif not math.isfinite(analytic) or abs(analytic - entry.numeric) > entry.tolerance:
            entry.verdict = "mismatch"
        else:
            entry.verdict = "inconclusive" if self.is_vague(entry, k) else "agree"
        return entry

    def measure(self, k: int, index: Index) -> tuple[float, float, float, float]:
        """(slope, its error, left slope, right slope); left and right are equal unless there is a kink."""
        x, line = self.line(k, index)
        step = 0.05 * max(abs(x), 0.1)
        best = blurred = (math.nan, math.inf, math.nan, math.nan)
        kinks: list[tuple[float, float, float, float]] = []
        unsure: Array | None = None
        # Smaller and smaller sweeps: for functions that change on the scale of a small x, and to see whether what
        # looks like a kink from afar is smooth from near.
        for base in sorted({step, 0.05 * abs(x) or step, step / 2**9, step / 2**18}, reverse=True):
            found = slopes(line, self.here, base, 0.0 if unsure is None else unsure)
            left, right, doubt = found.jump(self.weights)
            largest = max(abs(left), abs(right))
            if abs(left - right) > 10 * doubt + 1e-8 * largest:
                middle, half = (left + right) / 2, abs(left - right) / 2
                kinks.append((middle, doubt, left, right))
                blurred = min(blurred, (middle, half, middle, middle), key=lambda guess: guess[1])
            else:
                value, error = found.best(self.weights)
                best = min(best, (value, error, value, value), key=lambda guess: guess[1])
                if 10 * doubt <= 1e-6 * largest:  # without doubt smooth, whatever it looked like from afar
                    kinks.clear()
                    if best[1] <= 0.1 * self.rtol[k] * abs(best[0]):
                        break
            unsure = noise(line, max(abs(x), 0.1)) if unsure is None else unsure
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
        error = np.abs(self.weights * value) + 20 * self.natural(k, index) * (value != 0)
        return float(np.sum(self.weights * value)), float(EPS * np.sum(error))

    def natural(self, k: int, index: Index) -> Array:
        """The slope at which each entry of f's result would vanish if x did: what a small slope is small against."""
        x = abs(float(self.probe.values[k][index]))
        slope: Array = np.abs(self.weights * self.here) / max(x, 0.1)
        return slope

    def is_vague(self, entry: Entry, k: int) -> bool:
        """Whether the measured slope is so uncertain that agreeing with it means nothing."""
        doubt = 10 * entry.error
        small = 0.01 * max(abs(entry.analytic), abs(entry.numeric))
        return doubt > small and doubt > 1e-9 * float(np.sum(self.natural(k, entry.index)))


def _confirmed(kinks: list[tuple[float, float, float, float]]) -> tuple[float, float, float, float] | None:
    """The sharpest of the kinks seen, if two sweeps saw the same: rounding can look like a kink, but never twice."""
    kinks = sorted(kinks, key=lambda kink: kink[1])
    for one in kinks:
        near = 0.01 * abs(one[2] - one[3])
        if any(abs(one[2] - o[2]) <= near and abs(one[3] - o[3]) <= near for o in kinks if o is not one):
            return one
    return None
