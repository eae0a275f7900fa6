"""Does backward behave like a derivative? It is linear in the seed, and leaves alone what it was given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.backward import Leaf, Node
from tinygrad_edu.gradcheck.report import Report
from tinygrad_edu.tensor import Tensor

__all__ = ["Subject", "check", "rounding_noise"]

Array = NDArray[Any]
BITS = {np.dtype(np.float16): np.uint16, np.dtype(np.float32): np.uint32, np.dtype(np.float64): np.uint64}
FAR = {2: 3, 4: 12, 8: 30, 12: 30, 16: 30}  # bytes of a float → log2 of a seed far from 1 that leaves room in it


class Subject:
    """What is being checked: the function, the tensors with respect to which, and the report as it grows."""

    def __init__(self, f: Callable[..., Any], arguments: Sequence[Any], targets: dict[str, Tensor]) -> None:
        self.f = f
        self.arguments = arguments
        self.names = list(targets)
        self.tensors = list(targets.values())
        for name, tensor in targets.items():
            if tensor.dtype.kind != "f":
                raise TypeError(f"gradcheck: {name} has dtype {tensor.dtype}; only real floats can be checked")
            for index in np.argwhere(~np.isfinite(tensor.data)):
                raise ValueError(
                    f"gradcheck: {name}{index.tolist() or ''} is {tensor.data[tuple(index)]}; slopes can be measured "
                    "only around finite numbers"
                )
        self.report = Report()

    def fail(self, sentence: str) -> None:
        self.report.failures += [] if sentence in self.report.failures else [sentence]

    def forward(self) -> Tensor:
        out = self.f(*self.arguments)
        self.report.forward_passes += 1
        if not isinstance(out, Tensor):
            raise TypeError(
                f"gradcheck: f returned {type(out).__name__}, not a Tensor: its result does not depend on "
                f"{', '.join(self.names)} by operations that record gradients."
            )
        if out.dtype.kind != "f":
            raise TypeError(f"gradcheck: f returned dtype {out.dtype}; only real floats have slopes")
        return out

    def gradients(self, seed: Array, disturb: Callable[[Node], None] | None = None) -> list[Array]:
        """A fresh forward and backward pass, the graph disturbed between them; zeros where no gradient arrived.

        Every leaf, whether it is checked or not, keeps the gradient that it had.
        """
        out = self.forward()
        arrived: dict[Node, Any] = {}
        if out.node is not None:
            if disturb is not None:
                disturb(out.node)
            leaves = [node for node in _nodes(out.node) if isinstance(node, Leaf)]
            with _set_aside(leaves):
                out.backward(seed)
                arrived = {leaf: leaf.grad for leaf in leaves if leaf.grad is not None}
        self.report.backward_passes += 1
        return [arrived[t.node] if t.node in arrived else np.zeros(t.shape, t.dtype) for t in self.tensors]

    def seed(self, seed: Any) -> Array:
        """The weights of f's entries: random and not 1, so that a forgotten or a squared factor shows."""
        out = self.forward()
        if seed is None:
            rng = np.random.default_rng(0)
            seed = rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)
        weights = np.array(np.broadcast_to(seed, out.shape), dtype=out.dtype)
        if not np.all(np.isfinite(weights)) or (weights.size and not np.any(weights)):
            raise ValueError(
                "gradcheck: the seed weighs the entries of f's result; it needs finite numbers, not all of them 0, "
                "for whatever backward does wrong would be multiplied by them"
            )
        return weights


def _nodes(node: Node) -> Iterator[Node]:
    """All nodes that a node depends on, and itself; what has been yielded may be changed before the next."""
    seen, stack = {node}, [node]
    while stack:
        node = stack.pop()
        yield node
        parents = {parent for parent, _, _ in node.edges or []} - seen
        seen |= parents
        stack.extend(parents)


@contextlib.contextmanager
def _set_aside(leaves: list[Leaf]) -> Iterator[None]:
    """Leaves without gradients, which get back afterwards what they had."""
    own = [(leaf, leaf.grad, leaf.used) for leaf in leaves]
    try:
        for leaf in leaves:
            leaf.grad, leaf.used = None, False
        yield
    finally:
        for leaf, grad, used in own:
            leaf.grad, leaf.used = grad, used


def check(subject: Subject, seed: Array) -> tuple[list[Array], list[Array]] | None:
    """The gradients and their noise, with what is wrong in the report; None where slopes would make no sense."""
    arrays = [a for a in subject.arguments if isinstance(a, np.ndarray)] + [t.data for t in subject.tensors]
    before = [a.copy() for a in arrays]
    changed = "an input was changed by the forward or the backward pass"
    first, second = subject.forward(), subject.forward()
    if not _same(arrays, before):
        subject.fail(changed)
        return None
    if not _same([first.data], [second.data]):
        subject.fail("f gives different results for the same inputs; fix its randomness before checking gradients")
        return None
    gradients = subject.gradients(seed)
    _check_memory(subject, seed, gradients)
    noise = rounding_noise(subject, seed, gradients)
    _check_linearity(subject, seed, gradients, noise)
    if not _same(arrays, before):
        subject.fail(changed)
        return None
    return gradients, noise


def _same(arrays: list[Array], before: list[Array]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays, before))


