"""`tinygrad-edu compile` prints what runs alone."""

import re

import numpy as np
import pytest

pytest.importorskip("rich")

from tinygrad_edu.cli import main

OPTIMIZERS = ["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"]


@pytest.mark.parametrize("options", [[], ["--batch", "16"], *(["--optimizer", name] for name in OPTIMIZERS)])
def test_what_is_printed_runs_alone(capsys, options):
    assert main(["compile", "flip", *options]) == 0
    names = {}
    exec(capsys.readouterr().out, names)
    batch = 16 if "16" in options else 1
    x = np.ones((batch, 4))
    assert names["step"](x, x) == 1.0  # all weights are 0, and so is what they predict


def test_the_saved_file_begins_where_the_step_is(tmp_path, capsys):
    path = tmp_path / "flip_step.py"
    assert main(["compile", "flip", "--save", str(path)]) == 0
    names = {}
    exec(path.read_text(encoding="utf-8"), names)
    x = np.array([[1.0, 0, 1, 1]])
    losses = [names["step"](x, x[:, [0, 2, 1, 3]]) for _ in range(200)]
    assert 0 < losses[-1] < losses[0]


def test_a_terminal_gets_colours(capsys, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "88"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["compile", "flip"]) == 0
    assert "\x1b[" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_nothing_is_cut_off_in_a_narrow_terminal(capsys, monkeypatch, columns):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    assert main(["compile", "flip"]) == 0
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert max(map(len, shown.splitlines())) <= columns
    monkeypatch.delenv("FORCE_COLOR")
    assert main(["compile", "flip"]) == 0
    assert shown.split() == capsys.readouterr().out.split()


def test_a_file_that_cannot_be_written_is_found_out_first(capsys):
    for path in ("/nowhere/step.py", "step.txt"):
        with pytest.raises(SystemExit):
            main(["compile", "flip", "--save", path])
        assert path in capsys.readouterr().err


def test_only_lessons_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["compile", "flop"])
    assert "flip" in capsys.readouterr().err
