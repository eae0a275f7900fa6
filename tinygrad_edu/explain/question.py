"""The questions, in order: can there be a gradient, is it there, is it finite, is it zero?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.explain.explanation import Explanation
from tinygrad_edu.explain.nonfinite import bad_value, why_not_finite
from tinygrad_edu.explain.scene import Scene, finite, function_of, indices
from tinygrad_edu.explain.zero import why_vanishing, why_zero
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.walk import frame

__all__ = ["explain"]


def explain(t: Tensor, loss: Tensor | None = None, names: Any = None) -> Explanation:
    """Why is the gradient of `t` None, zero, or NaN?

    A tensor knows what it was made from, not what was made from it. So `explain(t)` alone can tell little; give the
    loss, before `loss.backward()` frees the graph (or after running the forward pass again). Nothing is changed.

    Args:
        t: the tensor whose gradient is in question, usually a parameter.
        loss: what the gradient is of.
        names: what to call things in the answer: `{"W1": W1}`, a module, or `locals()`.

    Returns:
        Cause, place and mend. Print it, or read `.cause`, `.operation` and `.mend`.

    Raises:
        TypeError: `t` or `loss` is not a Tensor.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([-1.0, 2.0], requires_grad=True)
        >>> answer = tg.explain(w, np.sum(tg.relu(w)), names={"w": w})
        >>> answer.cause, answer.operation
        ('dead relu', 'relu')
        >>> print(answer)
        cause  dead relu: w is at most 0 in unit 0 (of 2), and there the slope of relu
               is 0. For that reason 1 of the 2 entries of the gradient is 0.
        place  t1 = relu(w)   (shapes (2,) -> (2,))
        mend   A unit that is silent for every sample never learns again. Try another
               start (seed), a smaller learning rate, or a ReLU that leaks:
                   np.where(w > 0, w, 0.01 * w)
    """
    for value, role in ((t, "t"), *([(loss, "loss")] if loss is not None else [])):
        if not isinstance(value, Tensor):
            if hasattr(value, "named_parameters"):
                raise TypeError(
                    "explain() looks at one Tensor at a time. For a module: "
                    "for name, p in net.named_parameters(): print(name, tg.explain(p, loss, names=net).cause)"
                )
            raise TypeError(
                f"explain({role}=...) needs a Tensor, not {type(value).__name__}. Gradients belong to Tensors made "
                "with requires_grad=True; write tg.explain(W1, loss), not tg.explain(W1.grad)."
            )
    if loss is not None and isinstance(loss.node, Leaf) and t.node is not None and not isinstance(t.node, Leaf):
        t, loss = loss, t  # explain(loss, W1): there is only one way in which this can be meant
    if t.node is None:
        return _not_asked_for(t)
    if loss is None:
        return _without_loss(t)
    if loss.node is None:
        return _loss_without_graph()
    return _with_loss(t, loss, names)


def _not_asked_for(t: Tensor) -> Explanation:
    return Explanation(
        "not asked for",
        "requires_grad is False. Either the tensor was made without requires_grad=True, or it was computed from "
        "others under no_grad() or by way of detach(), .data or .numpy(). Which of these it was cannot be told: such "
        "a tensor remembers nothing.",
        place=f"a tensor of shape {t.shape} without a graph",
        mend="For a parameter:\n    w = tg.Tensor(data, requires_grad=True)\n"
        "An update that keeps it a parameter:\n    w.data -= lr * w.grad   # not: w = tg.Tensor(w.data - ...)",
    )


def _without_loss(t: Tensor) -> Explanation:
    """What the tensor and its own past can tell."""
    if not isinstance(t.node, Leaf):
        assert t.node is not None
        own = Scene(t, t, None)
        return bad_value(own) or _not_a_leaf(t)
    if not finite(t.data):
        found = bad_value(Scene(t, t, None))
        assert found is not None
        return found
    mend = "Before backward(), or after running the forward pass again:\n    print(tg.explain(t, loss))"
    if t.grad is None:
        return Explanation(
            "backward not called",
            "no backward pass has come by since the tensor was made or zero_grad() was called: either none was run, "
            "or the loss does not depend on this tensor. Which of these cannot be told without the loss.",
            mend="If backward was not called:\n    loss.backward()\nIf it was, ask with the loss. " + mend,
        )
    seen = _data(t.grad)
    state = "not finite" if not finite(seen) else f"0 in {np.sum(seen == 0)} of {seen.size} entries"
    if finite(seen) and np.all(seen != 0):
        return _fine("its gradient is there, finite, and nowhere 0.")
    return Explanation(
        "needs the loss",
        f"the gradient is {state}, and where that began is written in the graph of the loss, which this "
        "tensor does not know.",
        mend=mend,
    )


def _data(grad: Any) -> Any:
    return grad.data if isinstance(grad, Tensor) else grad


def _fine(what: str) -> Explanation:
    return Explanation("fine", what)


def _not_a_leaf(t: Tensor) -> Explanation:
    assert t.node is not None
    return Explanation(
        "not a leaf",
        f"{function_of(t.node)} made this tensor, and only leaves (made with requires_grad=True by nobody but you) "
        "collect .grad. The gradient passes through here all the same.",
        function_of(t.node),
        mend="To see it:\n    tg.trace(loss)\n"
        "If this is meant to be a parameter, it was probably replaced in the update; write\n"
        "    w.data -= lr * w.grad   # not: w = w - lr * w.grad",
    )


def _loss_without_graph() -> Explanation:
    return Explanation(
        "not connected",
        "the loss has no graph at all. It was computed under no_grad(), or everything on the way went by detach(), "
        ".data or .numpy(), or from plain arrays only. Which of these it was cannot be told: nothing was recorded.",
        place="loss",
        mend="Compute the loss outside no_grad(), from the Tensors themselves:\n"
        "    loss = np.mean((x @ W - y) ** 2)   # not: x @ W.data",
    )


def _with_loss(t: Tensor, loss: Tensor, names: Any) -> Explanation:
    scene = Scene(loss, t, names)
    if scene.target not in scene.visits:
        freed = [node for node, visit in scene.visits.items() if visit.freed]
        return _behind_freed(t, function_of(freed[0])) if freed else _not_connected(scene, t)
    if found := why_not_finite(scene):
        return found
    zeros = why_zero(scene)
    if not zeros and (almost := why_vanishing(scene)):
        zeros = [almost]
    if zeros:
        return zeros[0].with_also(tuple(zeros[1:4]))
    if not finite(t.data) or not finite(loss.data):
        found = bad_value(scene)
        assert found is not None
        return found
    if not isinstance(t.node, Leaf):
        return _not_a_leaf(t)
    return _as_collected(t)


def _as_collected(t: Tensor) -> Explanation:
    """The graph is in order; is what `.grad` holds in order too?"""
    if isinstance(t.node, Leaf) and t.grad is None:
        return Explanation(
            "backward not called",
            "the loss depends on this tensor and its gradient would be finite, but no backward pass has come by "
            "since the tensor was made or zero_grad() was called.",
            mend="Before you read .grad:\n    loss.backward()",
        )
    if t.grad is not None and not finite(_data(t.grad)):
        return Explanation(
            "old gradient",
            "this loss gives a finite gradient; the bad numbers in .grad come from an earlier backward pass and stay "
            "in the sum.",
            mend="Before the next backward:\n    optimizer.zero_grad()   # or: w.grad = None\n    loss.backward()",
        )
    return _fine("the loss depends on this tensor; its gradient is finite, and no operation blocks it.")


def _behind_freed(t: Tensor, operation: str) -> Explanation:
    seen = None if t.grad is None else _data(t.grad)
    if seen is not None and finite(seen) and np.all(seen != 0):
        return _fine("its gradient is there, finite, and nowhere 0.")
    if seen is None:
        state = "The gradient is None: the loss did not depend on this tensor, or .grad was reset since."
    elif not finite(seen):
        state = f"The gradient is not finite at {indices(~np.isfinite(seen))}."
    else:
        state = f"The gradient is 0 at {indices(seen == 0)}."
    return Explanation(
        "graph freed",
        f"an earlier backward() has used and freed the graph, so that it can no longer be followed beyond "
        f"{operation}. {state}",
        operation,
        mend="Run the forward pass again and ask before backward():\n    loss = ...\n    print(tg.explain(t, loss))",
    )


def _not_connected(scene: Scene, t: Tensor) -> Explanation:
    """Perhaps its numbers went in without it: a constant that equals them gives it away."""
    mend = "Use the Tensor itself:\n    x @ W   # not: x @ W.data, W.detach() or W.numpy()"
    for node in scene.visits:
        for item in frame(node) if node.row is not None else ():
            twin = isinstance(item, np.ndarray) and item.shape == t.shape and item.dtype == t.dtype
            if twin and np.array_equal(item, t.data):
                return Explanation(
                    "not connected",
                    f"the loss does not depend on this tensor, but {function_of(node)} uses a constant with exactly "
                    "its numbers. That looks like .detach(), .data or .numpy(), or a use under no_grad().",
                    function_of(node),
                    scene.place(node),
                    mend,
                )
    leaves = sum(isinstance(node, Leaf) for node in scene.visits)
    return Explanation(
        "not connected",
        f"this tensor is none of the {leaves} leaves that the loss was computed from. Either it was not used, or it "
        "was replaced by another of the same name, or it went in by way of detach(), .data, .numpy() or no_grad(): "
        "which of these cannot be told, for a constant does not remember where it came from.",
        mend=mend + "\nIf the tensor was made again after the forward pass, run the forward pass again.",
    )
