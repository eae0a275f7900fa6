"""Every notebook runs from top to bottom and shows what is stored in it; the solutions of its exercises are right."""

import copy
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import lessons
from tinygrad_edu.lessons.contents import CONTENTS

pytest.importorskip("nbmake", reason="notebooks need the extra dev: pip install -e '.[dev]'")

import nbformat
from nbformat import v4

from tests.notebooks import (
    METADATA,
    NOTEBOOKS,
    NUMBER,
    VARY,
    WIDGET,
    clean,
    code_cells,
    differences,
    main,
    run,
    store,
    texts,
)

PNG = "iVBORw0KGgo="
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
EXERCISE = re.compile(r"lessons\.grade\(\"([\w.]+)\", \.\.\.\)")

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, 4)


# ---- the notebooks -----------------------------------------------------------------------------------------------
@every_notebook
def test_it_shows_what_is_stored(path):
    assert differences(read(path), run(path)) == []


@every_notebook
def test_it_was_stored_after_one_run_from_top_to_bottom(path):
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)


@every_notebook
def test_it_says_nothing_of_the_machine_that_ran_it(path):
    notebook = read(path)
    assert clean(copy.deepcopy(notebook)) == notebook
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
    for cell in code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop("image/png", None)  # its letters may happen to spell anything
    text = nbformat.writes(notebook)
    assert not re.search(r"/(home|Users|root|tmp|work|usr)/|site-packages| at 0x|<Figure size", text)


@every_notebook
def test_the_tag_for_digits_is_not_on_cells_without_any(path):
    for cell in code_cells(read(path)):
        if VARY in cell.metadata.get("tags", ()):
            assert any(NUMBER.search(text) for output in cell.outputs for text in texts(output))


@every_notebook
def test_exercises_have_solutions_that_are_right(path):
    cells = read(path).cells
    asked = [name for cell in cells for name in EXERCISE.findall(cell.source)]
    solutions = [graded(solution) for cell in cells for solution in SOLUTION.findall(cell.source)]
    assert [name for name, _ in solutions] == asked
    assert all(grade for _, grade in solutions)


@every_notebook
def test_it_asks_every_exercise_of_its_lesson(path):
    """Each as a markdown cell with the question, a cell to answer in, and a markdown cell with the solution."""
    cells = read(path).cells
    lesson = next(lesson for lesson in CONTENTS if lesson.name == path.stem[3:])
    places = [k for k, cell in enumerate(cells) if EXERCISE.search(cell.source)]
    assert [EXERCISE.search(cells[k].source)[1] for k in places] == [e.name for e in lessons.exercises(lesson.name)]
    for k, exercise in zip(places, lessons.exercises(lesson.name)):
        assert plain(exercise.question) in plain(cells[k - 1].source)
        assert SOLUTION.search(cells[k + 1].source)
        (output,) = cells[k].outputs
        assert "dots" in output.data["text/plain"]


@every_notebook
def test_its_links_lead_somewhere(path):
    links = [link for cell in read(path).cells if cell.cell_type == "markdown" for link in LINK.findall(cell.source)]
    assert links or path == NOTEBOOKS[-1]
    assert [link for link in links if not (path.parent / link).exists()] == []


def plain(text):
    """Without Markdown's emphasis and line ends."""
    return " ".join(re.sub("[`*\\\\]", "", text).split())


def graded(solution):
    """(name of the exercise, grade) of the code in a solution, whose last statement calls `lessons.grade`."""
    seen = []

    def grade(name, answer):
        seen.append((name, lessons.grade(name, answer)))
        return seen[-1][1]

    (code,) = re.findall(r"```python\n(.*?)\n```", solution, re.DOTALL)
    exec(code, {"np": np, "tg": tg, "lessons": SimpleNamespace(**vars(lessons) | {"grade": grade})})
    assert len(seen) == 1
    return seen[0]


def test_every_lesson_that_names_a_notebook_has_it():
    named = [f"{lesson.notebook:02}_{lesson.name}" for lesson in CONTENTS if lesson.notebook is not None]
    assert [path.stem for path in NOTEBOOKS] == named


def test_all_of_them_are_small_enough_for_a_repository():
    assert sum(path.stat().st_size for path in NOTEBOOKS) < 5e6


# ---- the judge, judged -------------------------------------------------------------------------------------------
def notebook(*cells):
    return clean(v4.new_notebook(cells=list(cells), metadata=METADATA))


def cell(*outputs, tags=(), source="1"):
    made = v4.new_code_cell(source, execution_count=1, outputs=list(outputs))
    made.metadata["tags"] = list(tags)
    return made


