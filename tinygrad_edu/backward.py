"""The chain rule on one screen.

A node remembers one operation: for each input that wants a gradient an edge (the input's node, the rule, what the
rule asked for). Backward walks from the result to the leaves, newest operation first. An operation is older than all
that use it, so when its turn comes, everything it is to be blamed for has arrived.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
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

    def __init__(self, row: Row | None, edges: list[Edge] | None, shape: Any, dtype: Any) -> None:
        self.row = row
        self.edges = edges
        self.shape = shape
        self.dtype = dtype
        self.serial = _serial()


class Leaf(Node):
    """Where gradients arrive and add up: the node of a tensor that no operation made."""

    __slots__ = ("grad", "used")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(None, [], shape, dtype)
        self.grad: Any = None
        self.used = False  # whether an optimizer has taken a step along `grad` since it was begun


def backward(
    node: Node, seed: Any, lift: Callable[[Any, Node], Any] | None = None, stop: Collection[Node] | None = None
) -> dict[Node, Any]:
    """The gradient of `node`, weighted with `seed`, for every leaf that it depends on.

    Args:
        node: where to start.
        seed: the gradient of the final quantity with respect to this node, in the node's shape.
        lift: makes a tensor again of a saved array and the node it came from. With it the pass is itself recorded.
        stop: the nodes to find gradients for, instead of the leaves.

    Returns:
        node → gradient, of the node's shape and dtype, for all on which there is any dependence. A pass without
        `lift` and `stop` lets each node go of what it held as soon as it has been used; the others leave the graph.

    Raises:
        RuntimeError: an earlier backward pass has freed a part of the graph.
    """
    keep = lift is not None or stop is not None
    found: dict[Node, Any] = {}
    if node.row is None or (stop and node in stop):
        return {node: seed}
    waiting: dict[int, tuple[Node, Any]] = {node.serial: (node, seed)}
    heap = [node.serial]
    while heap:
        node, g = waiting.pop(heappop(heap))
        edges = node.edges
        if edges is None:
            raise _freed(node)
        if not keep:
            node.edges = None
        else:
            edges = _edges(node, edges, lift, stop)
        for parent, rule, saved in edges:
            try:
                blame = rule.vjp(g, *saved)
                if blame.shape != parent.shape or blame.dtype is not parent.dtype:
                    blame = _fit(blame, parent, node, rule)
            except Exception as error:
                error.add_note(f"In the rule of {name_of(node.row and node.row.function)} for {rule.name!r}.")
                raise
            if parent.row is None or (stop and parent in stop):
                found[parent] = found[parent] + blame if parent in found else blame
            elif (serial := parent.serial) in waiting:
                waiting[serial] = (parent, waiting[serial][1] + blame)
            else:
                waiting[serial] = (parent, blame)
                heappush(heap, serial)
    return found


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
    if new == 1 and g.shape[1:] == shape:  # by far the most common: a bias, added to every row
        return g[0] if g.shape[0] == 1 else g.sum(axis=0)
    if new < 0 or any(own not in (1, n) for own, n in zip(shape, g.shape[new:])):
        raise ValueError(f"shape {shape} does not broadcast to {g.shape}")  # a reshape could hide a missing transpose
    repeated = [axis for axis, n in enumerate(g.shape) if n != 1 and (axis < new or shape[axis - new] == 1)]
    if repeated:
        g = g.sum(axis=tuple(repeated))
    return g if g.shape == shape else g.reshape(shape)


def _fit(blame: Any, parent: Node, node: Node, rule: Rule) -> Any:
    """Bring what a rule returned to its input's shape and dtype."""
    shape = blame.shape
    if shape is None or parent.shape is None:
        raise TypeError(f"the rule returned {type(blame).__name__} of shape {shape} for an input of {parent.shape}")
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
        "backward() has already used and freed, perhaps one that ended in an error. "
        "In a notebook: run the cell with the forward pass again before this one. "
        "For two losses that share a part: call backward() once, on their sum. "
        "To differentiate twice: give the first call create_graph=True."
    )


def _edges(
    node: Node, edges: list[Edge], lift: Callable[[Any, Node], Any] | None, stop: Collection[Node] | None
) -> list[Edge]:
    """The edges that can lead to `stop`, with saved arrays made tensors again so that the rules' work is recorded."""
    every = edges
    if stop is not None:
        oldest = max(wanted.serial for wanted in stop)
        edges = [edge for edge in edges if edge[0] in stop or (edge[0].row is not None and edge[0].serial < oldest)]
    if lift is None or node.row is None:
        return edges
    origin: dict[Any, Node] = {len(node.row.parameters): node}
    for parent, rule, saved in every:
        origin[(rule.position, saved[0]) if rule.each else rule.position] = parent

    return [
        (
            parent,
            rule,
            saved[: rule.each]
            + tuple(_again(value, source, lift, origin) for value, source in zip(saved[rule.each :], rule.sources)),
        )
        for parent, rule, saved in edges
    ]


def _again(value: Any, source: Any, lift: Callable[[Any, Node], Any], origin: dict[Any, Node]) -> Any:
    """A saved value as a tensor of the node it came from. A closure would hold itself: a cycle."""
    if source in origin:
        return lift(value, origin[source])
    if isinstance(value, list | tuple) and source is not None:
        return type(value)(_again(item, (source, i), lift, origin) for i, item in enumerate(value))
    return value
