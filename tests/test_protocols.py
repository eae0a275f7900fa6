"""A Tensor among arrays, lists and numbers: NumPy's functions and Python's operators, and what they refuse."""

import math
import operator

import numpy as np
import pytest

import tinygrad_edu as tg

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def leaf(value, **kwargs):
    return tg.Tensor(value, requires_grad=True, **kwargs)


# ---- operators and functions -------------------------------------------------------------------------------------
def test_numpys_functions_return_tensors():
    t = leaf(A)
    for out in (np.sin(t), np.sum(t, axis=0), np.transpose(t), np.stack([t, t]), np.where(A > 0, t, 0), t + A):
        assert isinstance(out, tg.Tensor)
        assert out.requires_grad


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
OTHERS = [2, 2.0, np.float64(2), np.int64(2), np.full((2, 3), 2.0), [2.0, 2.0, 2.0], (2.0, 2.0, 2.0), tg.Tensor(2.0)]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: type(other).__name__)
@pytest.mark.parametrize("op", OPERATORS)
def test_operators_from_both_sides(op, other):
    value = np.abs(A)
    plain = np.asarray(other.data if isinstance(other, tg.Tensor) else other)
    for forward, expected in (
        (lambda t: op(t, other), op(value, plain)),
        (lambda t: op(other, t), op(plain, value)),
    ):
        t = leaf(value)
        out = forward(t)
        assert isinstance(out, tg.Tensor)
        np.testing.assert_allclose(out.data, expected, rtol=1e-15)
        out.backward(np.ones(A.shape))
        step = 1e-6  # a coarse look only: the exact one is in test_table.py
        moved = leaf(value + step)
        np.testing.assert_allclose(t.grad, (forward(moved).data - expected) / step, rtol=1e-4)


