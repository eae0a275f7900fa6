"""The training loop: it is the four lines that one would write by hand, and it keeps its head when things go wrong."""

import math
import os
import signal
import subprocess
import sys
import textwrap

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


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]], [1, 0, 0], 2 / 3),
        ([[-1.0], [2.0]], [[0], [0]], 0.5),
        ([0.5, -0.5, 3.0, 1.0], [1, 0, 1, 0], 0.75),
    ],
)
def test_accuracy(prediction, target, expected):
    assert accuracy(np.array(prediction), np.array(target)) == pytest.approx(expected)


def test_accuracy_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match=r"\(4, 3\) and targets of shape \(5,\).*shape \(4,\)"):
        accuracy(np.zeros((4, 3)), np.zeros(5))
    with pytest.raises(ValueError, match="0/0"):
        accuracy(np.zeros((0, 3)), np.zeros(0))


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
    copy.load_state_dict(history.to_dict())
    assert copy.to_dict() == history.to_dict()
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
    """A loss on validation data that follows a script, and the weights that the model had then."""

    def __init__(self, values):
        self.values, self.weights = list(values), []

    def __call__(self, run):
        run.history.epochs.setdefault("val_loss", []).append(self.values[len(self.weights)])
        self.weights.append(run.model.state_dict())


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
def test_early_stopping_restores_the_best_weights(values, patience, epochs, best):
    model, script = network(), Scripted(values)
    history = fit(model, epochs=len(values), callbacks=[script, EarlyStopping(patience=patience)])
    assert len(script.weights) == epochs
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, script.weights[best][name])
    assert (history.stopped == "finished") == ((epochs == len(values) and patience == 9) or len(values) == 4)


def test_small_improvements_may_not_count():
    stopping = EarlyStopping("loss", patience=1, min_delta=0.5)
    fit(epochs=1, lr=0.0, callbacks=[stopping])
    run = Run(network(), None, History())
    run.history.record("epochs", loss=stopping.best - 0.4)
    stopping(run)
    assert run.stop.startswith("early stopping: loss was best")


def test_the_end_is_told_even_after_an_error():
    told = []

    class Told(Callback):
        def training_ended(self, run):
            told.append(True)

    def fail(run):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(callbacks=[fail, Told()])
    assert told == [True]


def test_a_schedule_that_listens_is_told_the_validation_loss():
    model = network()
    plateau = tg.optim.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=0)
    optimizer = tg.optim.SGD(model.parameters(), lr=plateau)
    script = [(X[:6], Y[:6])]
    history = tg.fit(model, lambda p, t: tg.nn.mse_loss(p, t) * 0 + 1.0, optimizer, script, 4, progress=False)
    assert history["lr"] == [0.1, 0.1, 0.05, 0.025]  # the loss is 1 from beginning to end


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


def test_a_generator_is_empty_the_second_time():
    with pytest.raises(ValueError, match="A generator gives its batches only once"):
        fit(data=((x, y) for x, y in BATCHES), epochs=2)


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
    """The step in hand is finished (the sixth), and the epoch that it cut short is in the history."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == ["interrupted 2 6", "and afterwards Ctrl-C is itself again"], run.stderr


def test_the_second_ctrl_c_interrupts_at_once():
    def press_twice(prediction, target):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return tg.nn.mse_loss(prediction, target)

    with pytest.raises(KeyboardInterrupt):
        fit(loss=press_twice)


# ---- progress ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (45, 23)])
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
