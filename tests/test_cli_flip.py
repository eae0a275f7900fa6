"""The command `tinygrad-edu flip`: what it prints, its JSON, its exit codes, and terminals of all kinds."""

import itertools
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

import tinygrad_edu as tg
from tinygrad_edu.cli import main
from tinygrad_edu.cli.terminal import picture
from tinygrad_edu.lessons import flip

SHORT = ("--steps", "20")
COMMAND = (sys.executable, "-m", "tinygrad_edu")
on_posix = pytest.mark.skipif(os.name == "nt", reason="signals and pipes are POSIX's")


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """80 columns, whatever the terminal that runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM"):
        monkeypatch.delenv(name, raising=False)


def refused(capsys, *arguments):
    """The message with which arguments are refused."""
    with pytest.raises(SystemExit) as exit:
        main(["flip", *arguments])
    assert exit.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


# ---- the whole command, as it comes ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def document():
    done = subprocess.run([*COMMAND, "flip", "--json"], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0
    assert done.stderr == ""
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_json_has_the_figures_of_the_lesson(document):
    assert document["ok"] is True
    assert document["parameters"] == 31
    assert document["forward"]["prediction"] == pytest.approx([0.1, -0.1, -0.05, -0.25])
    assert document["forward"]["loss"] == pytest.approx(0.89625)
    assert document["after_one_step"]["prediction"] == pytest.approx([0.11709, 0.03431, -0.064695, -0.089375])
    assert document["after_one_step"]["loss"] == pytest.approx(0.7257526, abs=5e-8)
    assert len(document["gradients"]) == 31
    on_kink = {0, 6, 9, 12}
    for i, (found, says) in enumerate(zip(document["gradients"], flip.GRADIENTS, strict=True)):
        assert i in on_kink or found == pytest.approx(says, abs=1e-12)


def test_json_has_the_check(document):
    check = document["check"]
    assert (check["agree"], check["kink"], check["mismatch"], check["inconclusive"]) == (27, 4, 0, 0)
    assert (check["forward_passes"], check["backward_passes"]) == (62, 1)
    assert check["max_error"] < 1e-9
    for entry in check["entries"]:
        if entry["verdict"] == "kink":
            assert min(entry["left"], entry["right"]) - 1e-9 <= entry["backprop"] <= max(entry["left"], entry["right"])


def test_json_has_training_and_timing(document):
    assert document["train_one"]["loss"] < 1e-6
    assert document["train_one"]["steps"] > 0
    three, four = (document["train_all"][f"hidden_{n}"] for n in (3, 4))
    assert three["loss"] == pytest.approx(0.0625, rel=1e-3)
    assert three["loss"] > 0.0625 - 1e-9
    assert three["images_right"] <= 15
    assert four["loss"] < 1e-6
    assert four["images_right"] == 16
    timing = document["timing"]
    assert timing["ratio"] == pytest.approx(timing["finite_difference_s"] / timing["backprop_s"])
    assert timing["ratio"] > 1
    assert [rate["lr"] for rate in document["learning_rates"]] == [0.001, 0.1, 1.0, 10.0]
    assert document["learning_rates"][3]["losses"]["1000"] is None
    assert document["seed"] == 0
    assert document["versions"].keys() == {"tinygrad_edu", "numpy", "python"}


@pytest.mark.parametrize("side", [-(2.0**-56), 0.0, 2.0**-56], ids=["below", "on", "above"])
def test_all_is_well_on_either_side_of_the_kink(side, monkeypatch, capsys):
    at = flip.trace(flip.traced_network(), flip.IMAGE).z1[0]
    monkeypatch.setitem(flip.WEIGHTS, "b1", [0.1 - at + side, -0.1, 0.0])
    assert main(["flip", *SHORT]) == 0
    out = capsys.readouterr().out
    assert "27 agree, 4 lie on a kink" in out
    assert "All 8 checks passed." in out


# ---- in terminals of all kinds -----------------------------------------------------------------------------------
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["flip", "--hidden", "256", "--lr", "1000", "--steps", "300", "--optimizer", "momentum"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= min(columns, 88)
    assert not any("…" in line for line in lines)
    assert 100 <= len(lines) <= 150


@pytest.mark.parametrize("columns", [40, 59, 60])
def test_a_narrow_terminal_is_told_what_the_tables_need(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["flip", *SHORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert ("The tables need 60" in "".join(lines)) is (columns < 60)
    assert not any("…" in line for line in lines)  # nothing is cut off
    assert any(re.match(r" +W1\[3,2\] +0\.4400 +0\.4400", line) for line in lines)


def test_piped_output_has_no_control_characters(capsys):
    assert main(["flip", *SHORT]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(letter == "\n" or letter.isprintable() for letter in out)


@on_posix
@pytest.mark.parametrize("no_color", [True, False])
def test_in_a_terminal(no_color):
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"} | ({"NO_COLOR": "1"} if no_color else {})
    process = subprocess.Popen([*COMMAND, "flip", *SHORT], stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    seen = b""
    try:
        while piece := os.read(parent, 65536):
            seen += piece
    except OSError:  # how Linux says that the other end has closed
        pass
    os.close(parent)
    assert process.wait(60) == 0
    assert b"random start" in seen  # the progress bar
    assert (b"\x1b[32m" in seen) is not no_color


def test_a_terminal_that_knows_ascii_only():
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "flip", *SHORT], capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"  ##..  flip" in done.stdout


@on_posix
def test_ctrl_c():
    with subprocess.Popen(
        [*COMMAND, "flip", "--lr", "1e-4", "--steps", "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b"Interrupted.\n"


@on_posix
@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_a_closed_pipe(mode):
    with subprocess.Popen([*COMMAND, "flip", *SHORT, *mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(60)
    assert process.returncode == 141
    assert err == b""


NOTHING_PRINTED = [
    ("> /dev/full", "cannot write the output: "),
    (">&-", "nowhere to print to: standard output is closed"),
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("mode", ["", "--json"])
@pytest.mark.parametrize(("where", "says"), NOTHING_PRINTED, ids=["full", "closed"])
def test_output_that_cannot_be_written(where, says, mode):
    command = f"{shlex.join(COMMAND)} flip {shlex.join(SHORT)} {mode} {where}"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@on_posix
def test_quiet_needs_no_output():
    command = f"{shlex.join(COMMAND)} flip {shlex.join(SHORT)} --quiet >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


# ---- options -----------------------------------------------------------------------------------------------------
def test_a_size_of_ones_own_is_trained_as_well(capsys):
    assert main(["flip", "--json", "--hidden", "6", *SHORT]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["train_all"].keys() == {"hidden_3", "hidden_4", "hidden_6"}
    assert document["settings"] == {"hidden": 6, "lr": 0.1, "steps": 20, "optimizer": "sgd"}


def test_a_learning_rate_that_crawls_or_blows_up_is_no_failure(capsys):
    for lr in ("0.001", "1e6"):
        assert main(["flip", "--json", "--lr", lr, "--steps", "100"]) == 0
        document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert "4 hidden units get 16 of 16" not in document["checks"]
    assert document["train_one"] == {"loss": None, "steps": document["train_one"]["steps"], "ended": "overflow"}


def paragraphs(capsys, *arguments):
    """All that is printed, its lines joined."""
    assert main(["flip", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("lr", "steps"), [("1e308", "1"), ("8", "300")], ids=["overflow", "still a number"])
def test_nothing_is_said_of_lost_units_when_all_runs_blew_up(lr, steps, capsys):
    out = paragraphs(capsys, "--lr", lr, "--steps", steps)
    assert "all 24 starts with three units blew up" in out
    assert "dead ReLU" not in out
    assert "reached the floor" not in out


def test_starts_that_blew_up_are_counted_by_themselves(monkeypatch, capsys):
    ends = itertools.cycle([(math.nan, 3), (1e6, 3), (0.125, 1), (0.0625, 0)])

    def train_all(hidden, settings, on_start=None):
        results = [next(ends) for _ in range(8)]
        return flip.Starts(
            hidden, [flip.Start(i, flip.Run([0.5, end], ""), 0, dead) for i, (end, dead) in enumerate(results)]
        )

    monkeypatch.setattr("tinygrad_edu.lessons.flip.judging.train_all", train_all)
    out = paragraphs(capsys, *SHORT)
    assert "Of 8 starts with three units, 4 blew up, 2 reached the floor and 2 lost a unit: silent" in out
    assert (
        "depends on the start: here 0 of 16. (Another 24 starts, when the lesson was planned, had 12 at best.)" in out
    )


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_optimizers(optimizer, capsys):
    assert main(["flip", "--optimizer", optimizer, *SHORT]) == 0
    assert f"6. Training: {optimizer}, learning rate 0." in capsys.readouterr().out


def test_quiet(capsys):
    assert main(["flip", "--quiet", *SHORT]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--lr", "0"), "argument --lr: '0' is not a finite number above 0; try for instance 0.1"),
        (("--lr", "nan"), "not a finite number"),
        (("--lr", "fast"), "not a finite number"),
        (("--hidden", "0"), "argument --hidden: '0' is not a whole number from 1 to 256"),
        (("--steps", "2.5"), "argument --steps: '2.5' is not a whole number"),
        (("--seed", "-1"), "argument --seed: '-1' is not a whole number from 0"),
        (("--optimizer", "rmsprop"), "sgd"),
        (("--plot", "losses.txt"), "does not end in .png, .svg or .pdf"),
        (("--plot", "no-such-directory/losses.png"), "does not exist: 'no-such-directory'"),
        (("--step", "5"), "--step"),
    ],
)
def test_bad_arguments(arguments, says, capsys):
    assert says in refused(capsys, *arguments)


def test_no_command_shows_the_help(capsys):
    assert main([]) == 0
    assert "flip" in capsys.readouterr().out


# ---- packages that may be missing --------------------------------------------------------------------------------
def block(monkeypatch, package):
    for name in [package, *(name for name in sys.modules if name.startswith(package + "."))]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(("package", "arguments"), [("rich", ()), ("matplotlib", ("--plot", "losses.png"))])
def test_a_missing_package(package, arguments, monkeypatch, capsys):
    block(monkeypatch, package)
    assert main(["flip", *SHORT, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"needs the package {package}" in err
    assert "pip install 'tinygrad-edu[cli]'" in err


@pytest.mark.parametrize("mode", ["--json", "--quiet"])
def test_without_a_report_nothing_but_numpy_is_needed(mode, monkeypatch):
    block(monkeypatch, "rich")
    block(monkeypatch, "matplotlib")
    assert main(["flip", mode, *SHORT]) == 0


# ---- the picture -------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own, of what it imports
@pytest.mark.parametrize("settings", [SHORT, ("--lr", "1e5", "--steps", "300", "--hidden", "5")])
def test_plot(settings, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "losses [1].png"
    assert main(["flip", "--plot", str(picture), *settings]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own, of what it imports
def test_a_picture_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    assert main(["flip", "--quiet", "--plot", str(tmp_path / "losses.png"), *SHORT]) == 2
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("exists", [False, True])
def test_looking_whether_a_picture_can_be_written_leaves_no_trace(exists, tmp_path):
    path = tmp_path / "losses.png"
    if exists:
        path.write_bytes(b"older")
    assert picture(str(path)) == path
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"older"] * exists


def test_a_picture_that_cannot_be_written_is_found_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(flip, "lesson", lambda *_: pytest.fail("computed"))
    assert "cannot write" in refused(capsys, "--plot", str(tmp_path / f"{'a' * 300}.png"))

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    says = " ".join(refused(capsys, "--plot", str(tmp_path / "losses.png")).split())
    assert "argument --plot: cannot write" in says
    assert says.endswith("Permission denied")


# ---- a failure is noticed ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [1.001, math.nan])
def test_a_wrong_rule_makes_the_exit_code_1(error, monkeypatch, capsys):
    tg.derivative(tg.relu, x=lambda g, out: error * g * (out > 0))
    assert main(["flip", *SHORT]) == 1
    out = capsys.readouterr().out
    assert "FAILED 27 gradients agree, 4 lie on a kink" in out
    assert "FAILED gradients as in the lesson" in out
    assert "mismatch" in out
    assert main(["flip", "--json", *SHORT]) == 1
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["ok"] is False
    assert document["check"]["mismatch"] > 0
    assert main(["flip", "--quiet", *SHORT]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "FAILED: gradients as in the lesson" in err


def test_training_that_does_not_arrive_is_a_failure_with_default_settings(monkeypatch, capsys):
    monkeypatch.setattr("tinygrad_edu.lessons.flip.starts.STARTS", 1)
    monkeypatch.setitem(flip.DEFAULT_LR, "sgd", 1e-5)
    assert main(["flip", "--quiet"]) == 1
    assert "4 hidden units get 16 of 16" in capsys.readouterr().err