def _check_memory(subject: Subject, seed: Array, gradients: list[Array]) -> None:
    """A gradient has its input's shape and dtype and memory of its own, and comes out the same again."""
    first, original = [g.copy() for g in gradients], seed.copy()
    again = subject.gradients(seed)
    for name, tensor, gradient, copy, second in zip(subject.names, subject.tensors, gradients, first, again):
        if gradient.shape != tensor.shape or gradient.dtype != tensor.dtype:
            subject.fail(
                f"the gradient of {name} has shape {gradient.shape} and dtype {gradient.dtype}, "
                f"the input {tensor.shape} and {tensor.dtype}"
            )
        for what, other in [("the seed", seed), ("the input's data", tensor.data), ("the next gradient", second)]:
            if np.may_share_memory(gradient, other):
                subject.fail(f"the gradient of {name} shares memory with {what}")
        if not _same([second], [copy]):
            subject.fail(f"two backward passes from the same point give different gradients of {name}")
    if not _same([seed], [original]):
        subject.fail("backward changed the seed")
        seed[...] = original
    for gradient, copy in zip(gradients, first):
        gradient[...] = copy


def _check_linearity(subject: Subject, seed: Array, gradients: list[Array], noise: list[Array]) -> None:
    """Zero gives exactly zero; scaling and adding seeds scales and adds gradients."""

    def of(some_seed: Array) -> list[Array]:
        return [g.copy() for g in subject.gradients(some_seed)]

    for name, zero in zip(subject.names, of(np.zeros_like(seed))):
        if not np.all(zero == 0):
            subject.fail(f"a zero seed gives a gradient of {name} that is not exactly 0")
    # A power of two scales without rounding, so that gradients must be equal to the last bit.
    far = 2.0 ** min(FAR[dtype.itemsize] for dtype in (seed.dtype, *(t.dtype for t in subject.tensors)))
    for factor, said in ((-2.0, "−2"), (far, f"{far:g}"), (1 / far, f"{1 / far:.2g}")):
        for name, g, scaled in zip(subject.names, gradients, of(factor * seed)):
            limits = np.finfo(g.dtype)
            smallest = limits.tiny / limits.eps  # below it, even doubling may round
            excused = np.isnan(g) | (np.abs(scaled - factor * g) <= smallest)
            if factor == far:  # an overflow
                excused |= ~np.isfinite(scaled)
            if not np.all((scaled == factor * g) | excused):
                subject.fail(
                    f"the gradient of {name} is not linear in the seed: {said} × seed does not give {said} × gradient"
                )
    other = (seed * np.random.default_rng(1).uniform(0.5, 2, seed.shape)).astype(seed.dtype)
    for name, g, one, both, unsure in zip(subject.names, gradients, of(other), of(seed + other), noise):
        rounding = 1e4 * np.finfo(g.dtype).eps * np.max(np.abs(g) + np.abs(one), initial=0) + 10 * unsure
        if not np.all(np.isclose(both, g + one, rtol=0, atol=rounding, equal_nan=True)):
            subject.fail(f"the gradient of {name} is not linear in the seed: a sum of seeds gives another gradient")


def rounding_noise(subject: Subject, seed: Array, gradients: list[Array]) -> list[Array]:
    """What rounding alone does to the gradients: how they move when inputs and saved values move by their last bits.

    The middle one of five tries: where an input lies next to a kink, some of them jump across it, and that must not
    excuse anything. Source of the idea: J. Vignes, "A stochastic arithmetic for reliable scientific computation",
    Mathematics and Computers in Simulation 35 (1993).
    """
    rng = np.random.default_rng(2)
    own = [tensor._data for tensor in subject.tensors]
    tries = []
    try:
        for _ in range(5):
            for tensor, data in zip(subject.tensors, own):
                wobble = 1 + 4 * np.finfo(data.dtype).eps * rng.uniform(-1, 1, data.shape)
                tensor._data = (data * wobble).astype(data.dtype)
            salt = int(rng.integers(2**62))
            moved = subject.gradients(seed, lambda node: _round_otherwise(node, salt))  # noqa: B023 (called at once)
            tries.append([np.abs(m - g) for g, m in zip(gradients, moved)])
    finally:
        for tensor, data in zip(subject.tensors, own):
            tensor._data = data
    middle = [np.median(np.stack(distances), axis=0) for distances in zip(*tries)]
    largest = max(float(np.max(np.abs(g), initial=0, where=np.isfinite(g))) for g in gradients)
    return [np.minimum(np.where(np.isfinite(m), m, 0), 1e-2 * largest) for m in middle]


def _round_otherwise(node: Node, salt: int) -> None:
    """Change every number that the graph has saved for backward by a rounding or a few."""
    for one in _nodes(node):
        one.edges = [
            (parent, rule, tuple(_wobbled(value, salt) for value in saved)) for parent, rule, saved in one.edges or []
        ]


def _wobbled(value: Any, salt: int) -> Any:
    """An array with each number one or three roundings away; equal numbers go the same way, so that ties stay ties."""
    if not isinstance(value, np.ndarray) or value.dtype not in BITS:
        return value
    bits = np.atleast_1d(value).view(BITS[value.dtype]).astype(np.uint64)  # a 0-d one would warn of overflow below
    shuffled = (bits * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)) * np.uint64(0xBF58476D1CE4E5B9)
    direction = (shuffled >> np.uint64(62)).astype(value.dtype).reshape(value.shape) - value.dtype.type(1.5)
    moved = value + value * direction * (2 * np.finfo(value.dtype).eps)
    return np.where(np.isfinite(moved), moved, value)
