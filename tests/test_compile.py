"""A compiled step gives eager's numbers, bit for bit, whatever is trained and however."""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import schedules

RNG = np.random.default_rng(0)
X, Y, LABELS = RNG.normal(size=(64, 4)), RNG.normal(size=(64, 3)), RNG.integers(0, 3, 64)


def mlp(activation=nn.ReLU, dtype=np.float64):
    return nn.Sequential(nn.Linear(4, 8, rng=0), activation(), nn.Linear(8, 3, rng=1)).astype(dtype)


class Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, kind):
        self.recurrent, self.out = kind(4, 5, rng=1), nn.Linear(5, 3, rng=0)

    def forward(self, x):
        return self.out(self.recurrent(x)[0][:, -1])


def sgd(parameters):
    return optim.SGD(parameters, lr=0.1)


def rows(i):
    return X[i % 40 : i % 40 + 16], Y[i % 40 : i % 40 + 16]


def classes(i):
    return X[i % 40 : i % 40 + 16], LABELS[i % 40 : i % 40 + 16]


def train_both(make, optimizer, data=rows, loss=nn.mse_loss, steps=20, rtol=0.0):
    """The same training eagerly and compiled: every loss, and in the end all parameters and state, must be equal."""
    ends, steppers, losses = [], [], ([], [])
    for compiled in (False, True):
        net = make()
        opt = optimizer(net.parameters())

        def step(x, y, net=net, opt=opt):
            value = loss(net(x), y)
            value.backward()
            opt.step()
            opt.zero_grad()
            return value

        taken = tg.compile(step) if compiled else step
        for i in range(steps):
            losses[compiled].append(taken(*data(i)).numpy())
        ends.append({**net.state_dict(), **opt.state_dict()})
        steppers.append(taken)
    np.testing.assert_allclose(losses[1], losses[0], rtol=rtol, atol=0)
    for name, array in ends[0].items():
        np.testing.assert_allclose(ends[1][name], array, rtol=rtol, atol=rtol, err_msg=name)
    return steppers[1]


OPTIMIZERS = {
    "sgd": sgd,
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "groups": lambda p: optim.Adam([{"params": p[:1], "lr": 0.1}, {"params": p[1:], "weight_decay": 0.1}], lr=0.01),
}
SCHEDULES = {
    "number": 0.1,
    "constant": schedules.constant(0.1),
    "steps": schedules.step_decay(0.1, every=5),
    "exponential": schedules.exponential(0.1, 0.9),
    "cosine": schedules.cosine(0.1, steps=7, restarts=True),
    "warmup": schedules.warmup(schedules.cosine(0.1, steps=20), steps=5),
    "one cycle": schedules.one_cycle(0.1, steps=18),
    "own": lambda step: 0.1 / np.sqrt(1 + step),
}
ACTIVATIONS = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softmax, nn.LogSoftmax),
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_optimizer(optimizer, dtype):
    train_both(lambda: mlp(dtype=dtype), optimizer, lambda i: [a.astype(dtype) for a in rows(i)])


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_every_schedule(schedule):
    step = train_both(mlp, lambda p: optim.SGD(p, lr=schedule))
    assert step.stats["programs"] == 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation):
    train_both(lambda: mlp(activation), lambda p: optim.SGD(p, lr=0.01))


