"""The optimizers against their published formulas, written out once more in plain NumPy."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD, Adam

SHAPES = [(3, 2), (), (4,), (2, 1, 2)]
STEPS = 20


def start(dtype, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [tg.Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype) for shape in shapes]


def bowl(params):
    """A loss with a slope of its own in every entry: Σ (k + 1) w⁴ / 4 + w."""
    return sum(np.sum((k + 1) * p**4 / 4 + p) for k, p in enumerate(params))


def slopes_of_bowl(weights):
    return [(k + 1) * w**3 + 1 for k, w in enumerate(weights)]


def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Sutskever et al. (2013), as PyTorch's documentation writes it: v ← μv + g, w ← w − η(g + μv) or w − ηv."""

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["v"] = v = momentum * memory.get("v", 0) + g
        return w - lr * (g + momentum * v if nesterov else v)

    return step


def adam(lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Kingma and Ba (2015), algorithm 1."""

    def step(t, w, g, memory):
        g = g + weight_decay * w
        memory["m"] = m = betas[0] * memory.get("m", 0) + (1 - betas[0]) * g
        memory["v"] = v = betas[1] * memory.get("v", 0) + (1 - betas[1]) * g**2
        return w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)

    return step


SETTINGS = [
    (SGD, sgd, {"lr": 0.05}),
    (SGD, sgd, {"lr": 0.05, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    (SGD, sgd, {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    (Adam, adam, {"lr": 0.1}),
    (Adam, adam, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1}),
    (Adam, adam, {"lr": 0.1, "weight_decay": 0.3}),
]
every_setting = pytest.mark.parametrize(("optimizer", "formula", "settings"), SETTINGS)


def assert_on_track(params, weights, rtol=1e-12, atol=0):
    for p, w in zip(params, weights):
        np.testing.assert_allclose(p.data, w, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(np.float64, 1e-12, 0), (np.float32, 2e-6, 1e-6)])
@every_setting
def test_every_step_is_the_formula(optimizer, formula, settings, dtype, rtol, atol):
    params = start(dtype)
    weights, memories = [p.data.astype(float) for p in params], [{} for _ in params]
    by_hand, moving = formula(**settings), optimizer(params, **settings)
    for t in range(1, STEPS + 1):
        bowl(params).backward()
        moving.step()
        moving.zero_grad()
        slopes = slopes_of_bowl(weights)
        weights = [by_hand(t, w, g, memory) for w, g, memory in zip(weights, slopes, memories)]
        assert_on_track(params, weights, rtol, atol)
    assert {p.dtype for p in params} == {np.dtype(dtype)}


def test_adam_in_float32_corrects_its_bias_with_every_digit():
    """1 − 0.999 in float32 is wrong by 1 in 80,000; the first step must still be η to the last bits."""
    w = tg.Tensor(np.zeros(1), requires_grad=True, dtype=np.float32)
    optimizer = Adam([w], lr=1.0, eps=0)
    np.sum(w * 3).backward()
    optimizer.step()
    assert w.data[0] == pytest.approx(-1, rel=5e-7)


@every_setting
def test_a_parameter_without_gradient_stays_and_does_not_age(optimizer, formula, settings):
    """Parameter 1 and 2 sit out some steps: they do not move, and their own time stands still."""
    params = start(float)
    weights, memories, ages = [p.numpy() for p in params], [{} for _ in params], [0] * len(params)
    by_hand, moving = formula(**settings), optimizer(params, **settings)
    for t in range(STEPS):
        resting = {1} if t % 3 == 1 else {1, 2} if t % 3 == 2 else set()
        moving.zero_grad()
        sum(np.sum((k + 1) * p**4 / 4 + p) for k, p in enumerate(params) if k not in resting).backward()
        moving.step()
        for k, g in enumerate(slopes_of_bowl(weights)):
            if k not in resting:
                ages[k] += 1
                weights[k] = by_hand(ages[k], weights[k], g, memories[k])
        assert_on_track(params, weights)


def test_parameters_of_two_dtypes_move_once_each():
    params = [tg.Tensor(1.0, requires_grad=True, dtype=dtype) for dtype in (np.float64, np.float32, np.float32)]
    optimizer = SGD(params, lr=0.5)
    (params[0] + params[1]).backward()  # nothing arrives at the last one, which shares a vector with the one before
    optimizer.step()
    assert [p.item() for p in params] == [0.5, 0.5, 1.0]


def test_several_optimizers_share_a_model():
    net = tg.nn.Sequential(tg.nn.Linear(2, 2, rng=0), tg.nn.Linear(2, 2, rng=1))
    before = [p.numpy() for p in net.parameters()]
    first, second = SGD(net[1].parameters()[::-1], lr=1.0), SGD([net[0].weight], lr=2.0)
    np.sum(net(np.ones((1, 2)))).backward()
    first.step()
    second.step()
    moved = [rate * p.grad for rate, p in zip((2, 0, 1, 1), net.parameters())]
    for p, was, by in zip(net.parameters(), before, moved):
        np.testing.assert_allclose(p.data, was - by, rtol=1e-15)


@every_setting
def test_the_learning_rate_can_change_on_the_way(optimizer, formula, settings):
    params = start(float)
    weights, memories = [p.numpy() for p in params], [{} for _ in params]
    moving = optimizer(params, **settings)
    for t in range(1, 7):
        lr = settings["lr"] / t
        moving.lr = lr
        assert moving.lr == lr
        moving.zero_grad()
        bowl(params).backward()
        moving.step()
        by_hand = formula(**settings | {"lr": lr})
        slopes = slopes_of_bowl(weights)
        weights = [by_hand(t, w, g, memory) for w, g, memory in zip(weights, slopes, memories)]
    assert_on_track(params, weights)


def test_a_step_leaves_the_gradients_alone():
    for optimizer, _, settings in SETTINGS:
        params = start(float)
        moving = optimizer(params, **settings)
        bowl(params).backward()
        before = [p.grad.copy() for p in params]
        moving.step()
        for p, g in zip(params, before):
            np.testing.assert_array_equal(p.grad, g)


def test_gradients_that_have_a_graph_will_do():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5)
    np.sum(w * w).backward(create_graph=True)
    optimizer.step()
    assert w.data.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("optimizer", "settings", "message"),
    [
        (SGD, {"lr": -0.1}, "lr=-0.1 is out of range"),
        (SGD, {"lr": float("nan")}, "lr=nan is out of range"),
        (SGD, {"lr": float("inf")}, "lr=inf is out of range"),
        (SGD, {"lr": 0.1, "momentum": 1.0}, "momentum=1.0 is out of range"),
        (SGD, {"lr": 0.1, "momentum": -0.1}, "momentum=-0.1 is out of range"),
        (SGD, {"lr": 0.1, "weight_decay": -1}, "weight_decay=-1 is out of range"),
        (SGD, {"lr": 0.1, "nesterov": True}, "nesterov=True needs a momentum"),
        (Adam, {"lr": -1}, "lr=-1 is out of range"),
        (Adam, {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0 is out of range"),
        (Adam, {"betas": (0.9, -0.1)}, r"betas\[1\]=-0.1 is out of range"),
        (Adam, {"eps": -1e-8}, "eps=-1e-08 is out of range"),
        (Adam, {"weight_decay": -1}, "weight_decay=-1 is out of range"),
    ],
)
def test_bad_settings_are_refused(optimizer, settings, message):
    with pytest.raises(ValueError, match=message):
        optimizer(start(float), **settings)


def test_a_bad_learning_rate_is_refused_later_too():
    optimizer = SGD(start(float), lr=0.1)
    with pytest.raises(ValueError, match="lr=-1 is out of range"):
        optimizer.lr = -1
    assert optimizer.lr == 0.1


def test_bad_parameters_are_refused():
    w = tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"single Tensor; put it in a list: \[w\]"):
        SGD(w, lr=0.1)
    for wrong in (tg.Tensor(1.0), w * 2, np.ones(2), 3):
        with pytest.raises(TypeError, match=r"params\[1\] is .*not a Tensor made with requires_grad=True"):
            SGD([w, wrong], lr=0.1)
    with pytest.raises(ValueError, match="no parameters to optimize"):
        SGD([], lr=0.1)
    with pytest.raises(ValueError, match="more than once"):
        SGD([w, w], lr=0.1)


def test_a_step_without_gradients_is_refused():
    params = start(float)
    with pytest.raises(RuntimeError, match=r"no gradient on any parameter.*loss\.backward\(\)"):
        SGD(params, lr=0.1).step()


@pytest.mark.parametrize("dtypes", [[np.float32], [np.float32, np.float64]])
def test_a_model_that_changed_dtype_needs_a_new_optimizer(dtypes):
    """Also when it comes back to the old dtype: the optimizer's vector is not the model's any more."""
    net = tg.nn.Linear(2, 2, rng=0)
    optimizer = SGD(net.parameters(), lr=0.1)
    for dtype in dtypes:
        net.astype(dtype)
    np.sum(net(np.ones(2, dtypes[-1]))).backward()
    with pytest.raises(RuntimeError, match=r"Call model\.astype\(\.\.\.\) first, then make the optimizer"):
        optimizer.step()
