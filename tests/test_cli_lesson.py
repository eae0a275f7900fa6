"""The command `tinygrad-edu lesson`: the list, every lesson with its figures and picture, terminals of all kinds."""

import os
import subprocess
import sys

import pytest

from tinygrad_edu.cli import main
from tinygrad_edu.cli.lesson import NAMES
from tinygrad_edu.cli.lesson_reports import REPORTS
from tinygrad_edu.lessons import characters, digits, flip
from tinygrad_edu.lessons.contents import CONTENTS
from tinygrad_edu.lessons.pictures import PICTURES

QUICK = [name for name in REPORTS if name not in ("digits", "characters")]  # these train for seconds or a minute

# What lessons.md prints, lesson by lesson.
FIGURES = {
    "one_weight": ["64", "-16", "1.16", "lands on 5 in one step", "bounces between 1 and 9 for ever", "explodes"],
    "brightness": ["w0", "w1", "w2", "least squares"],
    "exam": ["weight_study", "weight_sleep", "bias", "actual_score", "global minimum", "local minimum", "maximum"],
    "downhill": [
        *("-5.6492", "2.6928", "-3.1407", "-0.0667", "-0.6283", "-1.2507"),
        *("1.8848", "-0.8559", "4.3956", "1.1165", "global", "overshooting"),
    ],
    "engine": ["½(10 − 2a)²", "yes"],
    "losses": ["0.0513", "2.9957", "58 times"],
    "curves": ["2 → 0.1 → 5 → 20", "too small", "too large", "reasonable", "overfitting"],
    "guessing": ["50, 60, 70", "50, 100, 50, 100", "∞"],
    "compiled": ["nothing yet", "what nothing depends on", "eager", "by hand", "microseconds"],
    "checking": ["forward", "central", "Richardson", "complex step", "wrong", "right"],
}


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
    out = shown(capsys, name)
    assert [figure for figure in FIGURES[name] if figure not in out] == []


@pytest.mark.parametrize("columns", [60, 120])
def test_it_fits_the_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in ([], *([name] for name in QUICK)):
        out = shown(capsys, *arguments)
        lines = out.splitlines()
        assert max(map(len, lines)) <= min(columns, 88), arguments
        assert not any(line.rstrip().endswith("…") and "  " in line.strip() for line in lines), arguments  # cut off
        assert all(letter == "\n" or letter.isprintable() for letter in out)


def test_a_narrow_terminal_is_told_what_the_tables_need(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "50")
    assert "The tables need 60" in shown(capsys, "one_weight")


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
    monkeypatch.setattr(flip, "STARTS", 1)  # which is too few for three units to reach their floor
    assert main(["lesson", "flip", "--plot", str(tmp_path / "flip.png")]) == 1
    out = capsys.readouterr().out
    assert "FAILED 3 hidden units reach their floor" in out
    assert "27 agree, 4 lie on a kink" in out
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
