"""What a function does with Tensors, found by calling it: right, constant, refused, or wrong.

Nothing here looks into the table. Every call is made with plain NumPy first, its slopes are taken by central
differences, and what Tensors then give has to be that.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.breadth_calls import GENERIC, PLAIN_ON_PURPOSE, SPECIAL, WITHOUT_ARRAYS, Call, with_options

__all__ = ["Verdict", "judge", "judge_options", "verdict_of"]

STEP = 2.0**-9
TOLERANCE = 1e-6
REFUSALS = (NotImplementedError, TypeError)
RANK = ("wrong", "raised", "differentiated", "refused", "constant", "declined", "not called")


@dataclass
class Verdict:
    """What was found about one function, over all of its calls.

    `outcome` is one of `RANK`, the first of those that any call came out as; `twice` says whether the second
    derivatives of all differentiated calls were right; `remarks` tell what was wrong or refused.
    """

    name: str
    outcome: str = "not called"
    twice: bool = False
    calls: int = 0
    deprecated: bool = False
    remarks: list[str] = field(default_factory=list)


class Mistake(Exception):
    """Tensors gave something else than NumPy and its slopes; the message says what."""


def verdict_of(function: Any, name: str) -> Verdict:
    """Call the function in every way that is known and say what came of it."""
    verdict = Verdict(name)
    short = name.removeprefix("np.")
    if _without_arrays(short):
        verdict.outcome = "constant"
        return verdict
    if short in PLAIN_ON_PURPOSE:
        verdict.outcome, verdict.remarks = "constant", [PLAIN_ON_PURPOSE[short]]
        return verdict
    outcomes: list[str] = []
    second: list[bool] = []
    for call in possible(function, SPECIAL.get(short, GENERIC)):
        for wanted in _choices(call):
            outcome, twice, remark = judge(function, call, wanted)
            outcomes.append(outcome)
            second += [twice] if outcome == "differentiated" else []
            verdict.remarks += [remark] if remark and remark not in verdict.remarks else []
    if not outcomes and (remark := refusal_of(function)):
        outcomes.append("refused")
        verdict.remarks.append(remark)
    verdict.calls, verdict.deprecated = len(outcomes), _is_deprecated(function)
    verdict.outcome = min(outcomes, key=RANK.index, default="not called").replace("declined", "refused")
    verdict.twice = verdict.outcome == "differentiated" and all(second)
    return verdict


def _without_arrays(short: str) -> bool:
    """Such functions are not even called: some would change settings, np.test would run for an hour."""
    return any(short in names.split() for names in WITHOUT_ARRAYS.values())


def judge_options(function: Any, name: str) -> list[str]:
    """The mistakes that come out where calls get the options of `OPTIONS`, and an array to write into, beside."""
    mistakes: list[str] = []
    short = name.removeprefix("np.")
    if _without_arrays(short) or short in PLAIN_ON_PURPOSE:
        return mistakes
    for call in list(possible(function, SPECIAL.get(short, GENERIC)))[:2]:
        for option, changed in (*with_options(call), *_written(function, call)):
            if option == "where" and isinstance(function, np.ufunc):
                continue  # without an array to write into, what was not chosen is whatever memory held
            if answer(function, changed) is None:
                continue
            outcome, _, remark = judge(function, changed, (True,) * len(changed.inputs), second=False)
            if outcome in ("wrong", "raised"):
                mistakes.append(f"{option}=: {remark}")
    return mistakes


def possible(function: Any, calls: Any) -> Iterator[Call]:
    """Those calls that plain NumPy accepts and that have slopes where they are made: no kink or jump is near."""
    for call in calls:
        right = answer(function, call)
        if right is not None and _is_smooth(function, call, right):
            yield call


def answer(function: Any, call: Call) -> list[Any] | None:
    """What plain NumPy gives, as a list of arrays; None where it raises, warns or has no finite answer."""
    try:
        with _quietly(), warnings.catch_warnings():
            warnings.simplefilter("error")
            for kind in (DeprecationWarning, PendingDeprecationWarning):  # as long as it is there, it is judged
                warnings.simplefilter("ignore", kind)
            parts = list(_parts(call.run(function, *map(np.array, call.inputs))))
    except Exception:
        return None
    return parts if all(_is_fine(part) for part in parts) else None


def _is_deprecated(function: Any) -> bool:
    """Whether NumPy itself says that this name is going to leave."""
    for call in GENERIC:
        with contextlib.suppress(Exception), _quietly(), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            call.run(function, *map(np.array, call.inputs))
            if any(f"`{function.__name__}` " in str(one.message) for one in said):
                return True
    return False


def refusal_of(function: Any) -> str:
    """What a function that no known call suits says when Tensors are tried nevertheless, if it refuses them by name."""
    for call in GENERIC:
        try:
            call.run(function, *_tensors(call.inputs, (True,) * len(call.inputs)))
        except NotImplementedError as error:
            return str(error)
        except Exception:
            continue
    return ""


def judge(function: Any, call: Call, wanted: tuple[bool, ...], second: bool = True) -> tuple[str, bool, str]:
    """One call, some of whose inputs want gradients: the outcome, whether second derivatives are right, a remark."""
    right = answer(function, call)
    assert right is not None
    inputs = _tensors(call.inputs, wanted)
    slopes = _slopes(function, call, inputs, right)
    varies = any(np.any(np.abs(slope) > TOLERANCE) for slope in slopes)
    try:
        _, gradients = _gradients(function, call, inputs, right, slopes)
    except Mistake as mistake:
        return "wrong", False, str(mistake)
    except Exception as error:
        refused = "refused" if varies else "declined"
        return refused if _is_refusal(error, function) else "raised", False, f"{type(error).__name__}: {error}"
    if not varies:
        return "constant", False, ""
    if not second:
        return "differentiated", False, ""
    try:
        _compare_second(function, call, wanted, right, gradients)
    except Mistake as mistake:
        return "wrong", False, str(mistake)
    except Exception as error:
        outcome = "differentiated" if _is_refusal(error, function) else "raised"
        return outcome, False, f"second derivative: {type(error).__name__}: {error}"
    return "differentiated", True, ""


def dispatches(function: Any) -> bool:
    """Whether NumPy asks a Tensor before it calls this function; of the others a Tensor never hears."""
    return isinstance(function, np.ufunc) or hasattr(function, "_implementation")


def _is_refusal(error: Exception, function: Any) -> bool:
    """Whether an error is meant: one that says what is not supported, or whatever stops a function of plain arrays."""
    return isinstance(error, REFUSALS) or f".{function.__name__}" in str(error) or not dispatches(function)


# ---- results -----------------------------------------------------------------------------------------------------
def _parts(result: Any) -> Iterator[Any]:
    """The arrays, numbers and other things that a result is made of."""
    if isinstance(result, tuple | list):
        for item in result:
            yield from _parts(item)
    elif isinstance(result, dict):
        yield from _parts(list(result.values()))
    else:
        yield np.asarray(result) if isinstance(result, np.matrix) else result


def _is_fine(part: Any) -> bool:
    return not _is_number(part) or bool(np.all(np.isfinite(part)))


def _is_number(part: Any) -> bool:
    """Whether a part of a plain result can have a slope."""
    return isinstance(part, float | complex | np.ndarray | np.generic) and np.asarray(part).dtype.kind in "fc"


@functools.cache
def _weights(shape: tuple[int, ...], k: int) -> np.ndarray:
    """All different and none of them 0, so that no entry's mistake can hide behind another's."""
    return np.cos(1.0 + k + np.arange(math.prod(shape))).reshape(shape)


def _loss(parts: list[Any], right: list[Any]) -> Any:
    """One number made of all entries of all parts, in which every entry weighs differently and more than linearly."""
    total: Any = 0.0
    for k, (part, like) in enumerate(zip(parts, right, strict=True)):
        if _is_number(like):
            for half in (np.real(part), np.imag(part)) if np.asarray(like).dtype.kind == "c" else (part,):
                weights = _weights(np.shape(like), k)
                total = total + np.sum(half * weights) + np.sum(half * half * (weights + 1.3)) * 0.25
    return total


def _slopes(function: Any, call: Call, inputs: list[Any], right: list[Any], step: float = STEP) -> list[np.ndarray]:
    """Of the loss, by central differences extrapolated to no step at all; one array for every Tensor that wants one."""

    def loss(moved: list[np.ndarray]) -> float:
        return float(_loss(list(_parts(call.run(function, *map(np.array, moved)))), right))

    here = [np.array(x) for x in call.inputs]
    found = []
    for k, x in enumerate(here):
        if getattr(inputs[k], "requires_grad", False):
            slope = np.empty(x.shape)
            with _quietly():
                for place in np.ndindex(x.shape):
                    slope[place] = _extrapolated(loss, here, k, place, step)
            found.append(slope)
    return found


def _is_smooth(function: Any, call: Call, right: list[Any]) -> bool:
    """Whether differences of two widths agree."""
    inputs = _tensors(call.inputs, (True,) * len(call.inputs))
    try:
        wide, narrow = (_slopes(function, call, inputs, right, step) for step in (STEP, STEP / 4))
    except ValueError:  # the results change in number or shape
        return False
    return all(_close(a, b) for a, b in zip(wide, narrow, strict=True))


def _extrapolated(loss: Callable[[Any], float], here: list[np.ndarray], k: int, place: Any, step: float) -> float:
    def at(distance: float) -> float:
        moved = list(here)
        moved[k] = here[k].copy()
        moved[k][place] += distance
        return loss(moved)

    def central(h: float) -> float:
        return (at(h) - at(-h)) / (2 * h)

    return (4 * central(step / 2) - central(step)) / 3


# ---- Tensors -----------------------------------------------------------------------------------------------------
def _choices(call: Call) -> list[tuple[bool, ...]]:
    """Which inputs want a gradient: all of them, and each alone."""
    n = len(call.inputs)
    return [(True,) * n, *(tuple(i == k for i in range(n)) for k in range(n))][: n + 1 if n > 1 else 1]


def _tensors(inputs: Any, wanted: tuple[bool, ...]) -> list[Any]:
    """Leaves of the inputs that want a gradient; numbers that have none become constant Tensors; others stay."""
    made: list[Any] = []
    for x, want in zip(inputs, wanted, strict=True):
        if not want:
            made.append(np.array(x))
        else:
            made.append(tg.Tensor(x, requires_grad=np.asarray(x).dtype.kind in "fc"))
    return made


def _run(function: Any, call: Call, inputs: list[Any]) -> list[Any]:
    with _quietly():
        return list(_parts(call.run(function, *inputs)))


def _gradients(
    function: Any, call: Call, inputs: list[Any], right: list[Any], slopes: list[np.ndarray], create_graph: bool = False
) -> tuple[list[Any], list[Any]]:
    """The leaves and their gradients; Mistake unless the result and they are what NumPy and its slopes say."""
    parts = _run(function, call, inputs)
    _compare_forward(parts, right)
    leaves = [x for x in inputs if getattr(x, "requires_grad", False)]
    loss = _loss(parts, right)
    if getattr(loss, "requires_grad", False):
        loss.backward(create_graph=create_graph)
    gradients = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]
    for gradient, slope in zip(gradients, slopes, strict=True):
        _compare_gradient(gradient, slope, parts)
    return leaves, gradients


def _compare_forward(parts: list[Any], right: list[Any]) -> None:
    if len(parts) != len(right):
        raise Mistake(f"{len(parts)} results instead of {len(right)}")
    for part, like in zip(parts, right, strict=True):
        data = part.data if isinstance(part, tg.Tensor) else part
        if isinstance(data, np.ndarray | np.generic) and data.dtype == object and np.asarray(like).dtype != object:
            raise Mistake("an object array")
        if not isinstance(like, np.ndarray | np.generic | float | complex | int):
            continue
        if np.shape(data) != np.shape(like) or np.asarray(data).dtype != np.asarray(like).dtype:
            raise Mistake(f"a result of {_kind(data)} instead of {_kind(like)}")
        if not _same(data, like):
            raise Mistake(f"another result than NumPy's: {data} instead of {like}")


def _same(data: Any, like: Any) -> bool:
    """To the last bit; with NumPy 2.0 nearly so, for its np.fft.rfftn rounds in an order of its own."""
    is_inexact = np.asarray(like).dtype.kind in "fc"
    if is_inexact and not hasattr(np, "unstack"):  # which came with NumPy 2.1
        return np.allclose(data, like, rtol=1e-13, atol=1e-14, equal_nan=True)
    return np.array_equal(data, like, equal_nan=is_inexact)


def _kind(array: Any) -> str:
    return f"shape {np.shape(array)} and dtype {np.asarray(array).dtype}"


def _compare_gradient(gradient: Any, slope: np.ndarray, parts: list[Any]) -> None:
    gradient = gradient.data if isinstance(gradient, tg.Tensor) else gradient
    if gradient.dtype == object or gradient.shape != slope.shape:
        raise Mistake(f"a gradient of {_kind(gradient)} for an input of {_kind(slope)}")
    if not _close(gradient, slope):
        if not any(isinstance(part, tg.Tensor) and part.requires_grad for part in parts):
            raise Mistake(f"silently detached: {', '.join(sorted({type(part).__name__ for part in parts}))}")
        raise Mistake(f"a gradient of {gradient} where the slope is {slope}".replace("\n", ""))


def _close(found: Any, right: Any) -> bool:
    return bool(np.all(np.abs(found - right) <= TOLERANCE * (1 + np.max(np.abs(right), initial=0))))


def _compare_second(function: Any, call: Call, wanted: tuple[bool, ...], right: list[Any], first: list[Any]) -> None:
    """The gradient's own gradient along one direction against differences of the gradient along it."""
    directions = [np.sin(2.0 + k + np.arange(g.size)).reshape(g.shape) for k, g in enumerate(first)]
    leaves, gradients = _gradients(function, call, _tensors(call.inputs, wanted), right, first, create_graph=True)
    for leaf in leaves:
        leaf.grad = None
    total = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    if getattr(total, "requires_grad", False):
        total.backward()
    found = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]

    def gradients_at(step: float) -> list[Any]:
        moving = iter(directions)
        leaf_at = [hasattr(x, "requires_grad") and x.requires_grad for x in _tensors(call.inputs, wanted)]
        moved = [x + step * next(moving) if leaf else x for x, leaf in zip(call.inputs, leaf_at, strict=True)]
        inputs = _tensors(moved, wanted)
        parts = _run(function, call, inputs)
        _loss(parts, right).backward()
        return [np.zeros(x.shape) if x.grad is None else x.grad for x in inputs if getattr(x, "requires_grad", False)]

    def central(h: float) -> list[Any]:
        return [(a - b) / (2 * h) for a, b in zip(gradients_at(h), gradients_at(-h), strict=True)]

    for k, (half, whole) in enumerate(zip(central(STEP / 2), central(STEP), strict=True)):
        slope = (4 * half - whole) / 3
        if not _close(found[k], slope):
            raise Mistake(f"a second derivative of {found[k]} where the slope of the gradient is {slope}")


def _written(function: Any, call: Call) -> Iterator[tuple[str, Call]]:
    """The same call, its result written into an array."""
    right = answer(function, call)
    if right and len(right) == 1 and isinstance(right[0], np.ndarray | np.generic):
        shape, dtype = np.shape(right[0]), right[0].dtype

        def run(f: Any, *given: Any) -> Any:
            out = np.zeros(shape, dtype)
            return call.run(lambda *args, **options: f(*args, out=out, **options), *given)

        yield "out", Call(run, call.inputs)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """No printing, and no warnings of NumPy about an odd number here or there."""
    with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