def test_matmul_from_both_sides():
    t = leaf(A)
    for right in (np.ones(3), np.ones((3, 2)), [1.0, 1.0, 1.0], (1.0, 1.0, 1.0), leaf(np.ones(3))):
        np.testing.assert_array_equal((t @ right).data, A @ np.asarray(getattr(right, "data", right)))
    for left in (np.ones(2), np.ones((4, 2)), [1.0, 1.0]):
        out = left @ t
        np.testing.assert_array_equal(out.data, np.asarray(left) @ A)
        t.grad = None
        np.sum(out).backward()
        np.testing.assert_array_equal(t.grad, np.full(A.shape, float(np.size(left) // 2)))


def test_unary_operators():
    t = leaf(A)
    (-t + abs(t) + +t).backward(np.ones(A.shape))
    np.testing.assert_array_equal(t.grad, np.sign(A))


def test_lists_stand_for_arrays():
    t = leaf([1.0, 2.0])
    total = (
        np.dot(t, [3.0, 4.0]) + np.sum(np.where([True, False], t, [0, 0])) + np.sum(np.clip(t, a_min=[0, 5], a_max=9))
    )
    total.backward()
    assert t.grad.tolist() == [3 + 1 + 1, 4]


def test_a_list_that_would_lose_gradients_is_refused():
    a, b = leaf(1.0), leaf([1.0, 2.0])
    for attempt in (
        lambda: np.add(b, [a, a]),
        lambda: b * [a, a],
        lambda: np.concatenate([b, [a, a]]),
        lambda: np.clip(b, a_min=[a, a], a_max=3),
        lambda: np.array([a, a]),
        lambda: np.sum([a, a]),
    ):
        with pytest.raises(TypeError, match=r"silently lose them.*np\.stack"):
            attempt()
    np.sum(b + np.stack([a, a])).backward()
    assert a.grad == 2


def test_python_numbers_keep_float32():
    t = leaf(np.ones((2, 3), np.float32))
    out = np.sum(np.exp(2 * t / 3 + 1.5) ** 2 - 1, axis=0).mean()
    assert out.dtype == np.float32
    out.backward()
    assert t.grad.dtype == np.float32


def test_mixed_dtypes_give_every_input_its_own():
    small, large = leaf([1.0], dtype=np.float32), leaf([2.0])
    (small * large * np.float64(3)).backward()
    assert (small.grad.dtype, large.grad.dtype) == (np.float32, np.float64)
    wide = small.astype(np.float64)
    assert wide.dtype == np.float64
    small.grad = None
    (wide * 5).backward()
    assert (small.grad.dtype, small.grad.tolist()) == (np.float32, [5])


@pytest.mark.parametrize(
    ("method", "function"),
    [
        *((lambda t, n=n, k=k: getattr(t, n)(**k), lambda a, n=n, k=k: getattr(np, n)(a, **k))
          for n in ("sum", "mean", "max", "min", "var", "std")
          for k in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})),
        (lambda t: t.var(ddof=1), lambda a: np.var(a, ddof=1)),
        (lambda t: t.std(axis=1, ddof=1), lambda a: np.std(a, axis=1, ddof=1)),
        (lambda t: t.dot(np.ones(3)), lambda a: np.dot(a, np.ones(3))),
        (lambda t: t.clip(0, 2), lambda a: np.clip(a, 0, 2)),
        (lambda t: t.clip(max=2), lambda a: np.clip(a, None, 2)),
        (lambda t: t.reshape(3, 2), lambda a: np.reshape(a, (3, 2))),
        (lambda t: t.reshape((3, -1)), lambda a: np.reshape(a, (3, -1))),
        (lambda t: t.reshape(-1), lambda a: np.reshape(a, -1)),
        (lambda t: t.ravel(), np.ravel),
        (lambda t: t.transpose(), np.transpose),
        (lambda t: t.transpose(1, 0), lambda a: np.transpose(a, (1, 0))),
        (lambda t: t.transpose((-1, 0)), lambda a: np.transpose(a, (-1, 0))),
        (lambda t: t.ravel().transpose(0), np.ravel),
        (lambda t: t.T, np.transpose),
        (lambda t: t.swapaxes(0, 1), lambda a: np.swapaxes(a, 0, 1)),
        (lambda t: t[None].squeeze(0), lambda a: a),
        (lambda t: t[None].squeeze(), lambda a: a),
    ],
)  # fmt: skip
def test_methods_are_numpys_functions(method, function):
    one, two = leaf(A), leaf(A)
    out, expected = method(one), function(two)
    np.testing.assert_array_equal(out.data, expected.data, strict=True)
    np.testing.assert_array_equal(out.data, function(A))
    seed = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(seed)
    expected.backward(seed)
    np.testing.assert_array_equal(one.grad, two.grad, strict=True)


# ---- constants ---------------------------------------------------------------------------------------------------
def test_comparisons_and_arg_functions_are_plain_arrays():
    t = leaf(A)
    for op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for result, expected in ((op(t, 0.5), op(A, 0.5)), (op(0.5, t), op(0.5, A)), (op(t, t), op(A, A))):
            assert type(result) is np.ndarray
            np.testing.assert_array_equal(result, expected, strict=True)
    assert t.argmax() == np.argmax(t) == 4
    assert t.argmin(axis=1).tolist() == np.argmin(t, axis=1).tolist() == [1, 2]
    assert np.argsort(t, axis=1).tolist() == [[1, 0, 2], [2, 0, 1]]
    np.testing.assert_array_equal(np.round(t, decimals=0), np.round(A))


def test_options_of_constant_functions_are_not_swallowed():
    out = np.zeros(2, bool)
    assert np.floor(leaf([1.5, 2.5]), dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="existing array"):
        np.greater(leaf([1.0, 2.0]), 0, out=out)


def test_tensors_are_hashable_by_identity():
    a, b = tg.Tensor(1.0), tg.Tensor(1.0)
    assert len({a, b, a}) == 2


# ---- behaving like Python's own ----------------------------------------------------------------------------------
def test_one_number_converts():
    t, constant = leaf(2.5), tg.Tensor(2.5)
    assert (float(constant), int(constant), bool(t), t.item()) == (2.5, 2, True, 2.5)
    for convert in (float, int, math.sin):  # would lose the gradient without a word
        with pytest.raises(TypeError, match=r"t\.item\(\)"):
            convert(t)
    assert not leaf([0.0])
    assert f"{t:.3f} {leaf([[7.0]]):g}" == "2.500 7"


def test_remainders_have_operators():
    t = tg.Tensor([5.0, -7.0], requires_grad=True)
    for ours, numpys in [
        (t % 3, np.remainder(t.data, 3)),
        (8 % t, np.remainder(8, t.data)),
        (t // 3, np.floor_divide(t.data, 3)),
        (8 // t, np.floor_divide(8, t.data)),
        (divmod(t, 3)[1], np.remainder(t.data, 3)),
    ]:
        np.testing.assert_array_equal(getattr(ours, "data", ours), numpys)
    np.sum(t % 3 + 8 % t).backward()
    np.testing.assert_array_equal(t.grad, 1 - np.floor(8 / t.data))  # 8 % t is 8 - floor(8 / t) * t


@pytest.mark.parametrize("method", ["flatten", "prod", "cumsum", "tolist"])
def test_methods_are_numpys(method):
    t = tg.Tensor(A, requires_grad=True)
    result = getattr(t, method)()
    np.testing.assert_array_equal(getattr(result, "data", result), getattr(A, method)())


def test_a_method_that_is_missing_says_which_function_to_call():
    t = tg.Tensor(A)
    with pytest.raises(AttributeError, match=r"no method repeat; write NumPy's function: np\.repeat\(t, \.\.\.\)"):
        t.repeat(2)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        t.nosuch()
    assert not hasattr(t, "__array_interface__")


def test_freezing_is_the_optimizers_business():
    w = tg.Tensor(A, requires_grad=True)
    with pytest.raises(AttributeError, match=r"leave it out of the optimizer: \[p for p in model"):
        w.requires_grad = False
    assert w.requires_grad


def test_many_numbers_do_not_convert():
    t = tg.Tensor(A)
    for convert in (float, int, tg.Tensor.item, "{:.2f}".format):
        with pytest.raises(ValueError, match=r"exactly one entry, but the shape is \(2, 3\)"):
            convert(t)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) is neither true nor false.*np\.any\(t > 0\)"):
        bool(t)


def test_len_and_iter():
    assert len(leaf(A)) == 2
    assert [row.shape for row in leaf(A)] == [(3,), (3,)]
    for attempt in (len, list):
        with pytest.raises(TypeError, match="no axes"):
            attempt(leaf(1.0))


def test_repr_says_how_it_was_made():
    t = leaf([1.0, 2.0])
    assert repr(t) == "Tensor([1., 2.], requires_grad=True)"
    assert repr(np.sin(t) * 0) == "Tensor([0., 0.], requires_grad=True, made by np.multiply)"
    assert repr(tg.Tensor(np.float32(1))) == "Tensor(1., dtype=float32)"
    assert str(tg.Tensor([[1, 2], [3, 4]])) == f"{tg.Tensor([[1, 2], [3, 4]])}" == "Tensor([[1, 2],\n        [3, 4]])"


def test_shape_and_friends():
    t = leaf(A, dtype=np.float32)
    assert (t.shape, t.ndim, t.size, t.dtype) == ((2, 3), 2, 6, np.float32)
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2, 3), 2, 6)


