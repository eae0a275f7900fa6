"""The benchmarks run, show what they should and compute the right thing. Nothing here asks how fast."""

import json

import numpy as np
import pytest

pytest.importorskip("rich")

from benchmarks import flip_step, scaling
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.report import Bar, duration
from benchmarks.timing import interleaved, ratio, spread


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One quick run of everything: what it wrote as JSON, and the directory with its picture."""
    directory = tmp_path_factory.mktemp("benchmarks")
    options = ["--quick", "--json", str(directory / "found.json")]
    assert main([*options, "--plot", str(directory)]) == 0
    return json.loads((directory / "found.json").read_text(encoding="utf-8")), directory


def test_every_benchmark_reports_rows_and_bars(quick):
    found, _ = quick
    assert list(found["benchmarks"]) == list(BENCHMARKS)
    for benchmark in found["benchmarks"].values():
        assert benchmark["rows"]
        assert all(bar["met"] == (bar["measured"] <= bar["limit"]) for bar in benchmark["bars"])


def test_the_machine_is_recorded(quick):
    found, _ = quick
    assert found["quick"] is True
    assert found["machine"]["numpy"] == np.__version__
    assert {"date", "processor", "cores", "python", "blas", "threads", "clock"} <= found["machine"].keys()


def test_the_flip_step_by_hand_reaches_the_same_loss(quick):
    rows = quick[0]["benchmarks"]["flip_step"]["rows"]
    assert [row["batch"] for row in rows] == [1, 16]
    for row in rows:
        assert 0 < row["loss"] < 1
        assert row["losses_differ"] <= flip_step.SAME


def test_wiggling_agrees_with_backpropagation(quick):
    rows = quick[0]["benchmarks"]["scaling"]["rows"]
    assert rows[0]["parameters"] == 31
    assert rows[0]["entries"] is None  # all were measured
    assert rows[-1]["entries"] < rows[-1]["parameters"]
    assert max(row["differ_by"] for row in rows) < 1e-6


def test_the_picture_is_written(quick):
    assert (quick[1] / "scaling.png").read_bytes().startswith(b"\x89PNG")


def test_the_largest_network_has_a_million_parameters():
    inputs, hidden, outputs = scaling.SHAPES[-1]
    assert inputs * hidden + hidden + hidden * outputs + outputs == pytest.approx(1_000_000, rel=1e-3)


def test_a_table_is_readable_when_piped_at_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["flip_step", "--quick"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert "…" not in shown  # nothing was cut off
    assert "times the step by hand" in shown


def test_a_missed_bar_is_said_aloud_and_is_no_failure(capsys, monkeypatch):
    monkeypatch.setattr(flip_step, "BAR", 0)
    assert main(["flip_step", "--quick"]) == 0
    assert "2 BARS MISSED" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["nonsense"], ["--plot", "no/such/directory"], ["--json", "no/such/file.json"]])
def test_bad_arguments_are_refused(options, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(options)
    assert stopped.value.code == 2
    assert options[-1].partition("/file")[0] in capsys.readouterr().err


def test_contestants_take_turns():
    turns = []
    seconds = interleaved(2, [lambda: turns.append("a") or 1.0, lambda: turns.append("b") or 2.0])
    assert "".join(turns) == "ab" * 3  # one round warms up
    assert seconds == [[1.0, 1.0], [2.0, 2.0]]


def test_ratios_are_taken_within_rounds():
    # Round 2 ran on a machine ten times slower.
    assert ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]).median == 2
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]).low == 2


def test_a_bar_is_not_met_by_nothing():
    assert Bar("", 1, 1.0).met
    assert not Bar("", 1, float("nan")).met


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-8, "15.0 ns"), (1e-6, "1.00 µs"), (0.9999, "1.00 s"), (90, "1.50 min"), (2e5, "2.31 days")],
)
def test_durations_are_written_in_units_that_suit_them(seconds, text):
    assert duration(seconds) == text
