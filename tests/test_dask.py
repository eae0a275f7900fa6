"""Tensors over Dask arrays: forward and backward stay lazy until compute, and then equal NumPy's."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import lazy
from tinygrad_edu.lessons import flip

dask = pytest.importorskip("dask", reason="needs Dask: pip install 'tinygrad-edu[dask]'")
da = pytest.importorskip("dask.array", reason="needs Dask: pip install 'tinygrad-edu[dask]'")

PAGE = Path(__file__).parent.parent / "docs" / "larger_than_one_machine.md"

X = np.random.default_rng(0).uniform(0.5, 2, (6, 4))  # in the open, away from kinks and ties
Y = np.random.default_rng(1).uniform(0.5, 2, (6, 4))
ROW = np.random.default_rng(2).uniform(0.5, 2, 4)
W = np.random.default_rng(3).normal(size=(4, 3))
MASK = X > 1

CALLS = {
    "add": (np.add, [X, ROW]),
    "subtract": (np.subtract, [X, Y]),
    "multiply": (np.multiply, [X, ROW]),
    "divide": (np.divide, [X, Y]),
    "power": (np.power, [X, Y]),
    "power, fixed": (lambda x: x**3, [X]),
    "negative": (np.negative, [X]),
    "square": (np.square, [X]),
    "sqrt": (np.sqrt, [X]),
    "exp": (np.exp, [X]),
    "log": (np.log, [X]),
    "sin": (np.sin, [X]),
    "tanh": (np.tanh, [X]),
    "absolute": (np.absolute, [X - 1.1]),
    "maximum": (np.maximum, [X, Y]),
    "minimum": (np.minimum, [X, Y]),
    "where": (lambda x, y: np.where(MASK, x, y), [X, Y]),
    "clip": (lambda x: np.clip(x, 0.7, 1.5), [X]),
    "sum": (np.sum, [X]),
    "sum along rows": (partial(np.sum, axis=1), [X]),
    "sum, axes kept": (partial(np.sum, axis=0, keepdims=True), [X]),
    "mean": (partial(np.mean, axis=0), [X]),
    "max": (partial(np.max, axis=1), [X]),
    "min": (np.min, [X]),
    "var": (partial(np.var, axis=1, ddof=1), [X]),
    "std": (np.std, [X]),
    "matmul": (np.matmul, [X, W]),
    "matmul, vector": (np.matmul, [X, ROW]),
    "dot": (np.dot, [X, W]),
    "transpose": (np.transpose, [X]),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 1), [X]),
    "moveaxis": (lambda x: np.moveaxis(x, 0, 1), [X]),
    "reshape": (lambda x: np.reshape(x, (2, 3, 4)), [X]),
    "ravel": (np.ravel, [X]),
    "expand_dims": (lambda x: np.expand_dims(x, 1), [X]),
    "squeeze": (lambda x: np.squeeze(x[:, :1], 1), [X]),
    "slice": (lambda x: x[1:5, ::2], [X]),
    "broadcast_to": (lambda x: np.broadcast_to(x, (6, 4)), [ROW]),
    "concatenate": (lambda x, y: np.concatenate([x, y], axis=1), [X, Y]),
    "stack": (lambda x, y: np.stack([x, y], axis=1), [X, Y]),
    "relu": (tg.relu, [X - 1.1]),
    "sigmoid": (tg.sigmoid, [X]),
    "softplus": (tg.softplus, [X]),
    "softmax": (tg.softmax, [X]),
    "log_softmax": (tg.log_softmax, [X]),
    "logsumexp": (partial(tg.logsumexp, axis=1), [X]),
    "mse_loss": (tg.nn.mse_loss, [X, Y]),
    "astype": (lambda x: x.astype(np.float32), [X.astype(np.float32).astype(float)]),
}


def chunked(a):
    """A lazy array in two pieces along its first axis (a row in two of its entries)."""
    return da.from_array(a, chunks=(-(-a.shape[0] // 2), *a.shape[1:]))


def gradients_of(call, leaves):
    """What a call returns, and the leaves' gradients of a weighted sum of it; nothing is computed here."""
    out = call(*leaves)
    np.sum(np.sin(out)).backward()
    return out, [leaf.grad for leaf in leaves]


def assert_equal(actual, expected):
    assert type(actual) is np.ndarray or np.ndim(actual) == 0
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12, strict=actual.shape != ())


@pytest.mark.parametrize(("call", "inputs"), CALLS.values(), ids=CALLS)
def test_row_stays_lazy_and_equals_numpy(call, inputs):
    plain, right = gradients_of(call, [tg.Tensor(x, requires_grad=True) for x in inputs])
    leaves = [tg.Tensor(chunked(x), requires_grad=True) for x in inputs]
    with dask.config.set(scheduler=refuse):
        out, gradients = gradients_of(call, leaves)
    assert isinstance(out.data, da.Array)
    assert all(isinstance(g, da.Array) for g in gradients)
    value, *_ = tg.compute(out, *leaves)
    assert_equal(value, plain.data)
    for leaf, g in zip(leaves, right, strict=True):
        assert_equal(leaf.grad, g)


def refuse(*args, **kwargs):
    raise AssertionError("something was computed before compute was called")