# ---- data in and out ---------------------------------------------------------------------------------------------
def test_a_tensor_copies_what_it_is_given():
    source = np.array([1.0, 2.0])
    t = tg.Tensor(source)
    source[:] = 0
    assert t.data.tolist() == [1, 2]
    copy = t.numpy()
    copy[:] = 0
    assert t.data.tolist() == [1, 2]


def test_assigning_data_keeps_the_memory():
    t = leaf([1.0, 2.0])
    memory = t.data
    t.data = [3, 4]
    t.data -= 1
    assert t.data is memory
    assert memory.tolist() == [2, 3]
    with pytest.raises(ValueError, match=r"shape \(3,\) does not fit"):
        t.data = np.ones(3)


def test_becoming_a_plain_array_is_refused_where_gradients_would_be_lost():
    assert np.asarray(tg.Tensor([1.0, 2.0])).tolist() == [1, 2]
    for convert in (np.asarray, np.array, lambda t: np.asarray(t, dtype=np.float32)):
        with pytest.raises(TypeError, match=r"silently lose them.*t\.data"):
            convert(leaf([1.0]))
    with pytest.raises(TypeError, match=r"got a Tensor.*t\.detach\(\)"):
        tg.Tensor(leaf([1.0]))


# ---- what is refused ---------------------------------------------------------------------------------------------
def test_unknown_options_of_ufuncs_are_refused_by_name():
    t = leaf([1.0, 2.0])
    for option in ({"where": np.array([True, False])}, {"dtype": np.float32}, {"casting": "unsafe"}, {"order": "F"}):
        with pytest.raises(TypeError, match=rf"np\.exp\({next(iter(option))}=\.\.\.\) is not supported"):
            np.exp(t, **option)
    with pytest.raises(TypeError, match=r"np\.exp cannot write .* existing array"):
        np.exp(t, out=np.empty(2))


