"""The training loop: it is the four lines that one would write by hand, and it keeps its head when things go wrong."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
from typing import ClassVar

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.train import Callback, Diverged, EarlyStopping, History, Run, accuracy, evaluate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3
BATCHES = [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 20, 6)]  # the last has 2


def network(seed=0):
    return tg.nn.Sequential(tg.nn.Linear(3, 4, rng=seed), tg.nn.Tanh(), tg.nn.Linear(4, 1, rng=seed + 1))


def fit(model=None, lr=0.1, epochs=3, data=BATCHES, loss=tg.nn.mse_loss, optimizer=tg.optim.SGD, **options):
    model = model or network()
    return tg.fit(model, loss, optimizer(model.parameters(), lr=lr), data, epochs, **{"progress": False} | options)


# ---- what it does ------------------------------------------------------------------------------------------------
def test_fit_is_the_loop_written_by_hand():
    model, twin = network(), network()
    history = fit(model)
    optimizer = tg.optim.SGD(twin.parameters(), lr=0.1)
    losses, norms, means = [], [], []
    for _ in range(3):
        for x, y in BATCHES:
            optimizer.zero_grad()
            loss = tg.nn.mse_loss(twin(x), y)
            loss.backward()
            losses.append(loss.item())
            norms.append(np.sqrt(sum(np.sum(p.grad**2) for p in twin.parameters())))
            optimizer.step()
        means.append(sum(loss * len(x) for loss, (x, _) in zip(losses[-4:], BATCHES)) / 20)
    for ours, theirs in zip(model.parameters(), twin.parameters()):
        np.testing.assert_array_equal(ours.data, theirs.data)
    assert history.steps["loss"] == losses
    np.testing.assert_allclose(history.steps["grad_norm"], norms, rtol=1e-13)
    np.testing.assert_allclose(history["loss"], means, rtol=1e-13)
    assert history.steps["lr"] == [0.1] * 12
    assert len(history) == 3
    assert history.stopped == "finished"
    assert all(seconds >= 0 for seconds in history["seconds"] + history.steps["seconds"])


def test_metrics_see_all_samples_of_an_epoch_at_once():
    seen = []

    def worst(prediction, target):
        seen.append((type(prediction), prediction.shape, target.shape))
        return np.max(np.abs(prediction - target))

    model = network()
    history = fit(model, lr=0.0, epochs=1, metrics={"worst": worst}, validation=BATCHES[:2])
    assert seen == [(np.ndarray, (20, 1), (20, 1)), (np.ndarray, (12, 1), (12, 1))]
    with tg.no_grad():
        errors = np.abs(model(X).data - Y)
    assert history["worst"] == [pytest.approx(errors.max(), rel=1e-14)]
    assert history["val_worst"] == [pytest.approx(errors[:12].max(), rel=1e-14)]
    assert history["val_loss"] == [pytest.approx(np.mean(errors[:12] ** 2), rel=1e-13)]


class Modes(tg.nn.Module):
    """Remembers in which mode it was called."""

    def __init__(self):
        self.inner, self.seen = tg.nn.Linear(3, 1, rng=0), []

    def forward(self, x):
        self.seen.append((self.training, tg.no_grad is not None and self.inner(x).requires_grad))
        return self.inner(x)


def test_training_and_validation_have_their_modes_and_the_models_own_comes_back():
    model = Modes().eval()
    fit(model, epochs=1, data=BATCHES[:1], validation=BATCHES[:1])
    assert model.seen == [(True, True), (False, False)]
    assert not model.training
    assert not model.inner.training


def test_evaluate_counts_every_sample_once():
    model = network()
    expected = np.mean((model(X).data - Y) ** 2)
    assert evaluate(model, tg.nn.mse_loss, BATCHES) == {"loss": pytest.approx(expected, rel=1e-14)}
    assert all(p.grad is None for p in model.parameters())


NAN = math.nan


@pytest.mark.parametrize(
    ("prediction", "target", "threshold", "expected"),
    [
        ([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]], [1, 0, 0], None, 2 / 3),
        ([[1.0, 2.0], [3.0, 0.0]], [True, False], None, 1),
        ([[[1.0, 2.0], [3.0, 0.0]]], [[1, 1]], None, 1 / 2),  # a class at every place of a sequence
        ([[0.4, 0.3, 0.3], [0.2, 0.6, 0.2]], [[1.0, 0, 0], [0, 0, 1]], None, 1 / 2),  # one-hot
        ([[-4.0, -3.0], [2.0, 1.0]], [[0.1, 0.9], [0.7, 0.3]], None, 1),  # probabilities as targets
        ([[-1.0], [2.0]], [[0], [0]], 0, 1 / 2),
        ([0.5, -0.5, 3.0, 1.0], [1, 0, 1, 0], 0, 3 / 4),
        ([0.9, 0.1, 0.2], [1, 0, 0], 0.5, 1),
        ([2, 0, 1], [2, 1, 1], None, 2 / 3),  # decided already
        ([[NAN, 1.0], [0.0, 1.0]], [0, 1], None, 1 / 2),  # argmax would take NaN for the largest
        ([[NAN, NAN]], [[1.0, 0.0]], None, 0),
        ([NAN, 1.0], [0, 1], 0, 1 / 2),  # NaN > 0 is False
    ],
)
def test_accuracy(prediction, target, threshold, expected):
    assert accuracy(np.array(prediction), np.array(target), threshold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction", "target", "threshold", "message"),
    [
        (np.zeros((4, 3)), np.zeros(5), None, r"\(4, 3\) and targets of shape \(5,\).*shape \(4,\)"),
        (np.zeros((0, 3)), np.zeros(0), None, "0/0"),
        (np.zeros((3, 1)), np.zeros(3), None, r"single column .*p\[\.\.\., 0\], t, threshold=0"),
        (np.array([0.9, 0.1]), np.array([1, 0]), None, "threshold=0.5 of probabilities"),
        (np.array([0.9, -0.1]), np.array([1, -1]), 0, "a target is -1, but the classes are 0 to 1.*t > 0"),
        (np.zeros((2, 3)), np.array([0, 3]), None, "a target is 3, but the classes are 0 to 2"),
        (np.zeros((2, 3)), np.ones((2, 3)), None, r"several yes/no questions .*ravel\(\)"),
    ],
)
def test_accuracy_asks_where_it_cannot_know(prediction, target, threshold, message):
    with pytest.raises(ValueError, match=message):
        accuracy(prediction, target, threshold)


# ---- history -----------------------------------------------------------------------------------------------------
def test_a_history_goes_on():
    model = network()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    history = tg.fit(model, tg.nn.mse_loss, optimizer, BATCHES, 1, progress=False)
    assert tg.fit(model, tg.nn.mse_loss, optimizer, BATCHES, 2, progress=False, history=history) is history
    assert history["loss"] == fit(epochs=3)["loss"]
    assert len(history.steps["loss"]) == 12


def test_a_history_survives_a_trip_through_plain_data():
    history = fit(metrics={"size": lambda p, t: float(len(p))})
    copy = History()
    copy.load_state_dict(history.state_dict())
    assert copy.state_dict() == history.state_dict() == history.to_dict()
    copy.epochs["loss"].append(1.0)
    assert len(history["loss"]) == 3  # neither holds the other's lists
    assert repr(history).startswith("History(3 epochs, finished: loss ")
    with pytest.raises(KeyError, match="no 'accuracy' was recorded; there are: loss, size"):
        history["accuracy"]


def test_what_was_not_measured_before_is_nan():
    history = History()
    history.record("epochs", loss=1.0)
    history.record("epochs", loss=2.0, val_loss=3.0)
    history.record("epochs", loss=4.0)
    assert history["loss"] == [1, 2, 4]
    np.testing.assert_array_equal(history["val_loss"], [math.nan, 3, math.nan])


def test_what_is_not_finite_is_none_in_plain_data_and_itself_in_the_state():
    history = History()
    history.record("epochs", loss=1.0, val_loss=math.nan)
    history.record("steps", loss=math.inf)
    assert json.loads(json.dumps(history.to_dict(), allow_nan=False)) == {
        "epochs": {"loss": [1.0], "val_loss": [None]},
        "steps": {"loss": [None]},
        "stopped": "",
    }
    assert math.isnan(history.state_dict()["epochs"]["val_loss"][0])
    assert history.steps["loss"] == [math.inf]


def test_plot_draws_what_was_recorded(tmp_path):
    history = fit(validation=BATCHES[:1], metrics={"worst": lambda p, t: float(np.max(np.abs(p - t)))})
    figure = history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    losses, metrics = figure.axes
    assert [list(line.get_ydata()) for line in losses.lines] == [history["loss"], history["val_loss"]]
    assert [list(line.get_ydata()) for line in metrics.lines] == [history["worst"], history["val_worst"]]
    with pytest.raises(ValueError, match="no epoch to draw"):
        History().plot()


# ---- callbacks ---------------------------------------------------------------------------------------------------
def test_a_callback_sees_every_epoch_and_can_stop():
    seen = []

    def watch(run: Run):
        seen.append(len(run.history))
        if len(run.history) == 2:
            run.stop = "enough"

    history = fit(epochs=5, callbacks=[watch])
    assert seen == [1, 2]
    assert history.stopped == "enough"


class Scripted:
    """A metric that follows a script, and the weights that the model had after each epoch."""

    def __init__(self, model, values):
        self.model, self.values, self.weights = model, list(values), []

    def __call__(self, prediction, target):
        self.weights.append(self.model.state_dict())
        return self.values[len(self.weights) - 1]


def scripted(values, model=None, sign=1, patience=9, stopping=None, lr=0.1, **options):
    model = model or network()
    script = Scripted(model, [sign * value for value in values])
    stopping = stopping or EarlyStopping("script", patience, mode="min" if sign > 0 else "max")
    callbacks = [*options.pop("callbacks", ()), stopping]
    history = fit(model, lr, epochs=len(values), metrics={"script": script}, callbacks=callbacks, **options)
    return model, script, history


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name in state:
        np.testing.assert_array_equal(state[name], other[name])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("values", "patience", "epochs", "best"),
    [
        ([5, 4, 3, 3.5, 3.4, 1], 2, 5, 2),  # stops before the 1
        ([5, 4, 3, 3.5, 2.9, 3, 3, 3], 3, 8, 4),
        ([5, 4, 3], 9, 3, 2),  # the epochs run out
        ([1, 2, 3], 9, 3, 0),  # and the best weights come back all the same
        ([math.nan, math.nan, 1, 2], 3, 4, 2),
    ],
)
def test_early_stopping_restores_the_best_weights(values, patience, epochs, best, sign):
    model, script, history = scripted(values, sign=sign, patience=patience)
    assert len(script.weights) == epochs
    assert_same(model.state_dict(), script.weights[best])
    assert (history.stopped == "finished") == ((epochs == len(values) and patience == 9) or len(values) == 4)


def test_what_is_never_a_number_is_said_to_be_none():
    model, script, history = scripted([math.nan] * 3, patience=2)
    assert history.stopped == "early stopping: script is nan for ever"
    assert_same(model.state_dict(), script.weights[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": "val_accuracy"}, r'EarlyStopping\("val_accuracy", mode="max"\)'),
        ({"mode": "high"}, "mode is 'high'"),
        ({"patience": 0}, "at least 1 epoch"),
        ({"min_delta": -1}, "at least 0"),
    ],
)
def test_early_stopping_does_not_guess(arguments, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**arguments)


def test_what_is_not_recorded_cannot_be_waited_for_and_no_step_is_taken():
    model = network()
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"'val_loss', which will not be recorded.*validation=batches"):
        fit(model, callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match=r"'val_acc', which.*there will be: loss, val_loss, lr.*metrics="):
        fit(model, validation=BATCHES, callbacks=[EarlyStopping("val_acc", mode="max")])
    assert_same(model.state_dict(), before)


def test_early_stopping_begins_anew_with_another_run():
    stopping = EarlyStopping("script", patience=2, mode="min")
    scripted([1, 2, 3], stopping=stopping)
    model, script, history = scripted([7, 6, 5], network(5), stopping=stopping)
    assert history.stopped == "finished"
    assert_same(model.state_dict(), script.weights[2])


def test_a_stopped_run_stays_stopped_when_it_is_resumed():
    stopping, history = EarlyStopping("script", patience=1, mode="min"), History()
    _, script, _ = scripted([1, 2, 3], stopping=stopping, history=history)
    assert len(history) == 2
    resumed, copy = EarlyStopping("script", patience=1, mode="min"), History()
    resumed.load_state_dict(stopping.state_dict())
    copy.load_state_dict(history.state_dict())
    for early, past in ((stopping, history), (resumed, copy)):
        other, more, _ = scripted([0, 0], network(3), stopping=early, history=past)
        assert (len(past), more.weights) == (2, [])
        assert past.stopped == "early stopping: script was best, 1, 1 epochs ago"
        assert_same(other.state_dict(), script.weights[0])


def test_what_has_a_state_comes_before_what_saves_it():
    stopping, saved = EarlyStopping("script", mode="min"), []
    save = lambda run: saved.append(stopping.state_dict()["waited"])
    scripted([1, 2, 3, 0], stopping=stopping, callbacks=[save])
    assert saved == [0, 1, 2, 0]  # the wait of this epoch, not of the one before


def test_small_improvements_may_not_count():
    stopping = EarlyStopping("loss", patience=1, min_delta=0.5)
    fit(epochs=1, lr=0.0, callbacks=[stopping])
    run = Run(network(), None, History())
    run.history.record("epochs", loss=stopping.best - 0.4)
    stopping(run)
    assert run.stop.startswith("early stopping: loss was best")


class Told(Callback):
    """Writes down what it is told."""

    def __init__(self, log, name="", fail=""):
        self.log, self.name, self.fail = log, name, fail

    def _told(self, what):
        self.log.append(self.name + what)
        if what == self.fail:
            raise ZeroDivisionError(what)

    def training_started(self, run):
        self._told("start")

    def before_step(self, run):
        self._told("step")

    def __call__(self, run):
        self._told("epoch")

    def training_ended(self, run):
        self._told("end")


def test_callbacks_are_told_everything_in_order():
    log = []
    fit(epochs=2, data=BATCHES[:2], callbacks=[Told(log)])
    assert log == ["start", "step", "step", "epoch", "step", "step", "epoch", "end"]


@pytest.mark.parametrize("fail", ["step", "epoch", "end"])
def test_the_end_is_told_to_all_even_after_an_error(fail):
    log, model = [], network().eval()
    with pytest.raises(ZeroDivisionError, match=fail):
        fit(model, callbacks=[Told(log, "a ", fail=fail), Told(log, "b ")])
    assert log[-2:] == ["a end", "b end"]
    assert not model[0].training


def test_gradients_may_be_changed_before_the_step():
    class Halve(Callback):
        def before_step(self, run):
            for p in run.optimizer.params:
                p.grad = p.grad / 2

    model, twin = network(), network()
    fit(model, lr=0.1, callbacks=[Halve()])
    fit(twin, lr=0.05)
    for ours, theirs in zip(model.parameters(), twin.parameters()):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-13)


def test_clip_norm_shortens_the_step_and_the_norm_before_is_recorded():
    model = network()
    before = np.concatenate([p.data.ravel() for p in model.parameters()])
    history = fit(model, lr=1.0, epochs=1, data=BATCHES[:1], clip_norm=0.01)
    moved = np.concatenate([p.data.ravel() for p in model.parameters()]) - before
    assert np.linalg.norm(moved) == pytest.approx(0.01)
    assert history.steps["grad_norm"][0] > 0.1


def test_a_schedule_that_listens_is_told_the_validation_loss():
    model = network()
    plateau = tg.optim.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=0)
    optimizer = tg.optim.SGD(model.parameters(), lr=plateau)
    script = [(X[:6], Y[:6])]
    history = tg.fit(model, lambda p, t: tg.nn.mse_loss(p, t) * 0 + 1.0, optimizer, script, 4, progress=False)
    assert history["lr"] == [0.1, 0.1, 0.05, 0.025]  # the loss is 1 from beginning to end


def test_a_schedule_of_two_groups_is_told_once():
    told = []

    class Schedule:
        def __call__(self, step):
            return 0.1

        report = staticmethod(told.append)

    model, schedule = network(), Schedule()
    groups = [{"params": [p], "lr": schedule} for p in model.parameters()]
    history = tg.fit(model, tg.nn.mse_loss, tg.optim.SGD(groups, lr=0.1), BATCHES, 3, progress=False)
    assert told == history["loss"]


# ---- when things go wrong ----------------------------------------------------------------------------------------
def log_loss(prediction, target):
    """Makes sense for targets above 0 only."""
    return np.mean(np.log(prediction * prediction + target))


def test_a_nan_stops_with_step_rate_and_operation():
    model = network()
    data = [(X[:6], np.full((6, 1), offset)) for offset in (1.0, 1.0, -1e9, 1.0)]
    before = []

    def forward(p, t):
        before[:] = [model.state_dict()]
        return log_loss(p, t)

    with (
        np.errstate(all="ignore"),
        pytest.raises(Diverged, match=r"step 3 \(epoch 1\), learning rate 0\.1: the loss became nan") as caught,
    ):
        fit(model, data=data, loss=forward)
    assert "np.log" in str(caught.value)
    assert len(caught.value.history.steps["loss"]) == 2
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[0][name])


def test_the_loss_is_explained_also_where_the_first_parameter_has_no_part_in_it():
    class Idle(tg.nn.Module):
        def __init__(self):
            self.idle = tg.Tensor(np.ones(3), requires_grad=True)
            self.inner = tg.nn.Linear(3, 1, rng=0)

        def forward(self, x):
            return self.inner(x)

    with np.errstate(all="ignore"), pytest.raises(Diverged, match=r"(?s)the loss became nan.*result of np\.log"):
        fit(Idle(), loss=lambda p, t: np.mean(np.log(-abs(p) - 1.0)))


def test_large_gradients_are_no_infinite_ones():
    model = tg.nn.Linear(3, 1, rng=0).astype(np.float32)
    data = [(X.astype(np.float32), Y.astype(np.float32))]
    history = fit(model, lr=1e-30, epochs=1, data=data, loss=lambda p, t: np.sum(p) * np.float32(1e20))
    expected = np.linalg.norm([*X.sum(0), len(X)]) * 1e20
    assert history.steps["grad_norm"] == [pytest.approx(expected, rel=1e-5)]


class Noisy(tg.nn.Sequential):
    """Running statistics and random numbers; it appends to `log` what it remembers before a forward pass."""

    log: ClassVar[list] = []

    def forward(self, x):
        self.log.append(remembered(self))
        return super().forward(x)


def remembered(model):
    return model.state_dict(), [rng.bit_generator.state for _, rng in model.named_generators()]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_a_diverged_step_leaves_no_trace(bad, seed):
    """Also on running statistics and random generators; and the explanation sees the same dropped units."""
    layers = tg.nn.BatchNorm1d(3), tg.nn.Linear(3, 8, rng=0), tg.nn.Dropout(0.6, rng=seed), tg.nn.Linear(8, 1, rng=1)
    model = Noisy(*layers)
    Noisy.log = []
    data = [(X[:6], Y[:6]), (np.full((2, 3), np.nan) if bad == "loss" else X[:2], Y[:2])]
    loss = tg.nn.mse_loss if bad == "loss" else lambda p, t: np.mean(np.sqrt(p - p.data) if len(t) == 2 else p * p)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="step 2") as caught:
        fit(model, data=data, loss=loss)
    before = Noisy.log[1]  # of the second step; for a gradient the forward pass is run again, from the same place
    for state, generators in (remembered(model), *Noisy.log[2:]):
        assert_same(state, before[0])
        assert generators == before[1]
    assert len(Noisy.log) == (2 if bad == "loss" else 3)
    assert "The weights are those before this step." in str(caught.value)
    if bad == "gradient":
        assert "the slope of np.sqrt" in str(caught.value)


def test_the_message_says_which_weights_early_stopping_has_put_back():
    values, epochs, model = [1.0, 2.0, 3.0], [], network()

    def loss(prediction, target):
        return tg.nn.mse_loss(prediction, target) * (math.nan if len(epochs) == 2 else 1.0)

    with np.errstate(all="ignore"), pytest.raises(Diverged, match="after epoch 1, when script was best, 1") as caught:
        scripted(values, model, loss=loss, callbacks=[epochs.append])
    assert "before this step" not in str(caught.value)
    assert caught.value.history.stopped == "diverged"


def test_how_an_earlier_part_ended_is_not_how_this_one_did():
    model, history = network(), History()
    fit(model, history=history)
    seen = []
    fit(model, history=history, callbacks=[lambda run: seen.append(run.history.stopped)])
    assert seen == [""] * 3
    with pytest.raises(Diverged), np.errstate(all="ignore"):
        fit(model, history=history, loss=lambda p, t: np.mean(p * math.nan))
    assert history.stopped == "diverged"


def test_an_infinite_gradient_stops_before_the_step():
    model = network()
    before = model.state_dict()
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=r"step 1 .* a gradient is no longer") as caught:
        fit(model, loss=lambda p, t: np.mean(np.sqrt((p - p.data) + 0.0 * t)))
    assert "np.sqrt" in str(caught.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y), r"data is a pair of arrays.*data=tg\.data\.batches\(x, y"),
        ([], "gave no batches"),
    ],
)
def test_what_is_no_batches_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        fit(data=data)


@pytest.mark.parametrize("role", ["data", "validation"])
def test_a_generator_is_empty_the_second_time(role):
    model = network()
    before = model.state_dict()
    with pytest.raises(ValueError, match=f"{role} is a generator, for 2 epochs. A generator gives its batches only"):
        fit(model, epochs=2, **{role: (batch for batch in BATCHES)})
    assert_same(model.state_dict(), before)  # it is said before training
    assert len(fit(epochs=1, **{role: (batch for batch in BATCHES)})) == 1

    class Once:
        def __init__(self):
            self.batches = iter(BATCHES)

        def __iter__(self):
            return self.batches

    with pytest.raises(ValueError, match=r"(fit|evaluate): the data gave no batches. A generator gives"):
        fit(epochs=2, **{role: Once()})


def mean_square(prediction, target):
    return np.mean(np.square(prediction))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"metrics": [accuracy]}, TypeError, 'metrics={"accuracy"'),
        ({"metrics": {"accuracy": "accuracy"}}, TypeError, "'accuracy' is a str, not a function"),
        ({"metrics": {"loss": accuracy}}, ValueError, "cannot be called 'loss'"),
        ({"metrics": {"grad_norm": accuracy}}, ValueError, "cannot be called 'grad_norm'"),
        ({"metrics": {"val_x": accuracy}}, ValueError, "cannot be called 'val_x'"),
        ({"metrics": {"size": lambda p, t: np.zeros((2, 2))}}, TypeError, r"'size' gave shape \(2, 2\), not one"),
        ({"callbacks": EarlyStopping("loss")}, TypeError, r"not a list; write callbacks=\[\.\.\.\]"),
        ({"callbacks": [EarlyStopping]}, TypeError, r"EarlyStopping is a class; write EarlyStopping\("),
        ({"callbacks": ["loss"]}, TypeError, "no function of a run"),
        ({"data": [X, Y]}, ValueError, "a pair of arrays, not batches"),
        ({"data": X}, ValueError, "an array, not batches"),
        ({"data": 3}, TypeError, "an int, not batches"),
        ({"data": (X.tolist(), Y.tolist())}, ValueError, "a batch is a list of 20, not a pair"),
        ({"data": [(X, Y, Y)]}, ValueError, "a batch is a tuple of 3, not a pair"),
        ({"data": [{"x": X}]}, ValueError, "a batch is a dict of 1, not a pair"),
        ({"validation": (X, Y)}, ValueError, "validation=tg.data.batches"),
        ({"data": [(X, None)], "loss": mean_square}, ValueError, r"targets of a batch are None.*batches\(x, x"),
        ({"data": [(X, 0.5)], "loss": mean_square}, ValueError, "targets of a batch are a float"),
        ({"data": [(X[:0], Y[:0])]}, ValueError, r"an array of shape \(0, 1\)"),
        ({"loss": lambda p, t: tg.nn.mse_loss(p, t, reduction="none")}, ValueError, 'leave out reduction="none"'),
        ({"loss": lambda p, t: tg.nn.mse_loss(p.data, t)}, TypeError, "nothing to learn from"),
        ({"loss": lambda p, t: tg.nn.mse_loss(p, t).item()}, TypeError, "the loss is a float that no longer knows"),
        ({"loss": lambda p, t: None}, TypeError, "the loss is None, not a number; does the function return it"),
        ({"epochs": -1}, ValueError, "epochs=-1 is not a whole number"),
        ({"epochs": 2.0}, ValueError, "epochs=2.0 is not a whole number"),
        ({"history": {}}, TypeError, "history is a dict"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm=-1.0 is out of range"),
    ],
)
def test_what_cannot_work_is_said_with_the_mend(options, kind, message):
    model = network()
    before = model.state_dict()
    with pytest.raises(kind, match=message):
        fit(model, **{"epochs": 1} | options)
    if "size" not in options.get("metrics", {}):
        assert_same(model.state_dict(), before)


def test_arguments_in_the_wrong_place():
    model = network()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"The order is fit\(model, loss, optimizer, data, epochs\)"):
        tg.fit(model, optimizer, tg.nn.mse_loss, BATCHES, 1)
    with pytest.raises(TypeError, match=r"a function, not a Module; tg\.nn\.Sequential\(f\)"):
        tg.fit(lambda x: x, tg.nn.mse_loss, optimizer, BATCHES, 1)
    with pytest.raises(RuntimeError, match=r"no parameter of the optimizer"):
        tg.fit(network(), tg.nn.mse_loss, optimizer, BATCHES, 1, progress=False)


class Two(tg.nn.Module):
    def __init__(self):
        self.inner = tg.nn.Linear(3, 1, rng=0)

    def forward(self, x):
        return self.inner(x), None


def test_metrics_need_one_array_of_one_shape():
    loss = lambda p, t: tg.nn.mse_loss(p[0], t)
    assert len(fit(Two(), loss=loss)) == 3
    with pytest.raises(TypeError, match="the model returned a tuple, and metrics need one array"):
        fit(Two(), loss=loss, metrics={"size": lambda p, t: 1.0})
    lengths = [(np.ones((2, n, 3)), np.ones((2, n, 1))) for n in (5, 7)]
    assert len(fit(data=lengths)) == 3
    with pytest.raises(ValueError, match=r"predictions of a sample have shape \(5, 1\) and \(7, 1\)\. Pad"):
        fit(data=lengths, metrics={"size": lambda p, t: 1.0})


INTERRUPTED = """
    import os, signal
    import numpy as np, tinygrad_edu as tg
    x = np.linspace(-1, 1, 8).reshape(-1, 1)
    model = tg.nn.Linear(1, 1, rng=0)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)

    def loss(prediction, target):
        if len(history.steps.get("loss", ())) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return tg.nn.mse_loss(prediction, target)

    history = tg.train.History()
    before = signal.getsignal(signal.SIGINT)
    tg.fit(model, loss, optimizer, [(x, x)] * 4, 10**9, history=history, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    print(history.stopped, len(history), len(history.steps["loss"]))
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("and afterwards Ctrl-C is itself again")
"""


def test_ctrl_c_ends_cleanly():
    """The step in hand is finished (the sixth); the epoch that it cut short is none."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == ["interrupted 1 6", "and afterwards Ctrl-C is itself again"], run.stderr


def test_an_epoch_that_was_cut_short_is_reported_to_nobody():
    log, reports, model = [], [], network()
    schedule = tg.optim.schedules.ReduceOnPlateau(0.1)
    schedule.report = reports.append

    def press(prediction, target):
        if len(log) == 7:  # start, 4 steps, epoch, step: in the second step of the second epoch
            os.kill(os.getpid(), signal.SIGINT)
        return tg.nn.mse_loss(prediction, target)

    history = fit(model, lr=schedule, epochs=9, loss=press, callbacks=[Told(log)])
    assert log == ["start", *["step"] * 4, "epoch", "step", "step", "end"]
    assert reports == history["loss"]
    assert (history.stopped, len(history), len(history.steps["loss"])) == ("interrupted", 1, 6)
    fit(model, epochs=1, history=history)
    assert history["grad_norm"][1] == pytest.approx(np.mean(history.steps["grad_norm"][6:]))


def test_ctrl_c_in_the_last_step_of_an_epoch_leaves_a_whole_epoch():
    steps = []

    def press(prediction, target):
        steps.append(1)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return tg.nn.mse_loss(prediction, target)

    log = []
    history = fit(loss=press, callbacks=[Told(log)])
    assert (history.stopped, len(history), log[-2:]) == ("interrupted", 1, ["epoch", "end"])


def test_the_second_ctrl_c_interrupts_at_once():
    def press_twice(prediction, target):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return tg.nn.mse_loss(prediction, target)

    with pytest.raises(KeyboardInterrupt):
        fit(loss=press_twice)


# ---- progress ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (39, 20), (40, 20), (45, 15)])
def test_without_a_terminal_there_are_a_few_plain_lines(epochs, lines, capsys):
    history = fit(epochs=epochs, progress=True)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == lines
    assert out[-1] == f"epoch {epochs}/{epochs}  loss {history['loss'][-1]:.4g}  0 s left"


def test_in_a_terminal_there_is_a_bar(monkeypatch, capsys):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    history = fit(epochs=2, progress=True)
    out = capsys.readouterr().out
    assert "8/8" in out
    assert f"loss {history['loss'][-1]:.4g}" in out


def test_what_ends_early_says_why(capsys):
    history = fit(epochs=45, progress=True, callbacks=[lambda run: setattr(run, "stop", "enough")], validation=BATCHES)
    loss, val = history["loss"][-1], history["val_loss"][-1]
    assert capsys.readouterr().out == f"ended after epoch 1  loss {loss:.4g} (val {val:.4g})  enough\n"


def test_without_any_output_there_is_silence(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert fit(progress=True).stopped == "finished"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_numbers_give_way_to_bar_count_and_time(monkeypatch, capsys, columns):
    rich = pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    metrics = {f"a_metric_of_a_long_name_{i}": lambda p, t: 0.123456 for i in range(4)}
    rich.reconfigure(force_terminal=True, width=columns)
    try:
        fit(epochs=2, progress=True, metrics=metrics, validation=BATCHES)
    finally:
        rich.reconfigure()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    last = [line for line in re.split(r"[\r\n]", plain) if "8/8" in line][-1]
    assert len(last) <= columns
    assert re.search(r"━+ 8/8 loss .*… 0:00:00", last), last


@pytest.mark.parametrize(
    "state",
    [
        {"epochs": 3, "steps": {}, "stopped": ""},
        {"epochs": {"loss": [1.0], "lr": []}, "steps": {}, "stopped": ""},
        {"epochs": {"loss": ["1.0"]}, "steps": {}, "stopped": ""},
        {"epochs": {}, "steps": {}, "stopped": None},
        {"epochs": {}, "steps": {}},
    ],
)
def test_what_is_no_history_is_not_loaded(state):
    history = fit()
    before = history.state_dict()
    with pytest.raises(ValueError, match="this is no history"):
        history.load_state_dict(state)
    assert history.state_dict() == before
