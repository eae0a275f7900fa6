"""A compiled step is never stale and never wrong: what changes counts, and what cannot be followed is refused."""

import itertools
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(16, 4)), RNG.normal(size=(16, 3))
SCALE = 1.0
MASK = np.ones(3)


def mlp(*layers):
    return nn.Sequential(nn.Linear(4, 8, rng=0), *layers, nn.Linear(8, 3, rng=1))


class Pair:
    """The same network and optimizer twice: one is trained eagerly, the other compiled."""

    def __init__(self, make=mlp, optimizer=lambda p: optim.SGD(p, lr=0.1, momentum=0.5)):
        self.nets = [make(), make()]
        self.optimizers = [optimizer(net.parameters()) for net in self.nets]
        self.eager, compiled = (self.step(net, opt) for net, opt in zip(self.nets, self.optimizers))
        self.compiled = tg.compile(compiled)

    def step(self, net, optimizer):
        def step(x, y):
            loss = nn.mse_loss(net(x) * SCALE, y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        return step

    def each(self, change):
        for net, optimizer in zip(self.nets, self.optimizers):
            change(net, optimizer)

    def go(self, x=X, y=Y, times=3):
        for _ in range(times):
            np.testing.assert_array_equal(self.compiled(x, y).data, self.eager(x, y).data)
        for mine, theirs in zip(self.nets[1].parameters(), self.nets[0].parameters()):
            np.testing.assert_array_equal(mine.data, theirs.data)


def set_rate(net, optimizer):
    optimizer.lr = 0.01


def set_rate_of_group(net, optimizer):
    optimizer.param_groups[0]["lr"] *= 0.3


def set_momentum(net, optimizer):
    optimizer.param_groups[0]["momentum"] = 0.9


def forget_the_velocity(net, optimizer):
    for momentum in (0, optimizer.param_groups[0]["momentum"]):
        optimizer.param_groups[0]["momentum"] = momentum


def no_momentum(net, optimizer):
    optimizer.param_groups[0]["momentum"] = 0


def set_schedule(net, optimizer):
    optimizer.lr = optim.schedules.exponential(0.1, 0.5)


def load(net, optimizer):
    net.load_state_dict({name: array * 0.5 for name, array in net.state_dict().items()})


def write_weights(net, optimizer):
    net[0].weight.data *= 0.5
    net[0].bias.data = np.ones(8)


def another_layer(net, optimizer):
    net.layers = (*net.layers[:-1], nn.Linear(8, 3, rng=7))


def reload(net, optimizer):
    optimizer.load_state_dict(optimizer.state_dict() | {"groups.0.lr": np.array(0.02)})


def leave_a_gradient(net, optimizer):
    nn.mse_loss(net(X), Y).backward()


CHANGES = [
    *(set_rate, set_rate_of_group, set_momentum, forget_the_velocity, no_momentum, set_schedule),
    *(load, write_weights, another_layer, reload, leave_a_gradient),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_between_steps_count(change):
    pair = Pair()
    pair.go()
    pair.each(change)
    pair.go()


def test_a_new_rate_needs_no_new_program():
    pair = Pair()
    pair.go()
    pair.each(set_rate)
    pair.go()
    assert pair.compiled.stats["programs"] == 1


def test_what_is_taken_away_is_missed():
    table = {"a": np.ones(4), "b": np.full(4, 2.0)}

    @tg.compile
    def step(x):
        return x * table.get("a", 7.0)

    np.testing.assert_array_equal(step(X), X)
    table["c"] = table.pop("a")
    np.testing.assert_array_equal(step(X), X * 7)


def test_train_and_eval():
    pair = Pair(lambda: mlp(nn.Dropout(0.5, rng=3), nn.BatchNorm1d(8)))
    for mode in (True, False, True, False):
        pair.each(lambda net, optimizer, mode=mode: net.train(mode))
        pair.go()
    assert pair.compiled.stats["programs"] == 2
    for mine, theirs in zip(pair.nets[1].named_buffers(), pair.nets[0].named_buffers()):
        np.testing.assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_another_dtype_or_layout(dtype):
    pair = Pair()
    pair.go()
    pair.go((X * 3).astype(dtype))
    pair.go(np.asfortranarray(X))
    pair.go(X[::2], Y[::2])
    pair.go(X[:0], Y[:0], times=0)


def test_globals_count(monkeypatch):
    pair = Pair()
    pair.go()
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    pair.go()


def test_numbers_of_a_closure_count():
    factor = 2.0

    @tg.compile
    def step(x):
        return x * factor

    np.testing.assert_array_equal(step(X), X * 2)
    factor = 3.0
    np.testing.assert_array_equal(step(X), X * 3)
    factor = 3
    np.testing.assert_array_equal(step(np.arange(3)), np.arange(3) * 3)


def test_numbers_and_functions_of_modules_count():
    class Scaled(nn.Module):
        power = 1

        def __init__(self):
            self.scale, self.bend = 2.0, np.tanh

        def forward(self, x):
            return self.bend(x * self.scale) ** self.power

    net = Scaled()
    forward = tg.compile(net, kind="inference")
    for change in ({"scale": 3.0}, {"bend": np.sin}, {"power": 2}, {"scale": 2.0}):
        np.testing.assert_array_equal(forward(X), net(X))
        vars(net).update(change)
        np.testing.assert_array_equal(forward(X), net(X))
    Scaled.power = 3
    del net.power
    np.testing.assert_array_equal(forward(X), net(X))


def test_arrays_the_step_refers_to_are_never_frozen():
    table = RNG.normal(size=3)
    holder = {"bias": np.ones(3)}

    @tg.compile
    def step(x):
        return x[:, :3] * table + holder["bias"] * MASK

    def eager(x):
        return x[:, :3] * table + holder["bias"] * MASK

    np.testing.assert_array_equal(step(X), eager(X))
    table *= 2
    np.testing.assert_array_equal(step(X), eager(X))
    table = np.zeros(3)
    np.testing.assert_array_equal(step(X), eager(X))
    holder["bias"] = np.full(3, 5.0)
    np.testing.assert_array_equal(step(X), eager(X))
    MASK[1] = 0
    np.testing.assert_array_equal(step(X), eager(X))
    MASK[1] = 1


def test_arrays_written_in_place_are_followed():
    count, seen = np.zeros(()), np.zeros(4)

    def step(x):
        count[...] += 1
        seen[:] += x.sum(axis=0)
        before = seen * 1
        seen[...] = seen / 2
        return before - seen + count

    compiled = tg.compile(step)
    results = [compiled(X) for _ in range(3)]
    assert count == 3
    count[...], seen[...] = 0, 0
    for result in results:
        np.testing.assert_array_equal(result, step(X))


def test_an_argument_that_is_a_view_of_what_the_step_writes():
    memory = np.ones(4)

    def step(x):
        first = x + 1
        memory[...] += 1
        return first, x + 1

    compiled = tg.compile(step)
    eager = step(memory)
    memory[...] = 1
    np.testing.assert_array_equal(compiled(memory), eager)


def test_random_generators_draw_anew_and_stay_in_step():
    generators = [np.random.default_rng(5), np.random.default_rng(5)]

    def make(rng):
        return lambda x: x + rng.normal(size=x.shape) * rng.integers(1, 5, x.shape)

    eager, compiled = make(generators[0]), tg.compile(make(generators[1]))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), eager(X))
    assert generators[0].random() == generators[1].random()