def printed(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def value(**data):
    return v4.new_output(
        "execute_result", {kind.replace("_", "/"): text for kind, text in data.items()}, execution_count=1
    )


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        (cell(printed("slope -16\n")), cell(printed("slope -17\n"))),
        (cell(printed("slope -16\n")), cell(printed("slope -16"))),
        (cell(printed("slope -16\n")), cell(printed("slope -16\n", "stderr"))),
        (cell(printed("slope -16\n")), cell()),
        (cell(), cell(printed("slope -16\n"))),
        (cell(value(text_plain="1.16")), cell(value(text_plain="1.17"))),
        (cell(value(text_plain="1", text_html="<b>1</b>")), cell(value(text_plain="1", text_html="<b>2</b>"))),
        (cell(value(image_png=PNG)), cell()),
        (cell(value(image_png=PNG)), cell(value(image_png=PNG), value(image_png=PNG))),
        (cell(value(**{"image_svg+xml": "<svg/>"})), cell(value(image_png=PNG))),
        (cell(printed("2 ms"), tags=[VARY]), cell(printed("2 s"), tags=[VARY])),
        (cell(printed("2 ms"), tags=[VARY]), cell(printed("2 ms, 3 ms"), tags=[VARY])),
        (cell(printed("a"), value(image_png=PNG), printed("b")), cell(printed("ab"), value(image_png=PNG))),
        (cell(source="1"), cell(source="2")),
        (cell(v4.new_output("error", ename="E", evalue="a")), cell(v4.new_output("error", ename="E", evalue="b"))),
    ],
)
def test_the_comparer_sees_a_planted_difference(stored, fresh):
    assert len(differences(notebook(cell(), stored), notebook(cell(), fresh))) == 1
    assert differences(notebook(stored), notebook(copy.deepcopy(stored))) == []


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        (cell(printed("took 1.5 ms,  26 ×"), tags=[VARY]), cell(printed("took 12 ms, 3e-05 ×"), tags=[VARY])),
        (cell(printed("a"), printed("b")), cell(printed("ab"))),
        (cell(value(image_png=PNG, text_plain="<Figure size 1 x 1>")), cell(value(image_png="iVBORw0KGgp="))),
        (cell(value(**{WIDGET: {"model_id": "1"}, "text_plain": "Box()"})), cell(value(text_plain="Box()"))),
    ],
)
def test_the_comparer_overlooks_what_may_differ(stored, fresh):
    assert differences(notebook(stored), notebook(fresh)) == []


def test_a_stored_output_that_a_run_does_not_give_is_found(tmp_path):
    path = tmp_path / "planted.ipynb"
    nbformat.write(notebook(cell(value(text_plain="5"), source="2 + 2")), path)
    assert differences(read(path), run(path)) == [
        "code cell 1: stored ['text/plain: 5'], a fresh run gives ['text/plain: 4']"
    ]


def test_storing_twice_changes_nothing_and_storing_repairs(tmp_path):
    path = tmp_path / "planted.ipynb"
    timed = cell(printed("took 0 ms\n"), tags=[VARY], source="import time\nprint('took', time.time_ns(), 'ms')")
    nbformat.write(notebook(timed, cell(value(text_plain="5"), source="2 + 2")), path)
    store(path)
    stored = path.read_text(encoding="utf-8")
    assert "took 0 ms" in stored
    assert code_cells(read(path))[1].outputs[0].data["text/plain"] == "4"
    store(path)
    assert path.read_text(encoding="utf-8") == stored


def test_a_cell_that_fails_is_told(tmp_path):
    path = tmp_path / "planted.ipynb"
    nbformat.write(notebook(cell(source="assert 1 + 1 == 3")), path)
    with pytest.raises(AssertionError, match="does not run"):
        run(path)


def test_notebooks_run_this_copy_of_the_package_in_one_width(tmp_path, monkeypatch):
    path = tmp_path / "where.ipynb"
    source = "import shutil, tinygrad_edu\nprint(tinygrad_edu.__file__, shutil.get_terminal_size().columns)"
    nbformat.write(notebook(cell(source=source)), path)
    monkeypatch.setenv("COLUMNS", "40")
    assert code_cells(run(path))[0].outputs[0].text == f"{tg.__file__} 100\n"


def test_a_name_that_no_notebook_has_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["notebooks", "99"])
    with pytest.raises(SystemExit, match="no notebook's name begins with 99; there are 00_tour"):
        main()


def test_a_wrong_solution_is_told():
    assert not graded('```python\nlessons.grade("one_weight.slope", 8)\n```')[1]
