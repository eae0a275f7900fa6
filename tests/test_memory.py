"""What is kept alive, and for how long. Reference counting must be enough: nothing here waits for the collector."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def recorded(function, *inputs):
    """A result, and for each of (inputs, result) whether its array outlives its tensor while the graph lives."""
    tensors = [tg.Tensor(x, requires_grad=True) for x in inputs]
    hidden = [tensor * 1 for tensor in tensors]  # arrays that nobody but the graph could keep
    out = function(*hidden)
    refs = [weakref.ref(tensor.data) for tensor in [*hidden, out]]
    keeper = out + 0  # add keeps nothing
    del hidden, out
    return keeper, [ref() is not None for ref in refs]


@pytest.mark.parametrize(
    ("function", "number", "kept"),
    [
        (np.add, 2, [False, False, False]),
        (np.subtract, 2, [False, False, False]),
        (np.multiply, 2, [True, True, False]),
        (np.divide, 2, [False, True, True]),
        (np.exp, 1, [False, True]),
        (np.tanh, 1, [False, True]),
        (np.log, 1, [True, False]),
        (np.sum, 1, [False, False]),
        (np.mean, 1, [False, False]),
        (np.matmul, 2, [True, True, False]),
        (tg.relu, 1, [False, True]),
    ],
)
def test_what_no_rule_names_is_not_kept(function, number, kept, no_collector):
    keeper, alive = recorded(function, *[np.ones((2, 2))] * number)
    assert alive == kept
    np.sum(keeper).backward()


def test_an_operand_of_a_constant_is_not_kept(no_collector):
    x, c = tg.Tensor([1.0], requires_grad=True), tg.Tensor([2.0])
    hidden = x * 1
    ref = weakref.ref(hidden.data)
    y = hidden * c  # only the rule for x will be called, and it asks for c
    del hidden
    assert ref() is None
    y.backward()
    assert x.grad == 2


def test_backward_lets_go_of_what_it_has_used(no_collector):
    x = tg.Tensor([1.0], requires_grad=True)
    hidden = np.exp(x)
    ref = weakref.ref(hidden.data)
    y = hidden * 2
    del hidden
    assert ref() is not None
    y.backward()
    assert ref() is None  # y itself is still here


def test_a_graph_dies_with_its_last_tensor(no_collector):
    x = tg.Tensor([1.0], requires_grad=True)
    hidden = np.exp(x)
    ref = weakref.ref(hidden.data)
    y = np.sin(hidden) * hidden
    del hidden
    assert ref() is not None
    del y
    assert ref() is None


def test_forty_additions_of_8_mb_stay_below_60_mb(no_collector):
    x = tg.Tensor(np.ones(1_000_000), requires_grad=True)
    tracemalloc.start()
    try:
        y = x
        for _ in range(40):
            y = y + 1.0
        np.sum(y).backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6
    assert x.grad[0] == 1


@pytest.mark.parametrize("optimizer", [lambda p: tg.optim.SGD(p, 0.01, momentum=0.9), lambda p: tg.optim.Adam(p, 0.01)])
def test_a_thousand_training_steps_leave_nothing_behind(optimizer, no_collector):
    net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 4, rng=1))
    step_by = optimizer(net.parameters())
    x = np.eye(4)

    def steps(number):
        for _ in range(number):
            tg.nn.mse_loss(net(x), x).backward()
            step_by.step()
            net.zero_grad()

    steps(5)
    gc.collect()
    before = len(gc.get_objects())
    steps(1000)
    assert len(gc.get_objects()) - before <= 5  # the two numbers themselves and the like, but none per step
    assert gc.collect() == 0


def test_recorded_passes_leave_no_cycles_behind(no_collector):
    """Gradients of gradients too are let go of by reference counting alone."""

    def bend(x):
        return np.sum(np.tanh(x) * np.concatenate([x, x])[:3])

    def once():
        tg.hessian(bend)(np.arange(3.0))
        x = tg.Tensor(np.arange(3.0), requires_grad=True)
        bend(x).backward(create_graph=True)
        slope, x.grad = x.grad, None  # what x holds would hold x
        np.sum(slope**2).backward()

    once()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        once()
    assert len(gc.get_objects()) - before <= 5
    assert gc.collect() == 0