def test_generators_as_arguments():
    step, eager = tg.compile(lambda x, rng: x + rng.normal(size=4)), (lambda x, rng: x + rng.normal(size=4))
    mine, theirs = ([np.random.default_rng(seed) for seed in (5, 6)] for _ in range(2))
    for which in (0, 0, 1, 0):
        np.testing.assert_array_equal(step(X, mine[which]), eager(X, theirs[which]))


def test_generators_that_write_in_place():
    generators = [np.random.default_rng(5), np.random.default_rng(5)]

    def make(rng):
        def step(x):
            mixed, noise = x.copy(), np.zeros_like(x)
            rng.shuffle(mixed)
            rng.random(out=noise)
            return mixed + noise, mixed * 2

        return step

    eager, compiled = make(generators[0]), tg.compile(make(generators[1]))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), eager(X))
    assert generators[0].random() == generators[1].random()


def test_what_a_generator_is_made_of():
    rng = np.random.default_rng(5)
    refused(lambda x: x + np.random.Generator(rng.bit_generator).normal(size=4), "before the step")
    refused(lambda x: x + rng.spawn(1)[0].normal(size=4), "before the step")


def test_a_warning_that_is_an_error_leaves_everything_as_it_was():
    net = mlp()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @tg.compile
    def forgetful(x, y):
        nn.mse_loss(net(x), y).backward()
        optimizer.step()

    forgetful(X, Y)
    before = net.state_dict()
    with pytest.raises(tg.AccumulationWarning):  # the tests make errors of warnings
        forgetful(X, Y)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_warnings_come_as_in_eager():
    net = mlp()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @tg.compile
    def forgetful(x, y):
        nn.mse_loss(net(x), y).backward()
        optimizer.step()

    forgetful(X, Y)
    with pytest.warns(tg.AccumulationWarning):
        forgetful(X, Y)


