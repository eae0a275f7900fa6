"""t[index]: whatever NumPy takes as an index, the gradient goes back to the entries that were taken out."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg

X = np.arange(24.0).reshape(2, 3, 4)
MASK = X % 3 == 0

INDICES = {
    "integer": 1,
    "negative integer": -1,
    "NumPy integer": np.int64(1),
    "one entry": (0, 1, 2),
    "slice": slice(1, None),
    "negative step": (slice(None), slice(None, None, -1), slice(3, 0, -2)),
    "empty slice": slice(5, 9),
    "ellipsis": (..., 0),
    "everything": (...,),
    "newaxis": (None, 0, ..., None),
    "boolean mask": MASK,
    "boolean mask of the first axes": MASK[..., 0],
    "mask of one axis among slices": (slice(None), np.array([True, False, True]), 1),
    "nothing chosen": np.zeros(2, bool),
    "integer array": np.array([1, 0, 1]),
    "integer list": [1, 0],
    "empty list": [],
    "table of integers": np.array([[0, 1], [1, 1]]),
    "pairs": ([0, 1, 0], [2, 2, 2]),
    "broadcast pairs": (np.array([[0], [1]]), np.array([0, 2, 2])),
    "integers apart": ([0, 1], slice(None), [3, 3]),
    "mixed": (slice(None), [2, 0, 2], ..., None, 1),
    "true": True,
    "np.ix_": np.ix_([0, 1], [1, 1], [0, 3]),
}


def expected_gradient(shape, index, weights):
    """Each entry gets the weights of all places of the result that show it."""
    places = np.arange(np.prod(shape)).reshape(shape)[index]
    return np.bincount(places.ravel(), weights.ravel(), minlength=np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_every_kind_of_index(index):
    t = tg.Tensor(X, requires_grad=True)
    out = t[index]
    np.testing.assert_array_equal(out.data, np.asarray(X[index]), strict=True)
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(weights)
    np.testing.assert_allclose(t.grad, expected_gradient(X.shape, index, weights), atol=1e-15)


@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=4))
def test_any_index(data, shape):
    fancy = hnp.integer_array_indices(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True) | fancy | hnp.arrays(bool, shape))
    t = tg.Tensor(np.ones(shape), requires_grad=True)
    out = t[index]
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(weights)
    np.testing.assert_allclose(t.grad, expected_gradient(shape, index, weights), atol=1e-15)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_second_derivatives_through_every_kind_of_index(index):
    """For f = Σ w x³ over the entries taken out, the second derivative is 6 w x."""
    t = tg.Tensor(X, requires_grad=True)
    (t[index] ** 3).backward(np.ones(X[index].shape), create_graph=True)
    first, t.grad = t.grad, None
    first.backward(np.ones(X.shape))
    np.testing.assert_allclose(t.grad, expected_gradient(X.shape, index, np.ones(X[index].shape)) * 6 * X)


def test_a_repeated_index_accumulates():
    t = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t[[0, 0, 0, 2]].backward([1, 10, 100, 5])
    assert t.grad.tolist() == [111, 0, 5]


def test_an_index_array_may_change_after_the_forward_pass():
    t = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    rows, mask, pair = np.array([0, 1]), np.array([True, False, False]), [2, 2]
    total = np.sum(t[rows]) + np.sum(10 * t[mask]) + np.sum(100 * t[pair,])
    rows[:], mask[:], pair[:] = 2, True, [0, 0]
    total.backward()
    assert t.grad.tolist() == [11, 1, 200]


def test_a_tensor_can_be_an_index():
    t = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t[tg.Tensor([2, 0])].backward([1, 10])
    assert t.grad.tolist() == [10, 0, 1]
    assert np.sum(t[t > 1.5]).item() == 5


def test_iteration_is_indexing():
    t = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = t
    (first @ second).backward()
    assert t.grad.tolist() == [[3, 4], [1, 2]]


def test_writing_an_entry_is_refused():
    t = tg.Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"cannot be written one by one.*np.where"):
        t[0] = 5.0


def test_an_index_out_of_range_is_numpys_error():
    with pytest.raises(IndexError, match="out of bounds"):
        tg.Tensor([1.0])[3]
