"""Words for the graph: names of nodes, operations as formulas, rules as their source, arrays in a few characters."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf, Node
from tinygrad_edu.rules.table import Rule, name_of
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.walk import UNKNOWN, frame

__all__ = ["INFIX", "Names", "brief", "named_values", "rule_source"]

INFIX = {
    "np.add": "+", "np.subtract": "-", "np.multiply": "*", "np.divide": "/", "np.matmul": "@", "np.power": "**"
}  # fmt: skip
WHOLE = 16  # arrays of up to so many entries are shown whole


def named_values(names: Any) -> Iterator[tuple[str, Any]]:
    """(name, tensor or array) from a dict such as `locals()`, which may hold anything, or from a module."""
    if not isinstance(names, Mapping):
        if not hasattr(names, "named_parameters"):
            raise TypeError(
                f"names must be a dict of names and tensors or a module, not {type(names).__name__}; "
                'for example names={"W1": W1}, names=net or names=locals()'
            )
        names = {"": names}
    for name, value in names.items():
        if str(name).startswith("_"):  # a notebook's own: _, _5, __name__
            continue
        if isinstance(value, Tensor | np.ndarray):
            yield str(name), value
        elif hasattr(value, "named_parameters") and not isinstance(value, type):
            yield from ((f"{name}.{path}".lstrip("."), parameter) for path, parameter in value.named_parameters())


class Names:
    """What to call the nodes of a graph and the constants in it.

    Args:
        nodes: in the order of their numbers, the oldest first.
        names: as `named_values` takes them.
        otherwise: what to call nodes to which `names` gives none. Any other is called t and its number.
    """

    def __init__(self, nodes: Iterable[Node], names: Any, otherwise: dict[Node, str]) -> None:
        pairs = list(named_values({} if names is None else names))
        self.given: dict[Node, Any] = {}
        self.nodes: dict[Node, str] = {}
        for name, value in pairs:
            if isinstance(value, Tensor) and value.node is not None and value.node not in self.nodes:
                self.nodes[value.node] = name
                self.given[value.node] = value.data
        self.constants = [(name, v.data if isinstance(v, Tensor) else v) for name, v in pairs if _is_constant(v)]
        taken = set(self.nodes.values())
        for node, name in otherwise.items():
            if name not in taken:
                self.nodes.setdefault(node, name)
        for number, node in enumerate(nodes):
            name = f"t{number}"
            self.nodes.setdefault(node, f"{name}'" if name in taken else name)

    def of(self, value: Any) -> str:
        """A node's name, or how to write a constant."""
        if isinstance(value, Node):
            return self.nodes[value]
        if isinstance(value, list):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.of, value))}{',' * (len(value) == 1)})"
        if isinstance(value, np.dtype):
            return str(value)
        if not hasattr(value, "shape"):
            return repr(value)
        for name, constant in self.constants:  # the engine may have saved a copy, so it is the numbers that tell
            if constant is value or (constant.shape == value.shape and np.array_equal(constant, value)):
                return name
        return f"{value:.5g}" if not value.shape else f"const{list(value.shape)}"

    def formula(self, node: Node) -> str:
        """The right-hand side: `x @ W1`, `np.sum(t4, axis=0)`; an operation without its edges is known by its name."""
        if node.row is None:
            return "a leaf" if isinstance(node, Leaf) else "an input"
        function = name_of(node.row.function)
        if node.edges is None:
            return f"{function}(...)"
        call = frame(node)
        texts = [self.of(item) for item in call]
        if function in INFIX:
            return f"{texts[0]} {INFIX[function]} {texts[1]}"
        if function == "np.negative":
            return f"-{texts[0]}"
        if function in ("getitem", "part"):
            return f"{texts[0]}[{_index(call[1], self)}]"
        if function == "cast":
            return f"{texts[0]}.astype({texts[1]})"
        options = zip(node.row.parameters, node.row.defaults, call, texts)
        shown: list[str] = []
        for parameter, default, item, text in options:
            if default is inspect.Parameter.empty:
                shown.append(text)
            elif item is not default:  # an option; of one that is not known, three dots say that there may be more
                shown += [f"{parameter}={text}"] if item is not UNKNOWN else ["..."] * ("..." not in shown)
        return f"{function}({', '.join(shown)})"

    def equation(self, node: Node) -> str:
        """`z1 = x @ W1`; a leaf is its name."""
        return self.of(node) if node.row is None else f"{self.of(node)} = {self.formula(node)}"


def _is_constant(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.node is None


def _index(index: Any, names: Names) -> str:
    """An index as one writes it between square brackets."""
    if isinstance(index, tuple):
        return ", ".join(_index(part, names) for part in index)
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop, index.step)]
        return ":".join(ends[: 3 if ends[2] else 2])
    if index is ...:
        return "..."
    return str(index.tolist()) if hasattr(index, "tolist") and index.size <= 8 else names.of(index)


