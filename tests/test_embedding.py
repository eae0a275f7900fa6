"""Embedding looks rows up, and its gradient adds up in them; Dropout drops, scales, and keeps its generator."""

import copy

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn


@given(
    indices=hnp.arrays(
        st.sampled_from([np.int64, np.int8, np.uint16]),
        hnp.array_shapes(min_dims=0, min_side=0),
        elements=st.integers(0, 4),
    )
)
def test_embedding_is_a_product_with_ones_and_zeros(indices):
    layer = nn.Embedding(5, 3, rng=0)
    one_hot = np.eye(5)[indices]
    out = layer(indices)
    np.testing.assert_array_equal(out.data, layer.weight.data[indices])
    assert out.shape == (*indices.shape, 3)
    seed = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(seed)
    np.testing.assert_allclose(layer.weight.grad, one_hot.reshape(-1, 5).T @ seed.reshape(-1, 3), atol=1e-13)


def test_embedding_gradient_adds_up_for_repeated_indices():
    layer = nn.Embedding(4, 2, rng=0)
    layer([3, 1, 3, 3]).backward([[1, 10], [2, 20], [4, 40], [8, 80]])
    assert layer.weight.grad.tolist() == [[0, 0], [2, 20], [0, 0], [13, 130]]
    assert tg.gradcheck(lambda: layer([3, 1, 3]) ** 2, wrt=layer)


def test_embedding_starts_standard_normal_and_keeps_float32():
    layer = nn.Embedding(200, 50, rng=3)
    assert layer.weight.data.mean() == pytest.approx(0, abs=0.05)
    assert layer.weight.data.std() == pytest.approx(1, abs=0.05)
    assert (layer.weight.data == nn.Embedding(200, 50, rng=3).weight.data).all()
    assert layer.astype(np.float32)(np.array([1])).dtype == np.float32
    assert repr(layer) == "Embedding(200, 50)"


@pytest.mark.parametrize("index", [5, -1, -6, 100])
def test_embedding_names_an_index_out_of_range(index):
    with pytest.raises(IndexError, match=rf"Embedding\(5, 3\) got the index {index}, but its rows are 0 to 4"):
        nn.Embedding(5, 3)(np.array([[0, 4], [index, 2]]))


def test_a_larger_embedding_is_suggested_only_where_it_helps():
    with pytest.raises(IndexError, match=r"Or make it larger: Embedding\(8, 3\)"):
        nn.Embedding(5, 3)([7])
    assert nn.Embedding(8, 3)([7]).shape == (1, 3)
    with pytest.raises(IndexError, match=r"less than num_embeddings\.$"):
        nn.Embedding(5, 3)([-1, 7])


@pytest.mark.parametrize("indices", [np.array([1.0]), np.array([True, False]), np.array(["a"]), 0.5])
def test_embedding_takes_whole_numbers_only(indices):
    with pytest.raises(TypeError, match="takes whole numbers"):
        nn.Embedding(5, 3)(indices)


def test_embedding_takes_a_tensor_of_whole_numbers():
    layer = nn.Embedding(5, 3, rng=0)
    np.testing.assert_array_equal(layer(tg.Tensor([1, 2])).data, layer.weight.data[1:3])


# ---- Dropout -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_and_scales(p):
    x = np.full((200, 100), 3.0)
    out = nn.Dropout(p, rng=0)(x)
    np.testing.assert_allclose(out[out != 0], 3 / (1 - p), rtol=1e-15)
    # the share of zeros has the standard deviation √(p(1 − p)/n)
    assert np.mean(out == 0) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / x.size))


def test_dropout_sends_the_gradient_where_the_signal_went():
    x = tg.Tensor(np.ones(50), requires_grad=True)
    out = nn.Dropout(0.4, rng=1)(x)
    np.sum(out).backward()
    np.testing.assert_array_equal(x.grad, out.data)  # both are 0 or 1/(1 − p)


def test_dropout_at_its_ends_and_in_use():
    x = np.array([1.0, -np.inf, np.nan])
    assert nn.Dropout(0)(x) is x
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(1)(x).tolist() == [0, 0, 0]
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    np.sum(nn.Dropout(1)(t)).backward()
    assert t.grad.tolist() == [0, 0]
    assert nn.Dropout(0.5, rng=0)(np.ones(4, np.float32)).dtype == np.float32


def test_dropout_draws_anew_and_repeats_with_its_seed():
    one, two = nn.Dropout(0.5, rng=5), nn.Dropout(0.5, rng=5)
    x = np.ones(40)
    first = one(x)
    assert (first == two(x)).all()
    twin = copy.deepcopy(one)
    second = one(x)
    assert (second != first).any()
    assert (twin(x) == second).all()
    ((name, generator),) = nn.Sequential(nn.ReLU(), one).named_generators()
    assert name == "1.rng"
    assert generator is one.rng


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_dropout_takes_a_probability(p):
    with pytest.raises(ValueError, match="p is the probability"):
        nn.Dropout(p)
