"""Where did the gradient become zero?

A rule is linear in g, so one random g tells which entries of an input get nothing whatever arrives: they are blocked
here. Whether that is why the target has a zero, an experiment tells: let it through, and see whether the zero goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.backward import Node
from tinygrad_edu.explain.explanation import Explanation
from tinygrad_edu.explain.scene import Scene, function_of, indices
from tinygrad_edu.walk import UNKNOWN, Share, fit, frame

__all__ = ["why_vanishing", "why_zero"]

PRODUCTS = ("multiply", "divide", "matmul", "dot", "vdot", "inner", "outer", "einsum", "tensordot", "linalg.multi_dot")
SATURATING = ("tanh", "arctan", "exp", "expm1", "exp2")
CHOOSING = (
    *("where", "clip", "minimum", "fmin", "fmax", "max", "min", "amax", "amin", "nanmax", "nanmin"),
    *("triu", "tril", "take", "compress", "extract", "select", "choose", "diagonal", "diag", "take_along_axis"),
)
KIND = {
    "relu": "dead relu",
    **dict.fromkeys(("sigmoid", "softmax", "log_softmax", "softplus"), "saturated"),
    **dict.fromkeys(("getitem", "part"), "masked"),
    "linear": "multiplied by zero",
    **{f"np.{name}": "multiplied by zero" for name in PRODUCTS},
    **{f"np.{name}": "saturated" for name in SATURATING},
    **{f"np.{name}": "masked" for name in CHOOSING},
}
EXPERIMENTS = 50  # each is a walk through the whole graph
TINY = 1e-6  # a slope that no learning rate makes up for


def why_zero(scene: Scene) -> list[Explanation]:
    """The causes of zeros in the target's gradient, nearest the loss first; empty where there are none to be found."""
    gradient = scene.gradient
    zero = np.asarray(gradient == 0)
    if not zero.any():
        return []
    causes = list(_whole(scene)) if zero.all() else []
    return causes or _by_experiment(scene, zero)


def _whole(scene: Scene) -> list[Explanation]:
    """Operations at which something arrived, and that pass on nothing at all towards the target."""
    found: list[Explanation] = []
    nodes: list[Node] = []
    for share in scene.shares():
        if np.any(scene.arrived(share) != 0) and not np.any(share.blame):
            blocked = _blocked(scene, share)
            told = any(share.consumer is node for node in nodes)  # t * t passes back twice
            if blocked is not None and blocked.all() and not told:
                nodes.append(share.consumer)
                found.append(_tell(scene, share, blocked, "The whole gradient is 0"))
    return found


def _by_experiment(scene: Scene, zero: Any) -> list[Explanation]:
    """Open one blocked operation after the other and see which zeros of the target go away."""
    found = []
    left, tried = zero.copy(), 0
    for share in scene.shares():
        arrived = scene.arrived(share)
        blocked = _blocked(scene, share) if np.any(arrived != 0) else None
        if blocked is None or not blocked.any():
            continue
        through = arrived if arrived.shape == share.blame.shape else _random(share.blame)
        opened = np.where(blocked, through * _random(share.blame), share.blame)
        flows = left & np.asarray(scene.again(_instead(share, opened)) != 0)
        if flows.any():
            some = f"{flows.sum()} of the {flows.size} entries of the gradient {'are' if flows.sum() > 1 else 'is'} 0"
            extent = "The whole gradient is 0" if flows.all() else f"For that reason {some}"
            found.append(_tell(scene, share, blocked, extent))
            left &= ~flows
        tried += 1
        if not left.any() or tried == EXPERIMENTS:
            break
    if not found and zero.all():
        found.append(_cancelled(scene))
    return found


def _instead(wanted: Share, blame: Any) -> Any:
    """A change for the walk: this share is replaced, all others stay."""

    def change(share: Share) -> Any:
        same = share.consumer is wanted.consumer and share.parent is wanted.parent and share.rule is wanted.rule
        return blame if same and share.saved is wanted.saved else share.blame

    return change


def _random(like: Any) -> Any:
    return np.random.default_rng(0).uniform(1, 2, like.shape).astype(like.dtype)


def _blocked(scene: Scene, share: Share) -> Any:
    """Which entries of the input get nothing, whatever gradient arrives; None where there is no one array."""
    arrived = scene.arrived(share)
    if getattr(arrived, "shape", None) is None or getattr(share.blame, "shape", None) is None:
        return None
    with np.errstate(all="ignore"):
        answer = fit(share.rule.vjp(_random(arrived), *share.saved), share.parent)
    return np.asarray(answer == 0)


def _cancelled(scene: Scene) -> Explanation:
    """Nothing is blocked: what arrived has added up to 0 somewhere."""
    for share in scene.shares():
        if np.any(scene.arrived(share) != 0) and not np.any(share.blame):
            operation = function_of(share.consumer)
            return Explanation(
                "cancelled",
                f"what arrived at {operation} is not 0, but adds up to 0 on its way to {scene.names.of(share.parent)}.",
                operation,
                scene.place(share.consumer),
                "If that is not meant, look whether the same thing is added and subtracted; tg.trace(loss) shows the "
                "numbers.",
            )
    return Explanation(
        "cancelled",
        "contributions from several operations add up to 0.",
        place=scene.place(scene.target),
        mend="If that is not meant, look whether the same thing is added and subtracted; tg.trace(loss) shows every "
        "contribution.",
    )


