"""Attention against its formula written out position by position; what is masked gets nothing, exactly."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import check_first, check_second
from tinygrad_edu import nn
from tinygrad_edu.nn.attention import attention


def numbers(*shape, start=0.0):
    return np.cos(start + 1.7 * np.arange(np.prod(shape, dtype=int))).reshape(shape)


def attention_by_hand(query, key, value, causal):
    """One head, one sequence, one position after the other."""
    out = []
    for t, q in enumerate(query):
        seen = range(t + 1) if causal else range(len(key))
        weights = [math.exp(q @ key[s] / math.sqrt(len(q))) for s in seen]
        out.append(sum(w * value[s] for w, s in zip(weights, seen)) / sum(weights))
    return np.array(out)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_its_formula(causal):
    query, key, value = (numbers(2, 3, 5, 4, start=k) for k in range(3))
    out = attention(query, key, value, causal)
    for place in np.ndindex(2, 3):
        right = attention_by_hand(query[place], key[place], value[place], causal)
        np.testing.assert_allclose(out[place], right, rtol=1e-13)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_gradients_are_slopes(causal):
    inputs = [numbers(3, 2, start=k) for k in range(3)]
    check_first(lambda *a: attention(*a, causal=causal), inputs, [True] * 3)
    check_second(lambda *a: attention(*a, causal=causal), inputs)


def test_the_future_gets_a_gradient_of_exactly_zero():
    query, key, value = leaves = [tg.Tensor(numbers(6, 2, start=k), requires_grad=True) for k in range(3)]
    np.sum(attention(query, key, value, causal=True)[:3]).backward()
    for leaf in (key, value):
        assert (leaf.grad[3:] == 0).all()
        assert (leaf.grad[:2] != 0).any()
    assert all(np.isfinite(leaf.grad).all() for leaf in leaves)


def test_the_future_changes_nothing():
    layer, x = nn.MultiHeadAttention(4, 2, causal=True, rng=0), numbers(1, 6, 4)
    changed = x.copy()
    changed[:, 4:] = 1e6
    np.testing.assert_array_equal(layer(changed).data[:, :4], layer(x).data[:, :4])
    assert (layer(changed).data[:, 4:] != layer(x).data[:, 4:]).all()


def test_the_future_gets_nothing_even_if_the_past_fits_badly():
    query, key = np.array([[1000.0], [0.0]]), np.array([[-1000.0], [1000.0]])
    assert attention(query, key, np.array([[3.0], [5.0]]), causal=True).tolist() == [[3.0], [4.0]]


def test_huge_scores_do_not_overflow():
    query = tg.Tensor([[1000.0], [-1000.0]], requires_grad=True)
    out = attention(query, np.array([[1000.0], [-1000.0]]), np.array([[1.0], [2.0]]))
    assert out.data.tolist() == [[1.0], [2.0]]
    np.sum(out).backward()
    assert query.grad.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6), (2, 3, 1, 6), (0, 5, 6)])
def test_heads_are_slices_of_the_features(causal, shape):
    layer, x = nn.MultiHeadAttention(6, 3, causal=causal, rng=0), numbers(*shape)
    layer.in_proj_bias.data = numbers(18, start=2)
    layer.out_proj.bias.data = numbers(6, start=3)
    query, key, value = np.split(x @ layer.in_proj_weight.data + layer.in_proj_bias.data, 3, axis=-1)
    mixed = np.empty(shape)
    for place in np.ndindex(shape[:-2]):
        for head in (slice(0, 2), slice(2, 4), slice(4, 6)):
            parts = (a[place][:, head] for a in (query, key, value))
            mixed[place][:, head] = attention_by_hand(*parts, causal)
    right = mixed @ layer.out_proj.weight.data + layer.out_proj.bias.data
    np.testing.assert_allclose(layer(x).data, right, rtol=1e-12, atol=1e-14)


def test_gradcheck_of_the_layers():
    x = numbers(1, 3, 4)
    for layer in (
        nn.MultiHeadAttention(4, 2, causal=True, rng=0),
        nn.TransformerBlock(4, 2, hidden=3, causal=True, rng=0),
    ):
        assert tg.gradcheck(lambda layer=layer: layer(x), wrt=layer)
        assert tg.gradcheck(layer, x)


def test_parameters_start_as_they_should():
    layer = nn.MultiHeadAttention(8, 2, rng=0)
    assert [(name, p.shape) for name, p in layer.named_parameters()] == [
        ("in_proj_weight", (8, 24)),
        ("in_proj_bias", (24,)),
        ("out_proj.weight", (8, 8)),
        ("out_proj.bias", (8,)),
    ]
    bound = math.sqrt(6 / 32)
    assert 0.95 * bound < np.abs(layer.in_proj_weight.data).max() <= bound
    assert not layer.in_proj_bias.data.any()
    assert not layer.out_proj.bias.data.any()
    again = nn.MultiHeadAttention(8, 2, rng=0)
    assert all((p.data == q.data).all() for p, q in zip(layer.parameters(), again.parameters()))


def test_a_block_is_two_steps_beside_the_straight_way():
    block, x = nn.TransformerBlock(6, 2, rng=0), numbers(2, 5, 6)

    def normalized(x):  # a fresh LayerNorm scales by 1 and shifts by 0
        return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)

    after = x + block.self_attn(normalized(x)).data
    inner = normalized(after) @ block.linear1.weight.data + block.linear1.bias.data
    inner = 0.5 * inner * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
    right = after + inner @ block.linear2.weight.data + block.linear2.bias.data
    np.testing.assert_allclose(block(x).data, right, rtol=1e-10)


def test_dropout_drops_in_training_only():
    block, x = nn.TransformerBlock(4, 2, dropout=0.5, rng=0), numbers(2, 3, 4)
    plain = nn.TransformerBlock(4, 2, rng=0)
    assert (block(x).data != block(x).data).any()
    np.testing.assert_array_equal(block.eval()(x).data, plain(x).data)
    block.train().dropout.p = 1
    np.testing.assert_array_equal(block(x).data, x)


def test_float32_stays():
    block = nn.TransformerBlock(4, 2, causal=True, dropout=0.2, rng=0).astype(np.float32)
    x = tg.Tensor(numbers(2, 3, 4).astype(np.float32), requires_grad=True)
    out = block(x)
    np.sum(out).backward()
    assert {out.dtype, x.grad.dtype, *(p.grad.dtype for p in block.parameters())} == {np.dtype(np.float32)}


def test_what_cannot_be_is_refused():
    for heads in (3, 0):
        with pytest.raises(ValueError, match="num_heads must divide embed_dim"):
            nn.MultiHeadAttention(4, heads)
    for shape in ((4,), (2, 3, 5), (2, 0, 4)):
        with pytest.raises(ValueError, match=r"MultiHeadAttention\(4, 2\) got x of shape .* takes \(…, time, 4\)"):
            nn.MultiHeadAttention(4, 2)(np.ones(shape))


@pytest.mark.parametrize("causal", [False, True])
def test_same_as_torch(causal):
    torch = pytest.importorskip("torch")
    ours, x = nn.TransformerBlock(8, 2, hidden=5, causal=causal, rng=0), numbers(2, 5, 8)
    gelu = lambda x: torch.nn.functional.gelu(x, approximate="tanh")
    options = {"activation": gelu, "batch_first": True, "norm_first": True, "dtype": torch.float64}
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 5, dropout=0, **options)
    theirs.load_state_dict({name: torch.from_numpy(p.numpy().T.copy()) for name, p in ours.named_parameters()})
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64) if causal else None
    out, right = ours(x), theirs(torch.from_numpy(x), src_mask=mask)
    np.testing.assert_allclose(out.data, right.detach().numpy(), rtol=1e-10)
    np.sum(out**2).backward()
    (right**2).sum().backward()
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad, named[name].grad.numpy().T, rtol=1e-9, atol=1e-11)
