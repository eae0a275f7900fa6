"""The commands train, evaluate and check: what they print, what they write, how they fail."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.cli import main
from tinygrad_edu.cli.check import check
from tinygrad_edu.cli.datasets import SETS, named
from tinygrad_edu.cli.network import ACTIVATIONS, Settings, Trained, build
from tinygrad_edu.cli.training import DEFAULTS, OPTIMIZERS, SCHEDULES, Training

COMMAND = (sys.executable, "-m", "tinygrad_edu")
SHORT = ("--epochs", "2")


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """80 columns, whatever the terminal that runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM"):
        monkeypatch.delenv(name, raising=False)


def document(capsys, *arguments, code=0):
    """What a command prints as JSON, and nothing else."""
    assert main([*arguments, "--json"]) == code
    out, err = capsys.readouterr()
    assert bool(err) == bool(code)
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.fixture
def quantities(tmp_path):
    """A table in which y = 3a − 2b + 1, with y in thousands."""
    x = np.random.default_rng(0).uniform(-5, 5, (120, 2)).round(3)
    lines = [f"{a},{b},{1000 * (3 * a - 2 * b + 1)}" for a, b in x]
    path = tmp_path / "plane.csv"
    path.write_text("\n".join(["a,b,y", *lines]), encoding="utf-8")
    return path


# ---- training ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "least"), [("moons", 0.95), ("spirals", 0.95), ("xor", 0.95)])
def test_the_sets_are_learned_with_the_defaults(name, least, capsys):
    found = document(capsys, "train", name)
    assert found["ok"] is True
    assert found["results"]["test"]["accuracy"] >= least
    assert found["stopped"] == "finished"
    assert len(found["history"]["epochs"]["val_loss"]) == DEFAULTS[name].epochs


def test_results_are_those_of_the_network(capsys):
    found = document(capsys, "train", "spirals", *SHORT)
    training = Training(named("spirals", 0), Settings(**found["settings"]))
    outcome = training.run(progress=False)
    for part, share in (("training", 0.7), ("validation", 0.1), ("test", 0.2)):
        x, y = training.parts[part]
        logits = outcome.trained.predict(x)
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        measured = found["results"][part]
        assert measured["samples"] == len(y) == round(share * 600)
        assert measured["accuracy"] == np.mean(logits.argmax(axis=1) == y)
        assert measured["loss"] == pytest.approx(-np.log(chances[np.arange(len(y)), y]).mean(), rel=1e-6)
    x, y = training.parts["test"]
    taken_for = outcome.trained.predict(x).argmax(axis=1)
    expected = [[int(np.sum((y == i) & (taken_for == j))) for j in range(3)] for i in range(3)]
    assert found["confusion"] == expected


def test_the_same_seed_gives_the_same_numbers(capsys):
    def run(seed):
        found = document(capsys, "train", "moons", *SHORT, "--seed", seed)
        return found["results"], found["history"]["steps"]["loss"]

    assert run("3") == run("3") != run("4")


def test_the_test_part_decides_nothing():
    """Other labels in the test part, and training is the same to the last bit."""
    runs = []
    for change in (0, 1):
        training = Training(named("moons", 0), Settings(epochs=3, patience=2))
        x, y = training.parts["test"]
        training.parts["test"] = x, (y + change) % 2
        runs.append(training.run(progress=False))
    assert runs[0].history.steps["loss"] == runs[1].history.steps["loss"]
    assert runs[0].results["test"]["accuracy"] == pytest.approx(1 - runs[1].results["test"]["accuracy"])


