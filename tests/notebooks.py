"""Running notebooks, cleaning them, and telling a fresh run from a stored one.

    python -m tests.notebooks [05 06 ...]

runs them, all if none is named, and stores what comes out. What is stored says nothing of the machine that ran it, so
that a second run changes nothing, unless fonts or roundings make other bytes of a picture.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
VARY = "digits-vary"  # the tag of cells whose digits are a clock's or a rounding's
WIDGET = "application/vnd.jupyter.widget-view+json"
NUMBER = re.compile(r"[-+−]?(\d[\d,]*\.?\d*|\binf\b|\bnan\b)(e[-+]?\d+)?")


# ---- running -----------------------------------------------------------------------------------------------------
def run(path: Path) -> Any:
    """The notebook after nbmake has run a copy of it from top to bottom, cleaned.

    Raises:
        AssertionError: a cell failed; the message is nbmake's.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, folder)
        options = ["-q", "-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider", "--nbmake-timeout=120"]
        here = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "--nbmake", "--overwrite", copy],
            cwd=folder,
            env=here | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"},  # as wide as where there is no terminal
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, f"{path.name} does not run:\n{done.stdout}\n{done.stderr}"
        return clean(nbformat.read(copy, 4))


def clean(notebook: Any) -> Any:
    """The notebook (it is changed) without what differs from run to run or from machine to machine."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({name: cell.metadata[name] for name in ("tags",) if name in cell.metadata})
        if cell.cell_type == "code":
            cell.outputs = list(_cleaned(cell.outputs))
    return notebook


def _cleaned(outputs: list[Any]) -> Iterator[Any]:
    """What was printed in several goes as one; pictures without their description, widgets with nothing but it."""
    last = None
    for output in outputs:
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
            continue
        last, data = output, output.get("data", {})
        data.pop(WIDGET, None)  # the name of something that only lives in a kernel
        if "image/png" in data:
            data.pop("text/plain", None)  # its size. An SVG keeps its words: a notebook that is not trusted hides it
            output.metadata = nbformat.from_dict({})
        yield output


# ---- comparing ---------------------------------------------------------------------------------------------------
def differences(stored: Any, fresh: Any) -> list[str]:
    """What a fresh run of a notebook shows that is not stored, or the other way round, one sentence a cell.

    Texts must be the same; in cells with the tag `digits-vary`, whose numbers are a clock's or a rounding's, the words
    around them. Of pictures there must be as many, of the same kinds.
    """
    old, new = code_cells(stored), code_cells(fresh)
    if [cell.source for cell in old] != [cell.source for cell in new]:
        return ["these are two notebooks: their code differs"]
    pairs = ((number, seen(a), seen(b)) for number, (a, b) in enumerate(zip(old, new), 1))
    return [f"code cell {number}: stored {a}, a fresh run gives {b}" for number, a, b in pairs if a != b]


def code_cells(notebook: Any) -> list[Any]:
    """The cells that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def seen(cell: Any) -> list[Any]:
    """What a reader sees below a cell, as far as it is compared."""
    words = VARY in cell.metadata.get("tags", ())
    return [_words(text) if words else text for output in cell.outputs for text in texts(output)]


def texts(output: Any) -> Iterator[str]:
    """What is written in an output; for a picture its kind, since its bytes are a matter of fonts and roundings."""
    if output.output_type == "stream":
        yield f"{output.name}: {output.text}"
    elif output.output_type == "error":
        yield f"{output.ename}: {output.evalue}"
    else:
        for kind, text in sorted(output.data.items()):
            yield kind if kind.startswith("image/") else f"{kind}: {text}"


def _words(text: str) -> str:
    return " ".join(NUMBER.sub("#", text).split())


# ---- storing -----------------------------------------------------------------------------------------------------
def store(path: Path) -> None:
    """Run a notebook and keep what comes out; where only digits that vary are new, the old ones stay."""
    old, new = nbformat.read(path, 4), run(path)
    for before, after in zip(code_cells(old), code_cells(new)):
        if VARY in after.metadata.get("tags", ()) and seen(before) == seen(after):
            after.outputs = before.outputs
    nbformat.write(new, path)


def main() -> None:
    """Store those whose names begin with an argument."""
    for name in sys.argv[1:]:
        if not any(path.name.startswith(name) for path in NOTEBOOKS):
            sys.exit(f"no notebook's name begins with {name}; there are {', '.join(path.name for path in NOTEBOOKS)}")
    for path in NOTEBOOKS:
        if path.name.startswith(tuple(sys.argv[1:]) or ""):
            print(path.name, flush=True)
            try:
                store(path)
            except AssertionError as error:  # a cell that fails; nothing is stored
                sys.exit(str(error))


if __name__ == "__main__":
    main()
