"""Run the benchmarks and print one table; the exit code says whether every goal was reached.

python -m benchmarks            all of them; the table is also stored in results.json, from which the book shows it
python -m benchmarks svd gpt    some of them; nothing is stored
"""

import datetime
import importlib
import json
import os
import pkgutil
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import benchmarks

PEERS = ("numpy", "scipy", "torch", "scikit-learn", "networkx", "autograd", "transformers")


def main(wanted: list[str]) -> int:
    """Run every bench_*.py of this folder, or those that are named."""
    known = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_"))
    names = [f"bench_{name}" for name in wanted] or known
    if unknown := set(names) - set(known):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
        return 2
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    versions = {name: version(name) for name in PEERS}
    print(machine, ", ".join(f"{name} {number}" for name, number in versions.items()), sep="\n", end="\n\n")
    print(f"{'what':44} {'peer':14} {'ours/peer':>10} {'goal':>6}")
    rows = []
    for name in names:
        for row in importlib.import_module(f"benchmarks.{name}").measure():
            rows.append(row)
            missed = "" if row.ratio <= row.goal else "  missed"
            print(f"{row.what:44} {row.peer:14} {row.ratio:10.4g} {row.goal:6.4g}{missed}", flush=True)
    if not wanted:
        date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        table = [{"what": row.what, "peer": row.peer, "ratio": row.ratio, "goal": row.goal} for row in rows]
        stored = {"date": date, "machine": machine, "versions": versions, "rows": table}
        text = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
        (Path(__file__).parent / "results.json").write_text(text, encoding="utf-8")
    return int(any(row.ratio > row.goal for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