def test_flip_network_equals_numpy_and_computes_once():
    x = np.tile(flip.images(), (5, 1))
    model = flip.network(3, rng=0)
    right = flip.backprop(model, x)
    right_loss = flip.loss_of(model, x).item()
    model.zero_grad()
    batch = da.from_array(x, chunks=(16, 4))
    with dask.config.set(scheduler=refuse):
        loss = flip.loss_of(model, batch)
        loss.backward()
    passes = []

    def counted(*args, **kwargs):
        passes.append(1)
        return dask.get(*args, **kwargs)

    with dask.config.set(scheduler=counted):
        value, same = tg.compute(loss, model)
    assert passes == [1]
    assert same is model
    assert abs(value - right_loss) < 1e-12
    for name, parameter in flip.named(model).items():
        assert_equal(parameter.grad, right[name])


def test_gradients_are_their_owners_alone():
    a, b = (tg.Tensor(np.ones(4), requires_grad=True) for _ in range(2))
    (a + b + da.ones(4, chunks=2)).sum().backward()  # both receive the very same lazy array
    tg.compute(a, b)
    for g in (a.grad, b.grad):
        assert g.flags.writeable
        assert g.base is None
    a.grad *= 2
    np.testing.assert_array_equal(b.grad, np.ones(4))


@pytest.mark.parametrize("shape", [(), (4,)], ids=["number", "row"])
def test_parameters_moved_before_compute_change_nothing(shape):
    w = tg.Tensor(np.full(shape, 2.0), requires_grad=True)
    loss = ((chunked(X) * w) ** 2).sum()
    loss.backward()
    w.data[...] = 7.0
    value, _ = tg.compute(loss, w)
    assert value == pytest.approx(np.sum(4 * X * X), rel=1e-12)
    np.testing.assert_allclose(w.grad, np.sum(4 * X * X, axis=0 if shape else None), rtol=1e-12)


def test_gradients_of_gradients():
    x = tg.Tensor(chunked(X), requires_grad=True)
    np.sum(np.sin(x) * x).backward(create_graph=True)
    slope, x.grad = x.grad, None
    np.sum(slope).backward(create_graph=True)
    tg.compute(x)
    assert isinstance(x.grad, tg.Tensor)  # still part of its graph, now with numbers
    np.testing.assert_allclose(x.grad.data, 2 * np.cos(X) - X * np.sin(X), rtol=1e-12)


def test_gradients_add_up_lazily():
    w = tg.Tensor(ROW, requires_grad=True)
    for _ in range(2):
        np.sum(chunked(X) * w).backward()
    tg.compute(w)
    np.testing.assert_allclose(w.grad, 2 * X.sum(axis=0), rtol=1e-12)


def test_step_along_lazy_gradients_says_what_is_missing():
    w = tg.Tensor(ROW, requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=0.1)
    loss = np.sum(chunked(X) * w)
    loss.backward()
    with pytest.raises(RuntimeError, match=r"tg\.compute\(loss, model\)"):
        optimizer.step()
    tg.compute(loss, w)
    optimizer.step()
    np.testing.assert_allclose(w.data, ROW - 0.1 * X.sum(axis=0), rtol=1e-12)


def test_trees_keep_their_form_and_what_is_not_lazy_stays():
    plain, name = np.ones(2), object()
    result = tg.compute({"a": [da.ones(2, chunks=1), plain], "b": (name, None)}, 3.0, tg.Tensor(plain))
    assert result[0]["a"][1] is plain
    assert result[0]["b"] == (name, None)
    assert isinstance(result[0]["a"][0], np.ndarray)
    assert result[1] == 3.0
    assert isinstance(result[2], np.ndarray)
    assert tg.compute() == ()


def test_nothing_lazy_leaves_gradients_as_they_are():
    model = flip.traced_network()
    loss = flip.loss_of(model, flip.IMAGE)
    loss.backward()
    before = [parameter.grad for parameter in model.parameters()]
    value, same = tg.compute(loss, model)
    assert value is loss.data
    assert same is model
    assert all(parameter.grad is g for parameter, g in zip(model.parameters(), before))


def test_missing_dask_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad-edu\[dask\]'\.$"):
        lazy.compute(da.ones(2, chunks=1))


def test_two_worker_processes_with_data_spread_over_both():
    distributed = pytest.importorskip("distributed", reason="needs a cluster: pip install 'tinygrad-edu[dask]'")
    x = np.tile(flip.images(), (25, 1)) + np.linspace(0, 0.1, 400)[:, None]
    plain = flip.network(4, rng=0)
    right_loss, right = flip.loss_of(plain, x).item(), flip.backprop(plain, x)
    model = flip.network(4, rng=0)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as own,
        distributed.Client(own) as client,
    ):
        workers = list(client.scheduler_info()["workers"])
        halves = [
            client.submit(np.array, half, workers=[worker], pure=False)
            for half, worker in zip((x[:200], x[200:]), workers, strict=True)
        ]
        batch = da.concatenate([da.from_delayed(half, (200, 4), float) for half in map(dask.delayed, halves)])
        distributed.wait(halves)
        held = client.has_what()
        assert all(held[worker] for worker in workers)  # each process has its half
        loss = flip.loss_of(model, batch)
        loss.backward()
        value, _ = tg.compute(loss, model)
    assert abs(value - right_loss) < 1e-12
    for name, parameter in flip.named(model).items():
        assert_equal(parameter.grad, right[name])
        assert parameter.grad.flags.writeable


def test_page_trains_on_two_processes_as_on_one(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    small = code.replace("IMAGES = 1_000_000", "IMAGES = 1_600").replace("STEPS = 100", "STEPS = 15")
    assert small.count("IMAGES = 1_600") == small.count("STEPS = 15") == 1
    script = tmp_path / "train.py"
    script.write_text(small, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    difference = re.search(r"largest difference: (\S+)", run.stdout)
    assert difference is not None
    assert float(difference[1]) < 1e-12
