"""The chain rule once more, watched: the walk of `backward`, which remembers who blamed whom for how much.

`backward` adds up what arrives at a node and forgets the summands; to show or to explain a gradient they are needed.
Nothing of the graph is freed or changed, and no `.grad` is touched.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinygrad_edu.backward import Node, unbroadcast
from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.table import Rule

__all__ = ["UNKNOWN", "Share", "Visit", "fit", "frame", "values", "walk"]


@dataclass(frozen=True, eq=False)
class Share:
    """What one operation passes back to one of its inputs: a summand of that input's gradient.

    `saved` is what the rule was called with besides g; `folded` says that broadcasting was undone afterwards.
    """

    consumer: Node
    parent: Node
    rule: Rule
    saved: tuple[Any, ...]
    blame: Any
    folded: bool


@dataclass(eq=False)
class Visit:
    """A node with the gradient that arrived at it and the shares that were summed, the newest operation's first."""

    node: Node
    gradient: Any
    shares: list[Share] = field(default_factory=list)

    @property
    def freed(self) -> bool:
        """Whether an earlier backward pass has used and freed this operation, so that the walk ends here."""
        return self.node.edges is None


def walk(root: Node, seed: Any, change: Callable[[Share], Any] | None = None) -> dict[Node, Visit]:
    """Every node that `root` depends on, the newest first.

    Args:
        root: where to start.
        seed: the gradient of the final quantity with respect to it, in its shape.
        change: passes back something else than the rule did: "what if this operation had let it through?"
    """
    visits = {root: Visit(root, seed)}
    heap = [(root.serial, root)]
    order: dict[Node, Visit] = {}
    with np.errstate(all="ignore"):  # an overflow is what the reader is looking for, and is shown in the result
        while heap:
            node = heappop(heap)[1]
            visit = order[node] = visits[node]
            for parent, rule, saved in node.edges or ():
                raw = rule.vjp(visit.gradient, *saved)
                share = Share(node, parent, rule, saved, fit(raw, parent), raw.shape != parent.shape)
                blame = share.blame if change is None else change(share)
                if parent in visits:
                    visits[parent].gradient = visits[parent].gradient + blame
                else:
                    visits[parent] = Visit(parent, blame)
                    heappush(heap, (parent.serial, parent))
                visits[parent].shares.append(share)
    return order


def fit(blame: Any, parent: Node) -> Any:
    """What a rule returned, in the shape and dtype of its input, as `backward` brings it there."""
    if blame.shape is None or parent.shape is None:  # of several arrays: there is no one shape
        return blame
    if blame.shape != parent.shape:
        blame = unbroadcast(blame, parent.shape)
    return blame if blame.dtype == parent.dtype else cast(blame, parent.dtype)


class _Unknown:
    def __repr__(self) -> str:
        return "?"


UNKNOWN = _Unknown()
"""Stands for a constant that no rule asked for: the graph does not keep it."""


def frame(node: Node) -> list[Any]:
    """What the operation was called with, one item a parameter: a Node, a saved value, a default, or UNKNOWN.

    A parameter that takes several arrays is a list of such items, as far as they are known.
    """
    assert node.row is not None
    row = node.row
    call: list[Any] = [d if p in row.refused else UNKNOWN for p, d in zip(row.parameters, row.defaults)]
    for position, value in _saved(node):
        call[position] = list(value) if isinstance(value, list | tuple) and _takes_several(node, position) else value
    for parent, rule, saved in node.edges or ():
        if not rule.each:
            call[rule.position] = parent
            continue
        several = call[rule.position] if isinstance(call[rule.position], list) else []
        several += [UNKNOWN] * (saved[0] + 1 - len(several))
        several[saved[0]] = parent
        call[rule.position] = several
    return call


def _takes_several(node: Node, position: int) -> bool:
    return any(rule.each and rule.position == position for _, rule, _ in node.edges or ())


def _saved(node: Node) -> Iterator[tuple[int, Any]]:
    """(position, value) of the parameters that some rule asked for; the result's own position is not among them."""
    assert node.row is not None
    for _, rule, saved in node.edges or ():
        for value, source in zip(saved[rule.each :], rule.sources):
            if source is not None and source < len(node.row.parameters):
                yield source, value


def values(visits: dict[Node, Visit], given: dict[Node, Any]) -> dict[Node, Any]:
    """The results of the forward pass, as far as they can be known.

    The graph keeps only what rules asked for. From that and from what is `given`, the rest is computed again where
    all inputs are known.
    """
    known = dict(given)
    oldest_first = [visit.node for visit in reversed(visits.values()) if visit.node.row is not None]
    for node in oldest_first:
        inputs = {rule.position: parent for parent, rule, _ in node.edges or () if not rule.each}
        known.update({inputs[position]: value for position, value in _saved(node) if position in inputs})
        for value in _own_result(node):
            known[node] = value
    for node in oldest_first:
        if node not in known and (result := _compute(node, known)) is not None:
            known[node] = result
    return known


def _own_result(node: Node) -> Iterator[Any]:
    assert node.row is not None
    for _, rule, saved in node.edges or ():
        for value, source in zip(saved[rule.each :], rule.sources):
            if source == len(node.row.parameters) and not isinstance(value, tuple):
                yield value


def _compute(node: Node, known: dict[Node, Any]) -> Any:
    """The operation done again, or None where that is not possible or gives something of another shape."""
    assert node.row is not None
    row = node.row
    args, options = [], {}
    for name, default, item in zip(row.parameters, row.defaults, frame(node)):
        value = [known.get(i, i) if isinstance(i, Node) else i for i in item] if isinstance(item, list) else item
        value = known.get(value, UNKNOWN) if isinstance(value, Node) else value
        unknown = value is UNKNOWN or (isinstance(value, list) and any(isinstance(i, Node | _Unknown) for i in value))
        if unknown or isinstance(row.function, tuple):
            return None
        if default is inspect.Parameter.empty:
            args.append(value)
        elif value is not default:
            options[name] = value
    try:
        with np.errstate(all="ignore"):
            result = row.function(*args, **options)
    except Exception:  # a guess that does not work out is no answer; the caller says "not known"
        return None
    return result if getattr(result, "shape", None) == node.shape else None
