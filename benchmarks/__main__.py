"""`python -m benchmarks`: measure, show, and say of every bar whether it was met."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import backward_cost, breadth, conv, digits, flip_step, graph_size, machine, mlp_step, report, scaling
from tinygrad_edu.cli.terminal import console

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS = {
    "flip_step": flip_step,
    "scaling": scaling,
    "backward_cost": backward_cost,
    "graph_size": graph_size,
    "breadth": breadth,
    "mlp_step": mlp_step,
    "conv": conv,
    "digits": digits,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks. The exit code is 0 even where a bar was missed: machines are noisy."""
    parser = _parser()
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    if options.plot and not options.plot.is_dir():
        parser.error(f"--plot {options.plot}: there is no such directory; make it first")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: its directory does not exist; make it first")
    out = console()
    about = machine.describe()
    out.print(f"[bold]{about['processor']}[/], {about['cores']} cores, {about['system']}")
    out.print(f"{about['python']}, NumPy {about['numpy']} ({about['blas']}), tinygrad_edu {about['tinygrad_edu']}")
    threads = {value for name, value in about["threads"].items() if name.endswith("_THREADS")}
    out.print(
        f"threads: {', '.join(sorted(threads)) or 'not limited'}; clock: {about['clock']}; "
        f"garbage collector: {about['garbage_collector']}"
    )
    found: dict[str, Any] = {}
    missed: list[str] = []
    for name in options.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        out.print()
        out.print(f"[bold]{name}[/]: {benchmark.CLAIM}")
        start = time.perf_counter()
        result = benchmark.measure(options.quick)
        report.show(out, result)
        if options.plot and name == "scaling":
            out.print(f"  Picture: {scaling.plot(result, options.plot)}", soft_wrap=True)
        found[name] = {**report.as_json(result), "claim": benchmark.CLAIM, "took_s": time.perf_counter() - start}
        missed += [
            f"{name}, {bar.demand}: measured {bar.measured:.3g}, at most {bar.limit:g}"
            for bar in result.bars
            if not bar.met
        ]
    out.print()
    if missed:
        out.print(f"[bold red]{len(missed)} BAR{'S' * (len(missed) > 1)} MISSED[/] (on a busy machine, measure again):")
        for one in missed:
            out.print(f"  {one}")
    elif any(benchmark["bars"] for benchmark in found.values()):
        out.print("[bold green]All bars met.[/]")
    if options.json:
        document = {"machine": about, "quick": options.quick, "benchmarks": found}
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: does it run, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write pictures into DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
