"""A ten-second tour, which runs first: two small graphs and the network of the first lesson, with its printed numbers.

If something here fails, look here first: everything else is detail.
"""

import numpy as np
import pytest

import tinygrad_edu as tg


def test_a_graph_of_numbers():
    a = tg.Tensor(-4.0, requires_grad=True)
    b = tg.Tensor(2.0, requires_grad=True)
    product = a * b  # -8
    total = product + b**3  # -8 + 8 = 0
    result = total - a * a  # 0 - 16
    result.backward()
    assert result.item() == -16
    assert a.grad == 2 - 2 * -4  # b - 2a
    assert b.grad == -4 + 3 * 2**2  # a + 3b²


def test_a_graph_of_arrays():
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    w = tg.Tensor([10.0, 1.0], requires_grad=True)
    b = tg.Tensor(0.5, requires_grad=True)
    prediction = x @ w + b  # b is broadcast to all three rows
    np.sum(np.square(prediction)).backward()
    assert prediction.data.tolist() == [12.5, 34.5, 56.5]
    assert b.grad == 2 * (12.5 + 34.5 + 56.5)
    assert w.grad.tolist() == [2 * (12.5 * 1 + 34.5 * 3 + 56.5 * 5), 2 * (12.5 * 2 + 34.5 * 4 + 56.5 * 6)]


X, TARGET = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0, 1.0])
# The lesson leaves rows 0 and 1 of W2 open, for they start from silent units. Unit 1 is dead: any row will do. Unit 0
# sits on relu's kink, on one side or the other by rounding: with zeros it has no way to the loss, whichever it is.
ROW_0, ROW_1 = [0, 0, 0, 0], [0.3, -0.2, 0.1, 0.4]


@pytest.fixture
def flip():
    """The 2×2 diagonal flip: 4 → 3 → 4 with the lesson's 31 parameters."""
    net = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU(), tg.nn.Linear(3, 4))
    net[0].weight.data = np.array([[0.2, -0.5, 0.1], [-0.3, 0.4, -0.2], [0.1, 0.3, 0.5], [-0.4, 0.2, -0.1]])
    net[0].bias.data = np.array([0.1, -0.1, 0.0])
    net[2].weight.data = np.array([ROW_0, ROW_1, [0.2, -0.4, 0.1, -0.5]])
    net[2].bias.data = np.array([0.0, 0.1, -0.1, 0.0])
    return net


def near(expected):
    """Equal to all digits that the lesson prints; the last few bits belong to the order of the additions."""
    return pytest.approx(np.array(expected), rel=0, abs=1e-12)


def test_the_flip_network_has_31_parameters(flip):
    assert [parameter.shape for parameter in flip.parameters()] == [(4, 3), (3,), (3, 4), (4,)]
    assert sum(parameter.size for parameter in flip.parameters()) == 31


def test_the_flip_network_forward(flip):
    assert flip[0](X).data == near([0.0, -0.1, 0.5])
    assert flip[1](flip[0](X)).data == near([0, 0, 0.5])
    prediction = flip(X)
    assert prediction.data == near([0.1, -0.1, -0.05, -0.25])
    assert tg.nn.mse_loss(prediction, TARGET).data == near(0.89625)


def test_the_flip_network_backward(flip):
    tg.nn.mse_loss(flip(X), TARGET).backward()
    (w1, b1), (w2, b2) = ((layer.weight.grad, layer.bias.grad) for layer in (flip[0], flip[2]))
    assert b2 == near([-0.45, -0.55, -0.025, -0.625])
    assert w2[2] == near([-0.225, -0.275, -0.0125, -0.3125])
    assert w1[:, 2] == near([0.44, 0, 0.44, 0.44])
    assert b1[2] == near(0.44)
    assert not w2[1].any()
    assert w2[0] == near([0, 0, 0, 0])
    assert not w1[:, :2].any()
    assert not b1[:2].any()


def test_the_flip_network_after_one_step(flip):
    tg.nn.mse_loss(flip(X), TARGET).backward()
    tg.optim.SGD(flip.parameters(), lr=0.1).step()
    assert flip[1](flip[0](X)).data[2] == near(0.324)
    prediction = flip(X)
    assert prediction.data == near([0.11709, 0.03431, -0.064695, -0.089375])
    assert tg.nn.mse_loss(prediction, TARGET).data == pytest.approx(0.7257526, abs=5e-8)