def test_a_quantity(quantities, capsys):
    found = document(capsys, "train", "csv", str(quantities), "--target", "y", "--hidden", "none", "--lr", "0.03")
    assert found["data"]["classes"] is None
    assert found["confusion"] is None
    assert found["parameters"] == 3
    assert found["results"]["test"]["r2"] > 0.9999
    assert found["results"]["test"]["rmse"] == pytest.approx(found["results"]["test"]["loss"] ** 0.5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer, capsys):
    found = document(capsys, "train", "moons", "--optimizer", optimizer, "--epochs", "30")
    assert found["settings"]["optimizer"] == optimizer
    assert found["settings"]["lr"] == (DEFAULTS["moons"].lr if optimizer == "adam" else OPTIMIZERS[optimizer][1])
    assert found["results"]["test"]["accuracy"] > 0.8


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(schedule, capsys):
    found = document(capsys, "train", "moons", "--schedule", schedule, "--epochs", "9", "--lr", "0.01")
    rates = found["history"]["steps"]["lr"]
    assert max(rates) <= 0.01
    rises, falls = schedule in ("warmup", "one-cycle"), schedule not in ("constant", "plateau")
    assert (rates[0] < max(rates)) is rises
    assert (rates[-1] < max(rates) / 2) is falls


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks(activation, dtype):
    model = build(Settings(hidden=(5, 4), activation=activation, dtype=dtype), 3, 2, rng=0)
    assert model(np.ones((7, 3), dtype)).shape == (7, 2)
    assert {str(p.dtype) for p in model.parameters()} == {dtype}
    assert sum(p.size for p in model.parameters()) == 3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2


def test_patience_goes_back_to_the_best_network(capsys):
    found = document(capsys, "train", "moons", "--lr", "0.3", "--schedule", "constant", "--patience", "3")
    losses = found["history"]["epochs"]["val_loss"]
    assert "early stopping" in found["stopped"]
    assert len(losses) == losses.index(min(losses)) + 1 + 3
    assert found["results"]["validation"]["loss"] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_a_loss_that_blows_up_is_said(capsys):
    assert main(["train", "moons", "--optimizer", "sgd", "--lr", "1e30", *SHORT]) == 1
    out, err = capsys.readouterr()
    assert "The loss blew up" in out
    assert "learning rate 1e+30" in err
    found = document(capsys, "train", "moons", "--optimizer", "sgd", "--lr", "1e30", *SHORT, code=1)
    assert found["ok"] is False
    assert "learning rate" in found["stopped"]


# ---- in the terminal ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["train", "spirals", *SHORT]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("epoch ")]
    assert max(map(len, lines)) <= min(columns, 88)
    assert not any("…" in line for line in lines)
    assert any(re.search(r"test +120 +[\d.]+ +[\d.]+ %", line) for line in lines)


def test_names_that_look_like_markup(tmp_path, capsys):
    path = tmp_path / "[bold]table[x].csv"
    path.write_text(
        "size,[red]kind\n" + "".join(f"{i},{'[b]a' if i % 2 else '[/c]'}\n" for i in range(20)), encoding="utf-8"
    )
    assert main(["train", "csv", str(path), "--target", "[red]kind", *SHORT]) == 0
    out = capsys.readouterr().out
    assert "[/c], [b]a" in out
    assert "[bold]table[x].csv" in out.replace("\n", "")


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_shows_and_saves_what_there_is(tmp_path):
    pytest.importorskip("safetensors")
    saved = tmp_path / "net.safetensors"
    options = ["--epochs", "100000", "--save", str(saved)]
    with subprocess.Popen([*COMMAND, "train", "xor", *options], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("3. Training"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 130
    if rest:  # the signal has come when training had begun
        assert "Interrupted." in rest
        assert saved.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "the following arguments are required: SET"),
        (("stars",), "invalid choice: 'stars'"),
        (("moons", "--hidden", "8,x"), "'8,x' does not list up to 20 sizes"),
        (("moons", "--hidden", "0"), "'0' does not list up to 20 sizes"),
        (("moons", "--lr", "0"), "'0' is not a finite number above 0"),
        (("moons", "--epochs", "0"), "'0' is not a whole number from 1"),
        (("moons", "--label-smoothing", "1"), "'1' is not a number from 0 to less than 1"),
        (("moons", "--optimizer", "lion"), "adam"),
        (("moons", "--model", "cnn"), "--model"),
        (("moons", "--save", "net.pt"), "'net.pt' does not end in .safetensors"),
        (("moons", "--save", "nowhere/net.safetensors"), "does not exist: 'nowhere'"),
        (("moons", "--plot", "net.txt"), "does not end in .png, .svg or .pdf"),
        (("csv", "table.csv"), "required: --target"),
        (("csv", "table.csv", "--target", "y", "--delimiter", "ab"), "'ab' is not one character"),
    ],
)
def test_bad_arguments(arguments, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments])
    assert stopped.value.code == 2
    assert says in " ".join(capsys.readouterr().err.split())