def brief(array: Any, whole: int = WHOLE) -> str:
    """The numbers of an array of up to `whole` entries; of a larger one its smallest, largest, and Euclidean norm.

    Example:
        >>> import numpy as np
        >>> brief(np.array([0.44, 0.0, -1 / 3]))
        '[0.44 0 -0.33333]'
        >>> brief(np.arange(100.0))
        '0 … 99, norm 573.02'
        >>> brief([np.zeros(2), np.zeros(2)])  # what np.split returns
        '2 arrays'
    """
    if getattr(array, "shape", None) is None and hasattr(array, "__len__"):
        return f"{len(array)} arrays"
    if getattr(array, "shape", None) is None or not isinstance(array, np.ndarray | np.generic):
        return f"{type(array).__name__}{list(getattr(array, 'shape', None) or [])}"
    if array.dtype.kind not in "fiub" or array.size <= whole:
        return _whole(np.asarray(array))
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        return f"{bad} of {array.size} not finite"
    low, high = (
        f"{extreme + 0.0:.5g}" for extreme in map(float, (np.min(array), np.max(array)))
    )  # + 0.0 turns -0 into 0
    return f"{f'all {low}' if low == high else f'{low} … {high}'}, norm {_norm(array):.5g}"


def _whole(array: Any) -> str:
    """Five digits are enough; the columns of a matrix stand below each other."""
    if array.dtype.kind != "f":
        return np.array2string(array, threshold=WHOLE, max_line_width=200)
    if array.ndim != 2:
        return np.array2string(array, formatter={"float_kind": _number}, max_line_width=200)
    rows = [[_number(value) for value in row] for row in array]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (" ".join(text.rjust(n) for text, n in zip(row, widths, strict=True)) for row in rows)
    return "[" + "\n ".join(f"[{line}]" for line in lines) + "]"


def _number(value: Any) -> str:
    return f"{value + 0.0:.5g}".replace("e-0", "e-").replace("e+0", "e+")


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.ravel(array)))


# ---- rules as text -----------------------------------------------------------------------------------------------
def rule_source(rule: Rule, args: tuple[Any, ...]) -> str:
    """A rule as it stands in the table: `times(g, y)`. `args` are what it was called with, g first.

    A lambda is its body. A function is the expression that it returned for these arguments, if that can be read on
    its own; otherwise its name.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.rules.table import rows
        >>> rule_source(rows()[np.multiply].rules[0], (1.0, 2.0))
        'times(g, y)'
    """
    vjp = rule.vjp
    try:
        text = _through_call(vjp, args) if vjp.__name__ == "<lambda>" else _returned(vjp, args)
    except Exception:  # typed at a prompt, written in C, a closure: whatever makes it unreadable, a name remains
        text = ""
    parameters = ", ".join(inspect.signature(vjp).parameters)
    name = vjp.__name__ if vjp.__name__ != "<lambda>" else "rule"
    return text or f"{name}({parameters})"


@functools.lru_cache(maxsize=512)
def _lambda_body(vjp: Callable[..., Any]) -> str:
    """Cut out by position, for one line of the table often holds two lambdas that look alike."""
    lines = inspect.findsource(vjp)[0]
    # Where each instruction stands in the source; those that stand nowhere begin and end in column 0.
    places = [p for p in vjp.__code__.co_positions() if p[1] and p[3]]
    first, start = min((line or 0, column or 0) for line, _, column, _ in places)
    last, end = max((line or 0, column or 0) for _, line, _, column in places)
    body = lines[first - 1 : last]
    body[-1] = body[-1].encode()[:end].decode()  # columns are counted in bytes
    body[0] = body[0].encode()[start:].decode()
    return " ".join("".join(body).split())


def _through_call(vjp: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """A lambda's body; where that only calls another rule, what that one returns, in the lambda's own names."""
    text = _lambda_body(vjp)
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
        return text
    rule = vjp.__globals__.get(call.func.id)
    handed_on = [arg.id for arg in call.args if isinstance(arg, ast.Name)]
    if not inspect.isfunction(rule) or hasattr(rule, "__wrapped__") or len(handed_on) != len(call.args):
        return text  # a primitive is a function to know by its name
    values = dict(zip(inspect.signature(vjp).parameters, args))
    inner = _returned(rule, tuple(values[name] for name in handed_on))
    names = dict(zip(inspect.signature(rule).parameters, handed_on))
    tree = ast.parse(inner or text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and inner:
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


def _quoted(expression: ast.expr) -> ast.expr:
    """The expression as a text; of `a if test else b` the text that the test will choose."""
    if isinstance(expression, ast.IfExp):
        return ast.IfExp(expression.test, _quoted(expression.body), _quoted(expression.orelse))
    return ast.Constant(ast.unparse(expression))


@functools.lru_cache(maxsize=512)
def _narrator(vjp: Callable[..., Any]) -> Callable[..., str]:
    """The same function, but it returns the source of what it would have returned."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(vjp)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value:
            node.value = _quoted(node.value)
    scope: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), "<rule>", "exec"), vjp.__globals__, scope)
    narrator: Callable[..., str] = scope[vjp.__name__]
    return narrator


def _returned(vjp: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """The expression behind the `return` that these arguments lead to, if it stands without the lines before it."""
    text = _narrator(vjp)(*args)
    allowed = inspect.signature(vjp).parameters.keys() | vjp.__globals__.keys() | vars(builtins).keys()
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return text if names <= allowed else ""
