"""Show of Jupyter Book's long log what a person wants to see; keep all of it in _build/build.log.

Reads the log from its standard input. Warnings and errors are shown whole, of the rest one line for each notebook run.
"""

import re
import sys
from pathlib import Path

LOG = Path("_build/build.log")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NEWS = re.compile(r"Executing notebook|Executed notebook|Using cached|^copies:|build succeeded")
TROUBLE = re.compile(r"WARNING:|ERROR|Exception occurred|Traceback|Error:")
NOISE = re.compile(r"\[IPKernelApp\] WARNING \| Kernel is running over TCP|NbParserConfig")


def main() -> None:
    """Filter standard input."""
    LOG.parent.mkdir(exist_ok=True)
    trouble = False
    with LOG.open("w", encoding="utf-8") as log:
        for raw in sys.stdin:
            line = COLOUR.sub("", raw)
            log.write(line)
            trouble = trouble or bool(TROUBLE.search(line) and not NOISE.search(line))
            if (trouble or NEWS.search(line)) and not NOISE.search(line):
                print("  " + line.rstrip(), flush=True)
    if trouble:
        print(f"  (the whole log: {LOG})")


if __name__ == "__main__":
    main()
