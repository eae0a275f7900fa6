"""The graph as the detectives see it: one walk, the names of things, and which operations lead to the suspect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.backward import Node
from tinygrad_edu.rules.table import name_of
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.walk import Share, Visit, values, walk
from tinygrad_edu.wording import Names

__all__ = ["Scene", "finite", "function_of", "indices"]


class Scene:
    """A walk from `loss`, seen from `target`.

    Args:
        loss: a tensor with a graph.
        target: the tensor whose gradient is asked for.
        names: as for `trace`.
    """

    def __init__(self, loss: Tensor, target: Tensor, names: Any) -> None:
        assert loss.node is not None
        assert target.node is not None
        self.root: Node = loss.node
        self.target: Node = target.node
        self.seed = np.ones(loss.shape, loss.dtype)
        self.visits = walk(self.root, self.seed)
        oldest_first = [visit.node for visit in reversed(self.visits.values())]
        self.names = Names([*oldest_first, self.target], names, {self.root: "loss", self.target: "t"})
        self.values = values(self.visits, self.names.given | {self.root: loss.data, self.target: target.data})
        self.leading = self._leading(oldest_first)

    def _leading(self, oldest_first: list[Node]) -> set[Node]:
        """The nodes from which the target can be reached."""
        leading = {self.target}
        for node in oldest_first:
            if any(parent in leading for parent, _, _ in node.edges or ()):
                leading.add(node)
        return leading

    @property
    def gradient(self) -> Any:
        """What a backward pass would bring to the target; None where it does not come by."""
        return self.visits[self.target].gradient if self.target in self.visits else None

    def shares(self) -> Iterator[Share]:
        """Everything that is passed on towards the target, nearest the loss first."""
        found = [
            share
            for visit in self.visits.values()
            for share in visit.shares
            if share.parent in self.leading and share.consumer in self.leading
        ]
        return iter(sorted(found, key=lambda share: share.consumer.serial))

    def arrived(self, share: Share) -> Any:
        """The gradient that the share was made of."""
        return self.visits[share.consumer].gradient

    def again(self, change: Callable[[Share], Any]) -> Any:
        """The target's gradient if the operations had passed on something else."""
        visit: Visit = walk(self.root, self.seed, change)[self.target]
        return visit.gradient

    def place(self, node: Node) -> str:
        """An operation as a line of the program, with shapes: `z = x @ W, shapes (4, 3) -> (3,)`."""
        parents = [str(parent.shape) for parent, _, _ in node.edges or ()]
        shapes = f"{', '.join(dict.fromkeys(parents))} -> {node.shape}" if parents else str(node.shape)
        return f"{self.names.equation(node)}   (shapes {shapes})"


def function_of(node: Node) -> str:
    """The name of the function that made it."""
    return name_of(node.row and node.row.function)


def finite(array: Any) -> bool:
    """Whether all entries are; what is not an array of numbers is taken to be."""
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    return kind not in "fc" or kind == "" or bool(np.all(np.isfinite(array)))


def indices(mask: Any, at_most: int = 6) -> str:
    """Where a mask is True: `(0, 1), (2, 1)`; plain numbers where there is one axis; `rows 0, 2` of a matrix."""
    if mask.ndim == 2 and min(mask.shape) > 1:
        for axis, word in ((1, "row"), (0, "column")):
            whole = mask.all(axis=axis)
            if whole.any() and np.array_equal(whole, mask.any(axis=axis)):
                return f"{word}{'s' * int(whole.sum() > 1)} {indices(whole, at_most)}"
    places = [tuple(map(int, place)) for place in np.argwhere(mask)]
    texts = [str(place[0]) if len(place) == 1 else str(place) for place in places[:at_most]]
    return ", ".join(texts) + (f", … ({len(places)} in all)" if len(places) > at_most else "")
