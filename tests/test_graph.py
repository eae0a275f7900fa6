"""The chain rule over graphs of every shape, and what is left when something goes wrong."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg


def leaf(value=3.0, **kwargs):
    return tg.Tensor(value, requires_grad=True, **kwargs)


def counted(rule):
    """The rule, and a list that grows by one at every call."""
    calls = []

    def counting(g):
        calls.append(1)
        return rule(g)

    return counting, calls


# ---- shapes of graphs --------------------------------------------------------------------------------------------
def test_a_diamond_of_one_operation():
    x = leaf()
    (x * x).backward()
    assert x.grad == 6
    y = leaf()
    (y + y).backward()
    assert y.grad == 2


def test_a_diamond_of_unequal_arms():
    x = leaf(2.0)
    short, long = x * 5, ((x * x) * x) * x
    (short * long).backward()  # 5 x⁵
    assert x.grad == 25 * 2**4


def test_a_tensor_used_fifty_times():
    x = leaf(np.array([1.0, -2.0]))
    shared = x * 2
    np.sum(sum(k * shared for k in range(50))).backward()
    assert x.grad.tolist() == [2 * sum(range(50))] * 2


def test_a_shared_part_is_passed_through_once():
    rule, calls = counted(lambda g: g)

    @tg.primitive
    def shared(x):
        return x + 0

    tg.derivative(shared, x=rule)
    x = leaf()
    y = shared(x)
    for _ in range(20):
        y = y + y  # 2²⁰ paths
    y.backward()
    assert x.grad == 2**20
    assert len(calls) == 1


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_any_graph_agrees_with_forward_differentiation(steps):
    """Random programs on whole numbers, where floats are exact, against (value, slope) pairs carried forward."""
    x = leaf(2.0)
    tensors, duals = [x, tg.Tensor(3.0)], [(2.0, 1.0), (3.0, 0.0)]
    for sign, i, j in steps:
        (a, da), (b, db) = duals[i % len(duals)], duals[j % len(duals)]
        s, t = tensors[i % len(tensors)], tensors[j % len(tensors)]
        results = {
            "+": (s + t, (a + b, da + db)),
            "-": (s - t, (a - b, da - db)),
            "*": (s * t, (a * b, da * b + a * db)),
        }
        tensor, dual = results[sign]
        if max(map(abs, dual)) < 2**40:
            tensors.append(tensor)
            duals.append(dual)
    total = sum(tensors)
    total.backward()
    assert total.item() == sum(value for value, _ in duals)
    assert x.grad == sum(slope for _, slope in duals)


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad == 1


def test_a_chain_of_100_000_operations_is_dropped_without_backward():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1
    del y  # a recursive clean-up would overflow the stack here


# ---- leaves ------------------------------------------------------------------------------------------------------
def test_a_leaf_in_two_losses_collects_both():
    w = leaf(2.0)
    (w * 3).backward()
    (w * w).backward()
    assert w.grad == 3 + 4


def test_gradients_add_up_until_forgotten():
    w = leaf(2.0)
    for passes in (1, 2, 3):
        (w * 5).backward()
        assert w.grad == 5 * passes
    w.grad = None
    (w * 5).backward()
    assert w.grad == 5


def test_backward_from_a_leaf_is_its_seed():
    w, seed = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    w.backward(seed)
    seed[:] = 0
    assert w.grad.tolist() == [3, 4]


def test_only_leaves_collect():
    x = leaf()
    y = x * 2
    (y * 2).backward()
    assert y.grad is None
    with pytest.raises(RuntimeError, match="Only a Tensor made with requires_grad=True holds a gradient"):
        y.grad = np.array(1.0)


def test_a_gradient_set_by_hand_must_fit():
    with pytest.raises(ValueError, match=r"shape \(2,\) .* does not fit"):
        leaf(1.0).grad = np.ones(2)


def test_gradients_own_their_memory():
    a, b, c = (leaf([1.0, 2.0]) for _ in range(3))
    seed = np.ones(2)
    (a + b + c[:] + 0).backward(seed)
    arrays = [a.grad, b.grad, c.grad, a.data, b.data, c.data, seed]
    for i, one in enumerate(arrays):
        assert one.flags.writeable
        assert not any(np.shares_memory(one, other) for other in arrays[i + 1 :])


@pytest.mark.parametrize(
    "function", [np.transpose, np.ravel, np.sum, np.positive, lambda x: np.broadcast_to(x, x.shape)]
)
def test_a_gradient_that_is_a_view_of_the_seed_is_copied(function):
    x = leaf(np.ones((2, 2)))
    out = function(x)
    seed = np.ones(out.shape)
    out.backward(seed)
    assert x.grad.flags.writeable
    assert not np.shares_memory(x.grad, seed)


def test_gradients_with_a_graph_do_not_follow_the_seed():
    x, seed = leaf([1.0, 2.0]), np.ones(2)
    (x * x).backward(seed, create_graph=True)
    first, x.grad = x.grad, None
    seed[:] = 100
    first.backward(np.ones(2))
    assert x.grad.tolist() == [2, 2]


# ---- going wrong -------------------------------------------------------------------------------------------------
def test_a_graph_is_freed_by_backward():
    x = leaf()
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"already used and freed.*create_graph=True"):
        y.backward()
    assert x.grad == 6


def test_a_half_freed_graph_writes_nothing():
    x, w = leaf(), leaf()
    shared = x * x
    first, second = shared + 1, shared * w
    first.backward()
    with pytest.raises(RuntimeError, match="call backward\\(\\) once, on their sum"):
        second.backward()
    assert x.grad == 6
    assert w.grad is None


def test_backward_needs_a_seed_for_many_entries():
    with pytest.raises(ValueError, match=r"shape \(3,\) needs to know how its entries count.*np.sum"):
        (leaf(np.ones(3)) * 2).backward()


@pytest.mark.parametrize("shape", [(), (2,), (3, 1), (1, 3)])
def test_a_seed_has_the_shape_of_the_tensor(shape):
    x = leaf(np.ones(3))
    with pytest.raises(ValueError, match="seed of shape"):
        (x * 2).backward(np.ones(shape))
    assert x.grad is None


def test_a_seed_may_be_a_list_or_a_tensor():
    x = leaf([1.0, 2.0])
    (x * 2).backward([1, 10])
    (x * 2).backward(tg.Tensor([100.0, 1000.0]))
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == [202, 2020]


@pytest.mark.parametrize("data", [1, [1, 2], True, np.arange(3, dtype=np.uint8)])
def test_whole_numbers_have_no_slope(data):
    with pytest.raises(TypeError, match=r"needs floating-point data.*1\.0 instead of 1"):
        leaf(data)
    assert leaf(data, dtype=float).dtype == np.float64


def test_backward_needs_something_to_reach():
    with pytest.raises(RuntimeError, match="depends on nothing with requires_grad=True"):
        tg.Tensor(1.0).backward()


def test_an_exception_in_the_forward_pass_leaves_nothing_behind():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="broadcast"):
        (x * 2) @ np.ones(2) + x * np.ones(3)
    np.sum(x * x).backward()
    assert x.grad.tolist() == [2, 4]


def test_an_exception_in_the_backward_pass_writes_no_gradient():
    @tg.primitive
    def fragile(x):
        return x * 1

    def rule(g):
        if broken:
            raise ZeroDivisionError("planted")
        return g

    tg.derivative(fragile, x=rule)
    a, b = leaf(2.0), leaf(5.0)
    a.grad = np.array(100.0)

    def loss():
        return fragile(a * b) + b  # b is reached before the rule that raises

    broken = True
    with pytest.raises(ZeroDivisionError, match="planted"):
        loss().backward()
    assert a.grad == 100
    assert b.grad is None
    broken = False
    loss().backward()
    assert a.grad == 100 + 5
    assert b.grad == 2 + 1


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2,), (), (2, 3, 1), (4, 3)])
def test_a_rule_of_impossible_shape_is_named(shape):
    @tg.primitive
    def crooked(x):
        return x * 1

    tg.derivative(crooked, x=lambda g: np.ones(shape))
    x = leaf(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"The rule of crooked for 'x' returned a gradient of shape .* \(2, 3\)"):
        np.sum(crooked(x)).backward()
    assert x.grad is None


# ---- higher derivatives ------------------------------------------------------------------------------------------
def test_the_third_derivative_of_tanh():
    x = leaf(np.array([-1.5, 0.0, 0.3, 2.0]))
    y = np.tanh(x)
    for _ in range(3):
        y.backward(np.ones(4), create_graph=True)
        y, x.grad = x.grad, None
    t = np.tanh(x.data)
    np.testing.assert_allclose(y.data, (1 - t**2) * (6 * t**2 - 2), rtol=1e-12)


@given(st.integers(1, 6), st.integers(1, 6))
def test_every_derivative_of_a_power(p, order):
    x = leaf(2.0)
    y, expected = x**p, 2.0**p
    for k in range(order):
        if y.requires_grad:
            y.backward(create_graph=True)
            y, x.grad = x.grad if x.grad is not None else tg.Tensor(0.0), None
        else:
            y = tg.Tensor(0.0)  # what does not depend on x any more is a constant
        expected *= (p - k) / 2
    assert y.item() == expected


# ---- what is constant --------------------------------------------------------------------------------------------
def test_an_operand_may_change_after_the_forward_pass():
    x, factor, mask = leaf([1.0, 2.0]), np.array([3.0, 4.0]), np.array([True, False])
    y = np.where(mask, x * factor, 0)
    factor[:] = mask[:] = 0
    y.backward(np.ones(2))
    assert x.grad.tolist() == [3, 0]


@pytest.mark.parametrize("function", [np.exp, np.transpose, np.sum, lambda x: x[0], lambda x: np.squeeze(x), np.ravel])
def test_outputs_are_read_only(function):
    y = function(leaf([1.0, 2.0]))
    assert not y.data.flags.writeable
    with pytest.raises(RuntimeError, match="was made by"):
        y.data = np.zeros(y.shape)


def test_rules_of_constants_are_never_called():
    rule, calls = counted(lambda g: g)

    @tg.primitive
    def two(x, y):
        return x + y

    tg.derivative(two, x=lambda g: g, y=rule)
    x = leaf()
    for constant in (1.0, np.ones(()), tg.Tensor(1.0), leaf().detach()):
        two(x, constant).backward()
    assert x.grad == 4
    assert not calls
    two(x, leaf()).backward()
    assert len(calls) == 1


def test_detach_cuts_the_graph():
    x = leaf()
    (x * x.detach()).backward()
    assert x.grad == 3


def test_no_grad_as_block_and_decorator():
    x = leaf()

    @tg.no_grad()
    def predict():
        return x * 2

    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.no_grad():
            pass
        assert not (x * 2).requires_grad
    for _ in range(2):
        assert not predict().requires_grad
        assert (x * 2).requires_grad


def test_no_grad_ends_with_an_exception():
    x = leaf()
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_no_grad_is_for_its_own_thread():
    x, seen, inside, done = leaf(), [], threading.Event(), threading.Event()

    def other():
        inside.wait(10)
        seen.append((x * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tg.no_grad():
        inside.set()
        assert done.wait(10)
        seen.append((x * 2).requires_grad)
    thread.join()
    assert seen == [True, False]
