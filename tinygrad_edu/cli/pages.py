"""`tinygrad-edu downhill` and `tinygrad-edu playground`: lessons to play with, as pages in the browser.

Voilà serves the notebooks in `widgets/pages/`, to this machine alone and without asking any other for anything.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import Any

import tinygrad_edu
from tinygrad_edu.cli.terminal import Unavailable, whole
from tinygrad_edu.extras import need

__all__ = ["PAGES", "add", "run"]

PAGES = {
    "downhill": "roll a ball down a curve, in the browser",
    "playground": "step through the flip network, in the browser",
}
FOLDER = Path(tinygrad_edu.__file__).parent / "widgets" / "pages"

EPILOG = """\
Ctrl-C stops it. exit code: 0 stopped, 2 bad arguments or a
missing package."""


def add(subparsers: Any) -> None:
    """Add both commands to the parser."""
    for name, purpose in PAGES.items():
        parser: argparse.ArgumentParser = subparsers.add_parser(
            name,
            help=purpose,
            description=f"Open a page on this machine: {purpose}.",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument(
            "--port",
            type=whole(1, 65535, 8866),
            default=8866,
            metavar="N",
            help="where to serve it (default 8866; the next free one if it is taken)",
        )
        parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
        parser.set_defaults(run=run, quiet=False, page=name)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    try:
        need("ipywidgets", "notebooks", "The page")
        voila = need("voila.app", "notebooks", "The page")
    except ImportError as missing:
        raise Unavailable(str(missing)) from None
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("JUPYTER_PATH")]))
    server = _server(voila.Voila)(
        notebook_path=str(FOLDER / f"{arguments.page}.ipynb"),
        port=arguments.port,
        open_browser=not arguments.no_browser,
        config_file_paths=[],
        tornado_settings={"allow_remote_access": False},
        log_level=logging.ERROR,
    )
    server.initialize(["--template=tinygrad_edu"])
    server.start()
    return 0


def _server(voila: Any) -> Any:
    """Voilà, which says in our words where the page is."""

    class Server(voila):  # type: ignore[misc]
        pass

    return Server