@pytest.mark.parametrize("loss", [nn.mse_loss, nn.l1_loss, nn.huber_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_of_numbers(loss, reduction):
    train_both(mlp, lambda p: optim.SGD(p, lr=0.001), loss=lambda p, y: loss(p, y, reduction=reduction))


@pytest.mark.parametrize(
    "loss",
    [
        nn.cross_entropy,
        lambda logits, y: nn.cross_entropy(logits, y, weight=[1.0, 2.0, 3.0], label_smoothing=0.1, ignore_index=2),
        lambda logits, y: nn.nll_loss(tg.log_softmax(logits), y),
    ],
    ids=["cross_entropy", "with options", "nll_loss"],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_losses_of_classes(loss, dtype):
    step = train_both(
        lambda: mlp(dtype=dtype), OPTIMIZERS["adam"], lambda i: (rows(i)[0].astype(dtype), classes(i)[1]), loss
    )
    assert step(X.astype(dtype), LABELS).dtype == dtype


@pytest.mark.parametrize(
    "loss",
    [
        nn.binary_cross_entropy_with_logits,
        lambda logits, y: nn.binary_cross_entropy(tg.sigmoid(logits), y),
        lambda logits, y: nn.hinge(logits, 2 * y - 1),
    ],
    ids=["with logits", "probabilities", "hinge"],
)
def test_losses_of_yes_and_no(loss):
    train_both(mlp, OPTIMIZERS["adam"], lambda i: (rows(i)[0], (rows(i)[1] > 0) * 1.0), loss)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Dropout(0.3, rng=5),
        lambda: nn.BatchNorm1d(8),
        lambda: nn.LayerNorm(8),
        lambda: nn.Sequential(nn.Linear(8, 8, bias=False, rng=2), nn.Dropout(0.5, rng=1), nn.BatchNorm1d(8)),
    ],
    ids=["dropout", "batch norm", "layer norm", "several"],
)
def test_layers_with_state(layer):
    train_both(lambda: nn.Sequential(nn.Linear(4, 8, rng=0), layer(), nn.Linear(8, 3, rng=1)), sgd)


def test_batch_norm_of_the_data_itself():
    train_both(lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3, rng=1)), sgd)


def test_convolution():
    def net():
        return nn.Sequential(
            nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3, rng=1)
        )

    images = RNG.normal(size=(20, 5, 1, 8, 8))
    train_both(net, sgd, lambda i: (images[i], Y[:5]))


def test_embedding():
    words = RNG.integers(0, 5, (20, 16))
    train_both(
        lambda: nn.Sequential(nn.Embedding(5, 4, rng=0), nn.Linear(4, 3, rng=1)), sgd, lambda i: (words[i], Y[:16])
    )


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent(kind):
    train_both(lambda: Last(kind), sgd, lambda i: (X[i : i + 24].reshape(4, 6, 4), Y[:4]))


def test_transformer():
    def net():
        block = nn.TransformerBlock(8, 2, causal=True, dropout=0.1, rng=0)
        return nn.Sequential(nn.Linear(4, 8, rng=0), block, nn.Linear(8, 3, rng=0))

    train_both(net, OPTIMIZERS["adam"], lambda i: (X[i : i + 24].reshape(4, 6, 4), Y[:24].reshape(4, 6, 3)))


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[:, ::-1], lambda x: x[::2], lambda x: x[:1]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_layouts_and_dtypes_of_the_data(layout, dtype):
    """BLAS adds up in another order for other layouts; the same product must go the same way.

    Except that backward looks at a contiguous copy of a strided argument, which nobody can write to, and a compiled
    step at the argument itself; on NumPy 2.0 these products differ in the last digit.
    """
    is_strided = not layout(X).flags.forc
    train_both(mlp, sgd, lambda i: [layout((a * 3).astype(dtype)) for a in rows(i)], rtol=is_strided * 1e-12)


