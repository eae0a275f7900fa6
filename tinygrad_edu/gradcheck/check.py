"""gradcheck: is this gradient right?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.gradcheck import kinks, structure
from tinygrad_edu.gradcheck.entries import Meter
from tinygrad_edu.gradcheck.report import Report
from tinygrad_edu.gradcheck.structure import Subject
from tinygrad_edu.recording import recorded
from tinygrad_edu.tensor import Tensor

__all__ = ["gradcheck"]


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: Any = None,
    seed: Any = None,
    rtol: float | None = None,
) -> Report:
    """Check the gradients that backward gives for f against what f really does.

    First the structure: f gives the same result twice; gradients have the input's shape and dtype and memory of their
    own; inputs and seed are left alone; a zero seed gives exactly 0; the gradient is linear in the seed. Then every
    entry, against extrapolated differences over a sweep of step sizes, and against a complex step where f can do one:
    |analytic − numeric| ≤ 10·error + rtol·max(|analytic|, |numeric|).

    Where the slopes to the left and to the right differ, the entry lies on a kink; it is accepted if the analytic
    value is one of those that the nearby slopes can be mixed to (jointly: the shares of a tie add up to one), and if
    next to the kink the gradients agree.

    This costs about 50 forward passes an entry, more at kinks: check with small inputs.

    Args:
        f: called with the inputs; returns a Tensor of any shape.
        *inputs: float arrays, floats or leaf tensors are checked; anything else, also a Python int, is passed on as
            it is. float32 is compared with a float64 evaluation of f.
        wrt: what to check instead, if f uses more than its inputs: a module, a Tensor, a list of tensors, or a dict
            of them by name.
        seed: weights for the entries of f's result; random when left out.
        rtol: relative tolerance; by default 1e-9 for float64, 1e-5 for float32.

    Returns:
        A report: truthy when all is well; `entries`, `worst`, `counts`, `failures`; print it for a table.

    Raises:
        TypeError: there is nothing to check, or f does not return a Tensor that depends on it.
        ValueError: rtol is not in 0 … 1, the seed is 0 or not finite, or an input holds inf or NaN.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> bool(tg.gradcheck(lambda x: np.sum(np.sin(x) * x), np.array([0.5, 2.0])))
        True
        >>> @tg.primitive
        ... def double(x):
        ...     return 2 * x
        >>> tg.derivative(double, x=lambda g: 2.001 * g)
        >>> report = tg.gradcheck(double, np.array([1.0]))
        >>> bool(report), str(report.worst), report.worst.verdict
        (False, 'x[0]', 'mismatch')
    """
    if rtol is not None and not 0 <= rtol < 1:  # also for NaN
        raise ValueError(
            f"gradcheck: rtol={rtol} is not a relative tolerance; it tells how large a part of a slope may be wrong, "
            "so it must be at least 0 and less than 1, for example 1e-6"
        )
    arguments = [Tensor(x, requires_grad=True) if _is_float(x) else x for x in inputs]
    targets = _named(f, arguments) if wrt is None else _wrt(wrt)
    if not targets:
        raise TypeError("gradcheck: there is nothing to check; pass float inputs, or wrt=model")
    once: dict[int, tuple[str, Tensor]] = {}  # the same Tensor may be there under several names
    for name, tensor in targets.items():
        once.setdefault(id(tensor), (name, tensor))
    subject = Subject(f, arguments, dict(once.values()))
    with np.errstate(all="ignore"), recorded():
        _check(subject, seed, rtol)
    return subject.report


def _check(subject: Subject, seed: Any, rtol: float | None) -> None:
    seed = subject.seed(seed)
    found = structure.check(subject, seed)
    if found is None:  # f or backward is not even a function of its inputs, so there are no slopes to compare
        return
    gradients, noise = found
    meter = Meter(subject, seed.astype(float), rtol)
    for k, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            subject.report.entries.append(meter.entry(k, index, float(gradient[index]), float(noise[k][index])))
    kinks.decide(subject, meter, seed)
    subject.report.forward_passes += meter.forward_passes


def _is_float(x: Any) -> bool:
    return isinstance(x, float) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f")


def _named(f: Callable[..., Any], arguments: Sequence[Any]) -> dict[str, Tensor]:
    """The checkable arguments by the names that f gives them."""
    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values() if p.kind < p.VAR_POSITIONAL]
    except (TypeError, ValueError):  # some of NumPy's functions do not tell
        parameters = []
    names = parameters + [f"inputs[{i}]" for i in range(len(parameters), len(arguments))]
    return {n: a for n, a in zip(names, arguments) if isinstance(a, Tensor) and isinstance(a.node, Leaf)}


def _wrt(wrt: Any) -> dict[str, Tensor]:
    if hasattr(wrt, "named_parameters"):
        named = dict(wrt.named_parameters())
    elif isinstance(wrt, dict):
        named = wrt
    else:
        named = {f"wrt[{i}]": t for i, t in enumerate([wrt] if isinstance(wrt, Tensor) else wrt)}
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor) or not isinstance(tensor.node, Leaf):
            raise TypeError(f"gradcheck: {name} is not a Tensor made with requires_grad=True: {tensor!r:.80}")
    return named