@pytest.mark.parametrize(
    ("function", "option"),
    [
        (np.sum, {"dtype": np.float32}),
        (np.sum, {"where": np.array([True, False])}),
        (np.sum, {"initial": 1.0}),
        (np.sum, {"out": np.empty(())}),
        (np.mean, {"dtype": np.float32}),
        (np.max, {"initial": 0.0}),
        (np.var, {"mean": 1.0}),
        (np.clip, {"a_min": 0, "a_max": 1, "dtype": np.float32}),
        (np.broadcast_to, {"shape": (1, 2), "subok": True}),
    ],
)
def test_unknown_options_of_functions_are_refused_by_name(function, option):
    with pytest.raises(TypeError, match=rf"\({list(option)[-1]}=\.\.\.\) is not supported on Tensors"):
        function(leaf([1.0, 2.0]), **option)
    with pytest.raises(TypeError, match="dtype"):
        np.concatenate([leaf([1.0])], dtype=np.float32)


def test_an_option_at_its_default_is_fine():
    assert np.sum(leaf([1.0, 2.0]), dtype=None, out=None).item() == 3


@pytest.mark.parametrize(
    ("ufunc", "method", "arguments", "lesson"),
    [
        (np.add, "reduceat", [[0]], r"np\.stack"),
        (np.add, "at", [[0], 1.0], r"scatter_add\(b, index, a\.shape\)"),
        (np.arctan2, "reduce", [], "a function that does the same"),
        (np.arctan2, "accumulate", [], "a function that does the same"),
        (np.greater, "outer", [[1.0]], r"a\[:, None\]"),
    ],
)
def test_methods_of_ufuncs_are_refused_by_name(ufunc, method, arguments, lesson):
    with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__}\.{method} is not supported on Tensors.*{lesson}"):
        getattr(ufunc, method)(leaf([1.0, 2.0]), *arguments)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("np.put", lambda t: np.put(t, 0, 1)),  # these two write into their argument
        ("np.fill_diagonal", lambda t: np.fill_diagonal(t[None], 1)),
    ],
)
def test_a_function_without_a_row_is_named(name, call):
    with pytest.raises(NotImplementedError, match=f"No derivative rule for {name}.*Add one row"):
        call(leaf([1.0, 2.0]))


def test_adding_a_tensor_into_an_array_is_refused():
    total, t = np.zeros(2), leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"an array does not remember how it was made. Write a = a \+ t"):
        total += t
    t += np.ones(2)  # this one makes a new tensor
    assert t.data.tolist() == [2, 3]


def test_the_gradient_of_an_option_is_refused():
    with pytest.raises(TypeError, match=r"np\.where\(condition=\.\.\.\) is not supported"):
        np.where(leaf([1.0, 0.0]), [1.0, 2.0], 0)
