"""Every row computes by NumPy functions alone: on an array that is none, and may not be made into one.

`Duck` has a NumPy array inside and speaks NumPy's protocols; it refuses to be converted (np.asarray, np.array,
iteration into a list of numbers) and to be written to (out=, item assignment). If forward and backward of a row work
on it and give Ducks, they work on CuPy's arrays, which refuse the same.
"""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.lib.mixins import NDArrayOperatorsMixin

import tinygrad_edu as tg
from tests.differences import weights_for
from tests.samples import SAMPLES
from tinygrad_edu.rules.table import name_of


def _unwrap(value):
    """The value with the array inside in place of every Duck, however deep in lists, tuples and dicts."""
    if isinstance(value, Duck):
        return value.inside
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(map(_unwrap, value))
    if isinstance(value, dict):
        return {key: _unwrap(item) for key, item in value.items()}
    return value


def _wrap(value):
    """What NumPy returned, with a Duck for every array in it. Numbers become Ducks too, as on a GPU."""
    if isinstance(value, np.ndarray | np.generic):
        return Duck(np.asarray(value))
    if isinstance(value, list | tuple):
        wrapped = map(_wrap, value)
        return type(value)(*wrapped) if hasattr(value, "_fields") else type(value)(wrapped)
    return value


class Duck(NDArrayOperatorsMixin):
    """An array in someone else's memory.

    Beyond the protocols it has what the engine asks of any array, and only that: `shape`, `ndim`, `dtype`, `size`
    (nodes and shape rules), `T` (matmul's rule), `sum` and `reshape` (the engine undoing broadcasting), `astype`,
    `real` and `imag` (cast), `__getitem__` (indexing), and `__setitem__`, `+=` and np.add.at (the adjoints of indexing
    and of sliding windows, which fill zeros of their own making). What a caller gives is read-only, so that writing to
    it raises.
    """

    def __init__(self, inside):
        self.inside = inside

    @classmethod
    def of(cls, array):
        """A Duck that no one may write to, for what goes into a call."""
        array = np.array(array)
        array.setflags(write=False)
        return cls(array)

    shape = property(lambda self: self.inside.shape)
    ndim = property(lambda self: self.inside.ndim)
    dtype = property(lambda self: self.inside.dtype)
    size = property(lambda self: self.inside.size)
    T = property(lambda self: Duck(self.inside.T))
    real = property(lambda self: Duck(self.inside.real))
    imag = property(lambda self: Duck(self.inside.imag))

    def sum(self, axis=None):
        return _wrap(self.inside.sum(axis=axis))

    def reshape(self, shape):
        return Duck(self.inside.reshape(shape))

    def astype(self, dtype):
        return Duck(self.inside.astype(dtype))

    def __getitem__(self, index):
        return _wrap(self.inside[_unwrap(index)])

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if "out" in kwargs:
            raise AssertionError(f"np.{ufunc.__name__} was told to write into an array")
        return _wrap(getattr(ufunc, method)(*_unwrap(inputs), **_unwrap(kwargs)))

    def __array_function__(self, function, types, args, kwargs):
        if kwargs.get("out") is not None:
            raise AssertionError(f"{name_of(function)} was told to write into an array")
        return _wrap(function(*_unwrap(args), **_unwrap(kwargs)))

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("an array of another library was converted into a NumPy array")

    def __setitem__(self, index, value):
        self.inside[_unwrap(index)] = _unwrap(value)

    def __iadd__(self, other):
        self.inside += _unwrap(other)  # raises for what a caller gave
        return self

    def __bool__(self):
        raise AssertionError("the program branched on an array's value")

    __iter__ = None  # or list(duck) would convert it entry by entry
    __float__ = __int__ = __index__ = __len__ = __bool__


# Rows that cannot do it, each with the reason; the test fails for one that can, so that the list stays true.
CANNOT = {
    np.real_if_close: "whether the result is real depends on the values, by NumPy's own definition",
    np.linalg.cond: "looks at the values for a quotient that is unknown",
    np.linalg.eigvals: "pairs NumPy's eigenvalues with its own in a plain array of places, filled one by one",
    np.cov: "refuses negative weights, for which it looks at their values",
    np.interp: "asks for the length of the list of points, which may be a Python list",
    np.polymul: "drops leading zeros, so the shape of the result depends on the values",
    np.roots: "NumPy's own dispatcher iterates over the array, which an array of another library need not allow",
    np.polyfit: "warns where the rank is too low, which is a value",
    np.trim_zeros: "the shape of the result depends on the values",
}

EVERY_SAMPLE = [
    pytest.param(function, sample, id=f"{name_of(function)}-{number}")
    for function, samples in SAMPLES.items()
    for number, sample in enumerate(samples)
]


def forward_and_backward(call, inputs, lay):
    """A call on leaves that hold lay(input): its result, and the gradients of a weighted sum of the result."""
    leaves = [tg.Tensor(lay(x), requires_grad=True) for x in inputs]
    out = call(*leaves)
    seed = weights_for(out.shape).astype(out.dtype)
    out.backward(lay(seed))
    return out.data, [leaf.grad for leaf in leaves]


def check(call, inputs):
    right, slopes = forward_and_backward(call, inputs, np.array)
    out, gradients = forward_and_backward(call, inputs, Duck.of)
    for duck, array in zip([out, *gradients], [right, *slopes], strict=True):
        if array is None:
            assert duck is None
            continue
        assert type(duck) is Duck, f"{type(duck).__name__} came out, so something converted"
        assert duck.dtype == array.dtype
        # Not bit for bit: NumPy rounds a last digit by how an array happens to lie in memory.
        np.testing.assert_allclose(duck.inside, array, rtol=1e-12, atol=1e-12, strict=True)


@pytest.mark.parametrize(("function", "sample"), EVERY_SAMPLE)
def test_row_computes_by_numpy_functions_alone(function, sample):
    @settings(max_examples=15, report_multiple_bugs=False, phases=[Phase.generate])
    @given(data=st.data())
    def judged(data):
        case = data.draw(sample.cases)
        check(case.call, data.draw(sample.inputs(case)))

    if function not in CANNOT:
        judged()
    elif sample is SAMPLES[function][-1]:  # the one of a row's samples that shows it
        with pytest.raises((AssertionError, TypeError)):  # mended? then take it off the list
            judged()


def test_duck_refuses_what_a_foreign_array_refuses():
    duck = Duck.of([1.0, 2.0])
    for misuse in (np.asarray, np.array, bool, list, lambda a: np.add(a, 1, out=a)):
        with pytest.raises((AssertionError, TypeError)):
            misuse(duck)
    with pytest.raises(ValueError, match="read-only"):
        duck[0] = 3.0
