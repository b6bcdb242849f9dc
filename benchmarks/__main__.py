"""Run all benchmarks and print one table; the exit code says whether every goal was reached."""

import importlib
import os
import pkgutil
import platform
import sys
from importlib.metadata import version

import benchmarks


def main() -> int:
    """Run every bench_*.py of this folder."""
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch")), end="\n\n")
    print(f"{'what':28} {'peer':8} {'ours/peer':>10} {'goal':>6}")
    missed = 0
    for module in sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_")):
        for row in importlib.import_module(f"benchmarks.{module}").measure():
            reached = row.ratio <= row.goal
            missed += not reached
            print(
                f"{row.what:28} {row.peer:8} {row.ratio:10.2f} {row.goal:6.2f}{'' if reached else '  missed'}",
                flush=True,
            )
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
