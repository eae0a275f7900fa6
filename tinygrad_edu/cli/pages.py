"""`tinygrad-edu downhill` and `tinygrad-edu playground`: lessons to play with, as pages in the browser.

Voilà serves the notebooks in `widgets/pages/`, to this machine alone and without asking any other for anything.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
from pathlib import Path
from typing import Any

import tinygrad_edu
from tinygrad_edu.cli.terminal import Unavailable, whole
from tinygrad_edu.extras import need

__all__ = ["PAGES", "add", "run"]

PAGES = {
    "downhill": "roll a ball down a curve, on a page in the browser",
    "playground": "step through the flip network, on a page in the browser",
}
FOLDER = Path(tinygrad_edu.__file__).parent / "widgets" / "pages"
# What makes widgets work on a page; other extensions of JupyterLab that may be installed do not belong on it.
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]

EPILOG = """\
The page is served to this machine alone; Ctrl-C stops it.
exit code: 0 stopped, 2 bad arguments or a missing package."""


def add(subparsers: Any) -> None:
    """Add both commands to the parser."""
    for name, purpose in PAGES.items():
        parser: argparse.ArgumentParser = subparsers.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.add_argument(
            "--port",
            type=whole(1, 65535, 8866),
            default=8866,
            metavar="N",
            help="default 8866, or a free one near it if it is taken",
        )
        parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
        parser.set_defaults(run=run, quiet=False, page=name)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    try:
        for package in ("ipywidgets", "voila"):
            need(package, "notebooks", "The page")
    except ImportError as missing:
        raise Unavailable(str(missing)) from None
    from tornado.ioloop import IOLoop

    server = _server(arguments.page, arguments.port, not arguments.no_browser)

    def announce() -> None:
        print(f"The page is at {server.display_url}\nCtrl-C stops it.", flush=True)

    IOLoop.current().add_callback(announce)  # comes about when the port is found and the server runs
    server.start()
    return 0


def _server(page: str, port: int, open_browser: bool) -> Any:
    """Voilà with our page."""
    voila = need("voila.app", "notebooks", "The page")
    jupyter = need("jupyter_server.services.kernels.kernelmanager", "notebooks", "The page")

    class Kernels(jupyter.AsyncMappingKernelManager):  # type: ignore[misc, name-defined]
        """Kernels that do not warn in our terminal of what happens within this machine."""

        async def start_kernel(self, **options: Any) -> Any:
            return await super().start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # it warns of how Jupyter sets its pings
    # Jupyter looks here for the template that the page has.
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("JUPYTER_PATH")]))
    server = voila.Voila(
        notebook_path=str(FOLDER / f"{page}.ipynb"),
        port=port,
        open_browser=open_browser,
        config_file_paths=[],
        tornado_settings={"allow_remote_access": False},
        log_level=logging.ERROR,
    )
    server.config.VoilaConfiguration.template = "tinygrad_edu"
    server.config.VoilaConfiguration.extension_allowlist = EXTENSIONS
    server.config.VoilaConfiguration.multi_kernel_manager_class = Kernels
    server.config.VoilaConfiguration.show_tracebacks = True
    # To ask for the token puts it into a cookie; a page that is left needs it to end its kernel.
    server.config.VoilaConfiguration.prelaunch_hook = lambda request, **_: request.xsrf_token and None
    server.initialize([])
    return server
