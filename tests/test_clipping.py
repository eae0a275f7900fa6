"""Clipping against NumPy's own norm and clip."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD, clip_grad_norm, clip_grad_value


def parameters(*gradients, dtype=float):
    made = []
    for g in gradients:
        made.append(tg.Tensor(np.zeros(np.shape(g)), requires_grad=True, dtype=dtype))
        made[-1].grad = np.array(g, dtype)
    return made


def together(params):
    return np.concatenate([p.grad.ravel() for p in params if p.grad is not None]).astype(float)


arrays = st.lists(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, max_dims=3),
        elements=st.floats(-9, 9, width=32),
    ),
    min_size=1,
    max_size=4,
)


@given(gradients=arrays, max_norm=st.floats(1e-3, 100))
def test_the_norm_is_numpys_and_the_direction_stays(gradients, max_norm):
    params = [parameters(g, dtype=g.dtype)[0] for g in gradients]
    before = together(params)
    norm = clip_grad_norm(params, max_norm)
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-6)
    after = before * min(1, max_norm / norm) if norm else before
    np.testing.assert_allclose(together(params), after, rtol=1e-5, atol=1e-30)
    assert [p.grad.dtype for p in params] == [g.dtype for g in gradients]


@given(gradients=arrays, clip_value=st.floats(0, 10))
def test_values_are_clipped_as_numpy_does(gradients, clip_value):
    params = [parameters(g, dtype=g.dtype)[0] for g in gradients]
    clip_grad_value(params, clip_value)
    for p, g in zip(params, gradients):
        np.testing.assert_array_equal(p.grad, np.clip(g, -clip_value, clip_value))
        assert p.grad.dtype == g.dtype


def test_a_norm_below_the_limit_changes_nothing():
    (w,) = parameters([3.0, 4.0])
    own = w.grad
    assert clip_grad_norm([w], 5.0) == 5.0
    assert w.grad is own


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310])
def test_huge_and_tiny_gradients_have_the_right_norm(scale):
    """The square of 1e300 is inf, that of 1e-300 is 0; the norm of (3, 4) · s is 5 · s."""
    params = parameters([3 * scale], [[4 * scale]])
    assert clip_grad_norm(params, 5 * scale / 2) == pytest.approx(5 * scale, rel=1e-12)
    np.testing.assert_allclose(together(params) / scale, [1.5, 2], rtol=1e-12)


def test_float32_is_not_lost_on_the_way():
    (w,) = parameters([3e37, 4e37], dtype=np.float32)
    assert clip_grad_norm([w], 1e-20) == pytest.approx(5e37, rel=1e-6)
    np.testing.assert_allclose(w.grad, [6e-21, 8e-21], rtol=1e-6)


def test_a_norm_of_zero_and_empty_parameters_are_nothing_special():
    params = parameters(np.zeros(3), np.zeros((0, 2)))
    assert clip_grad_norm(params, 1.0) == 0.0
    assert clip_grad_norm(parameters(np.ones(4), np.zeros((0, 2))), 0.0) == 2.0


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_gradients_are_replaced_and_never_written_into(clip):
    (w,) = parameters([3.0, 4.0])
    own = w.grad
    own.setflags(write=False)
    clip([w], 0.5)
    assert own.tolist() == [3, 4]
    assert np.max(np.abs(w.grad)) <= 0.5


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_parameters_without_a_gradient_are_left_out(clip):
    w, idle = parameters([3.0, 4.0], [1.0])
    idle.grad = None
    clip([w, idle], 0.5)
    assert idle.grad is None
    w.grad = None
    with pytest.raises(RuntimeError, match=r"no parameter has a gradient to clip.*loss\.backward\(\)"):
        clip([w, idle], 0.5)


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_nothing_changed(clip, wild):
    calm, w = parameters([30.0], [1.0, wild])
    if clip is clip_grad_value and not np.isnan(wild):
        clip([calm, w], 2.0)  # an infinite entry has a size, and is cut to the largest allowed
        assert w.grad.tolist() == [1, np.sign(wild) * 2]
        return
    with pytest.raises(RuntimeError, match=rf"shape \(2,\) holds {abs(wild)}.*nothing was changed"):
        clip([calm, w], 2.0)
    assert calm.grad.tolist() == [30]


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_bad_limits_and_single_tensors_are_refused(clip):
    (w,) = parameters([1.0])
    for limit in (-1, np.nan, -np.inf):
        with pytest.raises(ValueError, match="is out of range"):
            clip([w], limit)
    for limit in (None, "1", True):
        with pytest.raises(TypeError, match="is not a number"):
            clip([w], limit)
    with pytest.raises(TypeError, match="put it in a list"):
        clip(w, 1.0)
    with pytest.raises(TypeError, match=r"parameters is a Linear; pass model\.parameters\(\)"):
        clip(tg.nn.Linear(2, 2, rng=0), 1.0)


def test_an_infinite_limit_measures_and_changes_nothing():
    (w,) = parameters([3.0, 4.0])
    own = w.grad
    assert clip_grad_norm([w], np.inf) == clip_grad_norm([w], math.inf) == 5.0
    assert w.grad is own


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
@pytest.mark.parametrize("limit", [np.float64(0.5), np.array(0.5), np.float32(0.5)])
def test_a_limit_of_numpys_does_not_make_float32_wider(clip, limit):
    (w,) = parameters([3.0, 4.0], dtype=np.float32)
    clip([w], limit)
    np.testing.assert_allclose(w.grad, [0.3, 0.4] if clip is clip_grad_norm else [0.5, 0.5], rtol=1e-6)
    assert w.grad.dtype == np.float32


def test_a_parameter_given_twice_counts_once():
    (w,) = parameters([3.0, 4.0])
    assert clip_grad_norm([w, w], 1.0) == 5.0
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-15)


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_a_gradient_with_a_graph_is_refused(clip):
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    np.sum(w * w).backward(create_graph=True)
    with pytest.raises(TypeError, match="create_graph=True would lose its graph"):
        clip([w], 1.0)


def test_an_optimizer_steps_along_the_clipped_gradient():
    (w,) = parameters([3.0, 4.0])
    clip_grad_norm([w], 1.0)
    SGD([w], lr=1.0).step()
    np.testing.assert_allclose(w.data, [-0.6, -0.8], rtol=1e-15)
