"""The look that must come before each call: is everything as it was when the program was traced?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.compile.scene import PLAIN, Holder
from tinygrad_edu.compile.tracing import is_array
from tinygrad_edu.optim.group import Group
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import Run

__all__ = ["MISS", "Look"]

MISS = object()


class Look:
    """Writes the conditions under which a program is right, as one Python expression.

    Args:
        args: those of the call that the program was traced for.
    """

    def __init__(self, args: list[Any]) -> None:
        self.conditions: list[str] = []
        self.names: dict[str, Any] = {"MISS": MISS}
        self.known: dict[int, str] = {}
        self.count = len(args)
        self.data: list[str] = []  # what the program takes of them
        for i, arg in enumerate(args):
            self._argument(f"x{i}", arg)

    def _name(self, thing: Any) -> str:
        if thing is None or thing is True or thing is False:
            return repr(thing)
        if id(thing) not in self.known:
            self.known[id(thing)] = name = f"k{len(self.known)}"
            self.names[name] = thing
        return self.known[id(thing)]

    def check(self, condition: str, *things: Any, **names: Any) -> None:
        """One condition more, with names for the things in the place of its {}."""
        self.names.update(names)
        text = condition.format(*map(self._name, things))
        if text not in self.conditions:
            self.conditions.append(text)

    def _argument(self, x: str, arg: Any) -> None:
        if not is_array(arg) and not isinstance(arg, PLAIN):
            self.check(f"{x} is {{}}", arg)
            return
        self.check(f"type({x}) is {{}}", type(arg))
        if isinstance(arg, Tensor):
            self.check(f"{x}.node is None")
            x, arg = f"{x}._data", arg.data
        if isinstance(arg, np.ndarray):
            self.check(f"{x}.shape == {arg.shape} and {x}.dtype is {{}} and {x}.strides == {arg.strides}", arg.dtype)
        if is_array(arg):
            self.data.append(x)
        elif isinstance(arg, float | complex) and (arg == 0 or arg != arg):  # 0.0 is not -0.0, but NaN is NaN
            self.check(f"repr({x}) == {repr(arg)!r}")
        else:
            self.check(f"{x} == {{}}", arg)

    def settings(self, group: Group) -> None:
        """That an optimizer's settings are the same; a learning rate that is a number is read from its array."""
        k, names = self._name(group), [n for n in group if n != "params" and (n != "lr" or group.has_schedule)]
        same = [f"{k}._everything[{name!r}] is {self._name(group[name])}" for name in names]
        same.insert(0, f"{k}.has_schedule is {group.has_schedule}")
        # They are all in one dict, which is another one as soon as one of them is set.
        self.check(f"({k}._everything is {self._name(group._everything)} or {' and '.join(same)})")

    def holder(self, holder: Holder) -> None:
        """That the same is in all its places, and nothing else."""
        if holder.kind == "set":
            self.check("{} == {}", holder.owner, frozenset(holder.before.values()))
            return
        if holder.kind not in ("cell", "slots") and holder.keys is None:
            places = vars(holder.owner) if holder.kind in ("object", "class") else holder.owner
            self.check(f"len({{}}) == {len(places)}", places)
        for key, value in holder.before.items():
            self._place(holder, key, value)

    def _place(self, holder: Holder, key: Any, value: Any) -> None:
        owner = holder.owner
        if holder.kind == "cell":
            self.check("{}.cell_contents is {}", owner, value)
        elif holder.kind == "slots":
            if (key == "node" and isinstance(value, Leaf)) or (key == "parameters" and isinstance(owner, Run)):
                return  # it never changes alone
            if key == "told" and isinstance(owner, Run):  # made anew when a setting changes, with the same arrays in it
                for name, array in value.items():
                    if isinstance(array, np.ndarray):
                        self.check(f"{{}}.told[{name!r}] is {{}}", owner, array)
                return
            self.check(f"{{}}.{key} is {{}}", owner, value)
        else:
            places = vars(owner) if holder.kind in ("object", "class") else owner
            if isinstance(key, str) and key.isidentifier():
                self.check(f"{{}}[{key!r}] is {{}}", places, value)
            else:
                self.check("{}[{}] is {}", places, key, value)

    def function(self, ending: str, **names: Any) -> Callable[..., Any]:
        """fast(*args): MISS, or what the lines of `ending` return; they may use `names`, and the data as {data}."""
        given = "".join(f"x{i}=MISS, " for i in range(self.count))
        lines = [
            f"def fast({given}*more):",
            "    try:",
            f"        if more or not ({' and '.join(self.conditions) or 'True'}):",
            "            return MISS",
            "    except (AttributeError, LookupError, ValueError):  # something is not there any more",
            "        return MISS",
            *(f"    {line}" for line in ending.format(data=", ".join(self.data)).splitlines()),
        ]
        names |= self.names
        exec("\n".join(lines), names)
        fast: Callable[..., Any] = names["fast"]
        return fast
