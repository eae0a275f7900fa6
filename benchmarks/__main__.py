"""`python -m benchmarks`: measure, show, and say of every bar whether it was met."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import (
    backward_cost,
    breadth,
    conv,
    deep,
    digits,
    flip_peers,
    flip_step,
    graph_size,
    import_time,
    machine,
    memory,
    mlp_step,
    report,
    rnn,
    scaling,
)
from benchmarks.report import Result
from tinygrad_edu.cli.terminal import console

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS = {
    "flip_step": flip_step,
    "flip_peers": flip_peers,
    "scaling": scaling,
    "backward_cost": backward_cost,
    "graph_size": graph_size,
    "breadth": breadth,
    "mlp_step": mlp_step,
    "deep": deep,
    "rnn": rnn,
    "conv": conv,
    "memory": memory,
    "import_time": import_time,
    "digits": digits,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks. The exit code is 0 even where a bar was missed: machines are noisy."""
    options = _options(argv)
    out = console()
    about = machine.describe()
    out.print("\n".join(machine.in_words(about)))
    results: dict[str, Result] = {}
    seconds: dict[str, float] = {}
    pictures: dict[str, Path] = {}
    for name in options.names or BENCHMARKS:
        benchmark: Any = BENCHMARKS[name]
        out.print()
        out.print(f"[bold]{name}[/]: {benchmark.CLAIM}")
        start = time.perf_counter()
        results[name] = benchmark.measure(options.quick)
        seconds[name] = time.perf_counter() - start
        report.show(out, results[name])
        if options.plot and hasattr(benchmark, "plot"):
            pictures[name] = benchmark.plot(results[name], options.plot)
            out.print(f"  Picture: {pictures[name]}", soft_wrap=True)
        # After each one, so that a run that is interrupted leaves what it has found.
        if options.json:
            document = {"machine": about, "quick": options.quick, "benchmarks": _json(results, seconds)}
            options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if options.markdown:
            options.markdown.write_text(_markdown(about, results, pictures, options.markdown.parent), encoding="utf-8")
    _verdict(out, results)
    return 0


def _verdict(out: Console, results: dict[str, Result]) -> None:
    bars = [(name, bar) for name, result in results.items() for bar in result.bars]
    missed = [(name, bar) for name, bar in bars if not bar.met]
    out.print()
    if missed:
        out.print(f"[bold red]{len(missed)} BAR{'S' * (len(missed) > 1)} MISSED[/] (on a busy machine, measure again):")
        for name, bar in missed:
            out.print(f"  {name}, {bar.demand}: measured {bar.measured:.3g}, at most {bar.limit:g}")
    elif bars:
        out.print("[bold green]All bars met.[/]")


def _json(results: dict[str, Result], seconds: dict[str, float]) -> dict[str, Any]:
    return {
        name: {**report.as_json(result), "claim": BENCHMARKS[name].CLAIM, "took_s": seconds[name]}
        for name, result in results.items()
    }


def _markdown(about: dict[str, Any], results: dict[str, Result], pictures: dict[str, Path], directory: Path) -> str:
    parts = [
        "# Benchmarks",
        f"Written by `python -m benchmarks --markdown`, {about['date']}, on:",
        "\n".join(f"- {line}" for line in machine.in_words(about)),
        "What counts are the ratios, taken round by round; medians, with quartiles in brackets.",
    ]
    for name, result in results.items():
        parts += [f"## {name}", BENCHMARKS[name].CLAIM, report.markdown(result)]
        if name in pictures:
            parts.append(f"![{BENCHMARKS[name].CLAIM}]({os.path.relpath(pictures[name], directory)})")
    return "\n\n".join(parts) + "\n"


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: does it run, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to FILE, as Markdown")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write pictures into DIR")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    if options.plot and not options.plot.is_dir():
        parser.error(f"--plot {options.plot}: there is no such directory; make it first")
    for option, file in (("--json", options.json), ("--markdown", options.markdown)):
        if file and not file.parent.is_dir():
            parser.error(f"{option} {file}: its directory does not exist; make it first")
    return options


if __name__ == "__main__":
    sys.exit(main())
