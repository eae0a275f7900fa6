"""Every notebook runs from top to bottom, without Jupyter, and prints what is stored in it."""

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def stored_text(cell):
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def comparable(text, cell):
    """The text; of a cell with the tag `digits-vary`, whose digits are rounding, only the words."""
    if "digits-vary" not in cell["metadata"].get("tags", []):
        return text
    return " ".join(NUMBER.sub("#", text).split())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own, of what it imports
def test_it_prints_what_is_stored(path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(path), 1):
        before, printed = len(pyplot.get_fignums()), io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{path.name}, code cell {number}", "exec"), namespace)
        assert comparable(printed.getvalue(), cell) == comparable(stored_text(cell), cell)
        drawn = len(pyplot.get_fignums()) - before
        assert drawn == sum("image/png" in output.get("data", ()) for output in cell["outputs"])
    pyplot.close("all")


def test_it_was_stored_after_one_run_from_top_to_bottom(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in outputs)


def test_it_says_nothing_of_the_machine_that_ran_it(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"].keys() <= {"tags"} for cell in notebook["cells"])
    assert not re.search(r"/(home|Users|root|tmp|work)/|site-packages| at 0x", path.read_text(encoding="utf-8"))
