"""Writing to arrays after they were used never makes a gradient silently wrong."""

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg


def test_array_that_a_tensor_was_made_from():
    a = np.array([1.0, 2.0])
    t = tg.Tensor(a, requires_grad=True)
    a[:] = 99
    loss = np.sum(t**2)
    a[:] = -99
    loss.backward()
    assert np.array_equal(t.grad, [2, 4])


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::-1], lambda a: np.broadcast_to(a, (2, 2)), lambda a: a.T])
def test_callers_array_in_an_operation(view):
    """x*A after A[:] = 99: several well-known engines answer 99."""
    a = np.array([3.0, 3.0])
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(t * view(a))
    a[:] = 99
    loss.backward()
    assert set(t.grad.ravel()) <= {3, 6}


def test_masks_indices_and_labels():
    t = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    mask, index = np.array([True, False, True]), np.array([0, 0, 1])
    loss = np.sum(np.where(mask, t, 0)) + np.sum(t[index]) + np.sum(t[mask])
    mask[:], index[:] = False, 2
    loss.backward()
    assert np.array_equal(t.grad, [4, 1, 2])


CHANGES = {
    "w.data -= 1": lambda w, optimizer: setattr(w, "data", w.data.__isub__(1)),
    "w.data = 5": lambda w, optimizer: setattr(w, "data", np.array([5.0, 5.0])),
    "w.data[0] = 5": lambda w, optimizer: w.data.__setitem__(0, 5),
    "optimizer.step()": lambda w, optimizer: optimizer.step(),
}
USES = {
    "product": lambda w, v: np.sum(w * w * v),
    "its transpose": lambda w, v: np.sum(np.reshape(w, (1, 2)).T * np.reshape(v, (2, 1)) * np.reshape(w, (2, 1))),
    "a slice of it": lambda w, v: np.sum(w[:] * v * w),
    "the same numbers, detached": lambda w, v: np.sum(w.detach() * v * w + w * w * v - w * v * w.detach()),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("change", CHANGES)
def test_parameter_changed_between_forward_and_backward(change, use):
    """The gradient is that of the point where forward was."""
    w, v = tg.Tensor([1.0, 2.0], requires_grad=True), tg.Tensor([1.0, 10.0], requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=1.0)
    w.grad = np.array([1.0, 1.0])
    loss = USES[use](w, v)
    CHANGES[change](w, optimizer)
    w.grad = None
    loss.backward()
    assert not np.array_equal(w.data, [1, 2])
    assert np.array_equal(w.grad, [2, 40])
    assert np.array_equal(v.grad, [1, 4])


def test_results_and_constants_cannot_be_written_to():
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    for array in (np.exp(t).data, np.sum(t).data, tg.Tensor([1.0]).data, np.exp(t).T.data):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 7


def test_constant_can_be_given_other_numbers():
    c, t = tg.Tensor([3.0, 3.0]), tg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(c * t)
    c.data = [99.0, 99.0]
    loss.backward()
    assert np.array_equal(t.grad, [3, 3])
    assert np.array_equal(c.data, [99, 99])


def test_operators_that_write_rebind_or_refuse():
    t = s = tg.Tensor([1.0, 2.0], requires_grad=True)
    s += 1  # Python rebinds s
    assert np.array_equal(t.data, [1, 2])
    with pytest.raises(TypeError, match=r"np\.where"):
        t[0] = 5
    with pytest.raises(TypeError, match=r"a = a \+ t"):
        np.add(t, 1, out=np.empty(2))
    with pytest.raises(TypeError, match=r"a = a \+ t"):
        np.add(t, 1, out=t)


def test_writing_over_a_result_is_refused():
    t = tg.Tensor([1.0], requires_grad=True)
    result = np.exp(t)
    with pytest.raises(RuntimeError, match=r"np\.exp"):
        result.data = np.array([1.0])


def test_gradients_that_pile_up_give_one_warning():
    w = tg.Tensor([1.0], requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=0.1)
    for _ in range(2):  # the second backward adds on purpose: no step was taken along the first
        np.sum(w**2).backward()
    optimizer.step()
    with pytest.warns(tg.AccumulationWarning, match="zero_grad") as caught:
        np.sum(w**2).backward()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    optimizer.zero_grad()
    np.sum(w**2).backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.AccumulationWarning)
        optimizer.step()
        np.sum(w**2).backward()


def test_running_a_cell_twice_says_so():
    loss = np.sum(tg.Tensor([1.0], requires_grad=True) ** 2)
    loss.backward()
    with pytest.raises(RuntimeError, match="In a notebook: run the cell with the forward pass again"):
        loss.backward()


def test_a_read_only_array_may_have_an_owner_who_writes():
    a = np.ones(3)
    owner = a[:]
    a.flags.writeable = False
    w = tg.Tensor(np.ones(3), requires_grad=True)
    for loss in (np.sum(w * a), np.sum(np.concatenate([w]) * a), np.tensordot(w, a, 1)):
        owner[:] = 99
        w.grad = None
        loss.backward()
        owner[:] = 1
        np.testing.assert_array_equal(w.grad, np.ones(3))


def test_a_result_that_is_a_view_is_kept_as_it_was():
    @tg.primitive
    def same(x):
        return x[:]

    tg.derivative(same, x=lambda g, out: g * out)
    w = tg.Tensor(np.ones(3), requires_grad=True)
    loss = np.sum(same(w))
    w.data[:] = 99
    loss.backward()
    np.testing.assert_array_equal(w.grad, np.ones(3))


def test_gradients_that_are_tensors_own_their_memory_too():
    a, b = (tg.Tensor(np.ones(2), requires_grad=True) for _ in "ab")
    (a + b).backward(np.ones(2), create_graph=True)
    assert a.grad is not b.grad
    a.grad.data[:] *= 0.5
    np.testing.assert_array_equal(b.grad.data, np.ones(2))
    c = tg.Tensor(1.0, requires_grad=True)
    (c + 1).backward(create_graph=True)
    c.grad.data *= 0.5
    assert c.grad.item() == 0.5
