"""The table: one row per function says how a gradient flows back through it.

    derivative(np.multiply, x=lambda g, y: times(g, y), y=lambda g, x: times(g, x))

Read a row aloud: "the derivative of multiply with respect to x is g times y". A rule is ordinary NumPy and names
what it needs:

- `g`, always first: the gradient arriving from above;
- `out`: the function's result;
- any parameter of the function: an input array, or an option such as `axis`. A ufunc's inputs are called `x` and `y`;
- `x_shape` (a parameter's name and `_shape`): only its shape, so that the array itself need not stay alive;
- `i`, right after `g`, for a parameter that is a list of arrays (np.concatenate): which of them this is.

What no rule of a row names, the engine does not keep, and an option that no rule names is refused: naming is
supporting. A rule returns a gradient of the shape that broadcasting gave; the engine sums it down to the input's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

__all__ = [
    "Row",
    "Rule",
    "composition",
    "derivative",
    "lookup",
    "lookup_method",
    "name_of",
    "no_derivative",
    "primitive",
    "rows",
]

Function = TypeVar("Function", bound=Callable[..., Any])

_table: dict[Any, Row] = {}


def name_of(function: Any) -> str:
    """The name a reader would write: `np.sin`, `np.linalg.norm`, `np.add.reduce`, `relu`."""
    if isinstance(function, tuple):
        return f"np.{function[0].__name__}.{function[1]}"
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, np.ufunc) or module.startswith("numpy"):
        return f"{module.replace('numpy', 'np', 1) if module.startswith('numpy.') else 'np'}.{function.__name__}"
    return str(getattr(function, "__name__", function))


def shape_of(value: Any) -> Any:
    """The shape of an array, () for a Python number, a tuple of shapes for a list of arrays."""
    if isinstance(value, list | tuple):
        return tuple(shape_of(item) for item in value)
    return getattr(value, "shape", ())


class Rule:
    """How the gradient flows back to one parameter, and what that takes.

    `read(*values, out)` picks from a call what the rule named; `sources` says of each picked thing which position of
    (*values, out) it is, or None where it is not an array (a shape).
    """

    __slots__ = ("each", "name", "position", "read", "sources", "vjp")

    def __init__(self, vjp: Callable[..., Any], name: str, parameters: tuple[str, ...]) -> None:
        names = tuple(inspect.signature(vjp).parameters)[1:]
        self.vjp = vjp
        self.name = name
        self.position = parameters.index(name)
        self.each = names[:1] == ("i",)
        # To a rule `out` is the result, also where NumPy has a parameter of that name (which is always refused).
        frame = (*("_" + p if p == "out" else p for p in parameters), "out")
        picks: list[str] = []
        sources: list[int | None] = []
        for wanted in names[1:] if self.each else names:
            if wanted in frame:
                picks.append(wanted)
                sources.append(frame.index(wanted))
            elif wanted.endswith("_shape") and wanted[:-6] in frame:
                own = wanted[:-6] == name and not self.each
                picks.append(f"{name}.shape" if own else f"shape_of({wanted[:-6]})")
                sources.append(None)
            else:
                raise TypeError(
                    f"the rule for {name!r} asks for {wanted!r}; there is only g, {', '.join(frame)}, and NAME_shape"
                )
        self.sources = tuple(sources)
        # One small generated function instead of a loop at every call: this runs once per input of every operation.
        source = f"lambda {', '.join(frame)}: ({''.join(pick + ', ' for pick in picks)})"
        self.read: Callable[..., tuple[Any, ...]] | None = eval(source, {"shape_of": shape_of}) if picks else None


class Row:
    """A function of the table with its rules, one per differentiable parameter.

    No rules at all make it a constant. A `body` makes it a composition: it is computed by that instead.
    """

    __slots__ = (
        "body",
        "defaults",
        "function",
        "is_constant",
        "kept",
        "may_alias",
        "parameters",
        "plain_arity",
        "positions",
        "refused",
        "rules",
    )

    def __init__(self, function: Any) -> None:
        self.function = function
        self.body: Callable[..., Any] | None = None

    def define(self, signature: Callable[..., Any] | None, rules: dict[str, Callable[..., Any]]) -> None:
        """Take these rules, in place of those that the row had: whoever holds the row has the new ones."""
        parameters, defaults = _parameters(signature or self.function)
        if unknown := rules.keys() - set(parameters):
            raise TypeError(f"{name_of(self.function)} has no parameter {unknown}; it has {parameters}")
        by_name = {name: Rule(vjp, name, parameters) for name, vjp in rules.items()}
        named = {source for rule in by_name.values() for source in rule.sources}
        shapes = {n[:-6] for vjp in rules.values() for n in inspect.signature(vjp).parameters if n.endswith("_shape")}
        kept = tuple(position for position in range(len(parameters)) if position in named)
        self.parameters, self.defaults, self.kept = parameters, defaults, kept
        self.positions = {name: position for position, name in enumerate(parameters)}
        self.rules = tuple(by_name.get(name) for name in parameters)
        self.is_constant = not rules
        self.may_alias = not isinstance(self.function, np.ufunc)
        self.body = None
        self.refused = frozenset(parameters) - {parameters[i] for i in kept} - by_name.keys() - shapes
        # With this many positional arguments and nothing else, a call is in the row's order already.
        lists = any(rule.each for rule in by_name.values())
        self.plain_arity = -1 if self.refused or self.is_constant or lists else len(parameters)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The call's values in the order of `parameters`, defaults filled in.

        Raises TypeError for an option that no rule of this row knows how to differentiate.
        """
        frame = [*args, *self.defaults[len(args) :]]
        given = dict(zip(self.parameters, args, strict=False)) | kwargs
        for name, value in given.items():
            position = self.positions.get(name)
            if position is None or (name in self.refused and value is not self.defaults[position]):
                self.refuse(position if position is not None else name)
            frame[position] = value
        for name, value in zip(self.parameters, frame):
            if value is inspect.Parameter.empty:
                raise TypeError(f"{name_of(self.function)} on a Tensor needs a value for {name!r}")
        return frame

    def compose(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute by the body; TypeError for an option that it does not have."""
        assert self.body is not None
        unknown = kwargs.keys() - set(inspect.signature(self.body).parameters)
        for name in sorted(unknown):
            self.refuse(name)
        return self.body(*args, **kwargs)

    def argument(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call gives for the function's own parameter `name`; None if nothing, or if there is none."""
        if name in kwargs or len(args) < 2:
            return kwargs.get(name)
        try:
            return inspect.signature(self.function).bind_partial(*args, **kwargs).arguments.get(name)
        except (TypeError, ValueError):  # C functions may not tell, and a wrong call is for the function to refuse
            return None

    def refuse(self, parameter: str | int) -> NoReturn:
        """Say that no rule of this row knows a parameter: going on would lose its gradient or ignore the option."""
        name = self.parameters[parameter] if isinstance(parameter, int) else parameter
        raise TypeError(
            f"{name_of(self.function)}({name}=...) is not supported on Tensors: its row of the table does not know "
            f"{name!r}. Leave {name} out, or compute on plain arrays (t.data) where no gradient is needed."
        )


def _parameters(function: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    if isinstance(function, np.ufunc):
        return ("x", "y", "z")[: function.nin], (inspect.Parameter.empty,) * function.nin
    parameters = inspect.signature(function).parameters
    no_value = getattr(np, "_NoValue", inspect.Parameter.empty)
    defaults = [False if p.default is no_value and p.name == "keepdims" else p.default for p in parameters.values()]
    return tuple(parameters), tuple(defaults)


def derivative(function: Any, signature: Callable[..., Any] | None = None, /, **rules: Callable[..., Any]) -> None:
    """Add a row: how a gradient flows back through `function`, one rule per differentiable parameter.

    Args:
        function: a NumPy function or one made with `primitive`.
        signature: a function with the same parameters, for the C functions of NumPy that do not tell theirs.
        **rules: for each differentiable parameter its vector-Jacobian product `(g, ...) -> gradient`.

    Raises:
        TypeError: a rule names something that the function does not have.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> @tg.primitive
        ... def cube(x):
        ...     return x**3
        >>> tg.derivative(cube, x=lambda g, x: g * 3 * x**2)
        >>> t = tg.Tensor(2.0, requires_grad=True)
        >>> cube(t).backward()
        >>> print(t.grad)
        12.0
    """
    if not rules:
        raise TypeError(f"derivative({name_of(function)}) has no rule; if it is constant, use no_derivative")
    row = _table.get(function) or Row(function)
    row.define(signature, rules)
    _table[function] = row


def composition(*functions: Any) -> Callable[[Function], Function]:
    """Add rows for functions that are others in disguise: on Tensors they are computed by the decorated body.

    The body is ordinary NumPy made of functions that have rows, so that its gradient follows, and gives the same
    numbers to the last bit. It has the function's parameters, as far as they are supported.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> @tg.primitive
        ... def cube(x):
        ...     return x**3
        >>> @tg.composition(cube)
        ... def _cube(x):
        ...     return x * x * x
        >>> cube(tg.Tensor(2.0, requires_grad=True))
        Tensor(8., requires_grad=True, made by np.multiply)
    """

    def define(body: Function) -> Function:
        for function in functions:
            row = _table.get(function) or Row(function)
            row.define(body, {})
            row.is_constant, row.body = False, body
            _table[function] = row
        return body

    return define


def no_derivative(*functions: Any) -> None:
    """Add rows for functions whose answer is a constant: comparisons, arg-functions, steps. They return plain arrays.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> np.argmax(tg.Tensor([1.0, 3.0, 2.0], requires_grad=True))
        np.int64(1)
    """
    for function in functions:
        row = _table.get(function) or Row(function)
        row.define(lambda: None, {})
        _table[function] = row


def lookup(function: Any) -> Row:
    """The row of `function`.

    Raises:
        NotImplementedError: the table has no such row.
    """
    row = _table.get(function)
    if row is None:
        name = name_of(function)
        try:
            x = _parameters(function)[0][0]
        except (TypeError, ValueError, IndexError):  # C functions may not tell
            x = "x"
        raise NotImplementedError(
            f"No derivative rule for {name}. Add one row to tinygrad_edu/rules/; for example: "
            f"tg.derivative({name}, {x}=lambda g, {x}: ...), with the gradient in plain NumPy for the dots. "
            "Where no gradient is needed, compute on plain arrays: t.data."
        )
    return row


_INSTEAD = {
    "reduceat": "fold the slices one by one: np.stack([np.sum(t[i:j]) for i, j in slices]).",
    "at": "it writes into its first argument, and a gradient cannot follow that. To add b to a at an index write "
    "a + scatter_add(b, index, a.shape), which is in tinygrad_edu.rules.indexing.",
    "outer": "give one array more axes: np.greater(a[:, None], b) does the same as np.greater.outer(a, b).",
}


def lookup_method(ufunc: np.ufunc, method: str) -> Row:
    """The row of a ufunc's method, such as np.add.reduce; it is kept under the pair (ufunc, method).

    Raises:
        TypeError: the table has no such row.
    """
    row = _table.get((ufunc, method))
    if row is None:
        raise TypeError(
            f"np.{ufunc.__name__}.{method} is not supported on Tensors; "
            + _INSTEAD.get(method, "use a function that does the same, such as np.sum, np.max, np.cumsum or indexing.")
        )
    return row


def rows() -> dict[Any, Row]:
    """A copy of the whole table, function to row: what the tests walk through.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> from tinygrad_edu.rules.table import rows
        >>> np.exp in rows()
        True
    """
    return dict(_table)


def primitive(function: Function) -> Function:
    """Make a function that NumPy lacks dispatch as NumPy's own do, so that it can have a row.

    The body is ordinary NumPy and runs as it is on arrays. An argument, or an item of a list, whose type defines
    `__primitive__` (a Tensor does) takes the call over. Give it a row with `derivative`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> @tg.primitive
        ... def double(x):
        ...     return x + x
        >>> tg.derivative(double, x=lambda g: g + g)
        >>> double(np.array([1.0, 2.0]))
        array([2., 4.])
        >>> double(tg.Tensor([1.0, 2.0], requires_grad=True))
        Tensor([2., 4.], requires_grad=True, made by double)
    """

    @functools.wraps(function)
    def dispatch(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()) if kwargs else args:
            if type(value) is np.ndarray:  # the common case, and asking it would be slow
                continue
            take_over = getattr(type(value), "__primitive__", None)
            if take_over is not None:
                return take_over(value, dispatch, args, kwargs)
            if type(value) is list:
                for item in value:
                    if (take_over := getattr(type(item), "__primitive__", None)) is not None:
                        return take_over(item, dispatch, args, kwargs)
        return function(*args, **kwargs)

    return dispatch  # type: ignore[return-value]
