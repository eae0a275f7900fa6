"""The judge of every rule: slopes by central differences, and what a call on Tensors must agree with."""

import numpy as np

import tinygrad_edu as tg

# With NumPy 2.0, the last bits of np.linalg.svd depend on where in memory its argument lies, and np.fft.rfftn rounds
# otherwise than the transforms that it consists of. np.unstack came with NumPy 2.1.
SAME_BITS = hasattr(np, "unstack")


def slopes(f, *inputs, h=2.0**-9):
    """∂f/∂x for every entry x of every input, f being one number.

    Central differences at h and h/2, extrapolated to h → 0 (Richardson): the error is of order h⁴, about 1e-11 here.
    """

    def slope(i, place):
        def f_at(step):
            moved = np.array(inputs[i])
            moved[place] += step
            return f(*inputs[:i], moved, *inputs[i + 1 :])

        def central(h):
            return (f_at(h) - f_at(-h)) / (2 * h)

        return (4 * central(h / 2) - central(h)) / 3

    return [np.array([slope(i, place) for place in np.ndindex(x.shape)]).reshape(x.shape) for i, x in enumerate(inputs)]


def weights_for(shape, start=1):
    """Fixed weights, all different and none 0, so that no entry's mistake can hide behind another's."""
    return np.cos(start + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def gradients(call, inputs, wanted, create_graph=False):
    """The engine's gradients of sum(weights * call(inputs)) for the wanted inputs, and their leaves."""
    leaves = [tg.Tensor(x, requires_grad=True) if want else x for x, want in zip(inputs, wanted)]
    out = call(*leaves)
    out.backward(weights_for(out.shape).astype(out.dtype), create_graph=create_graph)
    leaves = [leaf for leaf in leaves if isinstance(leaf, tg.Tensor)]
    return [np.zeros(leaf.shape, leaf.dtype) if leaf.grad is None else leaf.grad for leaf in leaves], leaves


def assert_close(actual, expected, what, tolerance=1e-8):
    for number, (got, right) in enumerate(zip(actual, expected, strict=True)):
        assert got.shape == right.shape, f"{what} of input {number}: shape {got.shape}, not {right.shape}"
        scale = 1 + np.max(np.abs(right), initial=0)
        np.testing.assert_allclose(got, right, rtol=0, atol=tolerance * scale, err_msg=f"{what} of input {number}")


def check_forward(call, inputs):
    """On Tensors the same bits come out as on plain arrays."""
    leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
    plain, out = call(*[leaf.data for leaf in leaves]), call(*leaves)
    assert isinstance(out, tg.Tensor)
    assert out.dtype == plain.dtype
    if SAME_BITS:
        np.testing.assert_array_equal(out.data, plain, strict=isinstance(plain, np.ndarray))
    else:
        np.testing.assert_allclose(out.data, plain, rtol=1e-13, atol=1e-14)


def check_first(call, inputs, wanted):
    """The gradients are those of central differences."""

    def loss(*wiggled):
        given = iter(wiggled)
        out = call(*[next(given) if want else x for x, want in zip(inputs, wanted)])
        return np.sum(weights_for(out.shape) * out)

    expected = slopes(loss, *[x for x, want in zip(inputs, wanted) if want])
    assert_close(gradients(call, inputs, wanted)[0], expected, "gradient")


def check_second(call, inputs):
    """The gradients' own gradients are those of central differences of the gradients."""
    everything = [True] * len(inputs)

    def blend(*wiggled):
        first, _ = gradients(call, wiggled, everything)
        return sum(np.sum(weights_for(g.shape, start=2) * g) for g in first)

    first, leaves = gradients(call, inputs, everything, create_graph=True)
    plain, _ = gradients(call, inputs, everything)
    assert_close([g.data if isinstance(g, tg.Tensor) else g for g in first], plain, "gradient with create_graph")
    for leaf in leaves:
        leaf.grad = None
    total = sum(np.sum(weights_for(g.shape, start=2) * g) for g in first)
    if getattr(total, "requires_grad", False):
        total.backward()
    second = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]
    assert_close(second, slopes(blend, *inputs), "second derivative")


def check_float32(call, inputs):
    """float32 in, float32 out, forward and backward, and the same numbers but for the rounding."""
    everything = [True] * len(inputs)
    small = [x.astype(np.float32) for x in inputs]  # the samples' values fit into float32 without rounding
    assert call(*[tg.Tensor(x, requires_grad=True) for x in small]).dtype == np.float32
    actual = gradients(call, small, everything)[0]
    assert [g.dtype for g in actual] == [np.float32] * len(inputs)
    assert_close(actual, gradients(call, inputs, everything)[0], "float32 gradient", tolerance=1e-4)
