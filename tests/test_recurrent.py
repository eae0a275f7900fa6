"""RNN, GRU and LSTM against plain NumPy loops written out from the papers' formulas."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import assert_close, slopes
from tinygrad_edu import nn

LAYERS = [nn.RNN, nn.GRU, nn.LSTM]
sigmoid = lambda x: 1 / (1 + np.exp(-x))


def step_by_hand(layer, x, h, c):
    """One step of one sequence in float64: x (in,), h and c (hidden,)."""
    w, u, b, d = (p.data for p in (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh))
    n = len(h)
    block = lambda k: (w[:, k * n : (k + 1) * n], u[:, k * n : (k + 1) * n], b[k * n : (k + 1) * n], d[k * n :][:n])
    both = lambda k: x @ block(k)[0] + block(k)[2] + h @ block(k)[1] + block(k)[3]
    if isinstance(layer, nn.RNN):
        return np.tanh(both(0)), c
    if isinstance(layer, nn.GRU):
        r, z = sigmoid(both(0)), sigmoid(both(1))
        new = np.tanh(x @ block(2)[0] + block(2)[2] + r * (h @ block(2)[1] + block(2)[3]))
        return (1 - z) * new + z * h, c
    i, f, g, o = sigmoid(both(0)), sigmoid(both(1)), np.tanh(both(2)), sigmoid(both(3))
    c = f * c + i * g
    return o * np.tanh(c), c


def by_hand(layer, x, h, c):
    outputs = np.empty((*x.shape[:2], h.shape[1]))
    h, c = h.copy(), c.copy()
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            h[b], c[b] = step_by_hand(layer, x[b, t], h[b], c[b])
            outputs[b, t] = h[b]
    return outputs, h, c


def numbers(*shape, start=0.0):
    return np.cos(start + 1.7 * np.arange(np.prod(shape, dtype=int))).reshape(shape)


def states(layer, h, c):
    return (h, c) if isinstance(layer, nn.LSTM) else h


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 5, 2), (2, 1, 1), (0, 4, 2)])
@pytest.mark.parametrize("begins", ["with zeros", "with a state"])
def test_outputs_are_those_of_a_plain_loop(kind, shape, begins):
    layer, x = kind(shape[2], 3, rng=0), numbers(*shape)
    h, c = np.zeros((2, 1, shape[0], 3)) if begins == "with zeros" else numbers(2, 1, shape[0], 3, start=5)
    outputs, last = layer(x) if begins == "with zeros" else layer(x, states(layer, h, c))
    expected, last_h, last_c = by_hand(layer, x, h[0], c[0])
    np.testing.assert_allclose(outputs.data, expected, rtol=1e-13, atol=1e-15)
    for got, right in zip(last if isinstance(layer, nn.LSTM) else [last], (last_h, last_c)):
        assert got.shape == (1, shape[0], 3)
        np.testing.assert_allclose(got.data[0], right, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_slopes_of_the_plain_loop(kind):
    layer = kind(2, 2, rng=1)
    x, h, c = numbers(2, 3, 2), numbers(1, 2, 2, start=3), numbers(1, 2, 2, start=4)
    leaves = [tg.Tensor(a, requires_grad=True) for a in (x, h, c)]
    params = layer.parameters()
    outputs, last = layer(leaves[0], states(layer, *leaves[1:]))
    last_c = last[1] if kind is nn.LSTM else leaves[2]
    (np.sum(outputs * numbers(2, 3, 2, start=7)) + np.sum(last_c * numbers(1, 2, 2, start=8))).backward()

    def loss(x, h, c, *weights):
        for p, w in zip(params, weights):
            p.data = w
        outputs, _, last_c = by_hand(layer, x, h[0], c[0])
        return np.sum(outputs * numbers(2, 3, 2, start=7)) + np.sum(last_c * numbers(1, 2, 2, start=8)[0])

    expected = slopes(loss, x, h, c, *(p.numpy() for p in params))
    assert_close([leaf.grad for leaf in (*leaves, *params)], expected, "gradient")


@pytest.mark.parametrize("kind", LAYERS)
def test_gradcheck_and_a_gradient_of_a_gradient(kind):
    layer = kind(1, 2, rng=2)
    x = numbers(1, 2, 1)
    assert tg.gradcheck(lambda: layer(x)[0], wrt=layer)
    assert tg.gradcheck(lambda x: tg.grad(lambda y: np.sum(layer(y)[0] ** 2))(x), x)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_sequence_can_be_read_in_two_parts(kind):
    layer, x = kind(2, 3, rng=0), numbers(2, 6, 2)
    whole, last = layer(x)
    first, state = layer(x[:, :4])
    second, end = layer(x[:, 4:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data], axis=1), whole.data, rtol=1e-14)
    np.testing.assert_allclose(np.stack(end).data, np.stack(last).data, rtol=1e-14)


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_parameters(kind, gates):
    layer = kind(2, 16, rng=0)
    assert [(name, p.shape) for name, p in layer.named_parameters()] == [
        ("weight_ih", (2, 16 * gates)),
        ("weight_hh", (16, 16 * gates)),
        ("bias_ih", (16 * gates,)),
        ("bias_hh", (16 * gates,)),
    ]
    values = np.concatenate([p.data.ravel() for p in layer.parameters()])
    assert 0.24 < np.abs(values).max() <= 0.25  # 1/√16
    again = kind(2, 16, rng=np.random.default_rng(0))
    assert all((p.data == q.data).all() for p, q in zip(layer.parameters(), again.parameters()))
    assert repr(layer) == f"{kind.__name__}(2, 16)"


@pytest.mark.parametrize("kind", LAYERS)
def test_float32_stays(kind):
    layer = kind(2, 3, rng=0).astype(np.float32)
    outputs, last = layer(numbers(2, 4, 2).astype(np.float32))
    assert outputs.dtype == np.float32
    np.sum(outputs).backward()
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(np.float32)}
    assert {one.dtype for one in (last if kind is nn.LSTM else [last])} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 4), (2, 0, 2), ()])
def test_wrong_inputs_are_told_what_fits(kind, shape):
    with pytest.raises(ValueError, match=rf"{kind.__name__}\(2, 3\) got x of shape .*takes \(batch, time, 2\)"):
        kind(2, 3)(np.ones(shape))


def test_wrong_states_are_told_what_fits():
    x = np.ones((4, 5, 2))
    with pytest.raises(ValueError, match=r"batch of 4: it takes an array of shape \(1, 4, 3\)"):
        nn.GRU(2, 3)(x, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"two arrays \(h, c\) of shape \(1, 4, 3\)"):
        nn.LSTM(2, 3)(x, np.zeros((1, 4, 3)))


@pytest.mark.parametrize("kind", LAYERS)
def test_same_as_torch(kind):
    torch = pytest.importorskip("torch")
    ours, x = kind(3, 4, rng=0), numbers(2, 5, 3)
    theirs = getattr(torch.nn, kind.__name__)(3, 4, batch_first=True, dtype=torch.float64)
    state = {f"{name}_l0": torch.from_numpy(p.numpy().T.copy()) for name, p in ours.named_parameters()}
    theirs.load_state_dict(state)
    outputs, last = ours(x)
    right, right_last = theirs(torch.from_numpy(x))
    np.testing.assert_allclose(outputs.data, right.detach().numpy(), rtol=1e-12)
    np.sum(outputs**2).backward()
    (right**2).sum().backward()
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad, getattr(theirs, f"{name}_l0").grad.numpy().T, rtol=1e-10, atol=1e-12)
    for one, right_one in zip(*((last, right_last) if kind is nn.LSTM else ([last], [right_last]))):
        np.testing.assert_allclose(one.data, right_one.detach().numpy(), rtol=1e-12)
