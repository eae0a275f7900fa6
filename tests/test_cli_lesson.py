"""The command `tinygrad-edu lesson`: the list, every lesson with its figures and picture, terminals of all kinds."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tinygrad_edu.cli import main
from tinygrad_edu.cli.lesson import NAMES
from tinygrad_edu.cli.lesson_reports import REPORTS
from tinygrad_edu.lessons import characters, digits
from tinygrad_edu.lessons.contents import CONTENTS
from tinygrad_edu.lessons.pictures import PICTURES

QUICK = [name for name in REPORTS if name not in ("digits", "characters")]  # these train for seconds or a minute

# What lessons.md prints, section by section, as it stands in the terminal: rows of tables, blanks being all alike. That
# these are the right figures is asserted where they are computed, in test_lesson_*.py.
FIGURES = {
    "flip": [
        *("hidden 4 × 3 = 12 3", "output 3 × 4 = 12 4", "together 31"),
        *("W1[0] 0.2 -0.5 0.1", "W1[1] -0.3 0.4 -0.2", "W1[2] 0.1 0.3 0.5", "W1[3] -0.4 0.2 -0.1", "b1 0.1 -0.1 0"),
        *("W2[2] 0.2 -0.4 0.1 -0.5", "b2 0 0.1 -0.1 0", "x the image 1 0 1 1", "target the flip 1 1 0 1"),
        *("z1 x @ W1 + b1 0 -0.1 0.5", "h relu(z1) 0 0 0.5", "prediction h @ W2 + b2 0.1 -0.1 -0.05 -0.25"),
        *("= 0.89625", "∂loss/∂prediction = [-0.45, -0.55, -0.025, -0.625], which is ∂loss/∂b2 too"),
        *("W2[2,0] -0.2250", "W2[2,1] -0.2750", "W2[2,2] -0.0125", "W2[2,3] -0.3125", "W2[0,3] 0.0000"),
        *("W1[0,2] 0.4400", "W1[1,2] 0.0000", "W1[2,2] 0.4400", "W1[3,2] 0.4400", "b1[2] 0.4400"),
        *("h[2] 0.500 0.324", "0.117090", "0.034310", "-0.064695", "-0.089375", "loss 0.8962500 0.7257526"),
        *("27 agree, 4 lie on a kink", "W1[0,0] 0.0000 0.2000", "gets half of each slope", "e-17).", "loss 0.896 →"),
        *("variance ¼", "1/16 = 0.0625", "at most 15 regions", "4 40 0 ", "16 of 16", "62 passes against 1 + 1"),
        *("0.001", "crawls", "steady", "fast, unstable", "blows up"),
    ],
    "one_weight": [
        *("x = 2, truth 10, error ½(truth − w·x)²", "1 2 8 64 32 -16", "w ← 1 − 0.01·(−16) = 1.16", "5 10 0 0 0 0"),
        *("lands on 5 in one step", "0.5 9 1 9 bounces between 1 and 9 for ever", "explodes"),
    ],
    "brightness": ["w0", "w1", "w2", "least squares"],
    "exam": ["weight_study", "weight_sleep", "bias", "actual_score", "global minimum", "local minimum", "maximum"],
    "downhill": [
        *("0.12·x² + sin(2.4·x) + 0.3·cos(5·x)", "-5.6492 2.6928 local", "-3.1407 -0.0667 local"),
        *("-0.6283 -1.2507 global", "1.8848 -0.8559 local", "4.3956 1.1165 local"),
        "0.3 and more make it jump about for ever",
    ],
    "engine": ["½(10 − 2a)²", "yes"],
    "losses": ["0.95 0.0025 -0.1000 0.0513", "0.05 0.9025 -1.9000 2.9957", "costs 58 times more"],
    "curves": ["2 → 0.1 → 5 → 20 learning rate too large", "too small:", "too large:", "reasonable:", "overfitting:"],
    "guessing": ["from 1 to 100", "within 2", "10 3 50, 60, 70", "2 11 50, 52", "50 ∞ 50, 100, 50, 100"],
    "compiled": ["nothing yet", "what nothing depends on", "eager", "by hand", "microseconds"],
    "checking": ["forward", "central", "Richardson", "complex step", "wrong", "right"],
}
# start, learning rate and where it settles; – is nowhere
ROLLS = [
    *((3, "0.01", "1.8848"), (3, "0.1", "1.8848"), (3, "0.3", "–"), (3, "0.6", "–"), (3, "1.2", "–")),
    (-4, "0.01", "-3.1407"),
]


def missing(name, out):
    """The figures that are not printed."""
    return [figure for figure in FIGURES[name] if figure not in " ".join(out.split())]


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """80 columns, whatever the terminal that runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM"):
        monkeypatch.delenv(name, raising=False)


