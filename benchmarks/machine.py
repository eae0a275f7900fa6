"""What a measurement cannot be read without: the machine, the versions, the threads, the date."""

from __future__ import annotations

import datetime
import gc
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu
from benchmarks.timing import CLOCK

__all__ = ["PEERS", "describe", "in_words", "processor"]

PEERS = ("torch", "jax", "autograd", "mygrad", "micrograd", "numba")
THREADS = ("OMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_")


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict[str, Any]:
    """Everything about this run that is not measured."""
    thresholds = "/".join(map(str, gc.get_threshold()))
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "tinygrad_edu": tinygrad_edu.__version__,
        "peers": {name: version for name in PEERS if (version := _version(name))},
        "threads": {name: value for name, value in sorted(os.environ.items()) if name.startswith(THREADS)},
        "clock": CLOCK,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "garbage_collector": f"{'on' if gc.isenabled() else 'off'}, thresholds {thresholds}",
    }


def in_words(about: dict[str, Any]) -> list[str]:
    """What `describe` found, in a few lines."""
    threads = {value for name, value in about["threads"].items() if name.endswith("_THREADS")}
    peers = ", ".join(f"{name} {version}" for name, version in about["peers"].items())
    return [
        f"{about['processor']}, {about['cores']} cores, {about['system']}",
        f"{about['python']}, NumPy {about['numpy']} ({about['blas']}), tinygrad_edu {about['tinygrad_edu']}",
        f"peers: {peers or 'none are installed'}",
        f"threads, unless told otherwise: {', '.join(sorted(threads)) or 'not limited'}; clock: {about['clock']}; "
        f"garbage collector: {about['garbage_collector']}; load before: {about['load']}",
    ]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
