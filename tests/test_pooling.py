"""Pools are their definition; tied entries share; what does not fit is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.differences import check_first, check_second
from tests.samples.base import Case, Sample
from tinygrad_edu import nn


@st.composite
def pools(draw):
    """A pool and a shape that its windows fit into."""
    pair = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))
    kernel = pair(1, 3)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    stride = draw(st.none() | st.just(pair(1, 3)))
    sides = [max(k - 2 * p, 1) + draw(st.integers(0, 2)) for k, p in zip(kernel, padding)]
    kind = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    return kind(kernel, stride, padding), (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sides)


def by_definition(pool, x):
    """One window at a time."""
    fold, beyond = (np.max, -math.inf) if isinstance(pool, nn.MaxPool2d) else (np.mean, 0)
    (p, q), (k, m), (s, t) = pool.padding, pool.kernel_size, pool.stride
    x = np.pad(x, [(0, 0), (0, 0), (p, p), (q, q)], constant_values=beyond)
    out = np.empty((*x.shape[:2], (x.shape[2] - k) // s + 1, (x.shape[3] - m) // t + 1))
    for n, c, i, j in np.ndindex(out.shape):
        out[n, c, i, j] = fold(x[n, c, i * s : i * s + k, j * t : j * t + m])
    return out


@given(drawn=pools(), data=st.data())
def test_pools_are_their_definition_and_their_gradients_are_slopes(drawn, data):
    pool, shape = drawn
    sample = Sample(st.just(Case(pool, [shape])), apart=1 / 32)
    (x,) = data.draw(sample.inputs(Case(pool, [shape])))
    np.testing.assert_allclose(pool(x), by_definition(pool, x), rtol=0, atol=1e-15)
    check_first(pool, [x], [True])
    check_second(lambda x: pool(x) * pool(x), [x])


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d((2, 1)), nn.AvgPool2d(3, 1, 1)])
def test_gradient_check_and_float32(pool):
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 5))
    assert tg.gradcheck(lambda x: np.sum(np.sin(pool(x))), x)
    small = tg.Tensor(x, requires_grad=True, dtype=np.float32)
    out = pool(small)
    np.sum(out * out).backward()
    assert out.dtype == small.grad.dtype == np.float32


def test_tied_entries_share_the_blame():
    x = tg.Tensor([[[[1.0, 1.0], [0.0, 1.0]]]], requires_grad=True)
    np.sum(nn.MaxPool2d(2)(x)).backward()
    np.testing.assert_allclose(x.grad, [[[[1 / 3, 1 / 3], [0, 1 / 3]]]], rtol=1e-15)


def test_an_entry_in_several_windows_gets_the_blame_of_all():
    x = tg.Tensor([[[[0.0, 1.0, 0.0]]]], requires_grad=True)
    np.sum(nn.MaxPool2d((1, 2), stride=1)(x)).backward()
    assert x.grad.tolist() == [[[[0, 2, 0]]]]


def test_padding_is_never_the_largest_but_counts_in_the_mean():
    x = np.full((1, 1, 2, 2), -4.0)
    assert (nn.MaxPool2d(2, padding=1)(x) == -4).all()
    assert (nn.AvgPool2d(2, padding=1)(x) == -1).all()


def test_whole_numbers_stay_whole():
    x = np.array([[[[3, 0], [0, 200]]]], np.uint8)
    out = nn.MaxPool2d(2, padding=1)(x)
    assert out.dtype == np.uint8
    assert out.tolist() == nn.MaxPool2d(2, padding=1)(x.tolist()).tolist() == [[[[3, 0], [0, 200]]]]


def test_repr_shows_what_is_not_usual():
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d((2, 2))"
    assert repr(nn.AvgPool2d((2, 3), stride=1, padding=1)) == "AvgPool2d((2, 3), stride=(1, 1), padding=(1, 1))"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.MaxPool2d(0), r"kernel_size=0: it must be a whole number of at least 1"),
        (lambda: nn.AvgPool2d(2, stride=0), r"stride=0"),
        (lambda: nn.MaxPool2d(3, padding=2), r"at most half of kernel_size.*\(1, 1\)"),
        (lambda: nn.MaxPool2d(3)(np.ones((1, 1, 2, 5))), r"kernel of \(3, 3\) spans \(3, 3\).*\(2, 5\)"),
        (lambda: nn.MaxPool2d(2)(np.ones((3, 4, 4))), r"x of shape \(3, 4, 4\).*4 axes.*x\[None\]"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
