"""Contestants all compute the same, whoever is missing is skipped with a line, and a wrong one would be noticed."""

import io
import json
import subprocess
import sys

import pytest

pytest.importorskip("rich")

from benchmarks import contest, machine, pictures
from benchmarks.__main__ import main
from benchmarks.contest import Race, race
from benchmarks.peers import LABELS
from benchmarks.report import Bar, Column, Result, markdown
from benchmarks.timing import Spread

# Problem → options, and how far losses may be apart: relative, after the same steps.
PROBLEMS = {
    "flip": ({"batch": 16}, 1e-12),
    "deep": ({"depth": 5, "width": 3, "batch": 4}, 1e-12),
    "rnn": ({"time": 4, "inputs": 2, "hidden": 3, "batch": 2}, 1e-12),
    "classifier": ({"batch": 8, "sizes": [20, 16, 12, 10]}, 1e-5),
    "memory": ({"kind": "tanhs", "length": 3, "size": 10}, 1e-12),
}
OURS = ("by_hand", "tinygrad_edu")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_by_hand_and_the_engine_go_the_same_way(problem):
    options, same = PROBLEMS[problem]
    found = race(OURS, problem, options, rounds=2, steps=20)
    assert found.losses_differ() <= same
    first, last = (found.turns["by_hand"][turn]["loss"] for turn in (0, -1))
    assert last == first if problem == "memory" else last < first * (1 - 1e-7)  # so updates are compared as well
    assert not found.skipped


@pytest.mark.parametrize("name", [name for name in LABELS if name not in OURS])
def test_a_peer_goes_the_same_way(name):
    found = race((*OURS[:1], name), "flip", PROBLEMS["flip"][0], rounds=1, steps=20)
    if found.skipped:
        pytest.skip(found.skipped[0])
    assert found.losses_differ() <= 1e-12


def test_additions_by_hand_have_the_slope_of_additions():
    assert race(OURS, "memory", {"kind": "additions", "length": 3, "size": 10}, 1, 1).losses_differ() < 1e-12


def test_one_who_computes_something_else_is_noticed():
    turns = {name: [{"loss": loss, "wall": 1.0}] for name, loss in (("by_hand", 2.0), ("torch", 2.002))}
    assert Race("wall", 1, turns, []).losses_differ() == pytest.approx(1e-3)


def test_a_race_compares_within_rounds():
    turns = {
        "by_hand": [{"wall": 1.0, "loss": 1.0, "bytes": 0}, {"wall": 10.0, "loss": 1.0, "bytes": 0}],
        "torch": [{"wall": 3.0, "loss": 1.0, "bytes": 0}, {"wall": 30.0, "loss": 1.0, "bytes": 0}],
    }
    found = Race("wall", 2, turns, [])
    assert found.times("torch", "by_hand") == Spread(3, 3, 3)
    assert found.times("torch", "jax") is None
    assert [row["label"] for row in found.rows()] == ["NumPy by hand", "PyTorch"]
    assert all(row["threads"] == 2 for row in found.rows())


def test_who_is_not_installed_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "micrograd", None)
    monkeypatch.delitem(sys.modules, "benchmarks.peers.micrograd", raising=False)
    contest.main("micrograd", "flip", '{"batch": 1}')
    assert "micrograd" in json.loads(capsys.readouterr().out)["absent"]


def test_one_who_is_skipped_is_named(monkeypatch):
    answers = iter(({"absent": "No module named 'torch'"},))
    monkeypatch.setattr(contest, "start", lambda *_: (next(answers), None))
    found = race(["torch"], "flip", {"batch": 1}, rounds=1, steps=1)
    assert found.skipped == ["PyTorch was skipped: No module named 'torch'"]
    assert not found.turns


def test_nobody_is_measured_under_the_name_of_numba_without_it(monkeypatch):
    try:
        from benchmarks.peers import compiled_numba
    except ImportError as missing:
        pytest.skip(str(missing))
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    with pytest.raises(ImportError, match="ran without numba"):
        compiled_numba._by_numba(lambda backend: lambda: 0.0, ())


def test_what_is_our_own_is_never_skipped(monkeypatch, capfd):
    with pytest.raises(RuntimeError, match=r"benchmarks\.contest nobody .* ended without an answer"):
        race(["nobody"], "flip", {"batch": 1}, rounds=1, steps=1)
    assert "No module named 'benchmarks.peers.nobody'" in capfd.readouterr().err


def test_a_turn_times_all_but_the_first_few_steps(monkeypatch, capsys):
    steps = []
    monkeypatch.setattr("sys.stdin", io.StringIO("20\n20\n"))
    contest.serve(lambda: steps.append(1) or len(steps))
    hello, *turns = map(json.loads, capsys.readouterr().out.splitlines())
    assert hello == {"threads": contest.threads()}
    assert [turn["loss"] for turn in turns] == [22, 44]
    assert all(turn["wall"] >= 0 and turn["processor"] >= 0 for turn in turns)


def test_the_peak_is_this_process_own():
    """The one that starts it holds more."""
    held = bytearray(200_000_000)
    code = """
from benchmarks.contest import peak
before = peak(); held = bytearray(b"1") * 30_000_000; print(before, peak())
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    before, after = map(int, out.split())
    assert 29e6 < after - before < 60e6
    assert after < len(held)


def test_a_result_as_markdown():
    result = Result([Column("n", "how many")], [{"n": 31}], [Bar("few", 30, 31)], ["So it is.\n"])
    assert markdown(result).splitlines() == [
        "| how many |",
        "|---:|",
        "| 31 |",
        "",
        "| bar | at most | measured | verdict |",
        "|:---|---:|---:|:---|",
        "| few | 30 | 31 | **missed** |",
        "",
        "So it is.",
    ]


def test_pictures_are_drawn_for_whoever_took_part(tmp_path):
    rows = [
        {
            "name": name,
            "label": LABELS[name],
            "n": n,
            "ratio": Spread(i + 1, i + 0.9, i + 1.1),
            "seconds": Spread(i, i, i),
        }
        for i, name in enumerate(LABELS)
        for n in (1, 10)
    ]
    for picture in (
        pictures.ratios({"one": rows, "two": rows[:2]}, "title", tmp_path / "ratios.png"),
        pictures.growth(rows, "n", "size", "title", tmp_path / "growth.png"),
    ):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_machine_in_words_names_versions_and_threads():
    words = "\n".join(
        machine.in_words({**machine.describe(), "peers": {"jax": "1.2"}, "threads": {"OMP_NUM_THREADS": "7"}})
    )
    assert "peers: jax 1.2" in words
    assert "otherwise: 7;" in words


def test_a_run_is_written_as_markdown_with_its_pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    options = ["--markdown", str(tmp_path / "README.md"), "--plot", str(tmp_path / "pictures")]
    assert main(["rnn", "--quick", *options]) == 0
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "\n## rnn\n" in text
    assert "NumPy by hand | " in text
    assert machine.processor() in text
    picture = text.rpartition("](")[2].removesuffix(")\n")
    assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(capsys):
    with pytest.raises(SystemExit):
        main(["--markdown", "no/such/directory/README.md"])
    assert "--markdown no/such/directory" in capsys.readouterr().err