def test_labels_out_of_range_are_refused_at_every_step():
    net = mlp()
    step = tg.compile(lambda x, y: nn.cross_entropy(net(x), y).detach())
    labels = np.zeros(16, int)
    step(X, labels)
    labels[3] = 3
    with pytest.raises(ValueError, match="out of its range"):
        step(X, labels)


def test_an_array_of_objects_that_no_walk_reaches_can_be_named():
    array = np.ones(4)
    hidden = itertools.repeat(array)
    array = None

    def step(x):
        return x * next(hidden)

    with pytest.raises(tg.CompileError, match="neither an argument nor"):
        tg.compile(step)(X)
    array = next(hidden)
    named = tg.compile(step, state=[array])
    named(X)
    array *= 3
    np.testing.assert_array_equal(named(X), X * 3)


# ---- refused -----------------------------------------------------------------------------------------------------
def refused(step, words, line=None):
    """The step is refused with these words and the line, and nothing has changed."""
    with pytest.raises(tg.CompileError, match=words) as caught:
        tg.compile(step)(X)
    if line:
        assert line in str(caught.value)
        assert "test_compile_guards.py" in str(caught.value)


def test_branches():
    def step(x):
        if np.sum(x) > 0:
            return x
        return -x

    refused(step, r"np.where", "if np.sum(x) > 0:")


def test_asking_for_numbers():
    refused(lambda x: np.sum(x).item(), "Return the value")
    refused(lambda x: float(np.sum(x)), "Return the value")
    refused(lambda x: x.tolist(), "Return it")
    refused(lambda x: np.asarray(x), "np.asarray")
    refused(lambda x: x[x > 0], "np.where")
    refused(lambda x: np.unique(x), "np.where")
    refused(lambda x: [0] * int(x[0, 0]), "Return the value")
    refused(lambda x: f"{tg.Tensor(x)}", "return it")


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"x": tg.Tensor(x)}, repr])
def test_printing_in_the_middle(capsys, wrap):
    def step(x):
        print(wrap(x))
        return x

    refused(step, "after the step", "wrap")
    assert capsys.readouterr().out == ""


def test_a_refusal_that_the_step_catches_is_one_all_the_same():
    def step(x):
        try:
            if np.sum(x) > 0:
                return x
        except Exception:
            pass
        return x * 2

    refused(step, r"np.where", "if np.sum(x) > 0:")


def test_slices_up_to_a_number_of_the_state():
    count, places = np.array(3), np.arange(3)
    refused(lambda x: x[:count], "Pass the number")
    step = tg.compile(lambda x: x[:, places] + x[count][:3])
    for change in (0, 1):
        count -= change
        places += change
        np.testing.assert_array_equal(step(X), X[:, places] + X[count][:3])


@pytest.mark.parametrize(
    "write",
    [
        lambda x, total: total.__iadd__(x[0]),
        lambda x, total: total.__setitem__(1, x[0, 0]),
        lambda x, total: np.add(x[0], 1, out=total),
    ],
)
def test_writing_into_an_array_that_the_step_makes(write):
    def step(x):
        total = np.zeros(4)
        write(x, total)
        return total

    refused(step, r"np\.zeros_like\(x\).*np\.stack|np\.where|Return the value")


def test_settings_that_the_step_changes():
    pair = Pair()

    def set_rate(x):
        pair.optimizers[0].lr = 0.05
        nn.mse_loss(pair.nets[0](x), Y).backward()
        pair.optimizers[0].step()

    before = pair.nets[0].state_dict()
    refused(set_rate, "schedule")
    for name, array in pair.nets[0].state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    refused(lambda x: pair.nets[0].eval()(x), r"training")


def test_another_mode_for_a_while():
    nets = [mlp(nn.Dropout(0.5, rng=3)) for _ in range(2)]

    def make(net):
        def step(x):
            net.eval()
            certain = net(x).detach()
            net.train()
            return certain - net(x).detach()

        return step

    eager, compiled = make(nets[0]), tg.compile(make(nets[1]))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X).data, eager(X).data)


