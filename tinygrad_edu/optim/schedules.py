"""Schedules: a learning rate is a number, or a function of the step to a number. Here are the usual ones.

The step is an int, 0 the first time, and counts the optimizer's steps. A schedule is NumPy arithmetic on it without a
branch, so that it takes a whole array of steps as well (to draw it), and so that a compiled step can follow it. Write
your own the same way: `lambda step: 0.1 / np.sqrt(1 + step)`. It can be used wherever an optimizer takes `lr`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.optim.group import check

__all__ = [
    "ReduceOnPlateau",
    "Schedule",
    "constant",
    "cosine",
    "exponential",
    "one_cycle",
    "step_decay",
    "warmup",
]

Schedule = Callable[[Any], Any]


def constant(lr: float) -> Schedule:
    """The same rate at every step.

    Args:
        lr: the rate.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.constant(0.5)(np.arange(3))
        array([0.5, 0.5, 0.5])
    """
    check("lr", lr, 0, np.inf)
    return lambda step: lr + 0.0 * step


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """The rate lr · factor^⌊step / every⌋: one cut every so many steps.

    Args:
        lr: the rate at first.
        every: steps between two cuts.
        factor: what a cut multiplies the rate with.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.step_decay(1.0, every=2, factor=0.5)(np.arange(5))
        array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """
    _check(lr=lr, factor=factor)
    _check_whole(1, every=every)
    return lambda step: lr * np.power(float(factor), step // every)


def exponential(lr: float, factor: float) -> Schedule:
    """The rate lr · factor^step: the same share less at every step.

    Args:
        lr: the rate at first.
        factor: what each step multiplies it with, such as 0.999.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.exponential(1.0, 0.5)(np.arange(4))
        array([1.   , 0.5  , 0.25 , 0.125])
    """
    _check(lr=lr, factor=factor)
    return lambda step: lr * np.power(float(factor), step)


def cosine(lr: float, steps: int, lowest: float = 0.0, restarts: bool = False) -> Schedule:
    """Down from lr to `lowest` along half a cosine: lowest + (lr − lowest) · (1 + cos(π · step / steps)) / 2.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5.

    Args:
        lr: the rate at step 0.
        steps: how many steps down.
        lowest: the rate at step `steps`; it stays so after that.
        restarts: begin again from lr at step `steps`, and every so many steps after that.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.cosine(1.0, steps=4)(np.arange(6)).round(3)
        array([1.   , 0.854, 0.5  , 0.146, 0.   , 0.   ])
        >>> tg.optim.schedules.cosine(1.0, steps=4, restarts=True)(np.arange(6)).round(3)
        array([1.   , 0.854, 0.5  , 0.146, 1.   , 0.854])
    """
    _check(lr=lr, lowest=lowest)
    _check_whole(1, steps=steps)
    return lambda step: _glide(lr, lowest, (step % steps if restarts else np.minimum(step, steps)) / steps)


def warmup(lr: float | Schedule, steps: int) -> Schedule:
    """Up along a straight line, arriving at step `steps`; then another schedule, which begins there with its step 0.

    During warm-up the rate is the share (step + 1) / (steps + 1) of what the other schedule begins with.

    Args:
        lr: the rate afterwards: a number or a schedule.
        steps: how many steps are below the full rate.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.warmup(1.0, steps=3)(np.arange(5))
        array([0.25, 0.5 , 0.75, 1.  , 1.  ])
    """
    if isinstance(lr, ReduceOnPlateau):
        raise TypeError("put the warm-up inside: ReduceOnPlateau(warmup(0.1, steps=100)), so that its state is found")
    after = _as_schedule(lr)
    _check_whole(1, steps=steps)
    return lambda step: np.minimum(1.0, (step + 1) / (steps + 1)) * after(np.maximum(step - steps, 0))


def one_cycle(peak: float, steps: int, rise: float = 0.3, start: float = 1 / 25, end: float = 1e-4 / 25) -> Schedule:
    """Up to a high rate and down to almost nothing, each along half a cosine.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates" (2018),
    with the cosines and proportions that fastai made usual. PyTorch's peak is less than a step earlier, at
    `rise` · steps − 1, which a short cycle does not have.

    Args:
        peak: the highest rate, at step `rise` · (steps − 1).
        steps: length of the cycle; the rate stays at its end after that.
        rise: share of the cycle that goes up, more than 0 and less than 1.
        start: rate at step 0, as a share of the peak.
        end: rate at step `steps` − 1 and after it, as a share of the peak (PyTorch's final_div_factor divides the rate
            at the start instead). A cycle of one step is at its start in step 0, and at its end from step 1 on.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.optim.schedules.one_cycle(1.0, steps=9, rise=0.5, start=0.2, end=0)(np.arange(10)).round(2)
        array([0.2 , 0.32, 0.6 , 0.88, 1.  , 0.85, 0.5 , 0.15, 0.  , 0.  ])
    """
    _check(peak=peak, start=start, end=end)
    _check_whole(1, steps=steps)
    if not 0 < rise < 1:
        raise ValueError(f"rise={rise} is out of range: it must be greater than 0 and less than 1")
    last = max(steps - 1, 1)

    def schedule(step: Any) -> Any:
        done = np.minimum(step / last, 1.0)
        up = _glide(start * peak, peak, done / rise)
        return np.where(done < rise, up, _glide(peak, end * peak, (done - rise) / (1 - rise)))

    return schedule


class ReduceOnPlateau:
    """Cut the rate whenever the loss has not become lower for a while. Tell it the loss with `report`.

    The rate is a share of `lr`, at first all of it; a cut multiplies the share with `factor`. Cuts bring the
    rate down to `lowest` and no further.

    Args:
        lr: the rate before any cut: a number or a schedule.
        factor: what a cut multiplies with, less than 1.
        patience: so many reports without progress are borne; the next one brings a cut.
        threshold: progress of no more than this share of the loss is none.
        lowest: the rate below which no cut goes (PyTorch's min_lr).

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import tinygrad_edu as tg
        >>> schedule = tg.optim.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=1)
        >>> for loss in [3.0, 2.0, 2.0, 2.0]:
        ...     schedule.report(loss)
        >>> print(schedule(4))
        0.05
    """

    def __init__(
        self,
        lr: float | Schedule,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        lowest: float = 0.0,
    ) -> None:
        check("factor", factor, 0, 1)
        check("threshold", threshold, 0, 1)
        check("lowest", lowest, 0, np.inf)
        _check_whole(0, patience=patience)
        self.schedule = _as_schedule(lr)
        self.factor, self.patience, self.threshold, self.lowest = factor, patience, threshold, lowest
        self.share = np.array(1.0)
        self.best = np.array(np.inf)
        self.waited = np.array(0)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at an array of steps."""
        rate = self.schedule(step)
        return np.maximum(self.share * rate, np.minimum(rate, self.lowest))

    def report(self, loss: Any) -> None:
        """Take note of a loss (a number): usually once an epoch, that of the validation data."""
        loss = float(loss.item() if hasattr(loss, "item") else loss)
        if float(self.best) - loss > self.threshold * abs(loss):
            self.best[...], self.waited[...] = loss, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.share *= self.factor
            self.waited[...] = 0

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """What it has seen: copies of the arrays."""
        return {name: np.array(array) for name, array in self._arrays().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state; KeyError if something is missing, and then nothing is changed."""
        for name, value in {name: state[name] for name in self._arrays()}.items():
            self._arrays()[name][...] = value

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {"share": self.share, "best": self.best, "waited": self.waited}


def _glide(start: float, end: float, share: Any) -> Any:
    """From start to end along half a cosine, as share goes from 0 to 1."""
    return end + (start - end) * (1 + np.cos(math.pi * share)) / 2


def _as_schedule(lr: float | Schedule) -> Schedule:
    return lr if callable(lr) else constant(lr)


def _check(**values: float) -> None:
    for name, value in values.items():
        check(name, value, 0, np.inf)


def _check_whole(low: int, **values: int) -> None:
    for name, value in values.items():
        check(name, value, low, np.inf)
        if value % 1:
            raise ValueError(f"{name}={value} is not a whole number")