def block(monkeypatch, package):
    for name in [package, *(name for name in sys.modules if name.startswith(package + "."))]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("rich", ("moons",), "cli"),
        ("matplotlib", ("moons", "--plot", "net.png"), "cli"),
        ("safetensors", ("moons", "--save", "net.safetensors"), "save"),
        ("sklearn", ("digits",), "data"),
    ],
)
def test_a_missing_package(package, arguments, extra, monkeypatch, capsys):
    block(monkeypatch, package)
    assert main(["train", *arguments, *SHORT]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert package in err or "scikit-learn" in err
    assert f"pip install 'tinygrad-edu[{extra}]'" in err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own, of what it imports
@pytest.mark.parametrize("name", ["moons", "plane.csv"])
def test_plot(name, quantities, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "training.png"
    what = ["csv", str(quantities), "--target", "y"] if name.endswith("csv") else [name]
    assert main(["train", *what, *SHORT, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in capsys.readouterr().out


# ---- saved, evaluated --------------------------------------------------------------------------------------------
def test_a_saved_network_does_on_the_test_part_what_it_did(tmp_path, capsys):
    pytest.importorskip("safetensors")
    path = str(tmp_path / "net.safetensors")
    trained = document(capsys, "train", "moons", *SHORT, "--seed", "5", "--hidden", "7", "--save", path)
    found = document(capsys, "evaluate", path)
    assert trained["written"] == [path]
    assert found["part"] == "test"
    assert found["results"] == trained["results"]["test"]
    assert found["confusion"] == trained["confusion"]
    assert main(["evaluate", path]) == 0
    assert f"{100 * found['results']['accuracy']:.2f} %" in capsys.readouterr().out


def test_a_network_of_a_table(quantities, tmp_path, capsys):
    pytest.importorskip("safetensors")
    path = str(tmp_path / "net.safetensors")
    trained = document(capsys, "train", "csv", str(quantities), "--target", "y", *SHORT, "--save", path)
    assert document(capsys, "evaluate", path, str(quantities))["results"] == trained["results"]["test"]
    other = tmp_path / "other.csv"
    other.write_text("y;more;b;a\n1000;x;0;0\n4000;x;0;1\n", encoding="utf-8")
    found = document(capsys, "evaluate", path, str(other))
    assert (found["part"], found["results"]["samples"]) == ("all lines", 2)
    prediction = Trained.from_file(path).predict(np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert found["results"]["loss"] == pytest.approx(np.mean((prediction[:, 0] - [1000, 4000]) ** 2))
    assert main(["evaluate", path]) == 2
    assert "give it again" in capsys.readouterr().err
    other.write_text("y,a\n1,2\n", encoding="utf-8")
    assert main(["evaluate", path, str(other)]) == 2
    assert "lacks columns that the network was trained on: b" in capsys.readouterr().err


def test_a_class_that_the_network_does_not_know(tmp_path, capsys):
    pytest.importorskip("safetensors")
    table, path = tmp_path / "table.csv", str(tmp_path / "net.safetensors")
    table.write_text("x,kind\n" + "1,a\n2,b\n" * 10, encoding="utf-8")
    document(capsys, "train", "csv", str(table), "--target", "kind", *SHORT, "--save", path)
    table.write_text("x,kind\n1,a\n2,c\n", encoding="utf-8")
    assert main(["evaluate", path, str(table)]) == 2
    assert "line 3, column 'kind': the network does not know the class 'c'; it knows: a, b" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_files_that_are_no_network(command, tmp_path, capsys):
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    for content, says in [(None, "does not exist"), (b"", "it is empty"), (b"hello" * 9, "cannot be read")]:
        if content is not None:
            path.write_bytes(content)
        assert main([command, str(path)]) == 2
        assert says in capsys.readouterr().err
    for metadata in (None, dict.fromkeys(["settings", "data", "scaler", "target_scaler"])):
        tg.saving.save(tg.nn.Linear(2, 1, rng=0), path, metadata)
        assert main([command, str(path)]) == 2
        assert "tinygrad-edu train --save" in capsys.readouterr().err


# ---- checked -----------------------------------------------------------------------------------------------------
def test_check_a_saved_and_a_new_network(tmp_path, capsys):
    pytest.importorskip("safetensors")
    path = str(tmp_path / "net.safetensors")
    document(capsys, "train", "xor", *SHORT, "--save", path)
    found = document(capsys, "check", path)
    assert found["ok"] is True
    assert found["parameters"] == found["checked"] == found["agree"] + found["kink"] == 2 * 8 + 8 + 8 * 2 + 2
    found = document(capsys, "check", "--inputs", "10", "--hidden", "20", "--activation", "gelu", "--entries", "5")
    assert found["checked"] == 5 + 5 + 5 + 3
    assert main(["check", "--hidden", "none"]) == 0
    assert "The gradients are right: 15 agree" in capsys.readouterr().out


def test_check_finds_what_gradcheck_finds_in_the_whole_network():
    """Drawn entries have the slopes that backward gives for the whole parameters, under their own names."""
    model = build(Settings(hidden=(6,), activation="tanh", dtype="float64"), 3, 2, rng=1)
    own = dict(model.named_parameters())
    report = check(model, 3, 2, 4, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((4, 3)), rng.integers(0, 2, 4)
    assert all(dict(model.named_parameters())[name] is parameter for name, parameter in own.items())
    # gradcheck weighs even a single result with a random seed
    tg.nn.cross_entropy(model(x), target).backward()
    shares = {entry.analytic / own[entry.name].grad[entry.index] for entry in report.entries}
    assert max(shares) == pytest.approx(min(shares), rel=1e-9)
    assert len(report.entries) == 4 + 4 + 4 + 2


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_a_wrong_rule_makes_the_exit_code_1(mode, capsys):
    tg.derivative(tg.relu, x=lambda g, out: 1.001 * g * (out > 0))
    assert main(["check", *mode]) == 1
    out = capsys.readouterr().out
    assert "mismatch" in out
    assert ("FAILED" in out) is not bool(mode)


# ---- digits ------------------------------------------------------------------------------------------------------
def test_digits(tmp_path, capsys):
    pytest.importorskip("sklearn")
    path = str(tmp_path / "net.safetensors")
    found = document(capsys, "train", "digits", "--epochs", "15", "--save", path)
    assert found["parameters"] == 19_210
    assert found["results"]["test"]["accuracy"] > 0.96
    checked = document(capsys, "check", path, "--entries", "3")
    assert (checked["ok"], checked["checked"]) == (True, 12)


def test_digits_with_convolutions(tmp_path, capsys):
    pytest.importorskip("sklearn")
    path = str(tmp_path / "net.safetensors")
    found = document(capsys, "train", "digits", "--model", "cnn", "--epochs", "1", "--save", path)
    assert document(capsys, "evaluate", path)["results"] == found["results"]["test"]
    assert document(capsys, "check", path, "--entries", "2")["ok"] is True
    assert main(["train", "digits", "--model", "cnn", "--hidden", "3"]) == 2
    assert "--hidden is for --model mlp" in capsys.readouterr().err


def test_every_set_has_defaults():
    assert SETS.keys() | {"csv", "digits cnn"} == DEFAULTS.keys()
