"""Arguments as trees: dicts, lists and tuples, nested as one likes, with arrays as leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["flatten"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of a tree in order, and a function that puts other leaves in their places.

    Dicts keep their order of keys; named tuples stay what they are; None is a leaf.

    Example:
        >>> leaves, rebuild = flatten({"w": [1.0, 2.0], "b": (3.0,)})
        >>> leaves
        [1.0, 2.0, 3.0]
        >>> rebuild([10, 20, 30])
        {'w': [10, 20], 'b': (30,)}
    """
    if isinstance(tree, dict):
        keys, children = list(tree), list(tree.values())
    elif isinstance(tree, list | tuple):
        keys, children = [], list(tree)
    else:
        return [tree], lambda leaves: leaves[0]
    flat = [flatten(child) for child in children]

    def rebuild(leaves: list[Any]) -> Any:
        parts, start = [], 0
        for own, rebuild_child in flat:
            parts.append(rebuild_child(leaves[start : start + len(own)]))
            start += len(own)
        if isinstance(tree, dict):
            return dict(zip(keys, parts))
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)

    return [leaf for own, _ in flat for leaf in own], rebuild
