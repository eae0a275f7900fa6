"""Where did NaN or infinity begin: in the numbers that went forward, or in a rule on the way back?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf, Node
from tinygrad_edu.explain.explanation import Explanation
from tinygrad_edu.explain.scene import Scene, finite, function_of
from tinygrad_edu.walk import UNKNOWN, Share, frame
from tinygrad_edu.wording import INFIX, brief

__all__ = ["bad_value", "why_not_finite"]

# What makes the operation safe: the line that works.
MENDS = {
    "np.log": "keep the argument away from 0:\n    np.log(np.maximum({x}, 1e-12))\n"
    "or stay in logarithms: tg.log_softmax, tg.logsumexp, tg.softplus.",
    "np.sqrt": "the slope of sqrt is infinite at 0, and below 0 there is no root:\n    np.sqrt({x} + 1e-12)",
    "np.divide": "keep the divisor away from 0:\n    {x} / ({y} + 1e-12)\n"
    "or choose where it is 0, in the divisor itself:\n    {x} / np.where({y} == 0, 1, {y})",
    "np.exp": "exp overflows above 709 (float32: 88). Subtract the largest entry first, or use tg.softmax, "
    "tg.logsumexp, tg.sigmoid or tg.softplus, which do.",
    "np.power": "a negative number has no real power with a fraction, and 0 no negative power:\n"
    "    np.maximum({x}, 1e-12) ** {y}",
}
ELSE = "Look at what went into it; smaller weights, inputs or steps (learning rate) keep numbers in range."


def why_not_finite(scene: Scene) -> Explanation | None:
    """Follow the target's NaN or inf to where it began; None where its gradient is finite."""
    if finite(scene.gradient):
        return None
    key = _key(scene.gradient)
    for share in scene.shares():
        if finite(scene.arrived(share)) and not finite(share.blame):
            return _from_forward(scene, share, key) or _from_backward(scene, share, key)
    return Explanation(
        key,
        f"contributions that are finite add up to {key}.",
        place=scene.place(scene.target),
        mend="Make the loss smaller, for example a mean instead of a sum.",
    )


def bad_value(scene: Scene) -> Explanation | None:
    """Why the target's own numbers, or else the loss's, are not finite; None where they are."""
    for node in (scene.target, scene.root):
        if not finite(scene.values.get(node)):
            return _origin(scene, node, _key(scene.values[node]))
    return None


def _key(array: Any) -> str:
    return "nan" if np.any(np.isnan(array)) else "inf"


def _first(array: Any) -> str:
    """The first bad entry: ` at index (0, 2)`, or nothing for a single number."""
    places = np.argwhere(~np.isfinite(array))
    if not np.ndim(array):
        return ""
    index = tuple(map(int, places[0]))
    more = f" ({len(places)} of {array.size} entries)" if len(places) > 1 else ""
    return f" at index {index if len(index) > 1 else index[0]}{more}"


def _from_forward(scene: Scene, share: Share, key: str) -> Explanation | None:
    """The rule was fine, but what it was given was not: go back to where that was computed."""
    node = share.consumer
    for parent, _, _ in node.edges or ():
        if not finite(scene.values.get(parent)):
            return _origin(scene, parent, key)
    constants = [item for item in frame(node) if not isinstance(item, Node) and not finite(item)]
    if constants or not finite(scene.values.get(node)):
        return _origin(scene, node, key)
    return None


def _origin(scene: Scene, node: Node, key: str) -> Explanation:
    """The first operation of the forward pass, on the way to `node`, whose result is not finite."""
    while bad := [p for p, _, _ in node.edges or () if not finite(scene.values.get(p))]:
        node = bad[0]
    value = scene.values.get(node)
    if node.row is None:
        name = scene.names.of(node)
        return Explanation(
            key if value is None else _key(value),
            f"{name} itself holds a number that is not finite{_first(value)}; everything computed from it follows.",
            place=f"{name}, {'a leaf' if isinstance(node, Leaf) else 'an input'} of shape {node.shape}",
            mend="Look for where it was set: the data it was made from, or a step that was too large. Then start "
            "again from good numbers, with a smaller learning rate.",
        )
    constants = [c for c in frame(node) if not isinstance(c, Node) and not finite(c)]
    if constants:
        bad_constant = constants[0]
        return Explanation(
            _key(bad_constant),
            f"a constant that goes into {function_of(node)} is {_key(bad_constant)}{_first(bad_constant)}.",
            function_of(node),
            scene.place(node),
            "Clean the data first; see where it is bad with\n    np.argwhere(~np.isfinite(x))",
        )
    hidden = [scene.names.of(p) for p, _, _ in node.edges or () if p not in scene.values]
    unsure = f" (The graph does not keep {', '.join(hidden)}: it may have begun there already.)" if hidden else ""
    result = value if value is not None else np.nan
    return Explanation(
        _key(result),
        f"the result of {function_of(node)} is {_key(result)}{_first(result)} in the forward pass"
        f"{_operands(scene, node, result)}.{unsure}",
        function_of(node),
        scene.place(node),
        _mend(scene, node),
    )


def _operands(scene: Scene, node: Node, result: Any) -> str:
    """`: 0 / 0`: what the first bad entry was made of, for operations that work entry by entry."""
    if not isinstance(node.row and node.row.function, np.ufunc) or function_of(node) == "np.matmul":
        return ""
    items = [scene.values.get(item, UNKNOWN) if isinstance(item, Node) else item for item in frame(node)]
    if any(item is UNKNOWN for item in items):
        return ""
    place = np.unravel_index(_flat(result), node.shape)
    entries = [brief(np.broadcast_to(item, node.shape)[place]) for item in items]
    operator = INFIX.get(function_of(node))
    return f": {entries[0]} {operator} {entries[1]}" if operator else f": {function_of(node)}({', '.join(entries)})"


def _flat(result: Any) -> int:
    return int(np.flatnonzero(~np.isfinite(result))[0])


def _from_backward(scene: Scene, share: Share, key: str) -> Explanation:
    """All numbers that are known were finite on the way forward; the slope is not."""
    node = share.consumer
    first = _key(share.blame)
    later = f", which becomes {key} further on" if first != key else ""
    value = scene.values.get(share.parent)
    where = np.argwhere(~np.isfinite(share.blame))[0]
    at = f" (there the value is {brief(value[tuple(where)])})" if value is not None else ""
    return Explanation(
        first if first == key else key,
        f"the slope of {function_of(node)} with respect to {scene.names.of(share.parent)} is not finite"
        f"{_first(share.blame)}{at}: a finite gradient arrived and {first} was passed on{later}.",
        function_of(node),
        scene.place(node),
        _mend(scene, node),
    )


def _mend(scene: Scene, node: Node) -> str:
    texts = [scene.names.of(item) for item in frame(node)]
    x, y = [*texts, "", ""][:2]
    return MENDS.get(function_of(node), ELSE).format(x=x, y=y)
