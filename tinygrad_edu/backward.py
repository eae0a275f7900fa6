"""The chain rule on one screen.

A node remembers one operation: for each input that wants a gradient an edge (the input's node, the rule, what the
rule asked for). Backward walks from the result to the leaves, newest operation first. An operation is older than all
that use it, so when its turn comes, everything it is to be blamed for has arrived.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.table import Row, Rule, name_of

__all__ = ["Leaf", "Node", "backward", "unbroadcast"]

Edge = tuple["Node", Rule, tuple[Any, ...]]

# Newest first is the smallest number first, which is what a heap pops.
_serial = itertools.count(0, -1).__next__


class Node:
    """One recorded operation. It knows its parents and nothing of tensors, so a graph has no reference cycle.

    `edges` is None once a backward pass has used and freed it. `serial` counts downwards.
    """

    __slots__ = ("dtype", "edges", "row", "serial", "shape")

    def __init__(self, row: Row | None, edges: list[Edge] | None, shape: tuple[int, ...], dtype: Any) -> None:
        self.row = row
        self.edges = edges
        self.shape = shape
        self.dtype = dtype
        self.serial = _serial()


class Leaf(Node):
    """Where gradients arrive and add up: the node of a tensor that no operation made."""

    __slots__ = ("grad",)

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(None, [], shape, dtype)
        self.grad: Any = None


def backward(node: Node, seed: Any, lift: Callable[[Any, Node], Any] | None = None) -> dict[Leaf, Any]:
    """The gradient of `node`, weighted with `seed`, for every leaf that it depends on.

    Args:
        node: where to start.
        seed: the gradient of the final quantity with respect to this node, in the node's shape.
        lift: makes a tensor again of a saved array and the node it came from. With it the pass is itself recorded
            and the graph stays; without it, each node lets go of what it held as soon as it has been used.

    Returns:
        leaf → gradient, of the leaf's shape and dtype.

    Raises:
        RuntimeError: an earlier backward pass has freed a part of the graph.
    """
    if isinstance(node, Leaf):
        return {node: seed}
    leaves: dict[Any, Any] = {}
    waiting: dict[int, tuple[Node, Any]] = {node.serial: (node, seed)}
    heap = [node.serial]
    while heap:
        node, g = waiting.pop(heappop(heap))
        edges = node.edges
        if edges is None:
            raise _freed(node)
        if lift is None:
            node.edges = None
        else:
            edges = _lifted(node, edges, lift)
        for parent, rule, saved in edges:
            blame = rule.vjp(g, *saved)
            if blame.shape != parent.shape or blame.dtype is not parent.dtype:
                blame = _fit(blame, parent, node, rule)
            if parent.row is None:
                leaves[parent] = leaves[parent] + blame if parent in leaves else blame
            elif (serial := parent.serial) in waiting:
                waiting[serial] = (parent, waiting[serial][1] + blame)
            else:
                waiting[serial] = (parent, blame)
                heappush(heap, serial)
    return leaves


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: an input that was repeated gets the sum of what its copies get.

    Args:
        g: gradient in the broadcast shape.
        shape: the input's own shape.

    Example:
        >>> import numpy as np
        >>> unbroadcast(np.ones((5, 3)), (3,))
        array([5., 5., 5.])
    """
    new = g.ndim - len(shape)
    if new < 0 or any(own not in (1, n) for own, n in zip(shape, g.shape[new:])):
        raise ValueError(f"shape {shape} does not broadcast to {g.shape}")  # a reshape could hide a missing transpose
    repeated = [axis for axis, n in enumerate(g.shape) if n != 1 and (axis < new or shape[axis - new] == 1)]
    if repeated:
        g = g.sum(axis=tuple(repeated))
    return g if g.shape == shape else g.reshape(shape)


def _fit(blame: Any, parent: Node, node: Node, rule: Rule) -> Any:
    """Bring what a rule returned to its input's shape and dtype."""
    shape = blame.shape
    try:
        blame = unbroadcast(blame, parent.shape)
    except ValueError:
        raise ValueError(
            f"The rule of {name_of(node.row and node.row.function)} for {rule.name!r} returned a gradient of shape "
            f"{shape}, but the input has shape {parent.shape} and the result {node.shape}. "
            f"A rule must return a gradient of the input's shape, or of the shape to which the input was broadcast."
        ) from None
    return blame if blame.dtype == parent.dtype else cast(blame, parent.dtype)


def _freed(node: Node) -> RuntimeError:
    return RuntimeError(
        f"backward() came to {name_of(node.row and node.row.function)}, whose part of the graph an earlier "
        "backward() has already used and freed. "
        "In a notebook: run the cell with the forward pass again before this one. "
        "For two losses that share a part: call backward() once, on their sum. "
        "To differentiate twice: give the first call create_graph=True."
    )


def _lifted(node: Node, edges: list[Edge], lift: Callable[[Any, Node], Any]) -> list[Edge]:
    """The edges with saved arrays made tensors of this graph again, so that a rule's own arithmetic is recorded."""
    assert node.row is not None
    origin: dict[Any, Node] = {len(node.row.parameters): node}
    for parent, rule, saved in edges:
        origin[(rule.position, saved[0]) if rule.each else rule.position] = parent

    def again(value: Any, source: Any) -> Any:
        if source in origin:
            return lift(value, origin[source])
        if isinstance(value, list | tuple) and source is not None:
            return type(value)(again(item, (source, i)) for i, item in enumerate(value))
        return value

    return [
        (
            parent,
            rule,
            saved[: rule.each] + tuple(map(again, saved[rule.each :], rule.sources)),
        )
        for parent, rule, saved in edges
    ]
