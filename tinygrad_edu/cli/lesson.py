"""`tinygrad-edu lesson`: the list of lessons, or one of them. What they show is in `lesson_reports.py`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_edu.cli import flip
from tinygrad_edu.cli.lesson_reports import REPORTS
from tinygrad_edu.cli.page import Page, literal
from tinygrad_edu.cli.terminal import Unavailable, console, need, picture
from tinygrad_edu.lessons.contents import CONTENTS
from tinygrad_edu.lessons.pictures import PICTURES

__all__ = ["add", "run"]

NAMES = tuple(lesson.name for lesson in CONTENTS if lesson.in_terminal)

DESCRIPTION = """\
Without a name: the list of lessons. With a name: that lesson,
its figures computed here and now."""

EPILOG = """\
exit code: 0 all is well, 1 a check of the flip lesson failed,
2 bad arguments, a missing package or output that cannot be
written."""


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "lesson",
        help="the lessons on how a network learns, one by one",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--plot", type=picture, metavar="FILE", help="draw its picture into a .png, .svg or .pdf")
    parser.set_defaults(run=run, quiet=False, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """List the lessons, or run one."""
    name, path = arguments.name, arguments.plot
    if path and name not in (*PICTURES, "flip"):
        arguments.parser.error(f"--plot needs the name of a lesson with a picture: flip, {', '.join(PICTURES)}")
    if name == "flip":
        return _flip(path)
    need("rich", "The report")
    if path:
        need("matplotlib", "--plot")
    page = Page(console())
    if name is None:
        return _list(page)
    page.headline(f"Lesson: {name}")
    try:
        found = REPORTS[name](page)
    except ImportError as missing:
        raise Unavailable(str(missing)) from None
    if path:
        PICTURES[name](found).savefig(path, dpi=150)
        page.console.print("\nThe picture is in", literal(str(path)), soft_wrap=True)
    return 0


def _list(page: Page) -> int:
    page.headline("The lessons")
    page.console.print()
    table = page.table("name", "what one learns", "no", words=(0, 1))
    for lesson in CONTENTS:
        if lesson.in_terminal:
            table.add_row(lesson.name, lesson.learns, "" if lesson.notebook is None else f"{lesson.notebook:02}")
    page.put(table)
    page.console.print()
    page.say("Run one: tinygrad-edu lesson downhill")
    return 0


def _flip(path: Path | None) -> int:
    """The flip lesson is a command of its own, with settings; here it runs as it comes."""
    parser = argparse.ArgumentParser()
    flip.add(parser.add_subparsers())
    arguments = parser.parse_args(["flip", *(["--plot", str(path)] if path else [])])
    return flip.run(arguments)
