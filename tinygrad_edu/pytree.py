"""Arguments as trees: dicts, lists and tuples, nested as one likes, with arrays as leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["flatten", "leaves_like"]


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


def leaves_like(tree: Any, like: Any, name: str) -> list[Any]:
    """The leaves of a tree in the order in which those of another tree come: dicts are matched by key.

    Args:
        tree: whose leaves are wanted.
        like: a tree of the same structure; the order of keys may differ.
        name: what an error calls `tree`.

    Raises:
        TypeError: the structures differ.

    Example:
        >>> leaves_like({"b": 1.0, "a": (2.0, 3.0)}, like={"a": (10, 20), "b": 30}, name="the seed")
        [2.0, 3.0, 1.0]
    """
    found, wanted = _structure(tree), _structure(like)
    if found != wanted:
        raise TypeError(
            f"{name} must have the structure {wanted!r}, but it has {found!r} ('*' is an array or a number). "
            "Dicts need the same keys, lists and tuples the same length; write np.array([1.0, 2.0]) for an array."
        )
    return _in_order(tree, like)


def _structure(tree: Any) -> Any:
    """A tree that is equal to another one's, whatever the order of their keys, if the two are built alike."""
    leaves, rebuild = flatten(tree)
    return rebuild(["*"] * len(leaves))


def _in_order(tree: Any, like: Any) -> list[Any]:
    if isinstance(like, dict):
        pairs = [(tree[key], like[key]) for key in like]
    elif isinstance(like, list | tuple):
        pairs = list(zip(tree, like))
    else:
        return [tree]
    return [leaf for own, other in pairs for leaf in _in_order(own, other)]