def test_a_recurrent_network_of_more_precision_than_its_data():
    data = RNG.normal(size=(40, 4, 6, 4)).astype(np.float32)
    train_both(lambda: Last(nn.LSTM), sgd, lambda i: (data[i], Y[:4]), steps=40)


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
@pytest.mark.parametrize("limit", [1e-300, 0.05, 0.5, 100, 0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_clipped_gradients(clip, limit, dtype):
    ends = []
    for compiled in (False, True):
        net = mlp(dtype=dtype)
        opt = sgd(net.parameters())

        def step(x, y, net=net, opt=opt):
            nn.mse_loss(net(x), y).backward()
            norm = clip(net.parameters(), limit)
            opt.step()
            opt.zero_grad()
            return norm

        taken = tg.compile(step) if compiled else step
        norms = [taken(*(a.astype(dtype) for a in rows(i))) for i in range(10)]
        ends.append([*norms, *net.state_dict().values()])
    for mine, eager in zip(*ends):
        np.testing.assert_array_equal(mine, eager)


@pytest.mark.parametrize("scale", [1e-200, 1e160, 1e200])
def test_norms_whose_squares_vanish_or_overflow(scale):
    ends = []
    for compiled in (False, True):
        w = tg.Tensor(np.zeros((2, 2)), requires_grad=True)

        def step(x, w=w):
            np.sum(w * x).backward()
            return optim.clip_grad_norm([w], 1.0)

        norm = (tg.compile(step) if compiled else step)(scale * X[:2, :2])
        ends.append((norm, w.grad))
    np.testing.assert_array_equal(ends[1][1], ends[0][1])
    assert ends[1][0] == ends[0][0]


def test_gradients_that_clipping_cannot_mend():
    w = tg.Tensor(np.zeros(2), requires_grad=True)

    @tg.compile
    def step(x, clip):
        np.sum(w * x).backward()
        clip([w], 1.0)
        w.grad = None

    for clip in (optim.clip_grad_norm, optim.clip_grad_value):
        step(np.ones(2), clip)
        with pytest.raises(RuntimeError, match="clipping cannot mend it"):
            step(np.array([1.0, np.nan]), clip)


def test_other_batch_sizes_in_between():
    step = train_both(mlp, OPTIMIZERS["adam"], lambda i: (X[: 16 - i % 3], Y[: 16 - i % 3]))
    assert step.stats["programs"] == 3


def test_a_parameter_that_is_not_used():
    def with_another(parameters):
        return optim.Adam([*parameters, tg.Tensor([1.0, 2.0], requires_grad=True)])

    train_both(mlp, with_another)


def test_a_thousand_steps():
    train_both(mlp, lambda p: optim.Adam(p, lr=schedules.cosine(0.01, steps=1000)), steps=1000)


# ---- what is not a step of training ------------------------------------------------------------------------------
def test_inference():
    net = mlp()
    forward = tg.compile(net, kind="inference")
    out = forward(X)
    np.testing.assert_array_equal(out.data, net(X).data)
    assert isinstance(out, tg.Tensor)
    assert not out.requires_grad
    net[0].weight.data *= 2
    np.testing.assert_array_equal(forward(X).data, net(X).data)
    np.testing.assert_array_equal(out.data.shape, (64, 3))


def test_what_a_step_returned_is_not_written_over_by_the_next():
    net = mlp()
    forward = tg.compile(lambda x: {"out": net(x), "double": [net(x) * 2]}, kind="inference")
    first = forward(X)
    kept = first["out"].numpy()
    forward(X + 1)
    np.testing.assert_array_equal(first["out"].data, kept)
    np.testing.assert_array_equal(first["double"][0].data, kept * 2)


def test_gradients_of_functions():
    def f(w, x):
        return np.sum(np.tanh(x @ w) ** 2)

    w = RNG.normal(size=(4, 3))
    slope = tg.compile(tg.grad(f))
    np.testing.assert_array_equal(slope(w, X), tg.grad(f)(w, X))
    np.testing.assert_array_equal(slope(w + 1, X), tg.grad(f)(w + 1, X))
    both = tg.compile(tg.value_and_grad(f))
    for mine, eager in zip(both(w, X), tg.value_and_grad(f)(w, X)):
        np.testing.assert_array_equal(mine, eager)


def test_gradients_of_gradients():
    def cube(x):
        return np.sum(x**3)

    second = tg.compile(tg.grad(lambda x: np.sum(tg.grad(cube)(x))))
    np.testing.assert_array_equal(second(X), tg.grad(lambda x: np.sum(tg.grad(cube)(x)))(X))


def test_gradients_that_stay_are_the_callers():
    """zero_grad at the beginning: after the step .grad is there to be read, and no later step writes over it."""
    nets = [mlp(), mlp()]
    opts = [sgd(net.parameters()) for net in nets]

    def make(net, opt):
        def step(x, y):
            opt.zero_grad()
            loss = nn.mse_loss(net(x), y)
            loss.backward()
            opt.step()
            return loss

        return step

    eager, compiled = make(nets[0], opts[0]), tg.compile(make(nets[1], opts[1]))
    kept = []
    for i in range(5):
        eager(*rows(i))
        compiled(*rows(i))
        for mine, theirs in zip(nets[1].parameters(), nets[0].parameters()):
            np.testing.assert_array_equal(mine.grad, theirs.grad)
        kept.append((nets[1][0].weight.grad, nets[0][0].weight.grad))
    for mine, theirs in kept:
        np.testing.assert_array_equal(mine, theirs)
    assert compiled.stats["programs"] == 2  # the first call found no gradients to forget


def test_gradients_add_up_over_several_calls():
    nets = [mlp(), mlp()]

    def make(net):
        def collect(x, y):
            nn.mse_loss(net(x), y).backward()

        return collect

    eager, compiled = make(nets[0]), tg.compile(make(nets[1]))
    for i in range(4):
        eager(*rows(i))
        compiled(*rows(i))
    for mine, theirs in zip(nets[1].parameters(), nets[0].parameters()):
        np.testing.assert_array_equal(mine.grad, theirs.grad)


def test_as_a_decorator_and_on_a_method():
    class Trainer:
        def __init__(self):
            self.net = mlp()
            self.optimizer = sgd(self.net.parameters())

        def plain(self, x, y):
            loss = nn.mse_loss(self.net(x), y)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            return loss

        compiled = tg.compile(plain)

    one, two = Trainer(), Trainer()
    for i in range(5):
        assert one.compiled(*rows(i)).item() == two.plain(*rows(i)).item()

    @tg.compile(kind="inference")
    def double(x):
        return x * 2

    assert double.__name__ == "double"
    np.testing.assert_array_equal(double(X), X * 2)


# ---- the source --------------------------------------------------------------------------------------------------
def compiled_step(net, optimizer, loss=nn.mse_loss):
    @tg.compile
    def step(x, y):
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value

    return step


def test_the_source_runs_alone():
    net = mlp()
    step = compiled_step(net, sgd(net.parameters()))
    start = net.state_dict()
    first = step(*rows(0)).item()
    names = {}
    exec(step.source, names)
    for name, nickname in [
        ("0.weight", "weight_0"),
        ("0.bias", "bias_0"),
        ("2.weight", "weight_2"),
        ("2.bias", "bias_2"),
    ]:
        names[nickname][...] = start[name]
    names["lr"][...] = 0.1
    assert names["step"](*rows(0)) == first
    np.testing.assert_array_equal(names["weight_2"], net[2].weight.data)
    for section in ("# forward", "# backward", "# update"):
        assert section in step.source


def test_saved_files_train_on_alone(tmp_path):
    """For every optimizer: with dropout, batch normalisation and a schedule, in float64 and float32."""
    steps = {}
    for name, optimizer in OPTIMIZERS.items():
        for dtype in (np.float64, np.float32):
            layers = (nn.Linear(4, 8, rng=0), nn.Dropout(0.3, rng=1), nn.BatchNorm1d(8), nn.Linear(8, 3, rng=2))
            net = nn.Sequential(*layers).astype(dtype)
            opt = optimizer(net.parameters())
            if len(opt.param_groups) == 1:
                opt.lr = schedules.cosine(0.01, steps=9)
            step = compiled_step(net, opt)
            for i in range(3):
                step(*(a.astype(dtype) for a in rows(i)))
            file = f"saved_{name}_{dtype.__name__}"
            step.save(tmp_path / f"{file}.py")
            steps[file] = step
    np.savez(tmp_path / "data.npz", x=X[:16], y=Y[:16])
    code = (
        "import importlib, sys\n"
        "import numpy as np\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"data = np.load({str(tmp_path / 'data.npz')!r})\n"
        f"for file in {list(steps)}:\n"
        "    step = importlib.import_module(file).step\n"
        "    x, y = (data[name].astype(file[-7:]) for name in 'xy')\n"
        "    print(file, *(repr(step(x, y)) for _ in range(12)), sep=';')\n"
        "assert 'tinygrad_edu' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert len(run.stdout.splitlines()) == len(steps) == 16
    for line in run.stdout.splitlines():
        file, *losses = line.split(";")
        x, y = (a[:16].astype(file[-7:]) for a in (X, Y))
        assert losses == [repr(steps[file](x, y).data[()]) for _ in losses], file


def test_functions_that_numpy_lacks_cannot_be_saved(tmp_path):
    twice = np.frompyfunc(lambda x: 2 * x, 1, 1)
    step = tg.compile(lambda x: twice(x))
    np.testing.assert_array_equal(step(X), twice(X))
    with pytest.raises(tg.CompileError, match="NumPy does not have"):
        step.save(tmp_path / "step.py")
    assert not [*tmp_path.iterdir()]


def test_stats():
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 4, rng=1))
    step = compiled_step(net, sgd(net.parameters()))
    step(X, X)
    calls = step.stats["calls"]
    assert calls["views of buffers hoisted"] < calls["traced"]
    assert step.stats["bytes"] >= 31 * 8


def test_before_the_first_call_there_is_no_source():
    with pytest.raises(RuntimeError, match="call it once"):
        _ = tg.compile(lambda x: x).source
