"""The command `tinygrad-edu`. A subcommand is a module with `add(subparsers)`, listed in COMMANDS."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from tinygrad_edu import __version__
from tinygrad_edu.cli import check, compile, evaluate, flip, lesson, pages, train
from tinygrad_edu.cli.terminal import Unavailable

__all__ = ["COMMANDS", "main"]

COMMANDS = (flip, lesson, train, evaluate, check, compile, pages)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0 when all is well, 1 when a check failed, 2 for arguments that make no sense, a package that is missing or
        output that cannot be written, 130 after Ctrl-C, 141 when the reader of our output has gone (`| head`), as
        shells have it.

    Raises:
        SystemExit: from argparse, after --help (0) or bad arguments (2).
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        code = _run(parser, arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe or a full disk can still be caught
        return code
    except Unavailable as missing:
        print(f"tinygrad-edu: {missing}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except OSError as error:
        _drop_output()
        print(f"tinygrad-edu: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Python flushes once more on its way out; let that go nowhere."""
    with contextlib.suppress(OSError, ValueError):  # a stand-in for stdout that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygrad-edu",
        description="Watch small networks being differentiated, checked and trained.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {__version__}")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in COMMANDS:
        command.add(subparsers)
    return parser


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.command is None:
        parser.print_help()
        return 0
    if sys.stdout is None and not arguments.quiet:  # `>&-` in a shell
        raise Unavailable("there is nowhere to print to: standard output is closed")
    code: int = arguments.run(arguments)
    return code