# ---- saying it ---------------------------------------------------------------------------------------------------
def kind_of(share: Share) -> str:
    """The cause's key for an operation that passes on nothing."""
    function = function_of(share.consumer)
    if function != "np.maximum":
        return KIND.get(function, "flat")
    others = [item for item in frame(share.consumer) if not isinstance(item, Node) and item is not UNKNOWN]
    return "dead relu" if others and np.all(np.equal(others[0], 0)) else "masked"


def _tell(scene: Scene, share: Share, blocked: Any, extent: str, little: str = "nothing") -> Explanation:
    kind = kind_of(share)
    node = share.consumer
    if kind == "multiplied by zero" and (silent := _silent_factor(scene, share)) is not None:
        return _tell_silent(scene, share, silent, extent)
    x = scene.names.of(share.parent)
    what, mend = _WORDS[kind]
    details = {"f": function_of(node), "x": x, "units": units(blocked), "other": _name_of_other(scene, share)}
    entries = f"\nentries of {x} that get {little}: {'all' if blocked.all() else indices(blocked)}"
    return Explanation(
        kind,
        f"{what.format(**details)} {extent}.",
        function_of(node),
        scene.place(node) + (entries if kind != "dead relu" else ""),  # of which the units have been named
        mend.format(**details),
    )


def _other(share: Share) -> Any:
    """The other factor of a product: what the rule asked for. Of t * t it is t."""
    call = frame(share.consumer)
    asked = [source for source in share.rule.sources if source is not None and source < len(call)]
    return call[asked[0]] if asked else next((item for item in call if item is not share.parent), share.parent)


def _name_of_other(scene: Scene, share: Share) -> str:
    other = _other(share)
    return scene.names.of(other) if hasattr(other, "shape") else "the other factor"


def _silent_factor(scene: Scene, share: Share) -> Any:
    """Which units of the other factor are 0 in every row because a ReLU made it; None where that is not so."""
    factor = _other(share)
    if not isinstance(factor, Node) or function_of(factor) not in ("relu", "np.maximum"):
        return None
    value = scene.values.get(factor)
    silent = None if value is None else np.asarray(value == 0)
    return silent if silent is not None and "of" in units(silent) else None


def _tell_silent(scene: Scene, share: Share, silent: Any, extent: str) -> Explanation:
    """A weight behind a dead unit: the product is only where the silence shows."""
    relu, (_, mend) = _other(share), _WORDS["dead relu"]
    before = frame(relu)[0]
    h = scene.names.of(relu)
    return Explanation(
        "dead relu",
        f"{h} is 0 in {units(silent)}, and {scene.names.of(share.parent)} is multiplied with it in "
        f"{scene.names.equation(share.consumer)}. {extent}.",
        function_of(relu),
        scene.place(relu),
        mend.format(x=scene.names.of(before)),
    )


def units(blocked: Any) -> str:
    """`units 0, 1 (of 3)`: the places of the last axis that are blocked in every row."""
    if blocked.ndim == 0:
        return "its only unit (of 1)"
    silent = blocked.all(axis=tuple(range(blocked.ndim - 1)))
    if silent.all():
        return f"every unit (of {silent.size})"
    if not silent.any():
        return "some rows"
    return f"unit{'s' * int(silent.sum() > 1)} {indices(silent)} (of {silent.size})"


_WORDS = {
    "dead relu": (
        "{x} is at most 0 in {units}, and there the slope of {f} is 0.",
        "A unit that is silent for every sample never learns again. Try another start (seed), a smaller learning "
        "rate, or a ReLU that leaks:\n    np.where({x} > 0, {x}, 0.01 * {x})",
    ),
    "saturated": (
        "{f} is far out where it is flat: its slope is 0 there (or too small for the dtype).",
        "Keep {x} within about -5 … 5: scale the inputs (x - x.mean()) / x.std(), and start with smaller weights:\n"
        "    tg.Tensor(rng.standard_normal(shape) / np.sqrt(inputs), requires_grad=True)\n"
        "Probabilities in a loss: compute it from the logits (tg.log_softmax, tg.softplus).",
    ),
    "masked": (
        "{f} did not choose these entries of {x}, so they have no part in the loss.",
        "That is right if it is meant. If not, change what is chosen: the mask, the index, the bounds. What is out of "
        "bounds can be led back by a penalty in place of a clip:\n"
        "    loss = loss + np.sum(np.maximum(abs({x}) - bound, 0) ** 2)",
    ),
    "multiplied by zero": (
        "{f} multiplies these entries of {x} with 0 ({other} is 0 there).",
        "If {other} is a weight, start from small random numbers instead of zeros:\n"
        "    tg.Tensor(rng.standard_normal(shape) * 0.1, requires_grad=True)\n"
        "If it is data (a pixel that is 0), all is right: other samples will move these weights.",
    ),
    "flat": (
        "the slope of {f} is exactly 0 at this point.",
        "At a minimum that is the goal: nothing to mend. If the loss is not small, start from another point, for "
        "example from random numbers instead of zeros:\n"
        "    tg.Tensor(rng.standard_normal(shape) * 0.1, requires_grad=True)",
    ),
}


def why_vanishing(scene: Scene) -> Explanation | None:
    """The gradient is not quite 0, but an operation on the way has shrunk it beyond use."""
    for share in scene.shares():
        if kind_of(share) != "saturated" or np.ndim(scene.arrived(share)) != np.ndim(share.blame):
            continue
        arrived = np.max(np.abs(scene.arrived(share)), initial=0)
        passed_on = np.max(np.abs(share.blame), initial=0)
        if 0 < passed_on < TINY * arrived:
            extent = f"It passes on {passed_on / arrived:.0e} of what arrives, so the gradient is almost 0"
            return _tell(scene, share, np.ones(share.blame.shape, bool), extent, "almost nothing")
    return None