def shown(capsys, *arguments):
    assert main(["lesson", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(["lesson", *arguments])
    assert exit.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_the_list_names_every_lesson(capsys):
    out = shown(capsys)
    for lesson in CONTENTS:
        assert (f"  {lesson.name}" in out) is lesson.in_terminal
        assert (lesson.learns in out) is lesson.in_terminal
    assert set(NAMES) == set(REPORTS) | {"flip"}


@pytest.mark.parametrize("name", QUICK)
def test_a_lesson_prints_its_figures(name, capsys):
    assert missing(name, shown(capsys, name)) == []
    assert missing(name, "") == FIGURES[name]


def test_where_the_ball_settles_and_where_it_jumps_about_for_ever(capsys):
    out = shown(capsys, "downhill")
    for start, lr, x in ROLLS:
        says = "overshooting" if x == "–" else "stuck: local minimum"
        assert re.search(rf"^ +{start} +{lr} +\d+ +{x} +{says}", out, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 120])
def test_it_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in ([], *([name] for name in QUICK)):
        out = shown(capsys, *arguments)
        lines = out.splitlines()
        assert max(map(len, lines)) <= min(columns, 88), arguments
        assert not any(line.rstrip().endswith("…") and "  " in line.strip() for line in lines), arguments  # cut off
        assert all(letter == "\n" or letter.isprintable() for letter in out)


@pytest.mark.parametrize("name", QUICK)
def test_a_narrow_terminal_is_told_what_the_tables_need_and_loses_nothing(name, monkeypatch, capsys):
    letters = re.compile(r"[^\W\d_]" if name == "compiled" else r"[^\W_]")  # that one has a clock's digits
    wide = shown(capsys, name)
    monkeypatch.setenv("COLUMNS", "40")
    out = shown(capsys, name)
    assert "The tables need 60 columns" in out
    assert max(map(len, out.splitlines())) <= 40
    assert Counter(letters.findall(out.partition("\n\n")[2])) == Counter(letters.findall(wide.partition("\n\n")[2]))


@pytest.mark.parametrize("name", [name for name in QUICK if name in PICTURES])
def test_a_lesson_draws_its_picture(name, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"{name}.png"
    assert str(path) in shown(capsys, name, "--plot", str(path))
    assert path.stat().st_size > 10_000


def test_digits_and_characters_with_less_training(monkeypatch, tmp_path, capsys):
    pytest.importorskip("sklearn")
    train_mlp, train = digits.train_mlp, characters.train
    monkeypatch.setattr(digits, "train_mlp", lambda: train_mlp(epochs=2))
    monkeypatch.setattr(characters, "train", lambda: train(steps=2))
    out = shown(capsys, "digits", "--plot", str(tmp_path / "digits.svg"))
    assert "% of images that it never saw" in out
    out = shown(capsys, "characters", "--plot", str(tmp_path / "characters.svg"))
    assert "the best reader of one character" in out
    assert len(list(tmp_path.iterdir())) == 2


def test_flip_is_the_command_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "tinygrad_edu.lessons.flip.starts.STARTS", 1
    )  # which is too few for three units to reach their floor
    assert main(["lesson", "flip", "--plot", str(tmp_path / "flip.png")]) == 1
    out = capsys.readouterr().out
    assert "FAILED 3 hidden units reach their floor" in out
    assert missing("flip", out) == []
    assert (tmp_path / "flip.png").exists()


def test_what_makes_no_sense_is_refused(tmp_path, capsys):
    assert "one_weight" in refused(capsys, "nosuch")
    assert "lesson with a picture: flip, one_weight" in refused(capsys, "--plot", str(tmp_path / "a.png"))
    assert "does not end in .png" in refused(capsys, "downhill", "--plot", "a.txt")
    assert "lesson with a picture" in refused(capsys, "engine", "--plot", str(tmp_path / "a.png"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("color", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}])
def test_colours_are_left_out_where_they_are_not_wanted(color):
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "lesson", "checking"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "80", "TERM": "xterm-256color"} | color,
        timeout=60,
    )
    assert done.returncode == 0
    assert ("\x1b[3" in done.stdout) is ("FORCE_COLOR" in color)
