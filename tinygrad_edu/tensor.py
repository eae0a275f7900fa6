"""Tensor: an array that remembers how it was made.

Operators and NumPy functions on a Tensor compute with NumPy and, where a gradient is wanted, record a node. The
derivatives themselves are in `rules/`, the chain rule in `backward.py`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu.accumulate import accumulate
from tinygrad_edu.array_methods import ArrayMethods
from tinygrad_edu.backward import Edge, Leaf, Node, backward
from tinygrad_edu.recording import recording
from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.indexing import getitem
from tinygrad_edu.rules.several import part
from tinygrad_edu.rules.table import Row, lookup, lookup_method, name_of

__all__ = ["Tensor"]


class Tensor(ArrayMethods):
    """An array that remembers how it was made, so that `backward()` can tell the slope of every input.

    Args:
        data: numbers, nested lists or an array; it is copied. Arrays of other libraries that speak NumPy's
            protocols are kept as they are.
        requires_grad: whether to collect a gradient in `.grad`.
        dtype: NumPy dtype; that of the data when left out.

    Raises:
        TypeError: gradients asked for data that is not made of floating-point (or complex) numbers.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> loss = np.sum(np.sin(w) ** 2)
        >>> loss.backward()
        >>> np.allclose(w.grad, 2 * np.sin(w.data) * np.cos(w.data))
        True
    """

    __slots__ = ("__weakref__", "_data", "node")

    _data: Any
    node: Node | None

    def __init__(self, data: ArrayLike | Any, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        if isinstance(data, Tensor):
            raise TypeError(
                "Tensor(...) got a Tensor. To cut it off from its graph write t.detach(); to keep the graph, "
                "use the tensor itself."
            )
        is_duck = hasattr(type(data), "__array_function__") and not isinstance(data, np.ndarray)
        if is_duck:
            self._data = data if dtype is None else cast(data, dtype)
        else:
            _refuse_kind(data)
            self._data = np.array(data, dtype=dtype)
            if not self._data.dtype.isnative:
                self._data = self._data.astype(self._data.dtype.newbyteorder("="))
        self.node = _leaf(self._data) if requires_grad else None
        if not requires_grad and not is_duck:
            self._data.setflags(write=False)  # a constant may be saved for backward, so it must stay what it is

    # ---- what it holds -------------------------------------------------------------------------------------------
    @property
    def data(self) -> Any:
        """The array itself. Assigning replaces the numbers in place, so a parameter stays in its model's vector."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data:  # what `w.data -= step` ends with
            return
        if np.shape(value) != self.shape:
            raise ValueError(f"data of shape {np.shape(value)} does not fit a Tensor of shape {self.shape}")
        if isinstance(self.node, Leaf):
            self._data[...] = value
        elif self.node is None:
            self._data = Tensor(value, dtype=self.dtype)._data
        else:
            raise RuntimeError(
                f"This Tensor was made by {name_of(self.node.row and self.node.row.function)}; writing over its data "
                "would make its gradients wrong. Make a new Tensor of the new data."
            )

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        raise AttributeError(
            "requires_grad is settled when a Tensor is made. To freeze a parameter leave it out of the optimizer: "
            "[p for p in model.parameters() if p is not frozen]; for a constant write t.detach()."
        )

    @property
    def grad(self) -> Any:
        """The gradient that backward passes have collected here: an array like `data`, or None.

        After `backward(create_graph=True)` it is a Tensor. Only leaves (tensors that no operation made) collect.
        """
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value: Any) -> None:
        if not isinstance(self.node, Leaf):
            raise RuntimeError("Only a Tensor made with requires_grad=True holds a gradient.")
        if value is not None and not hasattr(value, "dtype"):
            value = np.array(value, self.dtype)
        if value is not None and (value.shape != self.shape or value.dtype != self.dtype):
            raise ValueError(
                f"a gradient of shape {value.shape} and dtype {value.dtype} does not fit a Tensor of shape "
                f"{self.shape} and dtype {self.dtype}"
            )
        self.node.grad = value
        self.node.used = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along every axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._data.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the entries."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        return _numpy(np.transpose, self)

    def item(self) -> Any:
        """The single entry as a Python number; ValueError if there are more."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one entry, but the shape is {self.shape}; index it first: t[0]")
        return self._data.item()

    def numpy(self) -> NDArray[Any]:
        """A copy of the data as a plain array that the caller may write to."""
        return np.array(self._data)

    def detach(self) -> Tensor:
        """The same numbers, as a constant that shares this tensor's memory: no gradient flows through it."""
        return _make(self._data, None)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A Tensor of another dtype; the gradient comes back in this one's."""
        return _numpy(cast, self, np.dtype(dtype))

    # ---- the chain rule ------------------------------------------------------------------------------------------
    def backward(self, seed: ArrayLike | Tensor | None = None, create_graph: bool = False) -> None:
        """Add to every leaf's `.grad` the gradient of this tensor: one pass, however many leaves there are.

        Args:
            seed: weights for this tensor's entries, in its shape; may be left out for a single number.
            create_graph: record the pass itself: `.grad` becomes a Tensor that can be differentiated again, and
                the graph is kept.

        Raises:
            RuntimeError: nothing here requires gradients, or an earlier backward has freed the graph.
            ValueError: a seed is missing or has another shape.

        Example:
            >>> import tinygrad_edu as tg
            >>> x = tg.Tensor(3.0, requires_grad=True)
            >>> (x**3).backward(create_graph=True)
            >>> slope, x.grad = x.grad, None
            >>> slope.backward()  # the slope of 3 x² is 6 x
            >>> print(x.grad)
            18.0
        """
        if self.node is None:
            raise RuntimeError(
                "backward() on a Tensor that depends on nothing with requires_grad=True. Make the inputs with "
                "Tensor(data, requires_grad=True), and compute outside no_grad() and without detach()."
            )
        first = self._seed(seed if create_graph else _plain(seed))
        if create_graph:
            if isinstance(first, np.ndarray):
                first = first.copy()  # the graph of this pass holds it, and its owner may write to it
            g = first if isinstance(first, Tensor) else _make(first, None)
            found = backward(self.node, g, _lift)
            collected = {leaf: _own(gradient) for leaf, gradient in found.items()}
        else:
            collected = backward(self.node, first)
        accumulate(collected, first)

    def _seed(self, seed: Any) -> Any:
        if seed is None:
            if self.size != 1:
                raise ValueError(
                    f"backward() on a Tensor of shape {self.shape} needs to know how its entries count. "
                    "Reduce it to one number first, for example np.sum(t).backward(), or give the weights: "
                    "t.backward(np.ones(t.shape))."
                )
            if self.dtype.kind == "c":
                raise ValueError(
                    "backward() on a complex number: only a real one has a slope. Take np.real, np.imag or np.abs of "
                    "it, or give the weight: t.backward(1.0)."
                )
            return np.ones_like(self._data) if self.shape else self.dtype.type(1)
        if not isinstance(seed, Tensor):
            is_duck = hasattr(type(seed), "__array_function__") and not isinstance(seed, np.ndarray)
            seed = cast(seed, self.dtype) if is_duck else np.asarray(seed, dtype=self.dtype)
        elif seed.dtype != self.dtype:
            seed = seed.astype(self.dtype)
        if seed.shape != self.shape:
            raise ValueError(f"backward(seed) got a seed of shape {seed.shape} for a Tensor of shape {self.shape}")
        return seed

    # ---- NumPy's protocols ---------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return _call(lookup_method(ufunc, method), inputs, kwargs)
        row = lookup(ufunc)
        if not kwargs and not row.is_constant and row.body is None:
            return _apply(row, inputs)
        if "out" in kwargs:
            raise TypeError(
                f"np.{ufunc.__name__} cannot write a Tensor's result into an existing array, neither with out= nor "
                "with an operator such as +=: an array does not remember how it was made. Write a = a + t."
            )
        if row.body is not None:
            return row.compose(inputs, kwargs)
        if row.is_constant:
            return ufunc(*map(_plain, inputs), **{name: _plain(value) for name, value in kwargs.items()})
        raise TypeError(
            f"np.{ufunc.__name__}({next(iter(kwargs))}=...) is not supported on Tensors. Leave it out; to compute in "
            "another dtype use t.astype(dtype), to choose entries np.where(mask, a, b)."
        )

    def __reduce__(self) -> Any:
        # What copy.copy, copy.deepcopy and pickle ask for. A node cannot be copied: the copy would be a second result
        # of the same operation, under the same serial number.
        if self.node is not None and self.node.row is not None:
            raise TypeError(
                f"This Tensor was made by {name_of(self.node.row.function)} and belongs to a graph, which cannot be "
                "copied or pickled. Copy t.detach(), or the model whose parameters it came from."
            )
        return _copied, (np.array(self._data), self.requires_grad, self.grad)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _call(lookup(function), args, kwargs)

    def __primitive__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _call(lookup(function), args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.node is not None:
            raise TypeError(
                "This would turn a Tensor that requires gradients into a plain array and silently lose them. "
                "For the numbers alone write t.data or t.numpy(); to put tensors together use np.stack."
            )
        return np.array(self._data, dtype=dtype, copy=copy)

    # ---- operators -----------------------------------------------------------------------------------------------
    def __add__(self, other: Any) -> Tensor:
        return _apply(_ADD, (self, other))

    def __radd__(self, other: Any) -> Tensor:
        return _apply(_ADD, (other, self))

    def __sub__(self, other: Any) -> Tensor:
        return _apply(_SUBTRACT, (self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return _apply(_SUBTRACT, (other, self))

    def __mul__(self, other: Any) -> Tensor:
        return _apply(_MULTIPLY, (self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return _apply(_MULTIPLY, (other, self))

    def __truediv__(self, other: Any) -> Tensor:
        return _apply(_DIVIDE, (self, other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return _apply(_DIVIDE, (other, self))

    def __pow__(self, other: Any) -> Tensor:
        return _apply(_POWER, (self, other))

    def __rpow__(self, other: Any) -> Tensor:
        return _apply(_POWER, (other, self))

    def __matmul__(self, other: Any) -> Tensor:
        return _apply(_MATMUL, (self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return _apply(_MATMUL, (other, self))

    def __neg__(self) -> Tensor:
        return _apply(_NEGATIVE, (self,))

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return _apply(_ABSOLUTE, (self,))

    __hash__ = object.__hash__

    # ---- behaving like a sequence of numbers ---------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Tensor:
        return _apply(_GETITEM, (self, _frozen(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "A Tensor's entries cannot be written one by one: the gradient of what was there before would be wrong. "
            "Choose with np.where(mask, new, t), or build the Tensor with np.concatenate or np.stack."
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a Tensor with no axes (a single number)")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"A Tensor of shape {self.shape} is neither true nor false. Say which entries count: np.any(t > 0) or "
                "np.all(t > 0)."
            )
        return bool(self._data)

    def __float__(self) -> float:
        self._refuse_to_lose("float")
        return float(self.item())

    def __int__(self) -> int:
        self._refuse_to_lose("int")
        return int(self.item())

    def _refuse_to_lose(self, kind: str) -> None:
        # math.sin(t), array[0] = t and np.sum(array, initial=t) come here too, without meaning to leave the graph.
        if self.node is not None:
            raise TypeError(
                f"{kind}() of a Tensor that requires gradients would silently lose them. For the number alone write "
                "t.item(); to compute with it use NumPy's functions, such as np.sin(t) instead of math.sin(t)."
            )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        numbers = np.array2string(np.asarray(self._data), separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype in (np.float64, np.bool_, np.int64) else f", dtype={self.dtype}"
        if self.node is None:
            return f"Tensor({numbers}{dtype})"
        made = "" if self.node.row is None else f", made by {name_of(self.node.row.function)}"
        return f"Tensor({numbers}{dtype}, requires_grad=True{made})"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre><small>shape {self.shape}, {self.dtype}</small>"


# ---- how a call is made and recorded -----------------------------------------------------------------------------
def _refuse_kind(data: Any) -> None:
    """np.matrix multiplies otherwise, a masked array loses its mask, objects have no slope: no right gradient."""
    if isinstance(data, np.matrix | np.ma.MaskedArray) or getattr(getattr(data, "dtype", None), "kind", "") == "O":
        kind = "an array of objects" if type(data) is np.ndarray else type(data).__name__
        raise TypeError(
            f"{kind} does not work together with Tensors. Make a plain array of numbers of it first: "
            "np.asarray(data, dtype=float), or data.filled(value) of a masked array."
        )


def _leaf(data: Any) -> Leaf:
    if data.dtype.kind not in "fc":
        raise TypeError(
            f"requires_grad=True needs floating-point data, but the dtype is {data.dtype}: a whole number has no "
            "small step. Write Tensor(data, requires_grad=True, dtype=float), or 1.0 instead of 1."
        )
    return Leaf(data.shape, data.dtype)


def _copied(data: Any, requires_grad: bool, grad: Any) -> Tensor:
    tensor = Tensor(data, requires_grad)
    if requires_grad:
        tensor.grad = grad
    return tensor


_new = object.__new__


def _make(data: Any, node: Node | None) -> Tensor:
    """A Tensor around what is already an array, without __init__'s checks and copy."""
    tensor = _new(Tensor)
    tensor._data = data
    tensor.node = node
    return tensor


def _plain(value: Any) -> Any:
    """The value with every Tensor in it replaced by its array."""
    if isinstance(value, Tensor):
        return value._data
    if isinstance(value, list | tuple) and any(isinstance(item, Tensor | list | tuple) for item in value):
        plain = [_plain(item) for item in value]
        if any(item is not own for item, own in zip(value, plain)):  # no Tensor anywhere in it: the value itself
            return type(value)(plain)
    return value


def _own(gradient: Any) -> Any:
    """A gradient that is a Tensor, in memory of its own; a constant one may be an array."""
    is_numpy = isinstance(gradient, Tensor) and isinstance(gradient._data, np.ndarray)
    return _make(np.array(gradient._data), gradient.node) if is_numpy else gradient


def _numpy(function: Any, *args: Any, **kwargs: Any) -> Tensor:
    """A NumPy function called on a Tensor: NumPy's type stubs do not know that the answer is one."""
    tensor: Tensor = _call(lookup(function), args, kwargs)
    return tensor


def _apply(row: Row, inputs: Sequence[Any]) -> Tensor:
    """Call a function whose parameters are all given in order, as every ufunc's are."""
    values = []
    wanting: list[Edge] = []
    for value, rule in zip(inputs, row.rules):
        if isinstance(value, Tensor):
            values.append(value._data)
            if value.node is not None:
                wanting.append((value.node, rule or row.refuse(len(values) - 1), ()))
        elif type(value) is np.ndarray:
            values.append(value)
        elif isinstance(value, list | tuple) and rule is not None:
            values.append(np.array(value))
        else:
            _refuse_kind(value)
            values.append(value)
    tensor: Tensor = _result(row, inputs, values, wanting, row.function(*values))
    return tensor


def _call(row: Row, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that has options or lists of arrays: the values are brought into the order of its row first."""
    if not kwargs and len(args) == row.plain_arity:
        return _apply(row, args)
    if row.body is not None:
        return row.compose(args, kwargs)
    plain_args = [_plain(value) for value in args]
    plain_kwargs = {name: _plain(value) for name, value in kwargs.items()}
    if row.is_constant:
        if isinstance(row.argument("out", args, kwargs), Tensor):
            row.refuse("out")
        return row.function(*plain_args, **plain_kwargs)
    inputs = row.bind(args, kwargs)
    values = [_plain(value) for value in inputs]
    for value in values:
        _refuse_kind(value)
    wanting: list[Edge] = []
    for position, (value, rule) in enumerate(zip(inputs, row.rules, strict=False)):
        if isinstance(value, Tensor):
            if value.node is not None:
                wanting.append((value.node, rule or row.refuse(position), ()))
        elif rule and isinstance(value, list | tuple):
            if rule.each:
                value = [np.array(item) if isinstance(item, list | tuple) else item for item in value]
                wanting += [(item.node, rule, (i,)) for i, item in enumerate(value) if getattr(item, "node", None)]
            else:
                values[position] = np.array(value)  # this and the one above refuse a Tensor whose gradient they'd lose
        elif value is not values[position]:
            row.refuse(position)
    return _result(row, inputs, values, wanting, row.function(*plain_args, **plain_kwargs))


def _result(row: Row, inputs: Sequence[Any], values: list[Any], wanting: list[Edge], out: Any) -> Any:
    """Wrap what a function returned and, where an input wants a gradient, remember how it was made."""
    if row.may_alias:
        for value in values:
            if out is value:  # np.squeeze with nothing to squeeze returns its argument
                out = out.view()
    edges: list[Edge] = []
    if wanting and recording.on:
        for position in row.kept:
            value = values[position]
            if value is inputs[position]:  # no Tensor's: the caller may write to it, even if it is read-only to us
                values[position] = _copy(value)
            elif not isinstance(value, np.ndarray) or value.flags.writeable or value.base is not None:
                values[position] = _kept(value)
        values.append(_kept(out) if row.may_alias and isinstance(out, np.ndarray) and out.base is not None else out)
        for edge in wanting:
            parent, rule, i = edge
            edges.append((parent, rule, i + rule.read(*values)) if rule.read else edge)
    if isinstance(out, np.ndarray):
        out.setflags(write=False)  # rules that ask for `out` must find it as it was
    elif isinstance(out, np.generic):
        out = np.asarray(out)
        out.setflags(write=False)
    elif isinstance(out, tuple | list):
        return _several(row, edges, out)
    elif hasattr(out, "__dask_graph__") and any(map(_may_change, values)):
        # Of a 0-d array Dask keeps no copy: the sum it writes down would use what the array holds when it is computed.
        values = [_unchanging(value) if _may_change(value) else value for value in values if value is not out]
        return _result(row, inputs, values, wanting, row.function(*values))
    elif not hasattr(out, "dtype"):
        raise TypeError(
            f"{name_of(row.function)} returned {type(out).__name__}, which is no array. A primitive returns an array "
            "or a tuple of arrays; for a plain number write np.asarray(number)."
        )
    if out.dtype.hasobject:
        _refuse_kind(out)
    tensor = _new(Tensor)
    tensor._data = out
    tensor.node = Node(row, edges, out.shape, out.dtype) if edges else None
    return tensor


def _may_change(value: Any) -> bool:
    """Whether it is a 0-d array that someone may write to before a lazy result is computed."""
    return isinstance(value, np.ndarray) and not value.shape and value.flags.writeable


def _unchanging(value: Any) -> Any:
    copy = np.array(value)
    copy.setflags(write=False)
    return copy


def _kept(value: Any) -> Any:
    """What a rule asked for, safe from being written to: the engine's own arrays are read-only, any other is copied."""
    if isinstance(value, np.ndarray):
        owner = value if value.base is None else value.base
        return value.copy() if not isinstance(owner, np.ndarray) or owner.flags.writeable else value
    if isinstance(value, list | tuple):
        return type(value)(map(_kept, value))
    return value


def _copy(value: Any) -> Any:
    """What the caller passed, safe from being written to by the caller."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return type(value)(map(_copy, value)) if isinstance(value, list | tuple) else value


def _several(row: Row, edges: list[Edge], out: Any) -> Any:
    """Wrap a result that is several arrays; each is a part of one node."""
    arrays = tuple(np.asarray(a) if isinstance(a, np.generic) else a for a in out)
    for array in arrays:
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    whole = Node(row, edges, None, None) if edges else None
    tensors = _lift(arrays, whole)
    return type(out)(*tensors) if hasattr(out, "_fields") else type(out)(tensors)


def _lift(value: Any, node: Node | None) -> Any:
    """A saved value as a Tensor of the node it came from; several arrays as the parts of theirs."""
    if not isinstance(value, tuple):
        return _make(value, node)
    shapes, rule = tuple(array.shape for array in value), _PART.rules[0]
    return tuple(
        _make(
            array,
            Node(_PART, [(node, rule, (shapes, k))], array.shape, array.dtype)
            if node and rule and array.dtype.kind in "fc"
            else None,
        )
        for k, array in enumerate(value)
    )


def _frozen(index: Any) -> Any:
    """An index that its owner cannot change any more: arrays in it copied, Tensors replaced by their numbers."""
    if isinstance(index, tuple):
        return tuple(_frozen(part) for part in index)
    if isinstance(index, Tensor):
        index = index._data
    if isinstance(index, list) and not index:
        return np.array(index, dtype=int)  # no entries; an empty list would become an array of floats
    return np.array(index) if isinstance(index, np.ndarray | list) else index


_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _POWER, _MATMUL, _NEGATIVE, _ABSOLUTE, _GETITEM, _PART = map(
    lookup,
    (np.add, np.subtract, np.multiply, np.divide, np.power, np.matmul, np.negative, np.absolute, getitem, part),
)