def test_a_schedule_that_leaves_its_range():
    pair = Pair(optimizer=lambda p: optim.SGD(p, lr=lambda step: 0.1 - 0.04 * step))
    pair.go(times=3)
    for step in (pair.eager, pair.compiled):
        with pytest.raises(ValueError, match="schedule"):
            step(X, Y)
    for mine, theirs in zip(pair.nets[1].parameters(), pair.nets[0].parameters()):
        np.testing.assert_array_equal(mine.data, theirs.data)
    assert pair.optimizers[1].steps == pair.optimizers[0].steps


def test_rounding_and_division_with_remainder():
    step = tg.compile(lambda x: (round(x[0, 0], 2), divmod(x, 2)))
    rounded, (whole, rest) = step(X)
    assert rounded == round(X[0, 0], 2)
    np.testing.assert_array_equal((whole, rest), divmod(X, 2))
    refused(lambda x: x * round(x[0, 0]), "Return the value")


def test_hidden_randomness():
    refused(lambda x: x + np.random.normal(size=4), "Generator")  # noqa: NPY002


def test_counters_and_lists_of_python():
    calls, losses = [0], []

    def counts(x):
        calls[0] += 1
        return x + 1

    def collects(x):
        losses.append(x)
        return x + 1

    refused(counts, r"calls\[0\]")
    refused(collects, "losses")
    assert (calls, losses) == ([0], [])


def test_rebinding_an_array():
    class Mean(nn.Module):
        def __init__(self):
            self.mean = np.zeros(4)

        def forward(self, x):
            self.mean = self.mean * 0.9 + x.mean(axis=0)
            return x - self.mean

    net = Mean()
    before = net.mean
    refused(lambda x: net(x), r"mean\[\.\.\.\] = ")
    assert net.mean is before


def test_a_graph_that_nobody_went_backward_from():
    net = mlp()
    refused(lambda x: net(x), "inference")


def test_an_error_in_the_step_leaves_everything_as_it_was():
    net = mlp()
    optimizer = optim.Adam(net.parameters())
    before = net.state_dict()

    @tg.compile
    def step(x):
        loss = np.sum(net(x))
        loss.backward()
        optimizer.step()
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            step(X)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert net[0].weight.grad is None
    assert optimizer.steps == 0
    assert isinstance(net[0].weight.data, np.ndarray)
    net(X)


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="inference"):
        tg.compile(lambda x: x, kind="forward")
    with pytest.raises(ValueError, match="numba"):
        tg.compile(lambda x: x, backend="cuda")
    with pytest.raises(TypeError, match="function"):
        tg.compile(3)


def test_no_warning_is_lost_or_invented():
    step = tg.compile(lambda x: np.log(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(np.ones(3))
        with pytest.raises(RuntimeWarning):
            step(np.zeros(3))


def test_numbers_and_models_as_arguments():
    nets = [mlp(), mlp()]

    def step(net, x, factor=1.0, *, power=1):
        loss = np.mean((net(x) * factor) ** power)
        loss.backward()
        return loss

    compiled = tg.compile(step)
    for factor, options in ((1.0, {}), (2.0, {}), (2.0, {"power": 2}), (1.0, {})):
        for net in nets:
            net.zero_grad()
        expected = step(nets[0], X, factor, **options)
        for net in (nets[1], mlp()):  # another model, another program
            np.testing.assert_array_equal(compiled(net, X, factor, **options).data, expected.data)
        np.testing.assert_array_equal(nets[1][0].weight.grad, nets[0][0].weight.grad)


def test_nested_arguments_and_tensors():
    def step(batch, scale):
        return {"sum": batch["x"] + batch["y"][0] * scale}

    compiled = tg.compile(step, kind="inference")
    for _ in range(2):
        out = compiled({"x": X, "y": [Y[:, :1]]}, tg.Tensor([2.0]))
        np.testing.assert_array_equal(out["sum"].data, X + Y[:, :1] * 2)
    with pytest.raises(tg.CompileError, match="requires_grad"):
        compiled({"x": X, "y": [Y[:, :1]]}, tg.Tensor([2.0], requires_grad=True))


def test_plateau_cuts_the_rate_of_a_compiled_step():
    plateaus = []

    def optimizer(parameters):
        plateaus.append(optim.schedules.ReduceOnPlateau(0.1, patience=0))
        return optim.SGD(parameters, lr=plateaus[-1])

    pair = Pair(optimizer=optimizer)
    for _ in range(4):
        pair.go()
        for plateau in plateaus:
            plateau.report(1.0)
    assert pair.compiled.stats["programs"] == 1
    assert pair.optimizers[1].lr < 0.1
